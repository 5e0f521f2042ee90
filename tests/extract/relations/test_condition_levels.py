"""Diseases in which there is more or less of a target; all sentences are made up."""

from __future__ import annotations

import pytest

from medkg.extract.relations import component as _component  # noqa: F401 (registers extensions)
from medkg.extract.relations.candidates import relation_candidates
from medkg.extract.relations.condition_levels import condition_level_relations

from ..marked import marked, pipeline


def changes(text: str) -> list[tuple[str, str, str]]:
    doc = marked(pipeline("medkg_sentences", "medkg_context"), text)
    relations = condition_level_relations(relation_candidates(doc))
    return [(r.head.text, r.relation, r.tail.text) for r in relations]


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("[ABC1|Target] was overexpressed in [ozena|Disease].", "UPREGULATES"),
        ("[ABC1|Target] protein levels were markedly reduced in [ozena|Disease].",
         "DOWNREGULATES"),
        ("Elevated serum [ABC1|Target] levels were found in children with [ozena|Disease].",
         "UPREGULATES"),
        ("We found reduced expression of [ABC1|Target] in the mucosa in [ozena|Disease].",
         "DOWNREGULATES"),
        ("Up-regulation of [ABC1|Target] in [ozena|Disease].", "UPREGULATES"),
        ("[Ozena|Disease] lowered [ABC1|Target] mRNA by a third.", "DOWNREGULATES"),
        ("Patients with [ozena|Disease] had higher plasma [ABC1|Target] than others.",
         "UPREGULATES"),
        ("[Ozena|Disease]-induced overexpression of [ABC1|Target] was seen.", "UPREGULATES"),
    ],
)  # fmt: skip
def test_more_or_less_of_a_target_in_a_disease(text: str, relation: str) -> None:
    assert [(name, tail) for _, name, tail in changes(text)] == [(relation, "ABC1")]


def test_a_list_of_targets_changes_and_what_follows_another_verb_does_not() -> None:
    text = (
        "[Ozena|Disease] decreased [ABC1|Target] expression and [DEF2|Target] levels, while"
        " increasing [GHI3|Target] levels."
    )
    assert {(relation, tail) for _, relation, tail in changes(text)} == {
        ("DOWNREGULATES", "ABC1"),
        ("DOWNREGULATES", "DEF2"),
    }


@pytest.mark.parametrize(
    "text",
    [
        # A drug may have made the change.
        "[Zonurol|Drug] increased [ABC1|Target] expression in [ozena|Disease] cells.",
        "Reduced [ABC1|Target] levels in [ozena|Disease] treated with [zonurol|Drug].",
        # What is compared with it, what is denied, activity, and how frequent a variant is.
        "[ABC1|Target] was overexpressed in tumours compared with [ozena|Disease].",
        "[ABC1|Target] was not increased in [ozena|Disease].",
        "[ABC1|Target] activity was increased in [ozena|Disease].",
        "The allele of [ABC1|Target] was higher in [ozena|Disease].",
        "[ABC1|Target] is expressed in [ozena|Disease].",
    ],
)
def test_other_company_is_no_change_of_a_level(text: str) -> None:
    assert changes(text) == []
