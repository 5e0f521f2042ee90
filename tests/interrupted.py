"""Commands that are killed at a random moment and given again: for tests and a benchmark.

A command runs in a process of its own, and its temporary files go to a folder of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from medkg.core.atomic import sha256
from medkg.core.sealing import PASSPHRASE, open_sealed
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import connect

from .graph.clinic import ANNA
from .graph.clinic import clinic as patients_clinic
from .graph.faults import a_graph, contents
from .mining.diagnosis.clinic import clinic

_MOST_SECONDS = 900
_SECRET = "of tests alone"  # what seals and opens
_MEDKG = "from medkg.cli import main; raise SystemExit(main())"

# What differs from run to run, or from user to user: where the graph lies, and so the checksum of
# the config that says so.
_OWN = {"seconds", "time", "date", "created", "trained_at", "duration", "path", "config.json"}

Result = Callable[[Path], str]


@dataclass(frozen=True)
class Command:
    """A command that is killed.

    Attributes:
        arguments: what is given to `medkg`; `{inputs}` and `{work}` stand for folders.
        result: a checksum of what it leaves in its folder.
        before: the command, if any, whose result it needs, run to its end first.
        given: a folder of the inputs, if any, whose files are copied to where it works.
        again: the exit codes that it may have when it is given again.
    """

    arguments: Sequence[str]
    result: Result
    before: Sequence[str] = ()
    given: str = ""
    again: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Trial:
    """One killing.

    Attributes:
        seconds: when, after the command's start.
        under_way: whether the command was still running then.
        same: whether the same command again left what an undisturbed one does.
        left: what lies in the temporary folder, and beside the output, at the end.
        error: what the second command printed last, where it ended otherwise.
    """

    seconds: float
    under_way: bool
    same: bool
    left: list[str]
    error: str = ""

    @property
    def good(self) -> bool:
        return self.same and not self.left


def make_inputs(inputs: Path) -> None:
    """What the commands read: notes, graphs and settings; small. Made once for a folder."""
    whole = inputs / "whole"
    if whole.exists():
        return
    shutil.rmtree(inputs, ignore_errors=True)
    (inputs / "notes").mkdir(parents=True)
    source = Path(__file__).resolve().parents[1] / "api" / "data" / "notes"
    for note in sorted(source.glob("note-*.txt"))[:4]:
        shutil.copy(note, inputs / "notes")
    (inputs / "key").write_text("5e" * 32)
    a_graph(4_000).save(inputs / "graph")
    clinic().save(inputs / "clinic")
    (inputs / "links.toml").write_text(
        '[links]\nmodel = "network"\n[network]\ndim = 16\nepochs = 6\n'
    )
    settings = ["--config", f"{inputs}/links.toml"]
    # What `forget` finds beside a graph: an export of it, and a sealed copy.
    patients = f"{inputs}/patients/out"
    patients_clinic().save(Path(patients))
    for arguments in (
        ["load", "starter", "--out", f"{inputs}/starter"],
        ["train", "links", f"{inputs}/starter", *settings, "--out", f"{inputs}/model"],
        ["export", patients, "--format", "kgx", "--out", f"{inputs}/patients/export"],
        ["seal", patients, "--out", f"{inputs}/patients/copy.age"],
    ):
        ended = run(arguments, inputs / "tmp")
        if ended.code != 0:
            raise RuntimeError(f"{arguments}: {ended.output[-500:]}")
    shutil.rmtree(inputs / "tmp")
    whole.touch()


def graph_result(work: Path) -> str:
    """The graph folder's checksum, and what was set aside beside it."""
    kg = KnowledgeGraph.open(work / "out")
    kg.verify()
    aside = work / "out.quarantine.jsonl"
    return f"{kg.checksum()} {kg.counts} {aside.read_text() if aside.exists() else ''}"


def files_result(work: Path) -> str:
    """A hash of each file, or of the one that there is."""
    out = work / "out"
    files = [file for file in (out, *sorted(out.rglob("*"))) if file.is_file()]
    if not files:
        raise FileNotFoundError(out)
    return json.dumps({file.name: sha256(file) for file in files})


def model_result(work: Path) -> str:
    """A hash of each file of a model folder, but for the times and places in them."""
    hashes = {}
    for file in sorted((work / "out").rglob("*")):
        if file.is_file():
            content = file.read_bytes()
            if file.suffix == ".json":
                content = json.dumps(_timeless(json.loads(content)), sort_keys=True).encode()
            if file.suffix != ".md":  # the card says when it was made
                hashes[file.relative_to(work / "out").as_posix()] = hashlib.sha256(content)
    return json.dumps({name: each.hexdigest() for name, each in hashes.items()})


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(each) for name, each in value.items() if name not in _OWN}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def sealed_result(work: Path) -> str:
    """A hash of each file that was sealed, which the sealed file itself tells nobody."""
    with tempfile.TemporaryDirectory() as folder:
        opened = Path(folder) / "opened"
        open_sealed(work / "copy.age", opened, passphrase=_SECRET)
        return json.dumps(
            {str(file.relative_to(opened)): sha256(file) for file in files_in(opened)}
        )


