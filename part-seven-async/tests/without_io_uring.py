"""Runs a program that must not use io_uring, as a container would run it: io_uring_setup fails with EPERM.

    python3 without_io_uring.py PROGRAM [ARGUMENT...]
"""

import ctypes
import os
import sys

# A filter of four instructions for seccomp(2), each of them code, jump if true, jump if false, number: load the number
# of the call; is it io_uring_setup (425 on every machine)? Then EPERM, and if not, go on.
SETUP, ALLOW, EPERM = 425, 0x7FFF0000, 0x00050001
INSTRUCTIONS = [(0x20, 0, 0, 0), (0x15, 0, 1, SETUP), (0x06, 0, 0, EPERM), (0x06, 0, 0, ALLOW)]


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(Instruction))]


def main():
    filter_ = Program(len(INSTRUCTIONS), (Instruction * len(INSTRUCTIONS))(*(Instruction(*i) for i in INSTRUCTIONS)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
    if prctl(no_new_privileges, 1, 0, 0, 0) or prctl(set_seccomp, mode_filter, ctypes.byref(filter_), 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[1], sys.argv[1:])


main()
