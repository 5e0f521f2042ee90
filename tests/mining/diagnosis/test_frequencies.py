"""How usual findings are of diseases by the frequencies that are stated, of narrower ones too."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.frequencies import FindingFrequencies
from medkg.mining.diagnosis.knowledge import Knowledge
from tests.gnn.phenotype_graph import SOURCE

ROOT, OTHER = "HP:0000118", "HP:0000006"
SYSTEM, COUGH, DRY, NIGHTLY, BARKING = (f"HP:000001{n}" for n in range(2, 7))
DISEASES = [f"OMIM:{n}" for n in range(1, 7)]


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    """A dry cough and one at night are coughs, a barking one is dry; what each disease shows."""
    nodes = [(id_, "Symptom", id_) for id_ in (ROOT, OTHER, SYSTEM, COUGH, DRY, NIGHTLY, BARKING)]
    others = [f"OMIM:{n}" for n in range(100, 120)]  # so that a cough says something
    nodes += [(id_, "Disease", id_) for id_ in (*DISEASES, *others)]
    shown = [
        (DISEASES[0], COUGH, 0.8),
        (DISEASES[1], DRY, 0.4),
        (DISEASES[2], SYSTEM, 0.9),
        (DISEASES[3], COUGH, 0.8),
        (DISEASES[3], DRY, 0.01),
        (DISEASES[4], NIGHTLY, 0.6),
        (DISEASES[5], COUGH, 0.8),
        (DISEASES[5], BARKING, 0.02),
        *((disease, OTHER, 0.5) for disease in others),
    ]
    edges = [(s, "HAS_SYMPTOM", o, f'{{"frequency": {often}}}') for s, o, often in shown]
    broader = [
        (SYSTEM, ROOT),
        (OTHER, ROOT),
        (COUGH, SYSTEM),
        (DRY, COUGH),
        (NIGHTLY, COUGH),
        (BARKING, DRY),
    ]
    edges += [(narrow, "SUBCLASS_OF", broad, None) for narrow, broad in broader]
    evidence = pl.DataFrame(
        edges, schema=["subject", "relation", "object", "qualifiers"], orient="row"
    ).with_columns(source=pl.lit(SOURCE.name))
    schema = ["id", "kind", "name"]
    return Knowledge.of(
        KnowledgeGraph.build(pl.DataFrame(nodes, schema=schema, orient="row"), evidence, [SOURCE])
    )


def _means(knowledge: Knowledge, *patients: list[str]) -> np.ndarray:
    rows = [knowledge.disease_rows[disease] for disease in DISEASES]
    columns = [knowledge.columns_of(patient) for patient in patients]
    return FindingFrequencies(knowledge).means(columns)[:, rows]


def test_a_narrower_finding_counts_half_of_what_is_stated(knowledge: Knowledge) -> None:
    dry = _means(knowledge, [DRY])[0]
    # A cough in general; a dry one; what says too little; a dry one is said to be rare; another; a
    # cough in general, and a rare kind of dry one.
    often = [0.8 / 2, 0.4, 0, 0.01, 0, 0.8 / 2]
    assert dry == pytest.approx([1.5 * np.log(max(f / 0.02, 1)) for f in often], abs=1e-5)


def test_a_broader_finding_counts_as_the_most_frequent_below_it(knowledge: Knowledge) -> None:
    cough = _means(knowledge, [COUGH])[0]
    often = [0.8, 0.4, 0, 0.8, 0.6, 0.8]
    assert cough == pytest.approx([1.5 * np.log(max(f / 0.02, 1)) for f in often], abs=1e-5)


def test_a_patient_counts_by_the_mean_whoever_else_is_asked_about(knowledge: Knowledge) -> None:
    both, of_none, dry = _means(knowledge, [COUGH, DRY], [], [DRY])
    cough = _means(knowledge, [COUGH])[0]
    assert both == pytest.approx((cough + dry) / 2, abs=1e-5)
    assert not of_none.any()
