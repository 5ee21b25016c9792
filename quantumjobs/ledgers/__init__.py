"""Ledgers: where jobs are remembered.

`memory` ends with the process, `sqlite` is one file for all of a user's programs; `places` says where that file is.
"""
