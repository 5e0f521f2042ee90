from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from medkg.core.errors import DataError, MissingError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge, unmerge

from .graphs import CURATED, TEXT, small
from .test_kg import same


def graph(
    nodes: list[tuple[str, str, str, list[str]]], *triples: tuple[str, str, str]
) -> KnowledgeGraph:
    columns = {"id": pl.String, "kind": pl.String, "name": pl.String, "xrefs": pl.List(pl.String)}
    evidence = pl.DataFrame(
        [(*triple, "curated") for triple in triples],
        schema=dict.fromkeys(("subject", "relation", "object", "source"), pl.String),
        orient="row",
    )
    return KnowledgeGraph.build(pl.DataFrame(nodes, columns, orient="row"), evidence, [CURATED])


def test_merging_with_itself_changes_nothing() -> None:
    same(merge(small(), small()), small())
    same(merge(small()), small())


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no graph to merge"):
        merge()
    with pytest.raises(DataError, match=r"is no graph; of a folder: KnowledgeGraph\.open"):
        merge(small(), tmp_path)  # type: ignore[arg-type]


def test_cross_references_join_and_the_preferred_identifier_stays() -> None:
    hpo = graph(
        [("OMIM:1", "Disease", "Gout, familial", []), ("HP:1", "Symptom", "Pain", [])],
        ("OMIM:1", "HAS_SYMPTOM", "HP:1"),
    )
    starter = graph(
        [("DOID:9", "Disease", "gout", ["OMIM:1"]), ("drugbank:1", "Drug", "D", [])],
        ("drugbank:1", "TREATS", "DOID:9"),
    )
    joined = merge(starter, hpo)
    gout = joined.nodes.filter(id="OMIM:1").row(0, named=True)
    assert gout["name"] == "gout"
    assert gout["synonyms"] == ["Gout, familial"]
    assert gout["xrefs"] == ["DOID:9"]
    assert set(joined.edges.select("subject", "object").rows()) == {
        ("OMIM:1", "HP:1"),
        ("drugbank:1", "OMIM:1"),
    }
    assert joined.merges.drop("was").rows() == [
        ("OMIM:1", "DOID:9", "Disease", "joined by OMIM:1", True)
    ]
    assert joined.resolve("DOID:9") == "OMIM:1"


def test_genes_join_by_symbol_and_diseases_do_not_join_by_name() -> None:
    one = graph([("NCBIGene:1", "Target", "KIT", []), ("OMIM:1", "Disease", "Gout", [])])
    two = graph([("HGNC:6", "Target", "KIT", []), ("DOID:1", "Disease", "Gout", [])])
    assert set(merge(one, two).nodes["id"]) == {"HGNC:6", "OMIM:1", "DOID:1"}


def test_a_reference_to_several_of_one_prefix_joins_nothing_and_is_reported() -> None:
    one = graph([("UMLS:C1", "Symptom", "Suffering", [])])
    two = graph(
        [("HP:1", "Symptom", "Pain", ["UMLS:C1"]), ("HP:2", "Symptom", "Ache", ["UMLS:C1"])]
    )
    joined = merge(one, two)
    assert joined.nodes.height == 3
    assert joined.merges["applied"].to_list() == [False, False]


def test_of_several_that_a_reference_joins_the_one_of_its_name_is_joined() -> None:
    one = graph([("UMLS:C1", "Symptom", "Constipation", []), ("UMLS:C2", "Symptom", "Block", [])])
    two = graph([("HP:1", "Symptom", "constipation", ["UMLS:C1", "UMLS:C2"])])
    rows = merge(one, two).merges.drop("was", "kind").rows()
    assert rows == [
        ("HP:1", "UMLS:C1", "joined by UMLS:C1 and the name constipation", True),
        ("HP:1", "UMLS:C2", "UMLS:C2 joins several of one prefix", False),
    ]
    # A second of that name, and neither is.
    one = graph([(f"UMLS:C{n}", "Symptom", "Constipation", []) for n in (1, 2)])
    assert not merge(one, two).merges["applied"].any()


def with_facts(
    identifier: str, name: str, *facts: tuple[str, str], kind: str = "Symptom"
) -> KnowledgeGraph:
    """A node, and others that a relation leads to it from."""
    heads = {"CAUSES": "Drug", "HAS_SYMPTOM": "Disease", "TREATS": "Drug"}
    others = [(head, heads[relation], head, list[str]()) for head, relation in facts]
    triples = [(head, relation, identifier) for head, relation in facts]
    return graph([(identifier, kind, name, []), *others], *triples)


