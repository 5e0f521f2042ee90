"""Which identifiers become one, which are held back, and what the record says of each."""

from __future__ import annotations

from itertools import pairwise, permutations

import polars as pl
import pytest

from medkg.graph.equivalence import equivalences, links_between
from medkg.graph.frames import MERGES, NODES
from medkg.graph.schema import Schema

# Identifier, kind, name, cross-references, synonyms.
Node = tuple[str, str, str, list[str]] | tuple[str, str, str, list[str], list[str]]
Decision = tuple[str, str, str, str, bool]  # kept, merged, kind, reason, applied


def disease(identifier: str, *xrefs: str, name: str = "a") -> Node:
    return identifier, "Disease", name, list(xrefs)


def named(identifier: str, name: str, *synonyms: str, kind: str = "Disease") -> Node:
    return identifier, kind, name, [], list(synonyms)


def gene(identifier: str, name: str, *xrefs: str) -> Node:
    return identifier, "Target", name, list(xrefs)


def rows(*nodes: Node) -> pl.DataFrame:
    columns = {name: NODES[name] for name in ("id", "kind", "name", "xrefs", "synonyms")}
    frame = [(*node[:4], node[4] if len(node) > 4 else []) for node in nodes]
    return pl.DataFrame(frame, schema=columns, orient="row")


def decisions(*nodes: Node, undone: tuple[tuple[str, str], ...] = ()) -> list[Decision]:
    """The decisions about these nodes, which no order of theirs changes."""
    separate = {frozenset(pair) for pair in undone}
    results = []
    for order in [nodes, nodes[::-1]] if len(nodes) > 4 else permutations(nodes):
        frame = equivalences(rows(*order), separate, Schema.default())
        assert dict(frame.schema) == dict(MERGES)
        assert frame["was"].null_count() == frame.height
        results.append(sorted(frame.drop("was").select(*_COLUMNS).rows()))
    assert all(result == results[0] for result in results)
    return results[0]


_COLUMNS = ("kept", "merged", "kind", "reason", "applied")


# What is joined


def test_a_name_joins_diseases_that_mondo_says_are_one() -> None:
    marfan = named("OMIM:154700", "Marfan syndrome"), named("MESH:D008382", "Marfan Syndrome")
    (decision,) = decisions(*marfan)
    assert decision[:3] == ("OMIM:154700", "MESH:D008382", "Disease")
    assert decision[3] == "joined by MONDO:0007947 and the name marfansyndrome"
    assert decisions(marfan[0], named("MESH:D008382", "Another name")) == []
    assert decisions(marfan[0], named("MESH:D001172", "Marfan syndrome")) == []


def test_what_is_two_to_mondo_is_held_back_whatever_joins_it() -> None:
    disease_of_old_age, first_form = "DOID:10652", "OMIM:104300"
    (decision,) = decisions(
        named(first_form, "Alzheimer disease", "AD"),
        (disease_of_old_age, "Disease", "Alzheimer disease", [first_form]),
    )
    reason = "OMIM:104300 would join what is two to Mondo"
    assert decision == (disease_of_old_age, first_form, "Disease", reason, False)
    # Nor is it joined through a third.
    third = disease("UMLS:C1", disease_of_old_age, first_form)
    rows = decisions(disease(disease_of_old_age), disease(first_form), third)
    assert {row[4] for row in rows} == {False}
    assert all("two to Mondo" in row[3] for row in rows)
    # Where Mondo itself is loaded, it is asked and not medkg's copy of it.
    mondo = disease("MONDO:1", disease_of_old_age, first_form)
    rows = decisions(disease(disease_of_old_age), disease(first_form), mondo)
    assert {row[:2] for row in rows if row[4]} == {
        ("MONDO:1", disease_of_old_age),
        ("MONDO:1", first_form),
    }


