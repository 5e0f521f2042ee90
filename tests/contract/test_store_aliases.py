"""The identifiers that nodes had before merging, kept in `aliases`: on both servers."""

from __future__ import annotations

import polars as pl

from medkg.graph.forget import forget
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge, unmerge
from medkg.graph.store import Store

from ..servers import change

KEPT, MERGED, OTHER, SYMPTOM = "OMIM:1", "DOID:1", "ORPHA:1", "HP:1"
PASTED = "MATCH (n) WHERE n.id = '{0}' OR '{0}' IN n.aliases RETURN n.id AS id ORDER BY id"
BY_INDEX = (
    "MATCH (m:Merge {{merged: '{0}', applied: true}}) MATCH (n:Disease {{id: m.kept}})"
    " RETURN n.id AS id"
)


def of_one_source(name: str, disease: str, *xrefs: str) -> KnowledgeGraph:
    """A disease with a symptom, whose name says which source they are from."""
    nodes = pl.DataFrame(
        {
            "id": [disease, SYMPTOM],
            "kind": ["Disease", "Symptom"],
            "name": [f"Gout of {name}", "Pain"],
            "xrefs": [list(xrefs), []],
            "properties": ['{"aliases": ["not these"]}', None],
        },
        schema_overrides={"xrefs": pl.List(pl.String)},
    )
    evidence = pl.DataFrame(
        {"subject": [disease], "relation": ["HAS_SYMPTOM"], "object": [SYMPTOM], "source": [name]}
    )
    return KnowledgeGraph.build(nodes, evidence, [Source(name, "1", "CC0-1.0")])


def merged() -> KnowledgeGraph:
    return merge(
        of_one_source("one", KEPT),
        of_one_source("other", MERGED, KEPT),
        of_one_source("third", OTHER, KEPT, "MESH:D1"),
    )


def aliases(store: Store) -> dict[str, list[str] | None]:
    rows = store.query("MATCH (n) WHERE n.name_key IS NOT NULL RETURN n.id AS id, n.aliases AS a")
    return dict(rows.rows())


def pasted(store: Store, identifier: str, query: str = PASTED) -> list[str]:
    return [str(row[0]) for row in store.query(query.format(identifier)).rows()]


def test_a_merged_identifier_is_found_on_the_server(store: Store) -> None:
    kg = merged()
    store.write(kg)
    assert aliases(store) == {KEPT: [MERGED, OTHER], SYMPTOM: None}
    for identifier in (KEPT, MERGED, OTHER):
        assert pasted(store, identifier) == [KEPT]
        assert store.resolve(identifier) == ("Disease", KEPT)
        assert kg.resolve(identifier) == KEPT
    assert pasted(store, MERGED, BY_INDEX) == [KEPT]
    assert pasted(store, "MESH:D1") == []  # a cross-reference, which several nodes may have


def test_a_merged_identifier_is_found_before_a_cross_reference_to_it(store: Store) -> None:
    kg = merge(merged(), of_one_source("referring", "MESH:D2"))
    nodes = kg.nodes.with_columns(
        xrefs=pl.when(id="MESH:D2").then(pl.lit([MERGED])).otherwise("xrefs")
    )
    kg = kg.with_frames(nodes=nodes)
    store.write(kg)
    assert kg.find(MERGED)["id"].to_list() == [KEPT]
    assert store.resolve(MERGED) == ("Disease", KEPT)


def test_writing_again_changes_no_alias(store: Store) -> None:
    kg = merged()
    store.write(kg)
    changed = kg.nodes.with_columns(synonyms=pl.lit(["Podagra"], dtype=pl.List(pl.String)))
    assert store.write(kg.with_frames(nodes=changed)).nodes.changed == 2
    assert aliases(store)[KEPT] == [MERGED, OTHER]
    assert store.read().merges.equals(kg.merges)


def test_aliases_of_two_writes_unite(store: Store) -> None:
    store.write(merge(of_one_source("one", KEPT), of_one_source("other", MERGED, KEPT)))
    store.write(merge(of_one_source("one", KEPT), of_one_source("third", OTHER, KEPT)))
    assert aliases(store)[KEPT] == [MERGED, OTHER]


def test_what_is_a_node_again_is_no_alias(store: Store) -> None:
    kg = merged()
    store.write(kg)
    store.write(unmerge(kg, MERGED))
    assert aliases(store) == {KEPT: [OTHER], MERGED: None, SYMPTOM: None}
    assert pasted(store, MERGED) == [MERGED]


def test_pruning_keeps_aliases_of_what_stays(store: Store) -> None:
    kg = merged()
    store.write(kg)
    without = kg.with_frames(
        evidence=kg.evidence.filter(pl.col("source") != "third"),
        edges=kg.edges.with_columns(pl.col("evidence_count") - 1),
    )
    store.write(without, prune=True)
    assert aliases(store)[KEPT] == [MERGED, OTHER]


def test_what_is_forgotten_leaves_no_alias(store: Store) -> None:
    kg = merged()
    store.write(kg)
    store.forget(source=["one", "other", "third"])
    assert aliases(store) == {}
    store.write(kg)
    store.forget(source="other")
    after, _ = forget(kg, source="other")
    assert after.merges.equals(store.read().merges)
    assert aliases(store)[KEPT] == [MERGED, OTHER]


def test_a_record_that_names_a_forgotten_patient_leaves_no_alias(store: Store) -> None:
    kg = merged()
    record = {"kept": KEPT, "merged": "DOID:9", "kind": "Disease", "reason": "by patient:anna"}
    merges = pl.concat(
        [kg.merges, pl.DataFrame([{**record, "applied": True}])], how="diagonal_relaxed"
    )
    store.write(kg.with_frames(merges=merges.sort("kept", "merged")))
    assert aliases(store)[KEPT] == [MERGED, "DOID:9", OTHER]
    store.forget(patient="patient:anna")
    assert aliases(store)[KEPT] == [MERGED, OTHER]


def test_a_property_of_another_source_called_aliases_stays_in_its_text(store: Store) -> None:
    kg = of_one_source("one", KEPT)
    store.write(kg)
    assert aliases(store)[KEPT] is None
    assert store.read().nodes.equals(kg.nodes)


def test_records_of_merging_are_indexed(store: Store) -> None:
    store.write(merged())
    change(store, "DROP INDEX medkg_Merge_merged")  # fails where there is none
    store.write(merged())
    change(store, "DROP INDEX medkg_Merge_merged")
