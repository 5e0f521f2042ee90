"""Mutation testing: whether the tests notice when a rule of medkg is changed.

    pip install cosmic-ray
    python benchmarks/mutation.py                     # a sample of every subject
    python benchmarks/mutation.py guard --sample 0    # all mutants of one
    python benchmarks/mutation.py edges --survivors   # and what the survivors changed

A mutant is a module with one operator, comparison, number, condition or loop changed by cosmic-ray.
It is killed where a test of its subject fails. Mutants are drawn at random with a seed; those that
change an annotation or a message alone are no mutants, nor are those that can't be imported. The
module is changed in memory, as the tests import it, so the working tree is left as it is.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
# They fail on exceptions of several lines, or need variables named.
LEFT_OUT = ("ExceptionReplacer", "VariableInserter", "VariableReplacer")
PASSED = 0  # exit code of pytest
INVALID = 99  # exit code of a mutant that can't even be imported
TIMEOUT = 300  # seconds for the tests of a mutant; a mutant that makes them hang is killed
_NO_PYTHON = ""  # the meaning of what is no Python
# A process is forked for each mutant from one that has imported what takes long.
_FORKS = get_context("forkserver")
_LIBRARIES = ["pytest", "hypothesis", "networkx", "polars", "sklearn", "spacy", "torch_geometric"]


class Subject(NamedTuple):
    """A rule that matters: the modules that hold it, and the tests that must notice a change."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


SUBJECTS = {
    "guard": Subject(
        ("medkg.graph.store.guard",),
        ("tests/contract/test_guard.py", "-k", "not embedded"),  # without a server
    ),
    "edges": Subject(("medkg.graph.edges",), ("tests/graph/test_edges.py",)),
    "merging": Subject(
        ("medkg.graph.equivalence", "medkg.graph.merge"),
        ("tests/graph/test_equivalence.py", "tests/graph/test_merge.py"),
    ),
    "context": Subject(
        ("medkg.extract.context.scopes", "medkg.extract.context.context"),
        (
            "tests/extract/context/test_scopes.py",
            "tests/extract/context/test_context.py",
            "tests/extract/context/test_rules.py",
        ),
    ),
    "statistics": Subject(("medkg.core.statistics",), ("tests/core/test_statistics.py",)),
    "ranking": Subject(("medkg.core.ranking",), ("tests/core/test_ranking.py",)),
    "calibration": Subject(("medkg.core.calibration",), ("tests/core/test_calibration.py",)),
    "link metrics": Subject(
        ("medkg.mining.links.metrics",), ("tests/mining/links/test_metrics.py",)
    ),
    "link splits": Subject(
        ("medkg.mining.links.split",),
        # Without the test by random graphs, which takes most of the time.
        ("tests/mining/links/test_split.py", "-k", "not no_split_leaks"),
    ),
    "link leaks": Subject(("medkg.mining.links.leaks",), ("tests/mining/links/test_leaks.py",)),
    "diagnosis figures": Subject(
        ("medkg.mining.diagnosis.figures",), ("tests/mining/diagnosis/test_figures.py",)
    ),
    "diagnosis splits": Subject(
        ("medkg.mining.diagnosis.split",), ("tests/mining/diagnosis/test_split.py",)
    ),
    "diagnosis leaks": Subject(
        ("medkg.mining.diagnosis.leaks",), ("tests/mining/diagnosis/test_leaks.py",)
    ),
}


class Mutant(NamedTuple):
    """A changed module: its source, and where the change is."""

    module: str
    source: bytes
    operator: str
    line: int


