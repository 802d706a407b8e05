#!/usr/bin/env python3
"""Moves shards between directories with rsync: a mover program for shardferry (docs/MOVERS.md).

A node is a directory, its address is the path; a shard is the entry of that directory with the
shard's name. Arguments are handed on to rsync, except

    --marks   a directory has to have the mark that `shardferry apply` writes: one that is not
              mounted is then waited for, and never taken for empty

What lies where, for a migration M:

    copy                 TO/.shardferry-M.part/data, with its owner beside it
    activate             TO/.shardferry-M.part/data  ->  TO/NAME
    release_source       FROM/NAME  ->  FROM/.shardferry-M.released, removed
    discard_destination  TO/.shardferry-M.part, removed
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

import mover
from mover import Failure

ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--marks"]
MARKS = "--marks" in sys.argv[1:]


def directory(node):
    """The directory of a node, when it is there."""
    path = mover.address(node).encode()
    if not os.path.isdir(path):
        raise Failure(f"{path!r} is no directory; is the disk mounted?")
    if MARKS:
        try:
            with open(os.path.join(path, b".shardferry-node"), encoding="utf-8") as mark:
                found = mark.read().strip()
        except FileNotFoundError:
            raise Failure(f"{path!r} has no mark; is the disk mounted?") from None
        if found != str(node["id"]):
            raise Failure(f"{path!r} is marked as node {found}, not {node['id']}")
    return path


class Places:
    """Every path that a migration knows."""

    def __init__(self, job, ends=("from", "to")):
        name = mover.shard_name(job)
        if name in (b".", b"..") or b"/" in name or b"\0" in name or name.startswith(b".shardferry-"):
            raise Failure(f"{name!r} names no entry of a directory", "permanent")
        temporary = f".shardferry-{job['migration']}".encode()
        if "from" in ends:
            self.source_dir = directory(job["from"])
            self.source = os.path.join(self.source_dir, name)
            self.released = os.path.join(self.source_dir, temporary + b".released")
        if "to" in ends:
            self.target_dir = directory(job["to"])
            self.target = os.path.join(self.target_dir, name)
            self.part = os.path.join(self.target_dir, temporary + b".part")
            self.data = os.path.join(self.part, b"data")
            # There when the last verification found a difference: sizes and times were the same.
            self.differs = os.path.join(self.part, b"differs")


def copy(job):
    places = Places(job)
    if not os.path.lexists(places.source):
        raise Failure(f"{places.source!r} is not there")
    if os.path.lexists(places.target):
        raise Failure(f"{places.target!r} is taken; remove or rename it")
    os.makedirs(places.part, mode=0o700, exist_ok=True)
    total = size(places.source)
    with Held(places.part, job["epoch"]) as held:
        rsync(places, total, held)
        remove(places.differs)
        sync_folders(places.data)
        sync_folder(places.part)
        sync_folder(places.target_dir)


def size(top):
    """The bytes of all files."""
    return sum(entry.st_size for _, entry in tree(top) if stat.S_ISREG(entry.st_mode))


class Held:
    """The copy is ours, for as long as a process of this attempt lives: rsync inherits the lock. An
    attempt that was overtaken may still be at work, and is ended; one that overtook us is not."""

    def __init__(self, part, epoch):
        us = f"{socket.gethostname()} {os.getpgrp()} {epoch}"
        self.fd = os.open(os.path.join(part, b"owner"), os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(50):
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.overtake(epoch)
            else:
                os.ftruncate(self.fd, 0)
                os.pwrite(self.fd, us.encode(), 0)
                return
        raise Failure(f"an earlier attempt still works in {part!r}")

    def overtake(self, epoch):
        words = os.pread(self.fd, 1000, 0).decode().split()
        # Nothing: it is about to say who it is.
        if words:
            host, group, other = words[0], int(words[1]), int(words[2])
            if other >= epoch:
                raise Failure(f"overtaken: attempt {other} is at work, this is {epoch}")
            if host == socket.gethostname():
                mover.log(f"attempt {other} is still at work: it is ended")
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
        time.sleep(0.1)

    def __enter__(self):
        return self.fd

    def __exit__(self, *_):
        os.close(self.fd)


def rsync(places, total, lock_fd):
    is_folder = os.path.isdir(places.source) and not os.path.islink(places.source)
    end = b"/" if is_folder else b""
    command = ["rsync", "--archive", "--hard-links", "--sparse", "--numeric-ids", "--delete"]
    command += ["--partial", "--fsync", "--no-inc-recursive", "--info=progress2", "--outbuf=L"]
    if os.path.lexists(places.differs):
        command.append("--checksum")
    command += [*ARGUMENTS, "--", places.source + end, places.data + end]
    running = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
        pass_fds=[lock_fd],
    )
    shown = 0
    # `      1,238,099  45%   12.01MB/s    0:00:03`, each over the one before it.
    for piece in pieces(running.stdout):
        figure = piece.split(None, 1)[0].replace(b",", b"") if piece.strip() else b""
        if figure.isdigit():
            shown = max(shown, min(int(figure), total))
            mover.ask("progress", bytes=shown, bytes_total=total)
    code = running.wait()
    if code:
        raise Failure(f"rsync ended with code {code}; the log has its words")
    mover.ask("progress", bytes=total, bytes_total=total)


def pieces(pipe):
    """What comes in, cut at the ends of lines and at carriage returns."""
    held = b""
    while chunk := os.read(pipe.fileno(), 65536):
        *whole, held = (held + chunk).replace(b"\r", b"\n").split(b"\n")
        yield from whole
    yield held


def verify(job):
    places = Places(job)
    if not os.path.lexists(places.source):
        raise Failure(f"{places.source!r} is not there")
    copied = places.data if os.path.lexists(places.data) else places.target
    if not os.path.lexists(copied):
        raise Failure(f"{places.data!r} is gone", from_scratch=True)
    meter = Meter(size(places.source) + size(copied))
    source, destination = digest(places.source, meter), digest(copied, meter)
    if source != destination and copied == places.data:
        open(places.differs, "wb").close()
    mover.say("evidence", algorithm="sha256-rsync-1", source=source, destination=destination)


class Meter:
    """How much was compared."""

    def __init__(self, total):
        self.done, self.total = 0, total

    def add(self, count):
        self.done += count
        self.total = max(self.total, self.done)
        mover.ask("verified", bytes=self.done, bytes_total=self.total)


def digest(top, meter):
    """Counts and a digest of a tree: kind, path, permissions, time and content of each entry."""
    whole, items, count = hashlib.sha256(), 0, 0
    for path, entry in tree(top):
        items += 1
        mode = entry.st_mode
        fields = [os.path.relpath(path, top), b"%o" % mode]
        if stat.S_ISREG(mode):
            count += entry.st_size
            fields += [b"%d" % entry.st_mtime_ns, content(path, meter)]
        elif stat.S_ISLNK(mode):
            fields.append(os.readlink(path))
        elif not stat.S_ISDIR(mode):
            raise Failure(f"{path!r} is no file, folder or link", "permanent")
        for field in fields:
            whole.update(b"%d:" % len(field) + field)
    return {"items": items, "bytes": count, "digest": whole.hexdigest()}


def content(path, meter):
    """The digest of a file."""
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            whole.update(chunk)
            meter.add(len(chunk))
    return whole.digest()


def tree(top):
    """Every entry of a tree in a fixed order, the top first. Links are not followed."""
    entry = os.lstat(top)
    yield top, entry
    if stat.S_ISDIR(entry.st_mode):
        for name in sorted(os.listdir(top)):
            yield from tree(os.path.join(top, name))


def activate(job):
    places = Places(job, ends=["to"])
    if os.path.lexists(places.data):
        if os.path.lexists(places.target):
            raise Failure(f"{places.target!r} is taken; remove or rename it")
        os.rename(places.data, places.target)
    elif not os.path.lexists(places.target):
        raise Failure(f"neither {places.data!r} nor {places.target!r} is there")
    # Nothing may be removed at the source before the new name lasts.
    sync_folder(places.target_dir)
    remove(places.part)


def release_source(job):
    places = Places(job)
    if os.path.lexists(places.source) and not os.path.lexists(places.released):
        if not os.path.lexists(places.target) or os.path.lexists(places.data):
            raise Failure(f"{places.source!r} is kept: its copy is not in place")
        os.rename(places.source, places.released)
    sync_folder(places.source_dir)
    remove(places.released)
    sync_folder(places.source_dir)


def discard_destination(job):
    places = Places(job, ends=["to"])
    if os.path.isdir(places.part):
        with Held(places.part, job["epoch"] + 1):
            remove(places.part)
    sync_folder(places.target_dir)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def sync_folders(top):
    """Every folder of a copy; the files are synced by rsync."""
    for path, entry in tree(top):
        if stat.S_ISDIR(entry.st_mode):
            sync_folder(path)


def sync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


if __name__ == "__main__":
    mover.run(
        {
            "copy": copy,
            "verify": verify,
            "activate": activate,
            "release_source": release_source,
            "discard_destination": discard_destination,
        }
    )