def test_doids_identifier_stays_where_omim_numbers_forms_of_the_disease() -> None:
    arthritis = disease("DOID:7148", "OMIM:180300"), disease("OMIM:180300")
    (decision,) = decisions(*arthritis)
    assert decision[:2] == ("DOID:7148", "OMIM:180300")
    tourette = disease("DOID:11119", "OMIM:137580"), disease("OMIM:137580")
    (decision,) = decisions(*tourette)
    assert decision[:2] == ("OMIM:137580", "DOID:11119")
    marfan = named("OMIM:154700", "Marfan syndrome"), named("ORPHA:558", "Marfan syndrome")
    (decision,) = decisions(*marfan)
    assert decision[:2] == ("OMIM:154700", "ORPHA:558")


@pytest.mark.parametrize("kind", ["Disease", "Symptom", "Drug"])
def test_two_names_join_where_one_is_the_nodes_own(kind: str) -> None:
    one = named("UMLS:C1", "Muscle cramp", "Charley horse", kind=kind)
    other = named("MESH:D1", "Charley horse", "muscle cramps", "spasm", kind=kind)
    (decision,) = decisions(one, other)
    assert decision[3:] == ("joined by the names charleyhorse and musclecramp", True)


def test_a_name_alone_or_with_its_plural_joins_nothing() -> None:
    assert decisions(named("OMIM:1", "Edema"), named("DOID:9", "edema")) == []
    one = named("OMIM:1", "Neoplasm", "Neoplasms")
    assert decisions(one, named("DOID:9", "neoplasm", "neoplasms")) == []
    two = (
        named("OMIM:1", "One name", "Edema", "Ascites"),
        named("DOID:9", "Other", "Edema", "Ascites"),
    )
    assert decisions(*two) == []


def test_two_names_that_several_of_one_prefix_have_join_nothing() -> None:
    one, *others = (
        named(i, "Muscle cramp", "Spasm of muscle") for i in ("OMIM:1", "DOID:8", "DOID:9")
    )
    assert {decision[4] for decision in decisions(one, *others)} == {False}


def test_a_cross_reference_joins_two_identifiers_whichever_has_it() -> None:
    expected = [("OMIM:1", "DOID:9", "Disease", "joined by OMIM:1", True)]
    assert decisions(disease("OMIM:1"), disease("DOID:9", "OMIM:1")) == expected
    expected = [("OMIM:1", "DOID:9", "Disease", "joined by DOID:9", True)]
    assert decisions(disease("OMIM:1", "DOID:9"), disease("DOID:9")) == expected


def test_a_reference_that_both_have_joins_them_though_it_is_no_node() -> None:
    nodes = disease("OMIM:1", "UMLS:7"), disease("DOID:9", "UMLS:7")
    assert decisions(*nodes) == [("OMIM:1", "DOID:9", "Disease", "joined by UMLS:7", True)]


def test_of_several_common_references_the_first_is_the_reason() -> None:
    nodes = disease("OMIM:1", "UMLS:7", "ICD10CM:2"), disease("DOID:9", "UMLS:7", "ICD10CM:2")
    (decision,) = decisions(*nodes)
    assert decision[3] == "joined by ICD10CM:2"


def test_without_a_common_reference_nothing_is_joined() -> None:
    assert decisions(disease("OMIM:1"), disease("DOID:9")) == []
    assert decisions(disease("OMIM:1", "UMLS:7"), disease("DOID:9", "UMLS:8")) == []
    assert decisions(disease("OMIM:1", "UMLS:7")) == []


def test_names_join_targets_alone() -> None:
    expected = [("HGNC:6", "NCBIGene:1", "Target", "joined by symbol KIT", True)]
    assert decisions(gene("NCBIGene:1", "KIT"), gene("HGNC:6", "KIT")) == expected
    assert decisions(gene("NCBIGene:1", "KIT"), gene("HGNC:6", "kit")) == []
    assert decisions(disease("OMIM:1"), disease("DOID:9")) == []
    # A symbol is no identifier, whatever it looks like.
    assert decisions(gene("NCBIGene:1", "HGNC:6"), gene("HGNC:6", "X")) == []


