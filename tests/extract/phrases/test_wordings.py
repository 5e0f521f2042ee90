"""The table of what people say of phenotypes."""

from __future__ import annotations

from collections import Counter

import pytest

from medkg.extract.lay_names import WORDINGS, lay_names
from medkg.extract.phrases.vectors import words_in
from medkg.graph.kg import KnowledgeGraph


def test_its_terms_are_of_the_release_that_ships(hpo: KnowledgeGraph) -> None:
    known = set(hpo.nodes.filter(kind="Symptom")["id"])
    table = lay_names(WORDINGS)
    assert table.height > 2_000
    assert set(table["id"]) <= known
    assert table["id"].is_sorted()


def test_no_wording_is_of_two_terms_or_a_name_of_another() -> None:
    owner = {
        tuple(words_in(words)): identifier
        for identifier, words in lay_names().explode("words").iter_rows()
    }
    counts: Counter[tuple[str, ...]] = Counter()
    for identifier, wording in lay_names(WORDINGS).explode("words").iter_rows():
        words = tuple(words_in(wording))
        assert len(words) > 1, wording
        assert owner.get(words, identifier) == identifier, wording
        counts[words] += 1
    repeated = [words for words, count in counts.items() if count > 1]
    assert not repeated, repeated


@pytest.mark.parametrize("word", ["brother", "uncle", "insulin", "metformin", "retarded", "ugly"])
def test_they_are_of_the_patient_and_no_treatment(word: str) -> None:
    table = lay_names(WORDINGS).explode("words")
    assert not table.filter(table["words"].str.contains(rf"(?i)\b{word}\b")).height
