"""What models of sentences give to those of documents."""

from __future__ import annotations

import pytest

from medkg.extract.relations.facts import read_sentences
from medkg.extract.relations.model import RelationModel
from medkg.extract.relations.pairs import Entity, EntityPair


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("GENE is linked to DISEASE .", [0, 0]),
        ("GENE is not linked to DISEASE .", [1, 1]),
        ("No variant of GENE , a receptor , was seen in DISEASE .", [1, 1]),
        ("Lack of association of GENE with DISEASE .", [1, 1]),
        ("GENE is linked to DISEASE , and not to age .", [1, 0]),
        ("Not in mice , but in all of these other many animals GENE causes DISEASE .", [1, 0]),
        ("Nothing is known of GENE and DISEASE , a knot .", [0, 0]),
    ],
)
def test_a_sentence_s_negation_is_seen(text: str, columns: list[int]) -> None:
    words = tuple(text.split())
    gene, disease = words.index("GENE"), words.index("DISEASE")
    pair = EntityPair(
        words, Entity(disease, disease + 1, "Disease"), Entity(gene, gene + 1, "Target")
    )
    reading = read_sentences(RelationModel.load(), [pair], "condition and target")
    assert reading.others[0, -2:].tolist() == columns