def files_in(folder: Path) -> list[Path]:
    """All files of a folder and of those in it, sorted."""
    return sorted(file for file in folder.rglob("*") if file.is_file())


def forgotten_result(work: Path) -> str:
    """The graph's checksum, a hash of each file of its export, and what is in the sealed copy."""
    exported = {file.name: sha256(file) for file in files_in(work / "export")}
    return f"{graph_result(work)} {json.dumps(exported)} {sealed_result(work)}"


def server_result(work: Path) -> str:
    """Counts and checksums of what the embedded server holds."""
    with connect(f"embedded:{work / 'server'}") as store:
        content = {**contents(store), "doubtful": [each.name for each in store.check()]}
        content["predictions"] = store.read().counts["predictions"]
    del content["rows"]  # Python's hash, which differs from process to process
    return json.dumps(content, sort_keys=True)


_OUT = ("--out", "{work}/out")
_INTO = ("--into", "embedded:{work}/server")
COMMANDS = {
    "extract": Command(
        ["extract", "{inputs}/notes", "--graph", "{inputs}/starter", *_OUT], graph_result
    ),
    "deidentify": Command(
        ["deidentify", "{inputs}/notes", "--key", "{inputs}/key", *_OUT], files_result
    ),
    "load": Command(["load", "starter", *_OUT], graph_result),
    "merge": Command(["merge", "{inputs}/starter", "{inputs}/clinic", *_OUT], graph_result),
    "write": Command(["write", "{inputs}/graph", *_INTO], server_result),
    "train links": Command(
        ["train", "links", "{inputs}/starter", "--config", "{inputs}/links.toml", *_OUT],
        model_result,
    ),
    "train diagnosis": Command(
        ["train", "diagnosis", "{inputs}/clinic", "--model", "gnn", *_OUT], model_result
    ),
    "train embeddings": Command(
        ["train", "embeddings", "{inputs}/starter", "--dim", "16", "--epochs", "6", *_OUT],
        model_result,
    ),
    "predict --into": Command(
        ["predict", "{inputs}/model", "--head", "imatinib", *_INTO],
        server_result,
        before=["write", "{inputs}/starter", *_INTO],
    ),
    "seal": Command(["seal", "{inputs}/starter", "--out", "{work}/copy.age"], sealed_result),
    "forget --search": Command(
        ["forget", "{work}/out", "--patient", ANNA, "--search", "{work}"],
        forgotten_result,
        given="patients",
        again=(0, 1),  # where all was forgotten it says that nobody of that name is there
    ),
    "split": Command(["split", "{inputs}/starter", *_OUT], files_result),
    "export": Command(["export", "{inputs}/starter", "--format", "kgx", *_OUT], files_result),
    "view": Command(
        ["view", "{inputs}/starter", "imatinib", *_OUT],
        files_result,
    ),
}
# These last a second, and are tried on full disks and by other users alone.
_SHORT = ("split", "export", "view")
KILLED = tuple(name for name in COMMANDS if name not in _SHORT)
# What lies in `{work}` at a command's end.
WHOLE = {"out", "out.quarantine.jsonl", "out.review.csv", "out.review.html", "server", "copy.age"}