def test_nodes_of_two_kinds_are_not_joined() -> None:
    symptom: Node = ("HP:1", "Symptom", "a", ["OMIM:1"])
    assert decisions(disease("OMIM:1"), symptom) == []
    assert decisions(disease("OMIM:1"), symptom, disease("DOID:9", "OMIM:1")) == [
        ("OMIM:1", "DOID:9", "Disease", "joined by OMIM:1", True)
    ]


def test_an_identifier_of_two_kinds_is_referred_to_by_its_first_part() -> None:
    second: Node = ("MESH:1#Symptom", "Symptom", "a", [])
    nodes = disease("MESH:1"), second, ("HP:1", "Symptom", "a", ["MESH:1"])
    assert decisions(*nodes) == [("HP:1", "MESH:1#Symptom", "Symptom", "joined by MESH:1", True)]


def test_the_identifier_stays_whose_prefix_the_schema_prefers() -> None:
    prefixes = Schema.default().kind("Disease").prefixes
    for better, worse in pairwise(prefixes):
        ((kept, merged, *_),) = decisions(
            disease(f"{worse}:1"), disease(f"{better}:1", f"{worse}:1")
        )
        assert (kept, merged) == (f"{better}:1", f"{worse}:1")
    # One of an unknown prefix stays behind all others; of two such ones the first in order.
    ((kept, *_),) = decisions(disease("AAA:1", f"{prefixes[-1]}:1"), disease(f"{prefixes[-1]}:1"))
    assert kept == f"{prefixes[-1]}:1"
    ((kept, *_),) = decisions(disease("BBB:1", "AAA:2"), disease("AAA:2"))
    assert kept == "AAA:2"


def test_a_chain_becomes_one_with_the_path_as_the_reason() -> None:
    nodes = (
        disease("OMIM:1", "ORPHA:1"),
        disease("ORPHA:1", "DOID:1"),
        disease("DOID:1", "MESH:1"),
        disease("MESH:1"),
    )
    assert decisions(*nodes) == [
        ("OMIM:1", "DOID:1", "Disease", "joined by ORPHA:1 and DOID:1", True),
        ("OMIM:1", "MESH:1", "Disease", "joined by ORPHA:1 and DOID:1 and MESH:1", True),
        ("OMIM:1", "ORPHA:1", "Disease", "joined by ORPHA:1", True),
    ]


def test_a_reference_on_the_path_is_named_once_and_the_path_is_the_shortest() -> None:
    nodes = (
        disease("OMIM:1", "UMLS:1"),
        disease("ORPHA:1", "UMLS:1", "MESH:1"),
        disease("MESH:1"),
        disease("UMLS:1"),
    )
    assert [reason for *_, reason, _ in decisions(*nodes)] == [
        "joined by UMLS:1 and MESH:1",
        "joined by UMLS:1",
        "joined by UMLS:1",
    ]


def test_groups_are_decided_one_by_one() -> None:
    nodes = (
        disease("OMIM:1", "DOID:1"),
        disease("DOID:1"),
        disease("OMIM:2"),
        disease("MESH:1", "OMIM:2"),
        disease("OMIM:3"),
    )
    assert [row[:2] for row in decisions(*nodes)] == [("OMIM:1", "DOID:1"), ("OMIM:2", "MESH:1")]


# What is held back


def test_two_of_one_prefix_are_never_joined_directly() -> None:
    assert decisions(disease("OMIM:1", "OMIM:2"), disease("OMIM:2")) == []
    assert decisions(disease("OMIM:1", "UMLS:1"), disease("OMIM:2", "UMLS:1")) == []
    # The prefix is what stands before the first colon.
    assert decisions(disease("OMIM:1:a", "OMIM:2:b"), disease("OMIM:2:b")) == []


