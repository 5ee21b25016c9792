"""Circuits between the user and the codecs: taken in the loop (`given`), read in a worker (`load`), looked at (`look`).

`given` and this module import no qiskit; the others run in workers.
"""
