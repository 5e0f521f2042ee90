"""Obsolete identifiers give way to current ones."""

from __future__ import annotations

import json

import polars as pl

from medkg.graph.frames import NODES
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.graph.obsolete import OBSOLETE, current_ids, replace_obsolete

from .graphs import CURATED, TEXT


def graph(
    nodes: dict[str, list[str]], evidence: list[tuple[str, str, str]], source: str = "curated"
) -> KnowledgeGraph:
    """Diseases and symptoms by identifier with what they replace."""
    rows = [
        {
            "id": id_,
            "kind": "Symptom" if id_.startswith("HP:") else "Disease",
            "name": f"name of {id_}",
            "synonyms": [],
            "xrefs": [],
            "properties": json.dumps({"replaces": replaces}) if replaces else None,
        }
        for id_, replaces in nodes.items()
    ]
    columns = {name: dtype for name, dtype in NODES.items() if name != "name_key"}
    frame = pl.DataFrame(
        evidence,
        schema={"subject": pl.String, "relation": pl.String, "object": pl.String},
        orient="row",
    )
    return KnowledgeGraph.build(
        pl.DataFrame(rows, schema=columns),
        frame.with_columns(source=pl.lit(source), release=pl.lit("1")),
        [CURATED, TEXT],
    )


def names(*graphs: KnowledgeGraph) -> set[tuple[str, str]]:
    return set(current_ids(graphs).select("old", "new").iter_rows())


def test_chains_lead_to_their_end_and_what_is_unclear_is_left() -> None:
    chain = graph({"HP:0000003": ["HP:0000002"], "HP:0000002": ["HP:0000001"]}, [])
    assert names(chain) == {("HP:0000001", "HP:0000003"), ("HP:0000002", "HP:0000003")}
    both = graph({"HP:0000003": ["HP:0000001"], "HP:0000002": ["HP:0000001"]}, [])
    assert names(both) == set()
    one, other = graph({"HP:0000003": ["HP:0000002"]}, []), graph({"HP:0000002": []}, [])
    assert names(one, other) == {("HP:0000002", "HP:0000003")}
    circle = graph({"HP:0000002": ["HP:0000001"], "HP:0000001": ["HP:0000002"]}, [])
    into_circle = graph({"HP:0000001": ["HP:0000009"]}, [])
    assert names(circle, into_circle) == set()
    assert names(graph({"HP:0000001": []}, [])) == set()


def test_a_merge_moves_the_other_graph_to_current_identifiers() -> None:
    ontology = graph(
        {"HP:0000002": ["HP:0000001"], "OMIM:1": []}, [("OMIM:1", "HAS_SYMPTOM", "HP:0000002")]
    )
    cases = graph(
        {"HP:0000001": [], "OMIM:1": []}, [("OMIM:1", "HAS_SYMPTOM", "HP:0000001")], "text"
    )
    for joined in (merge(ontology, cases), merge(cases, ontology)):
        assert set(joined.nodes["id"]) == {"HP:0000002", "OMIM:1"}
        assert joined.edges["evidence_count"].to_list() == [2]
        moved = joined.evidence.filter(source="text").row(0, named=True)
        assert (moved["object"], moved["original_object"]) == ("HP:0000002", "HP:0000001")
        assert moved["original_subject"] is None
        row = joined.merges.row(0, named=True)
        assert (row["kept"], row["merged"], row["reason"]) == ("HP:0000002", "HP:0000001", OBSOLETE)
        assert joined.resolve("HP:0000001") == "HP:0000002"
        # Nothing more to do, and the record lasts.
        again = merge(joined, cases)
        assert again.checksum() == joined.checksum()
        assert again.merges.equals(joined.merges)


def test_evidence_keeps_its_identity_and_cross_references_follow() -> None:
    ontology = graph({"OMIM:2": ["OMIM:1"], "HP:0000001": []}, [])
    old = graph({"OMIM:1": [], "HP:0000001": []}, [("OMIM:1", "HAS_SYMPTOM", "HP:0000001")])
    node = {"id": ["ORPHA:5"], "kind": ["Disease"], "name": ["x"], "xrefs": [["OMIM:1"]]}
    none = pl.DataFrame(
        schema=dict.fromkeys(["subject", "relation", "object", "source"], pl.String)
    )
    referring = KnowledgeGraph.build(pl.DataFrame(node), none, [CURATED])
    moved = replace_obsolete(old, current_ids([ontology]))
    assert moved.evidence["id"].to_list() == old.evidence["id"].to_list()
    assert moved.nodes.filter(id="OMIM:2")["xrefs"].to_list() == [["OMIM:1"]]
    current = current_ids([ontology])
    assert replace_obsolete(referring, current).nodes["xrefs"].to_list() == [["OMIM:2"]]
    assert replace_obsolete(moved, current) is moved
    # The cross-reference now joins what it meant to.
    assert set(merge(ontology, referring).nodes["id"]) == {"OMIM:2", "HP:0000001"}


def test_predictions_and_synonyms_move_too() -> None:
    both = graph(
        {"OMIM:2": ["OMIM:1"], "OMIM:1": [], "HP:0000001": []},
        [("OMIM:1", "HAS_SYMPTOM", "HP:0000001")],
    ).with_predictions(
        pl.DataFrame(
            {
                "head": ["OMIM:1"],
                "relation": ["HAS_SYMPTOM"],
                "tail": ["HP:0000001"],
                "model": ["m"],
                "probability": [0.5],
            }
        )
    )
    moved = replace_obsolete(both, current_ids([both]))
    assert moved.predictions["head"].to_list() == ["OMIM:2"]
    node = moved.nodes.row(by_predicate=pl.col("id") == "OMIM:2", named=True)
    assert (node["name"], node["synonyms"]) == ("name of OMIM:2", ["name of OMIM:1"])


def test_kinds_are_kept_apart() -> None:
    ontology = graph({"OMIM:2": ["HP:0000001"]}, [])
    symptom = graph({"HP:0000001": []}, [])
    assert replace_obsolete(symptom, current_ids([ontology])) is symptom
