#!/usr/bin/env python3
"""Moves ranges of a PostgreSQL table between servers: a mover program for shardferry
(docs/MOVERS.md). Needs psql.

A node is a database; its address is a connection string (`host=/run/pg-a dbname=app`), and the
password, if there is one, is in ~/.pgpass. A shard is a range of a table by its integer primary
key `id`, named TABLE:FIRST-END, for instance `orders:0-5000`; END is not in it. The table has the
same definition on both sides. One argument is taken:

    --rows N   how many rows are copied at once; 10000

Clients write all the while. What stops them is a trigger on the table, which refuses to write in
a range that is in the table `shardferry_fences` (clients at the usual isolation level, READ
COMMITTED). A client that is refused looks up where the range is now. Where the copied rows lie
before they serve is a table `shardferry_part_M` at the destination, for a migration M.
"""

import hashlib
import os
import re
import subprocess
import sys

import mover
from mover import Failure

ROWS = int(sys.argv[sys.argv.index("--rows") + 1]) if "--rows" in sys.argv else 10_000

# A row as text is the same on both sides whatever the server is set to, and the trigger lets us by.
OPTIONS = (
    "-c client_min_messages=warning -c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC"
    " -c extra_float_digits=1 -c bytea_output=hex -c shardferry.mover=on"
)

SETUP = """
DO $$ BEGIN PERFORM pg_advisory_xact_lock(7, 7); END $$;
CREATE TABLE IF NOT EXISTS shardferry_fences (
    tbl text NOT NULL, first bigint NOT NULL, "end" bigint NOT NULL,
    migration uuid NOT NULL, epoch numeric NOT NULL, PRIMARY KEY (tbl, first, "end"));
CREATE OR REPLACE FUNCTION shardferry_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE key bigint;
BEGIN
    IF current_setting('shardferry.mover', true) IS DISTINCT FROM 'on' THEN
        FOREACH key IN ARRAY CASE TG_OP
            WHEN 'INSERT' THEN ARRAY[NEW.id] WHEN 'DELETE' THEN ARRAY[OLD.id]
            ELSE ARRAY[OLD.id, NEW.id] END
        LOOP
            IF EXISTS (SELECT FROM shardferry_fences
                       WHERE tbl = TG_TABLE_NAME AND key >= first AND key < "end") THEN
                RAISE EXCEPTION 'the range of key % of % is moving or has moved', key, TG_TABLE_NAME;
            END IF;
        END LOOP;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger
                   WHERE tgrelid = '{table}'::regclass AND tgname = 'shardferry_check') THEN
        CREATE TRIGGER shardferry_check BEFORE INSERT OR UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION shardferry_check();
    END IF;
END $$;
"""


class Move:
    """What a job is about, in SQL."""

    def __init__(self, job):
        name = mover.shard_name(job).decode(errors="replace")
        parts = re.fullmatch(r"([a-z_][a-z0-9_]{0,62}):(-?\d{1,18})-(-?\d{1,18})", name)
        if not parts:
            raise Failure(f"the shard {name!r} is not named TABLE:FIRST-END", "permanent")
        self.table, self.first, self.end = parts[1], int(parts[2]), int(parts[3])
        # All of it is checked above, or comes from the executor: nothing here needs to be quoted.
        self.migration, self.epoch = job["migration"], job["epoch"]
        self.part = "shardferry_part_" + self.migration.replace("-", "")
        self.here = f"""tbl = '{self.table}' AND first = {self.first} AND "end" = {self.end}"""
        self.job = job

    def range(self, first=None, end=None):
        first = self.first if first is None else first
        end = self.end if end is None else end
        return f"id >= {first} AND id < {end}"

    def psql(self, end, *statements, data=None):
        """Runs statements at one end, in one transaction; what they gave."""
        command = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]
        command += ["--single-transaction", "--set=ON_ERROR_STOP=1"]
        command += [f"--dbname={mover.address(self.job[end])}"]
        command += [f"--command={statement}" for statement in statements]
        done = subprocess.run(
            command,
            input=data or b"",
            capture_output=True,
            check=False,
            env={**os.environ, "PGOPTIONS": OPTIONS},
        )
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()
            mover.log(words)
            raise Failure(f"psql at node {self.job[end]['id']}: {words}")
        return done.stdout

    def chunks(self, first, end="from"):
        """The rest of the range in pieces of some thousand rows."""
        while first < self.end:
            after = self.psql(
                end,
                f"SELECT id FROM {self.table} WHERE {self.range(first)}"
                f" ORDER BY id OFFSET {ROWS} LIMIT 1",
            ).strip()
            following = int(after) if after else self.end
            yield first, following
            first = following

    def bring(self, first, end):
        """Replaces a piece at the destination by what the source has; how many bytes that were."""
        rows = self.psql(
            "from",
            f"COPY (SELECT * FROM {self.table} WHERE {self.range(first, end)}) TO STDOUT",
        )
        # Whole, or psql at the source has failed: half a piece is never brought.
        mover.ask("throttle", bytes=len(rows))
        self.psql(
            "to",
            f"DELETE FROM {self.part} WHERE {self.range(first, end)}",
            f"COPY {self.part} FROM STDIN",
            data=rows,
        )
        return len(rows)

    def digest(self, end, table, piece):
        """Rows, bytes and digest of a piece."""
        found = self.psql(
            end,
            "SELECT count(*), coalesce(sum(octet_length(t::text)), 0), encode(sha256(convert_to("
            "coalesce(string_agg(t::text, E'\\n' ORDER BY id), ''), 'UTF8')), 'hex')"
            f" FROM {table} t WHERE {self.range(*piece)}",
        )
        rows, size, digest = found.decode().strip().split("|")
        return int(rows), int(size), digest


