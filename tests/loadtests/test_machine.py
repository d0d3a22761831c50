"""Processor time is taken from all of a server's processes, and from no other's."""

import os
import subprocess
import sys
import time

from loadtests.machine import children_of, usage_of

# Burns a third of a second in a child that ends, another in the parent, then waits.
FAMILY = """
import os, sys, time
def burn():
    end = time.process_time() + 0.35
    while time.process_time() < end: pass
child = os.fork()
if child == 0:
    burn(); os._exit(0)
os.waitpid(child, 0)
burn()
if os.fork() == 0:
    time.sleep(60); os._exit(0)
print("done", flush=True)
sys.stdin.read()
"""


def test_children_that_have_ended_and_children_that_live_are_counted() -> None:
    process = subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        usage = usage_of([process.pid])
        assert 0.6 < usage.cpu_seconds < 3
        assert usage.resident > 5_000_000
        (living,) = children_of(process.pid)
        assert usage_of([living]).cpu_seconds < 0.2
    finally:
        for child in children_of(process.pid):
            os.kill(child, 9)
        process.communicate()


def test_other_processes_are_not_counted() -> None:
    program = "import sys; print('ready', flush=True); sys.stdin.read()"
    idle = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert idle.stdout is not None
        assert idle.stdout.readline() == b"ready\n"
        started = usage_of([idle.pid]).cpu_seconds
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        assert usage_of([idle.pid]).cpu_seconds - started < 0.1
    finally:
        idle.communicate()
