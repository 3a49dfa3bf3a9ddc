#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Holds a program for a test: kills it when our standard input ends, which is a pipe that closes with the test's process.

usage: hold.py LOG PROGRAM ARGUMENT...

Where we are killed, the kernel kills the program (on Linux). Prints the program's process id. What it prints goes to LOG; when it has ended, its exit status is in LOG.status, negative for
a signal.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

# Threads of a Swift runtime block signals, and what they start inherits that.
signal.pthread_sigmask(signal.SIG_SETMASK, [])
log = sys.argv[1]


def die_with_us():
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


with open(log, "wb") as output:
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=die_with_us)
print(child.pid, flush=True)


def watch():
    os.read(0, 1)
    child.kill()


threading.Thread(target=watch, daemon=True).start()
status = child.wait()
with open(log + ".new", "w", encoding="utf-8") as file:
    file.write(str(status))
try:
    os.rename(log + ".new", log + ".status")
except FileNotFoundError:
    pass
os._exit(0)