ASPIRIN, IRON = "drugbank:DB00945", "drugbank:DB01592"


def test_one_name_and_one_fact_join() -> None:
    one = with_facts("HP:1", "Flushing", (ASPIRIN, "CAUSES"), (IRON, "CAUSES"))
    other = with_facts("UMLS:C1", "flushing", (IRON, "CAUSES"))
    joined = merge(one, other)
    (row,) = joined.merges.drop("was").rows()
    reason = f"joined by the name flushing and CAUSES < {IRON}"
    assert row == ("HP:1", "UMLS:C1", "Symptom", reason, True)
    assert joined.edges.height == 2
    same(merge(joined), joined)
    assert merge(other, one).merges.drop("was").rows() == [row]
    apart = unmerge(joined, "umls:C1")  # in another spelling of the prefix
    assert set(apart.nodes["id"]) == {"HP:1", "UMLS:C1", ASPIRIN, IRON}
    assert merge(apart, one, other).nodes.height == 4


@pytest.mark.parametrize(
    "other",
    [
        with_facts("UMLS:C1", "Blushing", (IRON, "CAUSES")),
        with_facts("UMLS:C1", "Flushing", (ASPIRIN, "CAUSES")),
        with_facts("HP:2", "Flushing", (IRON, "CAUSES")),
        with_facts("OMIM:2", "Flushing", (IRON, "CAUSES"), kind="Disease"),
    ],
    ids=["another name", "another fact", "one prefix", "another kind"],
)
def test_a_name_or_a_fact_alone_joins_nothing(other: KnowledgeGraph) -> None:
    joined = merge(with_facts("HP:1", "Flushing", (IRON, "CAUSES")), other)
    assert not joined.merges["applied"].any()


def test_a_fact_that_medkg_read_or_that_is_denied_is_no_second_sign() -> None:
    one = with_facts("HP:1", "Flushing", (IRON, "CAUSES"))
    other = with_facts("UMLS:C1", "Flushing", (IRON, "CAUSES"))
    evidence = other.evidence.drop("id", "edge")
    for changed in ({"source": "text"}, {"polarity": "negated"}):
        changes = {name: pl.lit(value) for name, value in changed.items()}
        doubtful = KnowledgeGraph.build(
            other.nodes, evidence.with_columns(**changes), [CURATED, TEXT]
        )
        assert merge(one, doubtful).merges.is_empty(), changed


def test_facts_at_nodes_that_merging_joins_are_one() -> None:
    one = with_facts("HP:1", "Flushing", ("OMIM:7", "HAS_SYMPTOM"))
    other = with_facts("UMLS:C1", "Flushing", ("ORPHA:7", "HAS_SYMPTOM"))
    reference = graph([("OMIM:7", "Disease", "Gout", ["ORPHA:7"])])
    assert merge(one, other).merges.is_empty()
    joined = merge(one, other, reference).merges
    assert joined.select("kept", "merged").rows() == [("HP:1", "UMLS:C1"), ("OMIM:7", "ORPHA:7")]


def test_of_two_with_one_name_and_prefix_the_one_with_more_facts_is_joined() -> None:
    one = with_facts("HP:1", "Flushing", (ASPIRIN, "CAUSES"), (IRON, "CAUSES"))
    less = with_facts("UMLS:C1", "Flushing", (IRON, "CAUSES"))
    more = with_facts("UMLS:C2", "Flushing", (IRON, "CAUSES"), (ASPIRIN, "CAUSES"))
    rows = merge(one, less, more).merges.select("kept", "merged", "applied").rows()
    assert rows == [("HP:1", "UMLS:C2", True)]


def test_what_very_many_share_joins_none_of_them() -> None:
    nodes = [(f"X{n}:1", "Target", "uncharacterized protein", []) for n in range(1_000)]
    joined = merge(graph([*nodes, ("HGNC:1", "Target", "KIT", []), ("X1:2", "Target", "KIT", [])]))
    assert joined.nodes.height == 1_001
    (held,) = joined.merges.filter(~pl.col("applied"))["reason"]
    assert held == "symbol uncharacterized protein joins 1000 identifiers, too many to be one"


