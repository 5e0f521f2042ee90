"""How usual findings are of diseases by the frequencies that are stated, of narrower ones too."""

from __future__ import annotations

from collections.abc import Mapping

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


def _sums(
    knowledge: Knowledge, *patients: list[str], prevalence: Mapping[str, float] | None = None
) -> np.ndarray:
    """The diseases' sums; where nothing is said of how common they are, all are as common."""
    rows = [knowledge.disease_rows[disease] for disease in DISEASES]
    columns = [knowledge.columns_of(patient) for patient in patients]
    per_100000 = np.ones(len(knowledge.diseases), dtype=np.float32)
    for disease, number in (prevalence or {}).items():
        per_100000[knowledge.disease_rows[disease]] = number
    return FindingFrequencies(knowledge, per_100000).log_ratios(columns)[:, rows]


def _above(often: list[float], of_the_sick: float) -> object:
    return pytest.approx([0.6 * np.log(max(f / of_the_sick, 1)) for f in often], abs=1e-5)


RARELY = 0.02  # the least that a stated frequency counts as
# Of 26 diseases: how often each shows a cough or one of its kinds, and a dry one.
ANY_COUGH = (0.8 + 0.4 + 0.8 + 0.6 + 0.8) / 26
ANY_DRY = (0.4 + RARELY + RARELY) / 26


def test_a_narrower_finding_counts_half_of_what_is_stated(knowledge: Knowledge) -> None:
    dry = _sums(knowledge, [DRY])[0]
    # A cough in general; a dry one; what says too little; a dry one is said to be rare; another; a
    # cough in general, and a rare kind of dry one.
    assert dry == _above([0.8 / 2, 0.4, 0, RARELY, 0, 0.8 / 2], ANY_DRY)


def test_a_broader_finding_counts_as_the_most_frequent_below_it(knowledge: Knowledge) -> None:
    cough = _sums(knowledge, [COUGH])[0]
    assert cough == _above([0.8, 0.4, 0, 0.8, 0.6, 0.8], ANY_COUGH)


def test_a_finding_of_a_common_disease_says_less(knowledge: Knowledge) -> None:
    cough = _sums(knowledge, [COUGH], prevalence={DISEASES[0]: 100.0})[0]
    of_the_sick = (10 * 0.8 + 0.4 + 0.8 + 0.6 + 0.8) / (10 + 25)
    assert cough == _above([0.8, 0.4, 0, 0.8, 0.6, 0.8], of_the_sick)


def test_what_hardly_any_disease_shows_counts_as_shown_by_two_of_a_thousand(
    knowledge: Knowledge,
) -> None:
    barking = _sums(knowledge, [BARKING])[0]
    assert RARELY / 26 < 0.002
    assert barking == _above([0.8 / 2, 0.4 / 2, 0, 0.8 / 2, 0, RARELY], 0.002)


def test_of_several_findings_each_says_partly_the_same(knowledge: Knowledge) -> None:
    both, of_none, dry = _sums(knowledge, [COUGH, DRY], [], [DRY])
    cough = _sums(knowledge, [COUGH])[0]
    assert both == pytest.approx((cough + dry) / 2**0.3, abs=1e-5)
    assert not of_none.any()