def mutants_of(module: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of cosmic-ray's operators."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source = _source_of(module)
    original = _meaning(source)
    for name in sorted(operator_names()):
        if name.endswith(LEFT_OUT):
            continue
        occurrence = 0
        while changed := mutate_code(source, get_operator(name)(), occurrence):
            occurrence += 1
            code = changed if isinstance(changed, bytes) else changed.encode()
            if _meaning(code) not in (original, _NO_PYTHON):
                yield Mutant(module, code, name, _first_change(source, code))


def _source_of(module: str) -> bytes:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{module}: there is no such module; name it anew in SUBJECTS")
    return Path(spec.origin).read_bytes()


def _meaning(source: bytes) -> str:
    """A module's syntax tree without what has no effect: annotations and the text of messages."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # such as a ** that unpacks, made a +
        return _NO_PYTHON
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.Raise):
            node.exc = None
    return ast.dump(tree)


def _first_change(source: bytes, changed: bytes) -> int:
    pairs = zip(source.splitlines(), changed.splitlines(), strict=False)
    return next(line for line, (old, new) in enumerate(pairs, start=1) if old != new)


def outcome(mutant: Mutant, tests: Sequence[str], folder: Path, number: int) -> int:
    """How the tests end with the mutant in the place of its module: PASSED, INVALID or else."""
    file, log = folder / f"{number}.py", folder / f"{number}.log"
    file.write_bytes(mutant.source)
    arguments = (mutant.module, file, log, tuple(tests))
    process = _FORKS.Process(target=run_tests_on, args=arguments)
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
    return process.exitcode or PASSED


class _MutantLoader(SourceFileLoader):
    """Loads a module from the mutant's source, as if it stood in the module's own file."""

    def __init__(self, fullname: str, path: str, mutant: Path):
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._mutant.read_bytes(), self.get_filename(fullname), "exec")


def run_tests_on(module: str, mutant: Path, log: Path, tests: Sequence[str]) -> None:
    """Run tests with a mutant in the place of a module, in a process of its own; ends it."""
    os.setsid()  # so that what the tests start ends with them
    os.chdir(ROOT)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)

    import pytest
    from hypothesis import settings

    class Finder(PathFinder):
        @classmethod
        def find_spec(cls, fullname, path=None, target=None) -> ModuleSpec | None:  # type: ignore[no-untyped-def]
            spec = super().find_spec(fullname, path, target)
            if fullname == module and spec is not None and spec.origin is not None:
                spec.loader = _MutantLoader(fullname, spec.origin, mutant)
            return spec

    sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
    sys.path.insert(0, str(ROOT))
    try:
        import_module(module)
    except Exception:
        sys.exit(INVALID)
    # The same examples for every mutant, and none kept from one for the next.
    settings.register_profile("mutants", derandomize=True, database=None)
    settings.load_profile("mutants")
    sys.exit(int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("subjects", nargs="*", help=f"{', '.join(SUBJECTS)}; default: all")
    parser.add_argument("--sample", type=int, default=60, help="mutants a subject; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--survivors", action="store_true", help="show what survivors changed")
    arguments = parser.parse_args()
    # The tests' own; the process that is forked takes them over.
    os.environ.update(OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    _FORKS.set_forkserver_preload(_LIBRARIES)
    print("| subject | mutants | tried | killed | share |\n|---|---|---|---|---|")
    for name in arguments.subjects or SUBJECTS:
        measure(name, arguments.sample, arguments.seed, arguments.processes, arguments.survivors)


def measure(name: str, sample: int, seed: int, processes: int, show_survivors: bool) -> None:
    """Try the mutants of a subject, and print its row of the table."""
    modules, tests = SUBJECTS[name]
    unchanged = Mutant(modules[0], _source_of(modules[0]), "", 0)
    with TemporaryDirectory() as folder:
        if outcome(unchanged, tests, Path(folder), 0) != PASSED:
            log = Path(folder, "0.log").read_text(encoding="utf-8")
            raise SystemExit(f"{name}: its tests fail without any change; mend them first:\n{log}")
    mutants = [mutant for module in modules for mutant in mutants_of(module)]
    drawn = mutants
    if 0 < sample < len(mutants):
        drawn = random.Random(seed).sample(mutants, sample)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(processes) as pool:
        futures = [
            pool.submit(outcome, mutant, tests, Path(folder), number)
            for number, mutant in enumerate(drawn)
        ]
        outcomes = [future.result() for future in futures]
    survivors = [mutant for mutant, end in zip(drawn, outcomes, strict=True) if end == PASSED]
    tried = len(drawn) - outcomes.count(INVALID)
    killed = tried - len(survivors)
    share = killed / tried
    print(f"| {name} | {len(mutants)} | {tried} | {killed} | {share:.2f} |", flush=True)
    for mutant in survivors if show_survivors else ():
        _print_change(mutant)


def _print_change(mutant: Mutant) -> None:
    old = _source_of(mutant.module).decode().splitlines()
    new = mutant.source.decode().splitlines()
    print(f"{mutant.module}, line {mutant.line}, {mutant.operator}")
    for line in unified_diff(old, new, n=0, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            print(f"    {line}")


if __name__ == "__main__":
    main()
