"""Commands that are killed, refused or crowded out: whether they then end as undisturbed ones.

    python benchmarks/faults.py OUT                               everything, 50 moments of each
    python benchmarks/faults.py OUT --part kills --moments 3 --command merge

The parts: `kills` gives each command SIGKILL at moments drawn from its whole time; `disks` fills
the disk of its output, or of TMPDIR, or limits its files (ulimit -f); `users` takes away the rights
to write, replace or read, and gives the same command twice at once; `memory` limits that
(ulimit -v); `servers` restarts a server during reads and writes, and lets two write at once. Then
the same command is given again, undisturbed, and a checksum of what it leaves is compared with that
of one that never met a fault. Nothing may be left in the temporary folder, or half-written. OUT
keeps the inputs and a line for each trial, so that the same call goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from medkg.core.progress import progress
from tests.graph.shared import SERVER_FAULTS, own, server_trial
from tests.interrupted import COMMANDS, KILLED, Limits, make_inputs, trial, undisturbed
from tests.refused import FORBIDDEN, Refusal, forbidden, full_disk, limited, twice_at_once

Row = dict[str, Any]
PARTS = ("kills", "disks", "users", "memory", "servers")
_DISK = [0, 1 << 16, 1 << 20, 1 << 23]  # bytes of room
_FILE = [1 << 12, 1 << 18]
_MEMORY = [256, 768, 1536, 3072]  # MiB
_ACTIONS = {"temporary": "write temporary files"}


class Trial(NamedTuple):
    """One trial: what it is called, and what makes it from the undisturbed command's line."""

    command: str
    fault: str
    number: int
    make: Callable[[Row], Row]

    @property
    def key(self) -> tuple[str, str, int]:
        return self.command, self.fault, self.number


def main() -> None:
    """Print the table, as Markdown or JSON, and end with an error if a command ended otherwise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--command", choices=list(COMMANDS), action="append")
    parser.add_argument("--server", choices=["embedded", "neo4j"], action="append")
    parser.add_argument("--moments", type=int, default=50, help="of each command and of servers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    out = given.out.resolve()
    make_inputs(out / "inputs")
    out.chmod(0o755)  # other users get to it too, if they do to its folder
    trials = [each for part in given.part or PARTS for each in _trials(part, out, given)]
    rows = _made(trials, out)
    table = _table(rows)
    if given.json:
        print(json.dumps(table, indent=1))
    else:
        print("| command | fault | times | stopped | clearly | same result | nothing left |")
        print("|---|---|---:|---:|---:|---:|---:|")
        for row in table:
            print("| " + " | ".join(str(value) for value in row.values()) + " |")
    if bad := [row for row in rows if not row["good"]]:
        sys.exit(f"{len(bad)} of {len(rows)} ended otherwise; see {out / 'trials.jsonl'}")


def _trials(part: str, out: Path, given: argparse.Namespace) -> Iterator[Trial]:
    inputs, work = out / "inputs", out / "work"
    names = given.command or (KILLED if part == "kills" else list(COMMANDS))
    if part == "servers":
        for server in given.server or ["embedded", "neo4j"]:
            for fault in SERVER_FAULTS:
                for number in range(given.moments):
                    make = partial(_server, server, fault, f"{given.seed} {number}")
                    yield Trial(server, fault, number, make)
        return
    for name in names:
        if part == "kills":
            for number in range(given.moments):
                make = partial(_killed, name, inputs, work, f"{given.seed} {name} {number}")
                yield Trial(name, f"SIGKILL (seed {given.seed})", number, make)
        elif part == "disks":
            for number, room in enumerate(_DISK):
                for where in ("out", "TMPDIR"):
                    made = partial(full_disk, room=room, temporary=where == "TMPDIR")
                    fault = f"disk of {where} full"
                    yield Trial(name, fault, number, partial(_refused, made, name, inputs, work))
            yield from _limited(name, inputs, work, "ulimit -f", [Limits(file=n) for n in _FILE])
        elif part == "memory":
            sizes = [Limits(memory=n << 20) for n in _MEMORY]
            yield from _limited(name, inputs, work, "ulimit -v", sizes)
        else:
            for what in FORBIDDEN:
                made = partial(forbidden, what=what)
                make = partial(_refused, made, name, inputs, work)
                fault = f"may not {_ACTIONS.get(what, what)}"
                yield Trial(name, fault, 0, make)
            make = partial(_refused, twice_at_once, name, inputs, work)
            yield Trial(name, "twice at once", 0, make)


def _limited(
    name: str, inputs: Path, work: Path, fault: str, sizes: Sequence[Limits]
) -> Iterator[Trial]:
    for number, limits in enumerate(sizes):
        made = partial(limited, limits=limits)
        yield Trial(name, fault, number, partial(_refused, made, name, inputs, work))


def _killed(name: str, inputs: Path, work: Path, seed: str, whole: Row) -> Row:
    made = trial(name, inputs, work, whole["result"], whole["seconds"], random.Random(seed))
    return {
        "stopped": made.under_way,
        "clear": True,
        "same": made.same,
        "left": made.left,
        "good": made.good,
        "message": made.error,
        "seconds": round(made.seconds, 2),
    }


def _refused(make: Callable[..., Refusal], name: str, inputs: Path, work: Path, whole: Row) -> Row:
    made = make(name, inputs, work, whole["result"])
    return {**asdict(made), "stopped": not made.finished, "good": made.good}


def _server(server: str, fault: str, seed: str, _: Row) -> Row:
    with own(server) as host:
        return server_trial(host, fault, random.Random(f"{server} {fault} {seed}"))


def _made(trials: Sequence[Trial], out: Path) -> list[Row]:
    """Make the trials that are not there yet; the lines of all."""
    file = out / "trials.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    wholes = {each["command"]: each for each in lines if "result" in each}
    done = {
        (each["command"], each["fault"], each["number"]): each for each in lines if "fault" in each
    }
    with progress("Trials", len(trials)) as advance:
        for each in trials:
            if each.key not in done:
                if each.command in COMMANDS and each.command not in wholes:
                    seconds, result = undisturbed(each.command, out / "inputs", out / "work")
                    whole = {"command": each.command, "seconds": seconds, "result": result}
                    wholes[each.command] = whole
                    _add(file, whole)
                line = each.make(wholes.get(each.command, {}))
                named = {"command": each.command, "fault": each.fault, "number": each.number}
                done[each.key] = {**named, **line}
                _add(file, done[each.key])
            advance(1)
    return [done[each.key] for each in trials]


def _add(file: Path, line: Row) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")


def _table(rows: Sequence[Row]) -> list[Row]:
    """A line for each command and fault."""
    table: dict[tuple[str, str], Row] = {}
    for row in rows:
        counts = table.setdefault(
            (row["command"], row["fault"]),
            {
                "command": f"`{row['command']}`",
                "fault": row["fault"],
                "times": 0,
                "stopped": 0,
                "clearly": 0,
                "same": 0,
                "nothing left": 0,
            },
        )
        counts["times"] += 1
        counts["stopped"] += row["stopped"]
        counts["clearly"] += row["stopped"] and row["clear"]
        counts["same"] += row["same"]
        counts["nothing left"] += not row["left"] and not row.get("half_written")
    return list(table.values())


if __name__ == "__main__":
    main()
