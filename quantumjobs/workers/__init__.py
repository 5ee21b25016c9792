"""Worker processes: where simulations, transpilations and parsing run, so that the event loop never waits for them.

``envelope`` says what a call is, ``pool`` is the face the rest of the library uses, ``launch`` hands out processes.
Nothing here imports qiskit in the caller's process.
"""
