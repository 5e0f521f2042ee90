"""Optional libraries: what a command or a call says where an extra is not installed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import medkg
from medkg.core.extras import EXTRAS, MissingExtraError, explained_imports

ROOT = Path(__file__).resolve().parents[2]

# A Python in which the modules in `absent` can't be imported, nor their versions asked for.
ABSENT = """
import importlib.metadata, sys
from importlib.machinery import PathFinder
class WithoutExtras(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in absent
        return None if hidden else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutExtras
installed = importlib.metadata.version
def version(name):
    if name.lower().replace("-", "_") in absent:
        raise importlib.metadata.PackageNotFoundError(name)
    return installed(name)
importlib.metadata.version = version
"""


def run(
    code: str, *arguments: str, folder: Path | None = None, without: Collection[str] = EXTRAS
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"absent = {sorted(without)}{ABSENT}{code}", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=folder
    )


def medkg_without_extras(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run("from medkg.cli import main; main()", *arguments, folder=folder)


def requirements() -> dict[str, set[str]]:
    """The distributions that medkg requires, by extra; those of no extra under ''."""
    names: dict[str, set[str]] = {}
    for requirement in map(Requirement, requires("medkg") or ()):
        marker = str(requirement.marker or "")
        extra = marker.partition('extra == "')[2].rstrip('"') if "extra" in marker else ""
        names.setdefault(extra, set()).add(requirement.name.lower())
        for other in requirement.extras:
            names[extra].add(f"medkg[{other}]")
    return names


def brought_by(extra: str) -> set[str]:
    names = requirements()
    own = names.get(extra, set())
    nested = [name[6:-1] for name in own if name.startswith("medkg[")]
    return own.union(*(brought_by(other) for other in nested))


def test_each_module_is_brought_by_the_extra_that_is_named() -> None:
    distributions = packages_distributions()
    for module, extra in EXTRAS.items():
        own = {name.lower().replace("_", "-") for name in distributions.get(module, ())}
        assert not own or own & brought_by(extra), (module, extra)


def test_all_brings_every_extra_that_the_tour_needs() -> None:
    left_out = {"", "all", "cloud", "cluster", "docs", "scispacy", "test"}
    assert {name for name in requirements() if name not in left_out} == {
        name[6:-1] for name in requirements()["all"] if name.startswith("medkg[")
    }


def test_whatever_is_imported_is_required_or_in_an_extra() -> None:
    distributions = packages_distributions()
    base = brought_by("")
    for room in {path.parent for path in ROOT.glob("*/__init__.py")} - {ROOT / "tests"}:
        for file in room.rglob("*.py"):
            for module in third_party_imports(file):
                own = {name.lower().replace("_", "-") for name in distributions.get(module, ())}
                if module in ("anyio", "pydantic_core", "starlette"):  # with fastapi, pydantic
                    continue
                assert module in EXTRAS or not own or own & base, f"{file} imports {module}"


def third_party_imports(file: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            modules.add(node.module.partition(".")[0])
    return modules - set(sys.stdlib_module_names) - {"medkg", "__future__"}


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["extract", "note.txt", "--out", "graph"], "text"),
        (["evaluate", "context"], "text"),
        (["train", "ner", "corpora", "--out", "model"], "text"),
        (["train", "links", "graph", "--out", "model"], "gnn"),
        (["train", "diagnosis", "graph", "--out", "model"], "gnn"),
        (["train", "treatment", "graph", "--out", "model"], "gnn"),
        (["load", "hpo", "--out", "graph"], "hpo"),
        (["view", "graph", "imatinib", "--out", "page.html"], "plots"),
    ],
)
def test_a_command_says_which_extra_to_install(
    arguments: list[str], extra: str, tmp_path: Path
) -> None:
    ended = medkg_without_extras(*arguments, folder=tmp_path)
    assert ended.returncode == 1
    assert f"pip install 'medkg[{extra}]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_extras_graphs_are_loaded_merged_checked_and_exported(tmp_path: Path) -> None:
    graph, merged = str(tmp_path / "graph"), str(tmp_path / "merged")
    for arguments in (
        ["load", "starter", "--out", graph],
        ["merge", graph, graph, "--out", merged],
        ["check", merged],
        ["info", merged],
        ["export", merged, "--format", "kgx", "--out", str(tmp_path / "kgx")],
        ["doctor"],
        ["sources"],
        ["-h"],
    ):
        ended = medkg_without_extras(*arguments, folder=tmp_path)
        assert ended.returncode == 0, (arguments, ended.stderr)


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("train_links", "gnn"),
        ("mining.train_links", "gnn"),
        ("mining.train_diagnosis", "gnn"),
        ("gnn.to_hetero_data", "gnn"),
        ("plots", "plots"),
    ],
)
def test_python_says_which_extra_to_install(name: str, extra: str) -> None:
    code = f"import medkg\ntry: medkg.{name}\nexcept medkg.MedkgError as error: print(error)"
    assert f"pip install 'medkg[{extra}]'" in run(code).stdout


def test_a_text_model_is_saved_where_only_the_extra_of_text_is_installed(tmp_path: Path) -> None:
    only_gnn = {"implicit", "lightgbm", "rdkit", "torch_geometric"}
    code = (
        "from pathlib import Path\n"
        "from torch import nn\n"
        "from medkg.core.model_folder import save_network\n"
        "import inspect; print(inspect.signature(save_network))\n"
        "save_network(Path('model'), 'test', nn.Linear(1, 1), {}, '# Card', lambda folder: None)"
    )
    ended = run(code, folder=tmp_path, without=only_gnn)
    assert (tmp_path / "model" / "config.json").is_file(), ended.stderr


def test_a_module_of_no_extra_is_missing_as_it_is() -> None:
    with pytest.raises(ModuleNotFoundError) as caught, explained_imports():
        import nothing_of_this_name  # type: ignore[import-not-found]  # noqa: F401
    assert not isinstance(caught.value, MissingExtraError)
    assert medkg.MedkgError in MissingExtraError.__mro__
