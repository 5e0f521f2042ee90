"""Two drugs of a paper of which one changes what the other does; all sentences are made up."""

from __future__ import annotations

import pytest

from medkg.extract.relations import component as _component  # noqa: F401 (registers extensions)
from medkg.extract.relations.interactions import interaction_relations

from ..marked import marked, pipeline


def pairs(text: str) -> set[frozenset[str]]:
    doc = marked(pipeline("medkg_sentences", "medkg_context"), text)
    return {frozenset((r.head.text, r.tail.text)) for r in interaction_relations(doc)}


@pytest.mark.parametrize(
    "text",
    [
        "We describe an interaction between [zonurol|Drug] and [febulin|Drug].",
        "[zonurol|Drug] strongly enhanced the anticoagulant effect of [febulin|Drug].",
        "The sedative effect of [febulin|Drug] was abolished by [zonurol|Drug].",
        "[zonurol|Drug] blocked [febulin|Drug]-induced contractions of the ileum.",
        "[febulin|Drug]-evoked release of acid was reduced by [zonurol|Drug].",
        "In mice [zonurol|Drug] potentiates [febulin|Drug] antinociception.",
        "A [zonurol|Drug]-[febulin|Drug] interaction was suspected.",
        "[zonurol|Drug], a strong inhibitor of the enzyme, increases [febulin|Drug] levels.",
        "[zonurol|Drug] delays the excretion of [febulin|Drug].",
        "[febulin|Drug] levels rise slowly when [zonurol|Drug] is added.",
    ],
)
def test_a_drug_that_changes_what_another_does_interacts_with_it(text: str) -> None:
    assert pairs(text) == {frozenset(("zonurol", "febulin"))}


def test_each_drug_of_a_list_interacts() -> None:
    text = "[abamol|Drug], [befurin|Drug] and [cedixol|Drug] reduced the effects of [zonurol|Drug]."
    assert pairs(text) == {frozenset((n, "zonurol")) for n in ("abamol", "befurin", "cedixol")}


def test_each_drug_of_a_list_is_changed_and_one_that_changes_something_itself_is_in_none() -> None:
    text = "[zonurol|Drug] lowers the levels of [abamol|Drug] and of [befurin|Drug]."
    assert pairs(text) == {frozenset((n, "zonurol")) for n in ("abamol", "befurin")}
    text = "[zonurol|Drug] raises the level of [abamol|Drug], and [befurin|Drug] lowers it."
    assert pairs(text) == {frozenset(("abamol", "zonurol"))}


@pytest.mark.parametrize(
    "text",
    [
        "There was no interaction between [zonurol|Drug] and [febulin|Drug].",
        "They found not any relevant interaction between [zonurol|Drug] and [febulin|Drug].",
        "Interactions of [zonurol|Drug] with [febulin|Drug] were studied.",
        "[zonurol|Drug] antagonists enhanced the effects of [febulin|Drug].",
        "[zonurol|Drug] did not alter the effect of [febulin|Drug].",
        "[zonurol|Drug] attenuated [febulin|Drug]-induced [nephropathy|Disease].",
        "Patients had [zonurol|Drug], then [febulin|Drug].",
        "[zonurol|Drug] was given. The effect of [febulin|Drug] was reduced by rest.",
    ],
)
def test_other_company_is_no_interaction(text: str) -> None:
    assert pairs(text) == set()