def copy(job):
    move = Move(job)
    for end in ("from", "to"):
        move.psql(end, SETUP.replace("{table}", move.table))
    # Found now, not after the cutover: the range has to be free there.
    if move.psql("to", f"SELECT id FROM {move.table} WHERE {move.range()} LIMIT 1").strip():
        raise Failure(f"node {job['to']['id']} has rows in the range; settle that by hand")
    move.psql("to", f"CREATE TABLE IF NOT EXISTS {move.part} (LIKE {move.table} INCLUDING ALL)")
    checkpoint = job["checkpoint"] or {"cursor": move.first, "bytes": 0}
    done = checkpoint["bytes"]
    for first, end in move.chunks(int(checkpoint["cursor"])):
        done += move.bring(first, end)
        # Committed, so it is safe there.
        mover.ask("checkpoint", cursor=str(end), bytes=done)


def catch_up(job):
    """Brings the pieces that differ. Called until few do, and once more behind the fence."""
    move, differing = Move(job), 0
    for piece in move.chunks(move.first):
        if move.digest("from", move.table, piece) != move.digest("to", move.part, piece):
            move.bring(*piece)
            differing += 1
        mover.log(f"{move.table} up to {piece[1]}")
    mover.say("caught_up", again=differing > 2)


def fence(job):
    move = Move(job)
    move.psql(
        "from",
        # Waits for every transaction that has written; those to come see the fence.
        f"LOCK TABLE {move.table} IN SHARE ROW EXCLUSIVE MODE",
        f"""INSERT INTO shardferry_fences AS fence VALUES
            ('{move.table}', {move.first}, {move.end}, '{move.migration}', {move.epoch})
            ON CONFLICT (tbl, first, "end") DO UPDATE SET migration = excluded.migration,
                epoch = excluded.epoch
            WHERE fence.migration <> excluded.migration OR fence.epoch <= excluded.epoch""",
    )
    epoch = move.psql("from", f"SELECT epoch FROM shardferry_fences WHERE {move.here}").strip()
    if int(epoch or -1) != move.epoch:
        raise Failure(f"overtaken: the range is fenced by attempt {epoch}, this is {move.epoch}")


def unfence(job):
    move = Move(job)
    move.psql(
        "from",
        f"DELETE FROM shardferry_fences WHERE {move.here}"
        f" AND migration = '{move.migration}' AND epoch <= {move.epoch}",
    )


def verify(job):
    move = Move(job)
    sides = {"from": [0, 0, hashlib.sha256()], "to": [0, 0, hashlib.sha256()]}
    width = max(move.end - move.first, 1)
    for piece in move.chunks(move.first):
        for end, table in (("from", move.table), ("to", move.part)):
            rows, size, digest = move.digest(end, table, piece)
            sides[end][0] += rows
            sides[end][1] += size
            sides[end][2].update(digest.encode())
        mover.ask("verified", bytes=piece[1] - move.first, bytes_total=width)
    shown = [
        {"items": rows, "bytes": size, "digest": whole.hexdigest()}
        for rows, size, whole in sides.values()
    ]
    mover.say("evidence", algorithm="sha256-rows-1", source=shown[0], destination=shown[1])


def activate(job):
    """All of it in one transaction; without the part it was done before."""
    move = Move(job)
    move.psql(
        "to",
        f"""DO $$ BEGIN
            IF to_regclass('{move.part}') IS NOT NULL THEN
                INSERT INTO {move.table} SELECT * FROM {move.part};
                DROP TABLE {move.part};
                DELETE FROM shardferry_fences WHERE {move.here};
            END IF;
        END $$""",
    )


def release_source(job):
    """The rows go; the fence stays until the range comes back."""
    move = Move(job)
    move.psql("from", f"DELETE FROM {move.table} WHERE {move.range()}")


def discard_destination(job):
    move = Move(job)
    move.psql("to", f"DROP TABLE IF EXISTS {move.part}")


if __name__ == "__main__":
    mover.run(
        {
            "copy": copy,
            "catch_up": catch_up,
            "fence": fence,
            "unfence": unfence,
            "verify": verify,
            "activate": activate,
            "release_source": release_source,
            "discard_destination": discard_destination,
        }
    )