@dataclass(frozen=True)
class Limits:
    """What a command's process may do.

    Attributes:
        memory: bytes of address space (`ulimit -v`).
        file: bytes of a file that it writes (`ulimit -f`).
        user: the number of the user that it runs as.
    """

    memory: int | None = None
    file: int | None = None
    user: int | None = None

    def set(self) -> None:
        """Limit this process."""
        for kind, most in ((resource.RLIMIT_AS, self.memory), (resource.RLIMIT_FSIZE, self.file)):
            if most is not None:
                resource.setrlimit(kind, (most, most))


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        seconds: it took.
        code: its exit code; None where it was killed.
        output: what it printed.
    """

    seconds: float
    code: int | None
    output: str

    @property
    def is_clear(self) -> bool:
        """Whether it said in a sentence why it stopped."""
        lines = self.output.splitlines()
        crashed = any(line.startswith("Traceback") for line in lines)
        is_usage = self.code == 2 and "Invalid value for" in self.output
        is_sentence = self.code == 1 and any(line.startswith("medkg: ") for line in lines)
        return is_usage or (is_sentence and not crashed)


class Running:
    """A command in a process of its own, with its temporary files in a folder of its own."""

    def __init__(self, arguments: Sequence[str], temporary: Path, limits: Limits = NO_LIMITS):
        temporary.mkdir(parents=True, exist_ok=True)
        self._begun = time.monotonic()
        # Not a pipe: a server that it starts would hold that open.
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed at its end)
        python = sys.executable if limits.user is None else python_of(limits.user)
        self._process = subprocess.Popen(
            [python, "-c", _MEDKG, *arguments],
            env={
                **os.environ,
                "TMPDIR": str(temporary),
                "PYTHONPATH": os.pathsep.join(sys.path),
                PASSPHRASE: _SECRET,
            },
            stdout=self._output,
            stderr=self._output,
            preexec_fn=limits.set,
            user=limits.user,
            group=limits.user,
            extra_groups=None if limits.user is None else [],
        )

    def end(self, kill_after: float | None = None) -> Ended:
        """Wait for its end; with `kill_after`, kill it with SIGKILL after so many seconds."""
        is_killed = False
        try:
            self._process.wait(_MOST_SECONDS if kill_after is None else kill_after)
        except subprocess.TimeoutExpired:
            is_killed = True
            self._process.kill()
            self._process.wait()
        with self._output:
            self._output.seek(0)
            output = self._output.read().strip()
        code = None if is_killed else self._process.returncode
        return Ended(time.monotonic() - self._begun, code, output)


@cache
def python_of(user: int) -> str:
    """A Python that another user may run, and that finds medkg.

    Raises:
        OSError: there is none, or this user may not become another one.
    """
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        with suppress(OSError):
            tried = subprocess.run(
                [python, "-c", "import medkg.cli, polars"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                user=user,
                group=user,
                extra_groups=[],
                capture_output=True,
                check=False,
            )
            if tried.returncode == 0:
                return python
    raise OSError(f"user {user} can't run medkg here")


def run(
    arguments: Sequence[str],
    temporary: Path,
    kill_after: float | None = None,
    limits: Limits = NO_LIMITS,
) -> Ended:
    """Run a command to its end; with `kill_after`, kill it after so many seconds."""
    return Running(arguments, temporary, limits).end(kill_after)


def undisturbed(name: str, inputs: Path, work: Path) -> tuple[float, str]:
    """The seconds and the result of a command that nobody disturbs.

    Raises:
        RuntimeError: it fails.
    """
    prepare(name, inputs, work, work / "tmp")
    ended = run(filled(name, inputs, work), work / "tmp")
    if ended.code != 0:
        raise RuntimeError(f"{name}: {ended.output[-500:]}")
    return ended.seconds, COMMANDS[name].result(work)


def trial(
    name: str, inputs: Path, work: Path, expected: str, seconds: float, moment: random.Random
) -> Trial:
    """Kill a command at a random moment of its `seconds`, give it again, and look at the result."""
    prepare(name, inputs, work, work / "tmp")
    before = set(names(work))
    arguments = filled(name, inputs, work)
    after = moment.uniform(0, seconds)
    first = run(arguments, work / "tmp", after)
    second = run(arguments, work / "tmp")
    same = second.code in COMMANDS[name].again and COMMANDS[name].result(work) == expected
    left = [each for each in names(work / "tmp") if not _is_pythons(work / "tmp" / each)]
    left += sorted(set(names(work)) - before - WHOLE)
    shutil.rmtree(work)
    return Trial(after, first.code is None, same, left, "" if same else second.output[-500:])


def _is_pythons(file: Path) -> bool:
    """Whether a file is what `tempfile` itself writes for a moment to see that it may write here.

    A process that is killed in that moment leaves it: eight characters, at most b"blat" in it.
    """
    is_named = re.fullmatch(r"[a-z0-9_]{8}", file.name) is not None
    return is_named and file.is_file() and file.read_bytes() in (b"", b"blat")


def names(folder: Path) -> list[str]:
    """What lies in a folder; nothing where there is none."""
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def prepare(name: str, inputs: Path, work: Path, temporary: Path) -> None:
    """Make the empty folders that a command works in, and what it needs there.

    What comes before it is run once, and copied from beside the inputs afterwards.

    Raises:
        RuntimeError: what comes before it fails.
    """
    for folder in (work, temporary):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    if given := COMMANDS[name].given:
        shutil.copytree(inputs / given, work, dirs_exist_ok=True)
    if before := COMMANDS[name].before:
        kept = inputs.with_name(f"before {name}")
        if not kept.is_dir():
            ended = run(_filled(before, inputs, work), temporary)
            if ended.code != 0:
                raise RuntimeError(f"{before}: {ended.output[-500:]}")
            shutil.copytree(work, kept, ignore=shutil.ignore_patterns(temporary.name))
        else:
            shutil.copytree(kept, work, dirs_exist_ok=True)


def filled(name: str, inputs: Path, work: Path) -> list[str]:
    """A command's arguments."""
    return _filled(COMMANDS[name].arguments, inputs, work)


def _filled(arguments: Sequence[str], inputs: Path, work: Path) -> list[str]:
    return [each.format(inputs=inputs, work=work) for each in arguments]
