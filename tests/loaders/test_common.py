"""The common diseases: the tables that come with medkg, and tables of the same form."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.prevalence import prevalences

from .published import write_common

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    quarantine = Quarantine()
    graph = load("common", quarantine=quarantine)
    assert not len(quarantine)
    return graph


def test_every_disease_has_findings_and_a_prevalence(graph: KnowledgeGraph) -> None:
    diseases = graph.nodes.filter(kind="Disease")
    assert diseases.height == 449
    findings = graph.edges.group_by("subject").len()
    assert set(findings["subject"]) == set(diseases["id"])
    assert findings["len"].min() >= 3
    common = pl.col("properties").str.json_path_match("$.per_100000").cast(pl.Float64)
    assert diseases.select(common.is_between(0.01, 50_000).all()).item()
    assert set(graph.nodes.filter(kind="Symptom")["id"].str.head(3)) == {"HP:"}


def test_some_diseases_are_of_one_sex(graph: KnowledgeGraph) -> None:
    sex = pl.col("properties").str.json_path_match("$.sex")
    of_one = dict(graph.nodes.select("name", sex=sex).drop_nulls().iter_rows())
    assert of_one["endometriosis"] == "female"
    assert of_one["Prostatitis"] == "male"
    assert set(of_one.values()) == {"female", "male"}
    assert len(of_one) == 20


def test_some_diseases_are_of_some_ages(graph: KnowledgeGraph) -> None:
    ages = pl.col("properties").str.json_path_match("$.ages")
    of_some = dict(graph.nodes.select("name", ages=ages).drop_nulls().iter_rows())
    assert of_some["Bronchiolitis"] == "0-2"
    assert of_some["Benign prostatic hyperplasia"] == "40-"
    for text in of_some.values():
        first, _, last = text.partition("-")
        assert 0 <= float(first) < float(last or 130) <= 130


def test_ages_that_are_none_are_set_aside(tmp_path: Path) -> None:
    shutil.copytree(str(files("medkg.loaders") / "data" / "common"), tmp_path / "common")
    table = tmp_path / "common" / "diseases.tsv"
    table.write_text(table.read_text().replace("\t0-2\n", "\t2 years\n"))
    quarantine = Quarantine()
    graph = load("common", tmp_path / "common", quarantine=quarantine)
    assert graph.nodes.filter(kind="Disease", name="Bronchiolitis").is_empty()
    assert "ages that are not as 0-2" in quarantine.rows[0].reason


def test_a_disease_is_as_common_here_as_in_the_table_of_prevalences(graph: KnowledgeGraph) -> None:
    number = pl.col("properties").str.json_path_match("$.per_100000").cast(pl.Float64)
    here = graph.nodes.filter(kind="Disease").select("id", here=number)
    listed = pl.read_csv(
        files("medkg.mining.diagnosis") / "data" / "prevalence.tsv",
        separator="\t",
        comment_prefix="#",
    )
    assert listed["disease"].is_unique().all()
    both = here.join(listed, left_on="id", right_on="disease")
    assert both.height > 5
    assert both.filter(pl.col("here") != pl.col("per_100000")).is_empty()


def test_a_disease_that_hpo_has_as_a_phenotype_shows_it(graph: KnowledgeGraph) -> None:
    diseases = graph.nodes.filter(kind="Disease").explode("xrefs")
    own = diseases.filter(pl.col("xrefs").str.starts_with("HP:"))
    assert own.height > 80
    shown = graph.edges.select(id="subject", xrefs="object")
    lacking = own.join(shown, on=["id", "xrefs"], how="anti")["name"].to_list()
    # HPO's are infections that come back, and no phenotypic abnormalities but pasts of a mother.
    assert set(lacking) == {
        "Urinary tract infection",
        "Ectopic pregnancy",
        "Hyperemesis gravidarum",
        "Preeclampsia",
    }


def test_pneumonia(graph: KnowledgeGraph) -> None:
    pneumonia = graph.resolve("Pneumonia", "Disease")
    rows = graph.evidence.filter(subject=pneumonia, object="HP:0001945")
    assert rows.select("relation", "qualifiers").rows() == [("HAS_SYMPTOM", '{"frequency": 0.8}')]
    known = Knowledge.of(graph)
    listed = prevalences(graph, known)
    assert listed[known.disease_rows[pneumonia]] == pytest.approx(450)


def test_tables_of_the_same_form(tmp_path: Path) -> None:
    bad = ("Example cold\tGreenness\t0.5", "Unknown\tCough\t0.5", "Example cold\tPain\toften")
    quarantine = Quarantine()
    graph = load("common", write_common(tmp_path / "in", *bad), quarantine=quarantine)
    assert [row.line for row in quarantine.rows] == [4, 5, 6]
    assert graph.edges.select("subject", "object").sort("subject").rows() == [
        ("DOID:1", "HP:0012735"),
        ("medkg:nameless-ache", "HP:0012531"),
    ]
    cold = graph.nodes.row(by_predicate=pl.col("id") == "DOID:1", named=True)
    assert cold["synonyms"] == ["Cold", "Sniffles"]
    assert cold["xrefs"] == ["MESH:D1"]


def test_diseases_that_can_t_be_used_are_counted(tmp_path: Path) -> None:
    folder = write_common(tmp_path / "in")
    with (folder / "diseases.tsv").open("a", encoding="utf-8") as file:
        file.write("Unknown\t\t5\nNameless ache\t\trare\nExample cold\t\t0\n")
    quarantine = Quarantine()
    load("common", folder, quarantine=quarantine)
    rows = [(Path(row.path).name, row.line) for row in quarantine.rows if row.line]
    assert rows == [("diseases.tsv", 4), ("diseases.tsv", 5), ("diseases.tsv", 6)]


def test_identifiers_are_what_the_sources_confirm(shared_data: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "common_identifiers.py"), "--check"],
        env={**os.environ, "MEDKG_DATA": str(shared_data)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
