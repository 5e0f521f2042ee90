"""Operations of notes are found by how their names end."""

from __future__ import annotations

import pytest
from spacy.lang.en import English

from medkg.extract.mentions.operations import PROBABILITY, add_operations

from ..marked import marked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Appendectomy 1980.", [("Appendectomy", "Procedure")]),
        ("PSH: knee arthroscopy, two colonoscopies, paracentesis.",
         [("arthroscopy", "Procedure"), ("colonoscopies", "Procedure"),
          ("paracentesis", "Procedure")]),
        ("Post-splenectomy [sepsis|Disease]",
         [("splenectomy", "Procedure"), ("sepsis", "Disease")]),
        ("[Post-splenectomy sepsis|Disease]", [("Post-splenectomy sepsis", "Disease")]),
        ("A false dichotomy; microscopy and spectroscopy were normal.", []),
    ],
)  # fmt: skip
def test_a_word_with_such_an_ending_is_a_procedure(
    text: str, expected: list[tuple[str, str]]
) -> None:
    doc = marked(English(), text, note=True)
    add_operations(doc)
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == expected


def test_a_procedure_that_ends_with_one_is_at_least_as_probable() -> None:
    text = "[laparoscopic cholecystectomy|Procedure], [biopsy|Procedure], [colostomy bag|Procedure]"
    doc = marked(English(), text, note=True)
    for mention in doc.spans["mentions"]:
        mention._.probability = 0.4
    add_operations(doc)
    assert [m._.probability for m in doc.spans["mentions"]] == [PROBABILITY, 0.4, 0.4]