def test_a_chain_that_would_join_two_of_one_prefix_is_left_alone() -> None:
    chain = graph(
        [
            ("OMIM:1", "Disease", "a", ["MESH:1"]),
            ("MESH:1", "Disease", "b", ["DOID:1"]),
            ("DOID:1", "Disease", "c", ["ORPHA:1"]),
            ("ORPHA:1", "Disease", "d", ["UMLS:1"]),
            ("UMLS:1", "Disease", "e", []),
            ("OMIM:2", "Disease", "f", ["UMLS:1"]),
        ]
    )
    joined = merge(chain)
    assert joined.nodes.height == 6
    assert joined.merges.filter("applied").is_empty()
    assert joined.merges.height == 5


def test_the_reference_that_bridges_two_identifiers_of_one_prefix_is_named() -> None:
    nodes = [
        ("OMIM:1", "Disease", "a", ["DOID:1", "ORPHA:1"]),
        ("DOID:1", "Disease", "b", ["ORPHA:1"]),
        ("ORPHA:1", "Disease", "c", ["UMLS:1"]),
        ("OMIM:2", "Disease", "d", ["MESH:1"]),
        ("MESH:1", "Disease", "e", []),
        ("UMLS:1", "Disease", "f", ["OMIM:2", "MESH:1"]),
    ]
    joined = merge(graph(nodes))
    assert joined.merges.filter("applied").is_empty()
    reasons = joined.merges["reason"]
    assert reasons.str.contains("two of one prefix, OMIM:1 and OMIM:2", literal=True).all()
    assert reasons.str.ends_with("; the bridge is ORPHA:1's reference to UMLS:1").all()
    without = [*nodes[:2], ("ORPHA:1", "Disease", "c", []), *nodes[3:]]
    assert merge(graph(without)).nodes["id"].to_list() == ["OMIM:1", "OMIM:2"]
    nodes[1] = ("DOID:1", "Disease", "b", ["ORPHA:1", "UMLS:1"])
    reasons = merge(graph(nodes)).merges["reason"]
    assert reasons.str.ends_with("; no one reference is to blame").all()


def test_one_identifier_of_two_kinds_stays_two_nodes_with_their_edges() -> None:
    one = graph(
        [("MESH:1", "Disease", "Fever", []), ("drugbank:1", "Drug", "D", [])],
        ("drugbank:1", "TREATS", "MESH:1"),
    )
    two = graph(
        [("MESH:1", "Symptom", "Fever", []), ("drugbank:1", "Drug", "D", [])],
        ("drugbank:1", "CAUSES", "MESH:1"),
    )
    joined = merge(one, two)
    assert set(joined.edges.select("relation", "object").rows()) == {
        ("TREATS", "MESH:1"),
        ("CAUSES", "MESH:1#Symptom"),
    }
    assert joined.merges["reason"].to_list() == ["identifier of two kinds"]


def test_an_identifier_of_two_kinds_that_was_merged_loses_no_evidence() -> None:
    one = graph(
        [("MESH:1", "Disease", "Fever", []), ("drugbank:1", "Drug", "D", [])],
        ("drugbank:1", "CAUSES", "MESH:1"),
    )
    two = graph(
        [
            ("MESH:1", "Symptom", "Fever", []),
            ("HP:1", "Symptom", "Fever", ["MESH:1"]),
            ("drugbank:1", "Drug", "D", []),
        ],
        ("drugbank:1", "CAUSES", "MESH:1"),
    )
    joined = merge(one, merge(two))
    assert set(joined.evidence.select("object", "original_object").rows()) == {
        ("MESH:1", None),
        ("HP:1", "MESH:1#Symptom"),
    }
    same(merge(joined), joined)
    assert_frame_equal(merge(one, two).evidence, joined.evidence)
    parted = unmerge(joined, "MESH:1#Symptom")
    assert parted.nodes["id"].to_list() == ["HP:1", "MESH:1", "MESH:1#Symptom", "drugbank:1"]
    assert parted.evidence["original_object"].null_count() == 2


def test_order_of_graphs_changes_names_but_neither_identifiers_nor_evidence() -> None:
    one = small()
    two = graph(
        [
            ("MESH:D000068877", "Drug", "imatinib mesylate", []),
            ("NCBIGene:3815", "Target", "KIT", []),
        ],
        ("MESH:D000068877", "TARGETS", "NCBIGene:3815"),
    )
    forth, back = merge(one, two), merge(two, one)
    assert_frame_equal(forth.evidence, back.evidence)
    assert_frame_equal(forth.edges, back.edges)
    assert forth.nodes["id"].to_list() == back.nodes["id"].to_list()
    assert set(forth.sources) == {CURATED, TEXT}


