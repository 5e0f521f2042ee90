"""Names of the graph found in the text."""

from __future__ import annotations

import pytest
from spacy.language import Language

from medkg.extract.mentions import gazetteer as _gazetteer  # noqa: F401 (registers the component)
from medkg.extract.mentions.gazetteer import PROBABILITY
from medkg.graph.errors import ModelError
from tests.extract.made_graph import graph

from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def nlp() -> Language:
    made = pipeline("medkg_names")
    made.get_pipe("medkg_names").use(graph())
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Family history: MARFAN syndrome", [("MARFAN syndrome", "Disease")]),
        ("type-2 diabetes mellitus", [("type-2 diabetes mellitus", "Disease")]),
        ("pyrexia, aspirin and dyspnoea", [
            ("pyrexia", "Symptom"), ("aspirin", "Drug"), ("dyspnoea", "Symptom"),
        ]),
        ("two fevers", [("fevers", "Symptom")]),
        ("the MFS clinic", []),
        ("PTGS2 and feverish", []),
        ("", []),
    ],
)  # fmt: skip
def test_names_and_synonyms_are_found(
    nlp: Language, text: str, expected: list[tuple[str, str]]
) -> None:
    doc = marked(nlp, text)
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == expected
    assert all(m._.probability == PROBABILITY for m in doc.spans["mentions"])


def test_what_the_recogniser_found_stays(nlp: Language) -> None:
    doc = marked(nlp, "[Marfan syndrome, mild|Disease] and Marfan syndrome")
    assert [m.text for m in doc.spans["mentions"]] == ["Marfan syndrome, mild", "Marfan syndrome"]


def test_a_name_takes_the_place_of_the_parts_that_the_recogniser_found(nlp: Language) -> None:
    doc = marked(nlp, "type 2 [diabetes|Symptom] mellitus; [severe fever|Symptom]; [fever|Disease]")
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == [
        ("type 2 diabetes mellitus", "Disease"),
        ("severe fever", "Symptom"),
        ("fever", "Disease"),
    ]


def test_a_mention_of_two_names_is_two(nlp: Language) -> None:
    doc = marked(nlp, "[fever and dyspnoea|Symptom]; [fever and more|Symptom]; fever s/p fall")
    assert [m.text for m in doc.spans["mentions"]] == [
        *("fever", "dyspnoea", "fever and more", "fever"),
    ]


def test_short_forms_of_names_are_what_the_names_are(nlp: Language) -> None:
    doc = marked(nlp, "Marfan syndrome (MFS). [MFS|Target] is rare; [MFS type|Procedure]. MFS")
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == [
        ("Marfan syndrome", "Disease"),
        ("MFS", "Disease"),
        ("MFS", "Disease"),
        ("MFS type", "Procedure"),
        ("MFS", "Disease"),
    ]


def test_it_says_that_it_has_no_names() -> None:
    with pytest.raises(ModelError, match="has no names"):
        marked(pipeline("medkg_names"), "fever")