def test_a_reference_that_joins_several_of_one_prefix_joins_none_of_them() -> None:
    nodes = disease("UMLS:1"), disease("OMIM:1", "UMLS:1"), disease("OMIM:2", "UMLS:1")
    reason = "UMLS:1 joins several of one prefix"
    assert decisions(*nodes) == [
        ("OMIM:1", "UMLS:1", "Disease", reason, False),
        ("OMIM:2", "UMLS:1", "Disease", reason, False),
    ]
    # Whichever of the two has several.
    nodes = disease("ABC:1", "OMIM:1", "OMIM:2"), disease("OMIM:1"), disease("OMIM:2")
    assert decisions(*nodes) == [
        ("ABC:1", "OMIM:1", "Disease", "OMIM:1 joins several of one prefix", False),
        ("ABC:1", "OMIM:2", "Disease", "OMIM:2 joins several of one prefix", False),
    ]


def test_beside_what_is_ambiguous_other_prefixes_are_joined() -> None:
    nodes = (
        disease("UMLS:1", "MESH:1"),
        disease("MESH:1"),
        disease("OMIM:1", "UMLS:1"),
        disease("OMIM:2", "UMLS:1"),
    )
    reason = "UMLS:1 joins several of one prefix"
    assert decisions(*nodes) == [
        ("MESH:1", "UMLS:1", "Disease", "joined by MESH:1", True),
        ("OMIM:1", "UMLS:1", "Disease", reason, False),
        ("OMIM:2", "UMLS:1", "Disease", reason, False),
    ]


@pytest.mark.parametrize(("count", "joined"), [(99, True), (100, True), (101, False)])
def test_a_key_that_more_than_a_hundred_share_joins_none(count: int, joined: bool) -> None:
    merges = decisions(*(gene(f"X{n:03}:1", "orphan") for n in range(count)))
    if joined:
        assert merges == [
            ("X000:1", f"X{n:03}:1", "Target", "joined by symbol orphan", True)
            for n in range(1, count)
        ]
    else:
        reason = f"symbol orphan joins {count} identifiers, too many to be one"
        assert merges == [("X000:1", "X001:1", "Target", reason, False)]


CHAIN = (
    disease("OMIM:1", "DOID:1"),
    disease("DOID:1", "ORPHA:1"),
    disease("ORPHA:1", "MESH:1"),
    disease("MESH:1", "OMIM:2"),
    disease("OMIM:2"),
)


def test_a_chain_to_a_second_of_one_prefix_is_held_back_whole() -> None:
    problem = (
        "would join two of one prefix, OMIM:1 and OMIM:2; the bridge is OMIM:1's reference to"
        " DOID:1 or DOID:1's reference to ORPHA:1 or ORPHA:1's reference to MESH:1 or MESH:1's"
        " reference to OMIM:2"
    )
    assert decisions(*CHAIN) == [
        ("OMIM:1", other, "Disease", f"{path} {problem}", False)
        for other, path in (
            ("DOID:1", "DOID:1"),
            ("MESH:1", "DOID:1 and ORPHA:1 and MESH:1"),
            ("OMIM:2", "DOID:1 and ORPHA:1 and MESH:1 and OMIM:2"),
            ("ORPHA:1", "DOID:1 and ORPHA:1"),
        )
    ]


def test_a_reference_with_a_second_way_round_is_no_bridge() -> None:
    # DOID:1 and MESH:1 are joined by a reference of the one to the other, and by ORPHA:1.
    nodes = (CHAIN[0], disease("DOID:1", "ORPHA:1", "MESH:1"), *CHAIN[2:])
    problem = "the bridge is OMIM:1's reference to DOID:1 or MESH:1's reference to OMIM:2"
    assert {reason.partition("; ")[2] for *_, reason, _ in decisions(*nodes)} == {problem}