def test_what_joining_brings_together_is_joined_too() -> None:
    # OMIM:1 gets DOID:1's reference to UMLS:1, and so joins it.
    chain = graph(
        [
            ("OMIM:1", "Disease", "a", []),
            ("DOID:1", "Disease", "b", ["OMIM:1", "MESH:1"]),
            ("MESH:1", "Disease", "c", []),
            ("MESH:2", "Disease", "d", ["DOID:1"]),
            ("UMLS:1", "Disease", "e", ["OMIM:1"]),
        ]
    )
    once = merge(chain)
    same(merge(once), once)
    assert_frame_equal(merge(once, chain).nodes, once.nodes)
    assert once.nodes["id"].to_list() == ["MESH:1", "MESH:2", "OMIM:1"]


def diseases_and_drug(kind: str = "Disease") -> tuple[KnowledgeGraph, KnowledgeGraph]:
    one = graph(
        [
            ("OMIM:1", kind, "Gout, familial", ["UMLS:1"]),
            ("drugbank:1", "Drug", "D", []),
        ],
        ("drugbank:1", "TREATS", "OMIM:1"),
    )
    two = graph(
        [("DOID:9", kind, "gout", ["OMIM:1", "ICD10:M10"]), ("drugbank:1", "Drug", "D", [])],
        ("drugbank:1", "TREATS", "DOID:9"),
    )
    return one, two


def test_merging_keeps_every_piece_of_evidence_its_id_and_what_its_ends_were() -> None:
    one, two = diseases_and_drug()
    joined = merge(one, two)
    assert set(joined.evidence["id"]) == {*one.evidence["id"], *two.evidence["id"]}
    ends = joined.evidence.select("object", "original_subject", "original_object").rows()
    assert set(ends) == {("OMIM:1", None, None), ("OMIM:1", None, "DOID:9")}
    (edge,) = joined.edges.iter_rows(named=True)
    assert set(joined.evidence["edge"]) == {edge["id"]}
    # One source that says it twice is one witness.
    assert edge["probability"] == one.edges["probability"][0]
    assert edge["evidence_count"] == 2


def test_a_merge_is_undone_as_it_was_and_never_done_again() -> None:
    one, two = diseases_and_drug()
    joined = merge(one, two)
    parted = unmerge(joined, "DOID:9")
    assert_frame_equal(parted.nodes, pl.concat([one.nodes, two.nodes]).unique("id").sort("id"))
    assert_frame_equal(parted.evidence, pl.concat([one.evidence, two.evidence]).sort("id"))
    assert_frame_equal(parted.edges, pl.concat([one.edges, two.edges]).sort("id"))
    assert parted.merges.drop("was").rows() == [("OMIM:1", "DOID:9", "Disease", "undone", False)]
    same(merge(parted), parted)
    # What one graph's user has undone stays undone beside a graph that still has it.
    for both in (merge(parted, joined), merge(joined, parted)):
        assert_frame_equal(both.evidence, parted.evidence)
        assert both.nodes["id"].to_list() == ["DOID:9", "OMIM:1", "drugbank:1"]


def test_what_was_joined_through_a_node_goes_with_it() -> None:
    first = merge(*diseases_and_drug())
    later = graph([("MONDO:1", "Disease", "gout (disorder)", ["OMIM:1"])])
    joined = merge(first, later)
    assert joined.resolve("DOID:9") == joined.resolve("OMIM:1") == "MONDO:1"
    parted = unmerge(joined, "OMIM:1")
    assert_frame_equal(parted.nodes, pl.concat([later.nodes, first.nodes]))
    assert_frame_equal(parted.evidence, first.evidence)
    assert unmerge(joined, "DOID:9").nodes["id"].to_list() == ["DOID:9", "MONDO:1", "drugbank:1"]


def test_a_node_that_would_bridge_what_was_set_apart_is_reported() -> None:
    parted = unmerge(merge(*diseases_and_drug()), "DOID:9")
    bridge = graph([("ORPHA:5", "Disease", "gout", ["OMIM:1", "DOID:9"])])
    joined = merge(parted, bridge)
    assert joined.nodes.height == 4
    held = joined.merges.filter(pl.col("reason") != "undone")["reason"]
    assert held.str.contains("would join again DOID:9 and OMIM:1, which were set apart").all()


