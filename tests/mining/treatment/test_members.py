"""Content, factorisation, and how orders become one, against what is worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from medkg.gnn.data import to_hetero_data
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.similarities import end_features
from medkg.mining.links.task import link_task
from medkg.mining.treatment.collaborative import CONFIDENCE, Collaborative
from medkg.mining.treatment.content import Content
from medkg.mining.treatment.members import (
    ScoreRarity,
    blend,
    choose_weights,
    fit_rarities,
    member_scores,
)
from tests.mining.treatment.pharmacy import SOURCES, pharmacy


def matrix(rows: list[list[int]]) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.array(rows, dtype=np.float32))


def by_hand() -> Content:
    """Three drugs, two diseases: drug 0 treats disease 0, drugs 0 and 1 treat disease 1."""
    drugs = sparse.csr_matrix(np.array([[0, 2, 1], [2, 0, 0], [1, 0, 0]], dtype=np.float32))
    diseases = sparse.csr_matrix(np.array([[0, 3], [3, 0]], dtype=np.float32))
    genes = sparse.csr_matrix(np.array([[0, 0], [0, 0], [4, 0]], dtype=np.float32))
    weights = {
        "drug": {"Drug TARGETS Target": 2.0},
        "disease": {"Disease HAS_SYMPTOM Symptom": 3.0},
        "genes": {"genes": 8.0},
    }
    return Content(
        {"Drug TARGETS Target": drugs},
        {"Disease HAS_SYMPTOM Symptom": diseases},
        genes,
        weights,
        matrix([[1, 1], [0, 1], [0, 0]]),
    )


def test_score_by_content() -> None:
    scores = by_hand().score_heads(torch.tensor([0, 1])).numpy()
    # Disease 0: drug 0 by disease 1 (3 / √2), drug 1 by drug 0 (2) and disease 1 (3), drug 2 by
    # drug 0 (1) and genes (4).
    assert scores[0] == pytest.approx([3 / 2**0.5, 5, 5])
    # Disease 1: drug 0 by drug 1 (2 / √2) and disease 0 (3 / √2).
    assert scores[1] == pytest.approx([5 / 2**0.5, 2 / 2**0.5, 1 / 2**0.5])


def test_contributions_add_up_and_give_the_similarity() -> None:
    first, second = by_hand().contributions(1, 0)
    assert (first.source, first.number, first.similarity, first.share) == ("disease", 1, 1.0, 0.6)
    assert (second.source, second.number, second.similarity, second.share) == ("drug", 0, 1.0, 0.4)
    of_genes = by_hand().contributions(2, 0)[0]
    assert (of_genes.source, of_genes.number, of_genes.similarity) == ("genes", None, 0.5)
    assert of_genes.share == 0.8
    assert by_hand().contributions(1, 0, most=1) == [first]


def test_a_pair_does_not_speak_for_itself() -> None:
    """Whether a pair is trained on changes other pairs' scores by content, not its own order among
    drugs that are alike."""
    kg = pharmacy()
    task = link_task(kg, "TREATS")
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    known = task.matrix("train")
    content = Content.fit(kg, data, task.edge_type, known, seed=0)
    drug, disease = (int(n) for n in task.train[0])
    without = known.copy()
    without[drug, disease] = 0
    without.eliminate_zeros()
    less = Content(content._drugs, content._diseases, content._genes, content.weights, without)
    n_others = known[:, disease].sum() - 1, known[drug].sum() - 1
    scores = [c.score_heads(torch.tensor([disease]))[0, drug].item() for c in (content, less)]
    genes = content._genes[drug, disease]
    own = _sides(content, drug, disease)
    # The sums are of the same other pairs; only the counts that they are divided by differ.
    assert scores[0] == pytest.approx(own[0] + own[1] + genes, rel=1e-5)
    scale = [np.sqrt((n + 1) / max(n, 1)) for n in n_others]
    assert scores[1] == pytest.approx(own[0] * scale[0] + own[1] * scale[1] + genes, rel=1e-5)


def _sides(content: Content, drug: int, disease: int) -> tuple[float, float]:
    shares = {"drug": 0.0, "disease": 0.0, "genes": 0.0}
    whole = content.score_heads(torch.tensor([disease]))[0, drug].item()
    for part in content.contributions(drug, disease, most=10_000):
        shares[part.source] += part.share * whole
    return shares["drug"], shares["disease"]


def test_content_is_saved_whole() -> None:
    content = by_hand()
    again = Content.from_tensors(content.tensors(), content.weights)
    diseases = torch.tensor([0, 1])
    assert torch.equal(again.score_heads(diseases), content.score_heads(diseases))


def test_a_patient_gets_the_vector_of_a_row_like_theirs() -> None:
    chance = np.random.default_rng(0)
    known = matrix((chance.random((30, 12)) < 0.2).astype(int).tolist())
    taken = matrix((chance.random((40, 30)) < 0.1).astype(int).tolist())
    model = Collaborative.fit(known, taken, factors=4, regularisation=0.1, seed=0)
    assert model.patients == 40
    library = AlternatingLeastSquares(
        factors=4, regularization=0.1, alpha=CONFIDENCE, iterations=1, num_threads=1, use_cg=False
    )
    library.item_factors = model._drugs.numpy().astype(np.float32)
    library._item_factors = library.item_factors
    row = sparse.csr_matrix(([1.0, 1.0], ([0, 0], [3, 7])), shape=(1, 30), dtype=np.float32)
    vector = np.asarray(library.recalculate_user(0, row)).ravel()
    expected = library.item_factors @ vector
    assert model.score_for([3, 7]) == pytest.approx(expected, rel=1e-2, abs=1e-3)


def test_patients_tell_of_drugs_that_no_disease_joins() -> None:
    """Drugs 2 and 3 are taken together, and treat nothing in common with any other."""
    known = matrix([[1, 0], [1, 0], [0, 1], [0, 0]])
    taken = matrix([[0, 0, 1, 1]] * 6)
    alone = Collaborative.fit(known, taken[:0], factors=2, regularisation=0.1, seed=0)
    both = Collaborative.fit(known, taken, factors=2, regularisation=0.1, seed=0)
    disease = torch.tensor([1])
    assert alone.score_heads(disease)[0, 3] == pytest.approx(0, abs=0.05)
    assert both.score_heads(disease)[0, 3] > 0.5
    again = Collaborative.from_tensors(both.tensors())
    assert torch.equal(again.score_heads(disease), both.score_heads(disease))
    assert np.array_equal(again.score_for([2]), both.score_for([2]))


def test_a_score_is_as_rare_as_few_pairs_score_higher() -> None:
    rarity = ScoreRarity.fit(np.array([5.0, 1.0, 1.0, 3.0]))
    # Of four pairs the highest is in the first eighth; the two equal ones are level.
    assert rarity.of(np.array([5.0, 3.0, 1.0])) == pytest.approx(-np.log([0.125, 0.375, 0.75]))
    assert rarity.of(np.array([4.0]))[0] == pytest.approx(-np.log([0.125, 0.375]).mean())
    assert rarity.of(np.array([9.0, 0.0])) == pytest.approx(-np.log([0.125, 0.75]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_rarity_keeps_the_order(values: list[float]) -> None:
    scores = np.array(values)
    rarities = ScoreRarity.fit(scores).of(scores)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(rarities[order]) >= 0).all()
    assert np.unique(rarities).size == np.unique(scores).size


def test_of_very_many_scores_a_thousand_are_kept() -> None:
    scores = np.random.default_rng(0).normal(size=200_000)
    rarity = ScoreRarity.fit(scores)
    assert len(rarity.scores) <= 1000
    first = np.sort(scores)[::-1][[0, 9, 99, 999, 9_999, 99_999]]
    expected = -np.log(np.array([0.5, 9.5, 99.5, 999.5, 9_999.5, 99_999.5]) / 200_000)
    assert rarity.of(first) == pytest.approx(expected, abs=0.02)
    again = ScoreRarity.from_tensors(rarity.tensors())
    assert np.array_equal(again.of(first), rarity.of(first))


def test_a_blend_compares_over_diseases() -> None:
    """The first drug of a disease that a member knows little of is behind that of another."""
    known = Fixed([[9.0, 8.0, 1.0], [0.3, 0.2, 0.1]])
    other = Fixed([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    members = {"known": known, "other": other}
    trained = matrix([[0, 0], [0, 0], [0, 0]])
    rarities = fit_rarities(members, trained, 0)
    scores = member_scores(members, np.arange(2))
    values = {name: rarities[name].of(scores[name]) for name in members}
    alone = blend(values, {"known": 1.0, "other": 0.0})
    assert alone[0, 0] == pytest.approx(-np.log(0.5 / 6))
    assert alone[0].min() > alone[1].max()
    both = blend(values, {"known": 0.5, "other": 0.5})
    assert both == pytest.approx((values["known"] + values["other"]) / 2)


def test_rarities_are_of_pairs_that_training_does_not_know() -> None:
    rarities = fit_rarities({"a": Fixed([[9.0, 1.0], [2.0, 3.0]])}, matrix([[1, 0], [0, 0]]), 0)
    assert sorted(rarities["a"].scores.tolist()) == [1.0, 2.0, 3.0]


class Fixed:
    """A member with given scores, (diseases, drugs)."""

    def __init__(self, scores: list[list[float]]):
        self._scores = torch.tensor(scores, dtype=torch.float64)

    def score_heads(self, tails: torch.Tensor) -> torch.Tensor:
        return self._scores[tails]

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"scores": self._scores}


def test_weights_go_to_the_member_that_is_right() -> None:
    trained = matrix([[0, 1], [0, 0], [0, 0], [0, 0]])
    valid = matrix([[0, 0], [1, 0], [0, 1], [0, 0]])
    right = Fixed([[0, 9, 1, 2], [9, 0, 9, 1]])
    wrong = Fixed([[9, 0, 8, 7], [9, 5, 0, 6]])
    members = {"right": right, "wrong": wrong}
    rarities = fit_rarities(members, trained, 0)
    weights, figures = choose_weights(members, rarities, trained, valid, 0)
    assert weights["right"] > weights["wrong"]
    assert figures["right"] == figures["hybrid"] == 1
    # Of disease 0 the drug is the last of four; of disease 1, where one of them is known, of three.
    assert figures["wrong"] == pytest.approx((1 / np.log2(5) + 1 / np.log2(4)) / 2, abs=1e-4)


def test_what_speaks_against_drugs_makes_none_a_treatment() -> None:
    """Drugs of one disease share their contraindications and interactions, and nothing else."""
    rows = [
        (f"drugbank:DB{drug:05}", relation, object_)
        for drug in range(40)
        for relation, object_ in (
            ("TREATS", f"DOID:{drug % 8}"),
            ("CONTRAINDICATED_FOR", f"DOID:{50 + drug % 8}"),
            ("INTERACTS_WITH", f"drugbank:DB{90 + drug % 8:05}"),
        )
    ]
    ends = sorted({end for subject, _, object_ in rows for end in (subject, object_)})
    kinds = ["Drug" if end.startswith("drugbank") else "Disease" for end in ends]
    evidence = pl.DataFrame(rows, schema=["subject", "relation", "object"], orient="row")
    kg = KnowledgeGraph.build(
        pl.DataFrame({"id": ends, "kind": kinds, "name": ends}),
        evidence.with_columns(source=pl.lit("made")),
        SOURCES,
    )
    task = link_task(kg, "TREATS")
    data = to_hetero_data(kg, exclude_edges=task.excluded)
    content = Content.fit(kg, data, task.edge_type, task.matrix("train"), seed=0)
    assert content.weights["drug"] == {}
    similarities = end_features(kg, data, "Drug", task.edge_type, heads=True).similarities
    assert any("CONTRAINDICATED_FOR" in name for name in similarities)
    assert any("INTERACTS_WITH" in name for name in similarities)
