"""The protocol of docs/MOVERS.md, for movers in Python 3: one call of the program is one step.

A mover is a dictionary from step to function:

    mover.run({"copy": copy, "verify": verify, ...})

Each function gets the job. It returns when the step is done, and raises Failure when it is not.
"""

import json
import os
import queue
import signal
import sys
import threading


class Failure(Exception):
    """Why a step was not done."""

    def __init__(self, message, kind="retriable", from_scratch=False):
        super().__init__(message)
        self.kind = kind
        self.from_scratch = from_scratch


def say(kind, **fields):
    """One line to the executor."""
    line = json.dumps({"type": kind, **fields}) + "\n"
    # Past the buffers of Python: a line is there when this returns.
    data = line.encode()
    while data:
        data = data[os.write(1, data) :]


def ask(kind, **fields):
    """One line to the executor, and the answer: after this, the step is still wanted."""
    if kind != "throttle":
        fields["wait"] = True
    say(kind, **fields)
    _lines.get()


def log(text):
    """One line to the log."""
    os.write(2, (text + "\n").encode(errors="backslashreplace"))


def shard_name(job):
    """The name of the shard, byte by byte."""
    name = job["shard"]["name_hex"]
    if name is None:
        raise Failure(f"shard {job['shard']['id']} has no name", "permanent")
    return bytes.fromhex(name)


def address(node):
    """Where a node is."""
    if node["address"] is None:
        raise Failure(f"node {node['id']} has no address", "permanent")
    return node["address"]


def run(steps):
    """Does the step that stdin asks for."""
    threading.Thread(target=_listen, daemon=True).start()
    job = json.loads(_lines.get())
    if job["protocol"] != 1:
        raise SystemExit(f"protocol {job['protocol']} is not spoken here; 1 is")
    try:
        steps[job["step"]](job)
    except Failure as failure:
        say(
            "error",
            **{"class": failure.kind},
            message=str(failure),
            from_scratch=failure.from_scratch,
        )
        sys.exit(1)
    except OSError as error:
        say("error", **{"class": "retriable"}, message=str(error))
        sys.exit(1)


_lines = queue.Queue()


def _listen():
    """Hands on what comes in. The end of stdin is the end of the step, or of the executor: nobody
    is left who wants what we do, and another attempt may begin."""
    held = b""
    while chunk := os.read(0, 65536):
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            _lines.put(line)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
