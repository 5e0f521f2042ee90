"""Feeds every reader with hostile files: whatever happens but an error for users is a finding.

    python benchmarks/fuzz.py                             all families, ten minutes
    python benchmarks/fuzz.py --family json --minutes 60  one, for as long as wanted

Each family's readers run in a process with a limit on memory, each input with a limit on time. The
inputs are a corpus of nasty files in place of each file of a sound example, in turn with mutations
of that example; they depend on the seed alone. A finding is a crash, an exception that is no
`MedkgError`, more memory or more time than the limit. The state is kept in a folder, from which the
same command goes on; findings lie there with the files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from fuzz_inputs import CORPUS, mutated  # noqa: E402

from medkg.core.atomic import atomic_file, json_object  # noqa: E402
from medkg.core.progress import progress  # noqa: E402

NAMES = ("json", "xml", "tables", "text", "models", "queries")
MOST_FILES = 6  # of an example, that each item of the corpus takes the place of
START = 600  # seconds that a process has to import all and read the sound examples


@dataclass
class Family:
    """What is known of a family.

    Attributes:
        next: number of the next input of each reader.
    """

    inputs: int = 0
    seconds: float = 0.0
    read: int = 0
    refused: int = 0
    next: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)


class Worker:
    """A process that reads what it is told to."""

    def __init__(self, family: str, given: argparse.Namespace) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as this)
        options = ["--memory", str(given.memory), "--readers", given.readers]
        arguments = [sys.executable, __file__, "--worker", family, *options]
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, cwd=ROOT
        )
        answer = self._answer(START)
        if "readers" not in answer:
            raise RuntimeError(f"the sound examples can't be read: {answer}")

    def read(self, reader: str, path: Path, seconds: float) -> dict[str, Any]:
        """What came of reading a path: `outcome` read, refused, or what sort of finding."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([reader, os.fsdecode(path)]).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer(seconds)

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            self.end()
            return {"outcome": "hang", "where": f"more than {seconds:.0f} s"}
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-3:]
        name = signal.Signals(-code).name if code < 0 else f"exit {code}"
        return {"outcome": "crash", "where": f"{name}: {' | '.join(last)[-300:]}"}

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def work(family: str, memory: int, module: str) -> None:
    """Be a worker: read paths from standard input, and tell what came of each."""
    from medkg.core.errors import MedkgError

    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    readers = import_module(module).FAMILIES[family]()
    examples: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, reader) in enumerate(readers.items()):
            (Path(folder) / str(number)).mkdir()
            path = reader.write(Path(folder) / str(number) / "in")
            reader.read(path)  # a sound example is read without an error
            examples[name] = [file.name for file in _files(path)]
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    most = pages * os.sysconf("SC_PAGE_SIZE") + (memory << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps({"readers": examples}), file=out, flush=True)
    for line in sys.stdin:
        name, path_text = json.loads(line)
        try:
            readers[name].read(Path(path_text))
            answer = {"outcome": "read", "where": ""}
        except MedkgError as error:
            answer = {"outcome": "refused", "where": type(error).__name__}
        except MemoryError as error:
            answer = {"outcome": "memory", "where": _place(error)}
        except BaseException as error:  # a panic of polars is no Exception
            answer = {"outcome": "traceback", "where": _place(error)}
        print(json.dumps(answer), file=out, flush=True)


def _place(error: BaseException) -> str:
    """The exception, and the last lines of medkg that it came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "fuzz" not in f.filename]
    libraries = ("site-packages", "/lib/python")
    ours = [f for f in frames if not any(name in f.filename for name in libraries)]
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in (ours or frames)[-2:]]
    return f"{type(error).__name__} at {' > '.join(places)}: {str(error)[:120]}"


def _files(path: Path) -> list[Path]:
    """The files of an example, at most so many, the smallest last."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    return files[:MOST_FILES]


