"""How fast `medkg extract` reads with more processes, and with Ray, and what bounds it.

    python benchmarks/workers.py [--notes 60 600]

Short made-up notes are read by the command itself: by one process and two, and by a Ray cluster of
one process and two that is started for the run. Each is run with few notes and with many: from the
two follow what a run takes before its first note (start-up: imports, models, the index of names,
which a run before all others builds) and what each further note takes. Seconds of processors, in
brackets, are those of the command and of all that it starts, looked at twice a second.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

_FINDINGS = [
    "fever",
    "headache",
    "cough",
    "nausea",
    "vomiting",
    "fatigue",
    "dizziness",
    "chest pain",
    "dyspnea",
    "diarrhea",
    "rash",
    "constipation",
    "pruritus",
    "insomnia",
    "back pain",
    "weight loss",
    "syncope",
    "tremor",
    "edema",
]
_DRUGS = [
    "aspirin",
    "metformin",
    "lisinopril",
    "warfarin",
    "ibuprofen",
    "amoxicillin",
    "atorvastatin",
    "omeprazole",
    "prednisone",
    "methotrexate",
    "furosemide",
    "digoxin",
    "amiodarone",
    "phenytoin",
    "lithium",
    "clozapine",
]
_WAYS = {
    "one process": [],
    "two processes": ["--workers", "2"],
    "Ray, one process": ["--engine", "ray", "--workers", "1"],
    "Ray, two processes": ["--engine", "ray", "--workers", "2"],
}


def write_notes(folder: Path, count: int) -> None:
    """Short notes of about forty words, each about a patient of its own."""
    chance = random.Random(0)
    folder.mkdir()
    for number in range(count):
        sentences = (
            f"{chance.randint(30, 90)}-year-old with {chance.choice(_FINDINGS)} and"
            f" {chance.choice(_FINDINGS)} for {chance.randint(2, 9)} days.",
            f"Denies {chance.choice(_FINDINGS)} and {chance.choice(_FINDINGS)}.",
            f"Takes {chance.choice(_DRUGS)} and {chance.choice(_DRUGS)} daily.",
            f"BP {chance.randint(100, 180)}/{chance.randint(60, 99)}, HR {chance.randint(55, 99)}.",
            f"Started on {chance.choice(_DRUGS)}; return if {chance.choice(_FINDINGS)} occurs.",
        )
        (folder / f"{number}.txt").write_text(" ".join(sentences), encoding="utf-8")


def read(notes: Path, out: Path, options: list[str]) -> tuple[float, float]:
    """Seconds of a run, on the wall and of processors."""
    code = "import sys; from medkg.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "extract", str(notes), "--notes", "--out", str(out)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, *options, "--json"], stdout=subprocess.DEVNULL)
    spent: dict[tuple[int, float], float] = {}
    top = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            for each in (top, *top.children(recursive=True)):
                times = each.cpu_times()
                spent[each.pid, each.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            pass  # it ended meanwhile, after it was looked at before
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"medkg extract failed with {process.returncode}")
    return time.perf_counter() - start, sum(spent.values())


def size(folder: Path) -> int:
    """Bytes of a folder's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--notes", type=int, nargs=2, default=[60, 600])
    few, many = parser.parse_args().notes
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start\n")
    print(
        f"| read by | {few:,} notes | {many:,} notes | start-up | a further note, ms |"
        " notes a second after the start | load average |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (1, few, many):
            write_notes(folder / f"notes-{count}", count)
        read(folder / "notes-1", folder / "first", [])  # builds the index of names
        for way, options in _WAYS.items():
            runs = [
                read(folder / f"notes-{count}", folder / f"{way} {count}", options)
                for count in (few, many)
            ]
            (few_wall, few_cpu), (many_wall, many_cpu) = runs
            wall, cpu = ((b - a) / (many - few) for a, b in zip(*runs, strict=True))
            print(
                f"| {way} | {few_wall:.1f} s ({few_cpu:.1f}) | {many_wall:.1f} s ({many_cpu:.1f}) |"
                f" {few_wall - few * wall:.1f} s ({few_cpu - few * cpu:.1f}) |"
                f" {1000 * wall:.0f} ({1000 * cpu:.0f}) | {1 / wall:.1f} |"
                f" {os.getloadavg()[0]:.1f} |",
                flush=True,
            )
        text, graph = size(folder / f"notes-{many}"), size(folder / f"one process {many}")
    print(f"\n{many:,} notes: {text / 1e6:.2f} MB of text, {graph / 1e6:.2f} MB of graph")


if __name__ == "__main__":
    main()