def test_only_what_was_merged_can_be_undone() -> None:
    joined = merge(*diseases_and_drug())
    with pytest.raises(MissingError, match="these became it: DOID:9"):
        unmerge(joined, "OMIM:1")
    with pytest.raises(MissingError, match="'OMIM:7' was not merged"):
        unmerge(joined, "OMIM:7")
    merges = joined.merges.with_columns(was=pl.lit(None, pl.String))
    unknown = KnowledgeGraph(
        {
            **{n: getattr(joined, n) for n in ("nodes", "edges", "evidence", "predictions")},
            "merges": merges,
        },
        joined.sources,
    )
    with pytest.raises(DataError, match="no record of how they were"):
        unmerge(unknown, "DOID:9")


def test_a_merged_identifier_that_came_back_is_merged_again_with_what_it_brings() -> None:
    one, two = diseases_and_drug()
    joined = merge(one, two)
    newer = graph([("DOID:9", "Disease", "podagra", ["OMIM:1"])])
    both = joined.with_frames(nodes=pl.concat([joined.nodes, newer.nodes]).sort("id"))
    again = merge(both)
    assert again.nodes["id"].to_list() == ["OMIM:1", "drugbank:1"]
    gout = again.nodes.row(0, named=True)
    assert {"podagra", "gout", "Gout, familial"} == {gout["name"], *gout["synonyms"]}
    assert set(again.evidence["id"]) == set(joined.evidence["id"])
    assert again.merges.height == 1
    same(merge(again), again)


def test_evidence_of_what_a_node_replaced_goes_with_it() -> None:
    one, two = diseases_and_drug()
    nodes = two.nodes.with_columns(
        xrefs=pl.when(pl.col("id") == "DOID:9").then(["OMIM:1", "DOID:8"]).otherwise("xrefs")
    )
    evidence = two.evidence.drop("id", "edge").with_columns(original_object=pl.lit("DOID:8"))
    two = KnowledgeGraph.build(nodes, evidence, two.sources)
    joined = merge(one, two)
    assert set(joined.evidence.select("object", "original_object").rows()) == {
        ("OMIM:1", None),
        ("OMIM:1", "DOID:8"),
    }
    same(merge(joined), joined)
    parted = unmerge(joined, "DOID:9")
    assert_frame_equal(parted.evidence, pl.concat([one.evidence, two.evidence]).sort("id"))


def test_genes_joined_by_symbol_come_apart_again() -> None:
    one = graph(
        [("NCBIGene:1", "Target", "KIT", []), ("NCBIGene:2", "Target", "A", [])],
        ("NCBIGene:1", "INTERACTS_WITH", "NCBIGene:2"),
    )
    two = graph(
        [("HGNC:6", "Target", "KIT", []), ("NCBIGene:2", "Target", "A", [])],
        ("HGNC:6", "INTERACTS_WITH", "NCBIGene:2"),
    )
    joined = merge(one, two)
    assert joined.edges.select("subject", "object", "evidence_count").rows() == [
        ("HGNC:6", "NCBIGene:2", 2)
    ]
    parted = unmerge(joined, "NCBIGene:1")
    assert_frame_equal(parted.evidence, pl.concat([one.evidence, two.evidence]).sort("id"))
    assert_frame_equal(merge(parted, one, two).edges, parted.edges)


def test_a_node_changed_after_it_was_merged_keeps_the_change() -> None:
    joined = merge(*diseases_and_drug())
    mended = joined.nodes.with_columns(
        name=pl.when(pl.col("id") == "OMIM:1").then(pl.lit("Gout")).otherwise("name"),
        name_key=pl.when(pl.col("id") == "OMIM:1").then(pl.lit("gout")).otherwise("name_key"),
        properties=pl.when(pl.col("id") == "OMIM:1").then(pl.lit('{"a": 1}')),
        xrefs=pl.col("xrefs").list.set_difference(pl.lit(["ICD10:M10"])).list.sort(),
        synonyms=pl.when(pl.col("id") == "OMIM:1")
        .then(pl.lit(["gout", "podagra"]))
        .otherwise("synonyms"),
    )
    frames = {n: getattr(joined, n) for n in ("edges", "evidence", "predictions", "merges")}
    changed = KnowledgeGraph({**frames, "nodes": mended}, joined.sources)
    assert_frame_equal(merge(changed).nodes, mended)
    parted = unmerge(changed, "DOID:9").nodes.rows_by_key("id", named=True, unique=True)
    assert parted["OMIM:1"]["name"] == "Gout"
    assert parted["OMIM:1"]["synonyms"] == ["podagra"]
    assert parted["DOID:9"]["name"] == "gout"
    assert parted["DOID:9"]["xrefs"] == ["OMIM:1"]


