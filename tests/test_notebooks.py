"""The notebooks run from top to bottom, as a user would run them, and the docs show them."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = ROOT / "docs" / "notebooks"
# Parameters with which a notebook takes less time, and says the same.
SMALL = {
    "diagnosis_by_questions": ["questions = 4"],
    "drug_target_hypotheses": ['model_name = "neighbours"', "drugs = 100"],
    "examinations_to_diagnosis": ["seconds = 12"],
    "explore_subgraph": ["compared = 15"],
    "hetionet": ["drawn = 20"],
    "notes_to_graph": ["most = 22"],
    "own_data": ["documents = 30", "epochs = 8"],
}
# What the kernel does before each notebook: it forgets the names of the last one, not its modules.
FRESH = """%reset -f
%cd -q {folder}
import functools, medkg
if not hasattr(medkg.load, "cache_info"):
    medkg.load = functools.cache(medkg.load)
del functools, medkg
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    """The kernel that runs all notebooks: it imports PyTorch and reads each source once."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)


def test_each_notebook_has_parameters_for_the_tests() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(SMALL)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, kernel: KernelManager, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    script = runpy.run_path(str(ROOT / ".ci" / "notebooks.py"))
    executed = script["with_settings"](path, SMALL[path.stem])
    executed.cells.insert(0, new_code_cell(FRESH.format(folder=tmp_path)))
    NotebookClient(executed, timeout=script["MOST_SECONDS"], km=kernel).execute()
    outputs = [output for cell in executed.cells for output in cell.get("outputs", ())]
    shown = [output["data"] for output in outputs if "data" in output]
    assert shown
    empty = [data["text/plain"] for data in shown if "shape: (0," in data.get("text/plain", "")]
    assert not empty


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_docs_show_the_notebook_as_it_is(path: Path) -> None:
    page = (PAGES / f"{path.stem}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    cells = nbformat.read(path, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert blocks == code, f"python .ci/notebooks.py {path.stem} makes the page anew"
    pictures = re.findall(r"^!\[Figure\]\((.*)\)$", page, re.MULTILINE)
    assert sorted(pictures) == sorted(file.name for file in PAGES.glob(f"{path.stem}-*.png"))


def test_the_figures_of_the_docs_are_small() -> None:
    assert 0 < sum(file.stat().st_size for file in PAGES.glob("*.png")) < 600_000
