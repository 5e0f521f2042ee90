"""Orphanet's prevalences: which of several estimates counts, and what they are good for."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.sources import load
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.prevalence import UNLISTED, prevalences
from tests.gnn.phenotype_graph import SOURCE

from .published import prevalence, write_orphanet


def disorder(code: str, *estimates: str) -> str:
    return (
        f"<Disorder id='9'><OrphaCode>{code}</OrphaCode><Name lang='en'>disease {code}</Name>"
        f"<PrevalenceList>{''.join(estimates)}</PrevalenceList></Disorder>"
    )


def per_100000(kg: KnowledgeGraph) -> dict[str, float | None]:
    number = pl.col("properties").str.json_path_match("$.per_100000").cast(pl.Float64)
    return dict(kg.nodes.select("id", number).iter_rows())


def test_the_best_estimate_counts(tmp_path: Path) -> None:
    rows = [
        disorder(
            "1",
            prevalence("Prevalence at birth", "6-9 / 10 000", "Worldwide"),
            prevalence("Point prevalence", "1-9 / 1 000 000", "France"),
            prevalence("Point prevalence", "1-9 / 100 000", "Europe"),
        ),
        disorder("2", prevalence("Annual incidence", "1-5 / 10 000", "Worldwide")),
        disorder(
            "3",
            prevalence("Point prevalence", "<1 / 1 000 000", "Japan").replace("<1 /", "&lt;1 /"),
            prevalence("Point prevalence", "1-9 / 1 000 000", "Spain"),
        ),
        disorder("4", prevalence("Point prevalence", "often", "Worldwide")),
    ]
    quarantine = Quarantine()
    kg = load("orphanet", write_orphanet(tmp_path / "in", *rows), quarantine=quarantine)
    assert per_100000(kg) == {
        "ORPHA:558": 22,
        "ORPHA:166024": None,
        "ORPHA:1": 3,
        "ORPHA:2": None,
        "ORPHA:3": 0.3,
        "ORPHA:4": None,
    }
    assert [row.reason for row in quarantine.rows] == ["prevalence of no known class"]
    assert kg.sources[0].release == "1.3.42"


def test_prevalences_join_a_graph_of_diseases(tmp_path: Path) -> None:
    nodes = pl.DataFrame(
        [
            ("ORPHA:1", "Disease", "disease 1", '{"course": ["Childhood onset"]}'),
            ("ORPHA:9", "Disease", "disease 9", None),
            ("HP:0000001", "Symptom", "a phenotype", None),
        ],
        schema=["id", "kind", "name", "properties"],
        orient="row",
    )
    evidence = pl.DataFrame({"subject": ["ORPHA:1", "ORPHA:9"]}).with_columns(
        relation=pl.lit("HAS_SYMPTOM"), object=pl.lit("HP:0000001"), source=pl.lit(SOURCE.name)
    )
    of_diseases = KnowledgeGraph.build(nodes, evidence, [SOURCE])
    estimate = prevalence("Point prevalence", "1-5 / 10 000", "Worldwide")
    orphanet = load("orphanet", write_orphanet(tmp_path / "in", disorder("1", estimate)))
    kg = merge(of_diseases, orphanet)
    known = Knowledge.of(kg)
    listed = prevalences(kg, known)
    assert listed[known.disease_rows["ORPHA:1"]] == pytest.approx(22)
    assert listed[known.disease_rows["ORPHA:9"]] == pytest.approx(UNLISTED)
    course = kg.nodes.filter(id="ORPHA:1")["properties"].str.json_path_match("$.course[0]")
    assert course.to_list() == ["Childhood onset"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.xml"
    path.write_text("<OBO/>", encoding="utf-8")
    with pytest.raises(DataError, match="its root is OBO, not JDBOR"):
        load("orphanet", path)