def make_input(sound: Path, folder: Path, reader: str, number: int, seed: int) -> tuple[Path, str]:
    """A copy of a sound example with one hostile file, and what was done to it."""
    inside = Path(shutil.copytree(sound.parent, folder)) / sound.name
    files = _files(inside)
    items = [(file, name) for name in CORPUS for file in files]
    if number % 2 == 0 and number // 2 < len(items):  # in turn with mutations
        file, name = items[number // 2]
        made = CORPUS[name](file)
        return (made if file == inside else inside), f"{name}: {file.name}"
    rng = random.Random(f"{seed}/{reader}/{number}")
    file = rng.choice(files)
    file.write_bytes(mutated(file.read_bytes(), rng))
    return inside, f"mutation {number}: {file.name}"


class Run:
    """The fuzzing of one family, whose state goes on from that of the folder."""

    def __init__(self, family: str, state: Path, given: argparse.Namespace) -> None:
        self.name, self.folder, self.given = family, state, given
        self.family = Family(**(json_object(state / f"{family}.json") or {}))
        self._worker = Worker(family, given)
        self._scratch = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self._sound: dict[str, Path] = {}
        for number, (name, reader) in enumerate(
            import_module(given.readers).FAMILIES[family]().items()
        ):
            (self._scratch / str(number)).mkdir()
            self._sound[name] = reader.write(self._scratch / str(number) / "in")

    def go_on(self, seconds: float, inputs: int | None = None) -> None:
        """Feed the readers in turn, until the time or the number of inputs is used up."""
        begun = last_saved = time.monotonic()
        done = 0
        try:
            with progress(self.name, total=round(seconds)) as advance:
                while time.monotonic() - begun < seconds and (inputs is None or done < inputs):
                    before = time.monotonic()
                    self._one(list(self._sound)[done % len(self._sound)])
                    done += 1
                    spent = time.monotonic() - before
                    self.family.seconds += spent
                    count = len(self.family.findings)
                    advance(
                        spent,
                        f"{self.family.inputs:,} inputs, {count} findings",
                    )
                    if time.monotonic() - last_saved > 10:
                        self.save()
                        last_saved = time.monotonic()
        finally:
            self.save()
            self._worker.end()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _one(self, reader: str) -> None:
        number = self.family.next.get(reader, 0)
        target = Path(tempfile.mkdtemp(dir=self._scratch)) / "in"
        path, change = make_input(self._sound[reader], target, reader, number, self.given.seed)
        if not self._worker.lives:
            self._worker = Worker(self.name, self.given)
        answer = self._worker.read(reader, path, self.given.seconds)
        self.family.next[reader] = number + 1
        self.family.inputs += 1
        if answer["outcome"] in ("read", "refused"):
            count = getattr(self.family, answer["outcome"]) + 1
            setattr(self.family, answer["outcome"], count)
        else:
            self._note({"reader": reader, "number": number, "change": change, **answer}, target)
            if answer["outcome"] == "memory" and self._worker.lives:
                self._worker.end()
        shutil.rmtree(target.parent, ignore_errors=True)

    def _note(self, finding: dict[str, Any], files: Path) -> None:
        same = ("reader", "outcome", "where")
        for known in self.family.findings:
            if all(known[key] == finding[key] for key in same):
                known["times"] += 1
                return
        kept = self.folder / "findings" / f"{self.name}-{len(self.family.findings)}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(files, kept, symlinks=True, ignore=_special)
        self.family.findings.append({**finding, "times": 1})
        self.save()

    def save(self) -> None:
        with atomic_file(self.folder / f"{self.name}.json") as draft:
            draft.write_text(json.dumps(asdict(self.family), indent=1), encoding="utf-8")


def _special(folder: str, names: list[str]) -> list[str]:
    """What is no plain file, or a large one."""
    paths = {name: Path(folder) / name for name in names}
    return [name for name, path in paths.items() if not path.is_dir() and not path.is_symlink()
            and (not path.is_file() or path.stat().st_size > 10 << 20)]  # fmt: skip


def table(families: dict[str, Family]) -> str:
    """The families with their counts, as Markdown."""
    lines = ["| family | readers | inputs | read | refused | minutes | findings |",
             "|---|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for name, family in families.items():
        counts = (len(family.next), family.inputs, family.read, family.refused)
        cells = [name, *(f"{count:,}" for count in counts), f"{family.seconds / 60:.1f}"]
        lines.append(f"| {' | '.join([*cells, str(len(family.findings))])} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table; the exit status is 1 if anything was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--family", action="append", help=", ".join(NAMES))
    parser.add_argument("--minutes", type=float, default=10, help="of all families together")
    parser.add_argument("--inputs", type=int, help="at most so many of a family")
    parser.add_argument("--state", type=Path, default=Path("fuzz-state"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory", type=int, default=3_000, help="MB beyond what imports take")
    parser.add_argument("--seconds", type=float, default=60, help="of an input")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--readers", default="fuzz_readers", help="the module that lists them")
    given = parser.parse_args()
    if given.worker:
        work(given.worker, given.memory, given.readers)
        return 0
    names = given.family or NAMES
    families: dict[str, Family] = {}
    for name in names:
        run = Run(name, given.state, given)
        run.go_on(given.minutes * 60 / len(names), given.inputs)
        families[name] = run.family
    packages = ("medkg", "ijson", "lxml", "polars", "PyYAML")
    about = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    if given.json:
        counts = {name: asdict(family) for name, family in families.items()}
        print(json.dumps({"seed": given.seed, "versions": about, "families": counts}, indent=1))
    else:
        print(
            table(families),
            *(f"- {f}" for each in families.values() for f in each.findings),
            sep="\n",
        )
        print(f"\nseed {given.seed}, {given.memory:,} MB, {given.seconds:.0f} s an input;", about)
    return int(any(family.findings for family in families.values()))


if __name__ == "__main__":
    sys.exit(main())