IDS = [f"{prefix}:{number}" for prefix in ("OMIM", "DOID", "MESH", "UMLS") for number in range(3)]
GENES = [f"{prefix}:{number}" for prefix in ("HGNC", "NCBIGene") for number in range(3)]
SYMBOLS = dict(zip(GENES, ["KIT", "TP53", "TP53", "KIT", "KIT", "EGFR"], strict=True))


@st.composite
def graphs(draw: st.DrawFn) -> KnowledgeGraph:
    """Some diseases with cross-references, genes with symbols, and evidence between them."""
    nodes: list[tuple[str, str, str, list[str]]] = [
        (
            identifier,
            "Disease",
            draw(st.sampled_from("abc")),
            draw(st.lists(st.sampled_from(IDS), max_size=2)),
        )
        for identifier in draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=6))
    ]
    diseases = [node[0] for node in nodes]
    genes = draw(st.lists(st.sampled_from(GENES), unique=True, min_size=1, max_size=4))
    nodes += [(gene, "Target", draw(st.sampled_from([SYMBOLS[gene], gene])), []) for gene in genes]
    triples = draw(
        st.lists(
            st.tuples(
                st.sampled_from(diseases),
                st.sampled_from(["ASSOCIATED_WITH", "UPREGULATES"]),
                st.sampled_from(genes),
            )
            | st.tuples(st.sampled_from(genes), st.just("INTERACTS_WITH"), st.sampled_from(genes))
            | st.tuples(st.sampled_from(diseases), st.just("RESEMBLES"), st.sampled_from(diseases)),
            max_size=8,
        )
    )
    return graph(nodes, *triples)


def plain(kg: KnowledgeGraph) -> list[pl.DataFrame]:
    """What does not depend on the order of graphs: all but which of the names is the first."""
    names = pl.concat_list("name", "synonyms").list.unique().list.sort()
    return [
        kg.nodes.select("id", "kind", "xrefs", "properties", names=names),
        kg.edges,
        kg.evidence,
        kg.merges.drop("was"),
    ]


@settings(max_examples=25)
@given(st.lists(graphs(), min_size=1, max_size=3))
def test_merging_is_idempotent_and_its_order_changes_names_alone(
    parts: list[KnowledgeGraph],
) -> None:
    once = merge(*parts)
    same(merge(once), once)
    for other in (merge(*parts[::-1]), merge(once, *parts), merge(merge(*parts[:2]), *parts[2:])):
        for expected, actual in zip(plain(once), plain(other), strict=True):
            assert_frame_equal(expected, actual)
    given_ids = {identifier for part in parts for identifier in part.evidence["id"]}
    assert set(once.evidence["id"]) == given_ids
    kinds = dict(once.nodes.select("id", "kind").iter_rows())
    for kept, merged, kind, *_ in once.merges.filter("applied").iter_rows():
        assert kinds[kept] == kind == ("Target" if merged in GENES else "Disease")


@settings(max_examples=25)
@given(st.lists(graphs(), min_size=1, max_size=3), st.data())
def test_undoing_every_merge_gives_back_what_was_merged(
    parts: list[KnowledgeGraph], data: st.DataObject
) -> None:
    joined = merge(*parts)
    parted = joined
    while (merges := parted.merges.filter("applied")).height:
        merged = data.draw(st.sampled_from(merges["merged"].to_list()))
        parted = unmerge(parted, merged)
        assert set(parted.evidence["id"]) == set(joined.evidence["id"])
    assert set(parted.nodes["id"]) == {
        identifier for part in parts for identifier in part.nodes["id"]
    }
    for part in parts:
        kept = parted.evidence.join(part.evidence, on="id", how="semi")
        assert_frame_equal(kept, part.evidence)
        assert set(parted.edges["id"]) >= set(part.edges["id"])
    same(merge(parted), parted)
