"""Channels of patient and disease, and their readout."""

from __future__ import annotations

import numpy as np
import pytest

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.channels import (
    CHANNELS,
    NAMES,
    Channels,
    _second,
    unseen,
    with_relative,
)
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.ranker import new_network
from medkg.mining.diagnosis.readout import Example, score, train_readout
from tests.gnn.phenotype_graph import graph, patients, phenotypes_of

Row = tuple[str, list[str], list[str], str | None, str]


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return graph()


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


def channels(kg: KnowledgeGraph, rows: list[Row]) -> Channels:
    knowledge = Knowledge.of(kg, patients(rows))
    return Channels(knowledge, new_network(knowledge))


def named(found: np.ndarray, name: str) -> np.ndarray:
    return found[..., CHANNELS.index(name)]


def test_a_known_patient_is_most_like_itself(kg: KnowledgeGraph) -> None:
    of = channels(kg, known(kg))
    found = of.of(of.knowledge.known_patients())
    own = found[np.arange(5), of.knowledge.patient_rows]
    for name in ("nearest", "nearest_exact", "share", "network_nearest"):
        assert named(own, name) == pytest.approx(1, abs=1e-5)
    row = of.knowledge.disease_rows["OMIM:1"]
    assert named(found[0, row], "patients") == pytest.approx(np.log1p(3))
    assert named(found[0, row], "publications") == pytest.approx(np.log1p(2))


def test_channels_of_what_is_stated_need_no_patient(kg: KnowledgeGraph) -> None:
    knowledge = Knowledge.of(kg)
    of = Channels(knowledge, new_network(knowledge))
    shown = knowledge.columns_of(phenotypes_of(kg, "OMIM:4"))
    found = of.of([shown, np.empty(0, dtype=np.int64)])
    row = knowledge.disease_rows["OMIM:4"]
    for name in ("surprise", "cosine", "cover", "resnik", "relative", "network"):
        assert named(found[0], name).argmax() == row
    assert named(found[0, row], "exact") == named(found[0, row], "relative") == 1
    assert np.array_equal(found[0], unseen(found[0]))
    assert np.isfinite(found).all()  # of a patient without phenotypes too


def test_without_its_publication_a_patient_meets_what_the_others_tell(kg: KnowledgeGraph) -> None:
    """The same as if the publication had never been."""
    rows = known(kg)
    of = channels(kg, rows)
    first = [0, 1, 2]  # of PMID:1
    shown = [of.knowledge.known_patients()[at] for at in first]
    found = of.of(shown)
    of.without_publication(found, shown, of.knowledge.publication_numbers[first])
    fewer = channels(kg, rows[3:])
    expected = fewer.of(shown)
    for disease in ("OMIM:1", "OMIM:2"):
        row, other = of.knowledge.disease_rows[disease], fewer.knowledge.disease_rows[disease]
        for name in ("patients", "publications", "share", "patients_surprise", "pooled_surprise"):
            assert named(found[:, row], name) == pytest.approx(
                named(expected[:, other], name), abs=1e-5
            )
        assert (named(found[:, row], "nearest") < 0.99).all()
    two = of.knowledge.disease_rows["OMIM:2"]
    assert np.array_equal(found[:, two], unseen(found[:, two]))


def test_how_far_below_the_best(kg: KnowledgeGraph) -> None:
    of = channels(kg, known(kg))
    shown = of.knowledge.known_patients()[:2]
    found = with_relative(of.of(shown), np.array([len(each) for each in shown]))
    assert found.shape[2] == len(NAMES)
    below = found[..., NAMES.index("surprise_to_best")]
    assert below.max(axis=1).tolist() == [0, 0]
    assert (below <= 0).all()
    assert found[0, :, NAMES.index("phenotypes")] == pytest.approx(np.log1p(len(shown[0])))


def test_second_highest() -> None:
    best = np.array([[3, 5, 5, 1, 2, 7]], dtype=np.float32)
    first = np.array([0, 3, 4])
    highest = np.maximum.reduceat(best, first, axis=1)
    assert _second(best, highest, first).tolist() == [[5, 0, 2]]


def test_a_readout_learns_what_tells() -> None:
    rng = np.random.default_rng(0)
    examples = []
    for _ in range(300):
        channel = rng.normal(size=(30, 4)).astype(np.float32)
        channel[0, 1] += 3  # tells the right one
        channel[:, 2] = 5  # the same for all
        examples.append(Example(channel, 1.0))
    readout = train_readout(examples, seed=1)
    test = rng.normal(size=(200, 30, 4)).astype(np.float32)
    test[:, 0, 1] += 3
    assert (score([readout], test).argmax(axis=1) == 0).mean() > 0.7
    changed = test.copy()
    changed[..., 2] = 100
    assert np.array_equal(score([readout], changed), score([readout], test))
    again = train_readout(examples, seed=1)
    assert np.array_equal(score([again], test), score([readout], test))