def test_a_reference_is_to_blame_only_if_nothing_is_wrong_without_it() -> None:
    # Of three of one prefix, two are joined without any one reference.
    nodes = (
        disease("UMLS:1", "DOID:1", "MESH:1", "ORPHA:1"),
        disease("DOID:1", "OMIM:1"),
        disease("MESH:1", "OMIM:2"),
        disease("ORPHA:1", "OMIM:3"),
        disease("OMIM:1"),
        disease("OMIM:2"),
        disease("OMIM:3"),
    )
    merges = decisions(*nodes)
    assert len(merges) == 6
    for kept, *_, reason, applied in merges:
        assert kept == "OMIM:1"
        assert not applied
        problem = "would join two of one prefix, OMIM:1 and OMIM:2; no one reference is to blame"
        assert reason.endswith(problem)


# What was set apart


def test_what_was_undone_is_not_joined_again() -> None:
    nodes = disease("OMIM:1"), disease("DOID:9", "OMIM:1")
    for pair in (("OMIM:1", "DOID:9"), ("DOID:9", "OMIM:1")):
        assert decisions(*nodes, undone=(pair,)) == []
    # Nor by a reference that both have, or a symbol.
    both = disease("OMIM:1", "UMLS:7"), disease("DOID:9", "UMLS:7")
    assert decisions(*both, undone=(("OMIM:1", "DOID:9"),)) == []
    genes = gene("NCBIGene:1", "KIT"), gene("HGNC:6", "KIT")
    assert decisions(*genes, undone=(("HGNC:6", "NCBIGene:1"),)) == []


def test_what_was_undone_makes_no_other_reference_ambiguous() -> None:
    nodes = disease("OMIM:1", "DOID:8"), disease("DOID:9", "OMIM:1"), disease("DOID:8")
    assert decisions(*nodes, undone=(("OMIM:1", "DOID:9"),)) == [
        ("OMIM:1", "DOID:8", "Disease", "joined by DOID:8", True)
    ]
    assert {applied for *_, applied in decisions(*nodes)} == {False}


def test_a_node_that_would_join_again_what_was_undone_is_held_back() -> None:
    nodes = disease("OMIM:1"), disease("DOID:9"), disease("ORPHA:5", "OMIM:1", "DOID:9")
    problem = "would join again DOID:9 and OMIM:1, which were set apart"
    assert decisions(*nodes, undone=(("OMIM:1", "DOID:9"),)) == [
        ("OMIM:1", "DOID:9", "Disease", f"OMIM:1 and DOID:9 {problem}", False),
        ("OMIM:1", "ORPHA:5", "Disease", f"OMIM:1 {problem}", False),
    ]
    # What was undone between other nodes holds nothing back.
    for other in (("OMIM:1", "DOID:7"), ("DOID:7", "MESH:7")):
        merges = decisions(*nodes, undone=(other,))
        assert [applied for *_, applied in merges] == [True, True]


def test_two_of_one_prefix_are_named_before_what_was_set_apart() -> None:
    nodes = (
        disease("OMIM:1"),
        disease("DOID:9", "MESH:3"),
        disease("ORPHA:5", "OMIM:1", "DOID:9"),
        disease("MESH:3"),
        disease("OMIM:2", "MESH:3"),
    )
    for *_, reason, _ in decisions(*nodes, undone=(("OMIM:1", "DOID:9"),)):
        assert "would join two of one prefix, OMIM:1 and OMIM:2; " in reason


def test_links_say_by_which_keys_and_of_which_kind() -> None:
    own = rows(disease("OMIM:1", "UMLS:7", "DOID:9"), disease("DOID:9", "UMLS:7"))
    links, held_back = links_between(own, set())
    assert held_back == []
    assert list(links.edges(data=True)) == [
        ("DOID:9", "OMIM:1", {"kind": "Disease", "keys": ["DOID:9", "UMLS:7"]})
    ]
