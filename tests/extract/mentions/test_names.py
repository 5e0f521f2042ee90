"""Name lists as features, abbreviations, word vectors."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from medkg.core.errors import DataError
from medkg.extract.abbreviations import find_abbreviations
from medkg.extract.mentions.names import (
    KINDS,
    NameLists,
    graph_names,
    hpo_definitions,
)
from medkg.extract.mentions.vectors import count_words, skip_gram
from medkg.extract.tokens import token_offsets
from medkg.graph.frames import EVIDENCE, Source, empty
from medkg.graph.kg import KnowledgeGraph


def marks(lists: NameLists, text: str) -> dict[str, list[str]]:
    """For each list, the stretches of text that it marks."""
    offsets = token_offsets(text)
    bits = lists.features([text[a:b] for a, b in offsets])
    names_by_kind: dict[str, list[str]] = {}
    for column, kind in enumerate(KINDS):
        for start in np.flatnonzero(bits[:, 2 * column]):
            end = start + 1
            while end < len(offsets) and bits[end, 2 * column + 1]:
                end += 1
            names_by_kind.setdefault(kind, []).append(text[offsets[start][0] : offsets[end - 1][1]])
    return names_by_kind


def test_the_longest_name_counts_and_genes_only_in_their_spelling() -> None:
    lists = NameLists(
        [
            ("symptom", "Pain"),
            ("symptom", "Chest pain"),
            ("disease", "Neuropathy, hereditary sensory"),
            ("gene", "IMPACT"),
            ("gene", "CYP2D6"),
            ("drug", "X"),
        ]
    )
    text = "Chest pains, pain; hereditary sensory neuropathy; the impact on IMPACT and CYP2D6. X"
    assert marks(lists, text) == {
        "symptom": ["Chest pains", "pain"],
        "disease": ["hereditary sensory neuropathy"],
        "gene": ["IMPACT", "CYP2D6"],
    }


def test_words_that_names_are_made_of() -> None:
    lists = NameLists([("symptom", f"{part} palsy") for part in ("upper", "lower", "upper left")])
    bits = lists.features(["A", "left", "palsy", "of", "upper", "limbs"])
    assert bits[:, -2].tolist() == [0, 0, 1, 0, 0, 0]
    assert bits[:, -1].tolist() == [0, 0, 1, 0, 0, 0]


def test_the_installed_lists_know_the_usual_names() -> None:
    names = marks(NameLists.load(), "Metformin for seizures, Marfan syndrome, BRCA1, kidney.")
    assert names["drug"] == ["Metformin"]
    assert "seizures" in names["symptom"]
    assert names["disease"] == ["Marfan syndrome"]
    assert "BRCA1" in names["gene"]
    assert names["anatomy"] == ["kidney"]


def test_definitions_are_of_phenotypes() -> None:
    definitions = hpo_definitions()
    assert len(definitions) > 10_000
    assert all(definition.strip() for definition in definitions)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Polycystic ovary syndrome (PCOS) is common. Most with PCOS do well.",
            {"PCOS": ("Polycystic ovary syndrome", 2)},
        ),
        (
            "Glucose-6-phosphate dehydrogenase (G6PD) and XG6PD.",
            {"G6PD": ("Glucose-6-phosphate dehydrogenase", 1)},
        ),
        ("AF (atrial fibrillation). Her AF came back.", {"AF": ("atrial fibrillation", 2)}),
        ("We saw 5-hydroxytryptamine (5-HT; serotonin).", {"5-HT": ("5-hydroxytryptamine", 1)}),
        ("Then 1,2-dimethylbenzene (DMB).", {"DMB": ("1,2-dimethylbenzene", 1)}),
        ("He slept. The dose (mg) rose (see Table 1) in group (n = 5).", {}),
        ("It began in the forest. A tall tree (FAT)", {}),
        ("", {}),
    ],
)
def test_abbreviations(text: str, expected: dict[str, tuple[str, int]]) -> None:
    abbreviations = {
        a.short: (text[a.long[0] : a.long[1]], len(a.places)) for a in find_abbreviations(text)
    }
    assert abbreviations == expected
    for abbreviation in find_abbreviations(text):
        assert all(text[a:b] == abbreviation.short for a, b in abbreviation.places)


def test_words_in_the_same_company_get_similar_vectors() -> None:
    generator = np.random.default_rng(0)
    worlds = [[f"{world}{n}" for n in range(60)] for world in ("cat", "star")]
    texts = [list(generator.choice(worlds[n % 2], 12)) for n in range(300)]
    counts = count_words(texts)
    vectors = skip_gram(texts, counts, width=16, epochs=400, seed=3)
    unit = torch.nn.functional.normalize(vectors, dim=1)
    world = torch.tensor([word.startswith("cat") for word in counts])
    similar = unit @ unit.T
    assert similar[world][:, world].mean() > similar[world][:, ~world].mean() + 0.3


def test_vectors_follow_from_the_seed() -> None:
    texts = [["a", "b", "c", "a", "b"]] * 30
    runs = [skip_gram(texts, count_words(texts), epochs=3, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("texts", [[], [[]], [["a", "b", "c"]], [["a", "a", "b"]]])
def test_too_little_text_for_vectors_is_said(texts: list[list[str]]) -> None:
    with pytest.raises(DataError, match=r"at least two words that occur twice.*give more raw text"):
        skip_gram(texts, count_words(texts))


def test_count_words_drops_the_rare_ones() -> None:
    assert count_words([["b", "a"], ["a", "c", "b", "a"]]) == {"a": 3, "b": 2}


def test_names_of_graphs_by_kind() -> None:
    nodes = pl.DataFrame(
        {
            "id": ["MESH:D1", "MESH:D2", "MESH:D3", "GO:0000001", "HGNC:1", "patient:1", "ATC:A"],
            "kind": [
                "Disease",
                "Disease",
                "Disease",
                "BiologicalProcess",
                "Target",
                "Patient",
                "DrugClass",
            ],
            "name": ["gout", "Arthritis, Gouty", None, "growth", "A1", "Somebody", "opioids"],
            "synonyms": [
                ["podagra", "gout", "   "],
                ["gouty arthritis"],
                ["tophi"],
                [],
                ["x" * 81, "alpha 1"],
                [],
                [],
            ],
        }
    )
    source = Source("made", "1", "CC0")
    kg = KnowledgeGraph.build(nodes, empty(EVIDENCE), [source])
    assert graph_names([kg, kg]) == {
        "Disease": ["gout", "gouty arthritis", "podagra", "tophi"],
        "Target": ["alpha 1"],
        "other": ["growth"],
    }
    assert graph_names([]) == {}
