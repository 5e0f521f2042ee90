"""DiagnosisFeatures of patient and disease, and their head."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.features import (
    PAIR_FEATURES,
    SCORED_FEATURES,
    DiagnosisFeatures,
    _second_highest,
    with_relative_features,
    without_patients,
)
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.scoring_head import TrainingPatient, score, train_scoring_head
from tests.gnn.phenotype_graph import patients, phenotypes_of

Row = tuple[str, list[str], list[str], str | None, str]


def known(kg: KnowledgeGraph) -> list[Row]:
    """Three publications: two of OMIM:1, of which one has a patient of OMIM:2 too."""
    one, two = phenotypes_of(kg, "OMIM:1"), phenotypes_of(kg, "OMIM:2")
    return [
        ("a", one[:4], [], "OMIM:1", "PMID:1"),
        ("b", one[2:5], [], "OMIM:1", "PMID:1"),
        ("c", two[:3], [], "OMIM:2", "PMID:1"),
        ("d", one[3:], [], "OMIM:1", "PMID:2"),
        ("e", ["HP:11", "HP:22"], [], "OMIM:900", "PMID:3"),
    ]


def features_of(kg: KnowledgeGraph, rows: list[Row]) -> DiagnosisFeatures:
    knowledge = Knowledge.of(kg, patients(rows))
    return DiagnosisFeatures(knowledge)


def named(table: np.ndarray, name: str) -> np.ndarray:
    return table[..., PAIR_FEATURES.index(name)]


def test_a_known_patient_is_most_like_itself(kg: KnowledgeGraph) -> None:
    of = features_of(kg, known(kg))
    table = of.table(of.knowledge.known_patients())
    own = table[np.arange(5), of.knowledge.patient_rows]
    for name in ("nearest", "nearest_exact", "share"):
        assert named(own, name) == pytest.approx(1, abs=1e-5)
    row = of.knowledge.disease_rows["OMIM:1"]
    assert named(table[0, row], "patients") == pytest.approx(np.log1p(3))
    assert named(table[0, row], "publications") == pytest.approx(np.log1p(2))


def test_annotation_features_need_no_patient(kg: KnowledgeGraph) -> None:
    knowledge = Knowledge.of(kg)
    of = DiagnosisFeatures(knowledge)
    shown = knowledge.columns_of(phenotypes_of(kg, "OMIM:4"))
    table = of.table([shown, np.empty(0, dtype=np.int64)])
    row = knowledge.disease_rows["OMIM:4"]
    for name in (
        "log_ratio",
        "cosine",
        "disease_information",
        "resnik",
        "patient_information",
    ):
        assert named(table[0], name).argmax() == row
    assert named(table[0, row], "exact") == named(table[0, row], "patient_information") == 1
    assert np.array_equal(table[0], without_patients(table[0]))
    assert np.isfinite(table).all()  # of a patient without phenotypes too


def test_without_its_publication_a_patient_meets_what_the_others_tell(kg: KnowledgeGraph) -> None:
    """The same as if the publication had never been."""
    rows = known(kg)
    of = features_of(kg, rows)
    first = [0, 1, 2]  # of PMID:1
    shown = [of.knowledge.known_patients()[at] for at in first]
    table = of.table(shown)
    of.leave_publication_out(table, shown, of.knowledge.publication_numbers[first])
    fewer = features_of(kg, rows[3:])
    expected = fewer.table(shown)
    for disease in ("OMIM:1", "OMIM:2"):
        row, other = of.knowledge.disease_rows[disease], fewer.knowledge.disease_rows[disease]
        for name in ("patients", "publications", "share", "patients_log_ratio", "pooled_log_ratio"):
            assert named(table[:, row], name) == pytest.approx(
                named(expected[:, other], name), abs=1e-5
            )
        assert (named(table[:, row], "nearest") < 0.99).all()
    two = of.knowledge.disease_rows["OMIM:2"]
    assert np.array_equal(table[:, two], without_patients(table[:, two]))


def test_how_far_below_the_best(kg: KnowledgeGraph) -> None:
    of = features_of(kg, known(kg))
    shown = of.knowledge.known_patients()[:2]
    table = with_relative_features(of.table(shown), np.array([len(each) for each in shown]))
    assert table.shape[2] == len(SCORED_FEATURES)
    below = table[..., SCORED_FEATURES.index("log_ratio_to_best")]
    assert below.max(axis=1).tolist() == [0, 0]
    assert (below <= 0).all()
    assert table[0, :, SCORED_FEATURES.index("phenotypes")] == pytest.approx(
        np.log1p(len(shown[0]))
    )


def test_second_highest() -> None:
    best = np.array([[3, 5, 5, 1, 2, 7]], dtype=np.float32)
    first = np.array([0, 3, 4])
    highest = np.maximum.reduceat(best, first, axis=1)
    assert _second_highest(best, highest, first).tolist() == [[5, 0, 2]]


def test_a_scoring_head_learns_what_tells() -> None:
    rng = np.random.default_rng(0)
    examples = []
    for _ in range(300):
        feature = rng.normal(size=(30, 4)).astype(np.float32)
        feature[0, 1] += 3  # tells the right one
        feature[:, 2] = 5  # the same for all
        examples.append(TrainingPatient(feature, 1.0))
    head = train_scoring_head(examples, seed=1)
    test = rng.normal(size=(200, 30, 4)).astype(np.float32)
    test[:, 0, 1] += 3
    assert (score([head], test).argmax(axis=1) == 0).mean() > 0.7
    changed = test.copy()
    changed[..., 2] = 100
    assert np.array_equal(score([head], changed), score([head], test))
    again = train_scoring_head(examples, seed=1)
    assert np.array_equal(score([again], test), score([head], test))
