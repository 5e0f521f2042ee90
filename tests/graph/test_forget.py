"""Forgetting in a graph and in a graph folder."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkg.core.errors import DataError
from medkg.graph.forget import forget, forget_in_folder
from medkg.graph.frames import (
    FRAMES,
    MERGES,
    Source,
    conform,
)
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge, unmerge

from .clinic import (
    ANNA,
    ASPIRIN,
    BEN,
    CASES,
    CURATED,
    FEVER,
    GOUT,
    NOTE,
    ODD,
    RASH,
    SECOND,
    SECRET,
    WARD,
    clinic,
)


def text_of(kg: KnowledgeGraph) -> str:
    """Everything that a graph holds, as one text."""
    frames = "".join(getattr(kg, name).write_ndjson() for name in FRAMES)
    return frames + json.dumps(kg.info())


def triples(kg: KnowledgeGraph) -> set[tuple[str, str, str]]:
    return set(kg.edges.select("subject", "relation", "object").rows())


def test_a_source_goes_with_all_that_only_it_said() -> None:
    kg = clinic()
    left, summary = forget(kg, source="notes")
    assert left.sources == [CASES, CURATED]
    assert set(left.evidence["source"]) == {"curated", "cases"}
    assert triples(left) == {
        (GOUT, "HAS_SYMPTOM", FEVER),
        (ASPIRIN, "TREATS", GOUT),
        (ASPIRIN, "CAUSES", RASH),
        (BEN, "HAS_DISEASE", GOUT),
        (BEN, "HAS_PHENOTYPE", RASH),
        ("PMID:1", "MENTIONS", GOUT),
    }
    # Nothing of the source's named OMIM:2 and patient:anna-b, so they stay.
    assert set(left.nodes["id"]) == {
        FEVER, RASH, GOUT, ASPIRIN, BEN, "PMID:1", "OMIM:2", "patient:anna-b",
    }  # fmt: skip
    rash = left.edges.filter(subject=ASPIRIN, object=RASH).row(0, named=True)
    assert (rash["probability"], rash["sources"]) == (0.5, ["curated"])
    assert left.predictions.select("head", "tail").rows() == [(ASPIRIN, "OMIM:2"), (BEN, GOUT)]
    assert left.merges["merged"].to_list() == ["MESH:D1", "MESH:D2"]
    assert summary.as_dict() == {
        "evidence": 14,
        "edges": kg.edges.height - 6,
        "edges_changed": 1,
        "nodes": 6,
        "nodes_changed": 0,
        "predictions": 3,
        "merges": 1,
        "sources": 1,
        "documents": [],
        "shared": [],
        "unknown": [],
    }
    assert SECRET not in text_of(left)


def test_the_only_source_leaves_nothing() -> None:
    kg = clinic()
    left, summary = forget(kg, source=["notes", "curated", "cases"])
    assert left.sources == []
    assert all(getattr(left, name).is_empty() for name in FRAMES if name != "merges")
    assert summary.nodes == kg.nodes.height


def test_a_document_goes_with_what_it_says_and_its_patient_stays_for_others() -> None:
    kg = clinic()
    left, summary = forget(kg, document=NOTE)
    assert NOTE not in left.nodes["id"].to_list() + left.evidence["document"].to_list()
    assert {ANNA, FEVER} <= set(left.nodes["id"])  # the other notes name Anna
    assert ODD not in set(left.nodes["id"])
    assert summary.evidence == 7
    left, _ = forget(left, document=[SECOND, WARD])
    assert ANNA not in set(left.nodes["id"])
    assert BEN in set(left.nodes["id"])


def test_a_reference_to_a_document_is_not_the_document() -> None:
    left, summary = forget(clinic(), document="PMID:1")
    assert summary.evidence == 1
    assert (GOUT, "HAS_SYMPTOM", FEVER) in triples(left)
    assert "PMID:1" in left.evidence.filter(subject=GOUT)["references"][0].to_list()
    assert "PMID:1" not in left.nodes["id"].to_list()


def test_nothing_names_a_forgotten_patient() -> None:
    kg = clinic()
    left, summary = forget(kg, patient=ANNA)
    text = text_of(left)
    assert SECRET not in text
    for name in (f'"{ANNA}"', ANNA + '\\"', NOTE, 'patient:a"'):
        assert name not in text
    assert "patient:anna-b" in text  # another one
    assert summary.documents == [NOTE, SECOND]
    assert summary.shared == [WARD]
    assert set(left.evidence.filter(document=WARD)["object"]) == {BEN, FEVER}
    # Ben's evidence that names Anna goes; his own stays.
    assert (BEN, "HAS_PHENOTYPE", RASH) not in triples(left)
    assert (BEN, "HAS_DISEASE", GOUT) in triples(left)
    assert left.nodes.filter(id=BEN)["properties"][0] == '{"age": 9}'
    assert summary.nodes_changed == 1
    assert left.predictions.select("head", "tail").rows() == [(ASPIRIN, "OMIM:2"), (BEN, GOUT)]
    assert {source.name for source in left.sources} == {"curated", "notes", "cases"}


def test_a_patient_is_known_by_what_merging_joined_to_it() -> None:
    one, _ = forget(clinic(), patient=ANNA)
    other, summary = forget(clinic(), patient="patient:a")
    assert text_of(one) == text_of(other)
    assert summary.unknown == []


def test_what_is_not_there_is_said() -> None:
    kg = clinic()
    left, summary = forget(kg, source="nots", patient=["patient:x", BEN], document="note:y")
    assert summary.unknown == ["note:y", "nots", "patient:x"]
    assert BEN not in text_of(left)
    again, summary = forget(left, patient=BEN)
    assert summary.evidence == summary.nodes == summary.predictions == 0
    assert text_of(again) == text_of(left)


def test_a_graph_without_evidence_keeps_the_nodes_that_are_not_asked_for() -> None:
    kg = clinic()
    bare = KnowledgeGraph.build(kg.nodes, kg.evidence.clear().drop("id", "edge"), kg.sources)
    left, summary = forget(bare, patient=BEN, source="notes")
    assert set(kg.nodes["id"]) - set(left.nodes["id"]) == {BEN}
    assert (summary.nodes, summary.sources, summary.evidence) == (1, 1, 0)


def test_what_outgrows_memory_is_forgotten_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, expected_summary = forget(clinic(), patient=ANNA)
    clinic().save(tmp_path / "graph")
    monkeypatch.setattr("medkg.graph.spill.MOST_IN_MEMORY", 3)
    monkeypatch.setattr("medkg.graph.spill._FLUSH", 3)
    monkeypatch.setattr("medkg.graph.spill.BATCH", 4)
    monkeypatch.setattr("medkg.graph.graph_frames.BATCH", 4)
    assert forget_in_folder(tmp_path / "graph", patient=ANNA) == expected_summary
    assert text_of(KnowledgeGraph.open(tmp_path / "graph")) == text_of(expected)


def test_a_merge_that_is_undone_leaves_what_the_other_source_had() -> None:
    nodes = pl.DataFrame({"id": ["OMIM:1", "HP:1"], "kind": ["Disease", "Symptom"], "name": "a"})
    evidence = pl.DataFrame(
        {"subject": ["OMIM:1"], "relation": "HAS_SYMPTOM", "object": "HP:1", "source": "a"}
    )
    a = KnowledgeGraph.build(nodes, evidence, [Source("a", "1", "CC0-1.0")])
    b = KnowledgeGraph.build(
        pl.DataFrame(
            {"id": ["DOID:9", "HP:2"], "kind": ["Disease", "Symptom"], "name": ["gout", "pain"]}
        ).with_columns(xrefs=pl.when(id="DOID:9").then(pl.lit(["OMIM:1"]))),
        evidence.with_columns(subject=pl.lit("DOID:9"), object=pl.lit("HP:2"), source=pl.lit("b")),
        [Source("b", "1", "CC0-1.0")],
    )
    merged = merge(a, b)
    assert merged.nodes.filter(id="OMIM:1")["synonyms"][0].to_list() == ["gout"]
    left, _ = forget(unmerge(merged, "DOID:9"), source="b")
    for name in ("nodes", "edges", "evidence", "predictions", "merges"):
        assert getattr(left, name).equals(getattr(a, name)), name


def test_a_node_of_another_kind_is_refused() -> None:
    with pytest.raises(DataError, match=f"{FEVER} is a Symptom, not a Patient"):
        forget(clinic(), patient=FEVER)
    with pytest.raises(DataError, match=f"{ANNA} is a Patient, not a Document"):
        forget(clinic(), document=ANNA)
    with pytest.raises(DataError, match="nothing to forget"):
        forget(clinic())
    with pytest.raises(DataError, match="'anna' is no identifier; give it whole, as in patient:1"):
        forget(clinic(), patient="anna")
    with pytest.raises(DataError, match="'1' is no identifier; give it whole, as in PMID:1"):
        forget(clinic(), document="1")


def test_a_node_that_merging_joined_to_one_of_another_kind_is_refused() -> None:
    nodes = pl.DataFrame({"id": ["OMIM:1", "HP:1"], "kind": ["Disease", "Symptom"], "name": "a"})
    evidence = pl.DataFrame(
        {"subject": ["OMIM:1"], "relation": "HAS_SYMPTOM", "object": "HP:1", "source": "a"}
    )
    a = KnowledgeGraph.build(nodes, evidence, [Source("a", "1", "CC0-1.0")])
    b = KnowledgeGraph.build(
        pl.DataFrame({"id": ["DOID:9"], "kind": "Disease", "name": "gout", "xrefs": [["OMIM:1"]]}),
        evidence.clear(),
        [Source("b", "1", "CC0-1.0")],
    )
    with pytest.raises(DataError, match="OMIM:1 is a Disease, not a Patient"):
        forget(merge(a, b), patient="DOID:9")


def test_no_file_of_a_folder_holds_a_forgotten_patient(tmp_path: Path) -> None:
    folder = tmp_path / "graph"
    clinic().save(folder)
    aside = tmp_path / "graph.quarantine.jsonl"
    lines = [json.dumps({"row": f"{ANNA} HAS_DISEASE ?"}), json.dumps({"row": BEN})]
    aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    summary = forget_in_folder(folder, patient=ANNA)
    assert summary.documents == [NOTE, SECOND]
    for file in folder.iterdir():
        values = (
            pl.read_parquet(file).write_ndjson() if file.suffix == ".parquet" else file.read_text()
        )
        assert SECRET not in values
        assert f'"{ANNA}"' not in values
        assert SECRET.encode() not in file.read_bytes()
    assert aside.read_text(encoding="utf-8") == lines[1] + "\n"
    expected, _ = forget(clinic(), patient=ANNA)
    assert text_of(KnowledgeGraph.open(folder)) == text_of(expected)
    assert {path.name for path in tmp_path.iterdir()} == {"graph", "graph.quarantine.jsonl"}


def test_what_was_set_aside_of_a_document_goes_with_it(tmp_path: Path) -> None:
    clinic().save(tmp_path / "graph")
    aside = tmp_path / "graph.quarantine.jsonl"
    lines = [json.dumps({"row": f"{document} 10-12"}) for document in (WARD, f"{WARD}0")]
    aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    forget_in_folder(tmp_path / "graph", document=WARD)
    assert aside.read_text(encoding="utf-8") == lines[1] + "\n"


def test_what_was_set_aside_of_a_patient_of_two_identifiers_goes_with_both(tmp_path: Path) -> None:
    row = {"kind": "Patient", "kept": ANNA, "merged": "patient:a2", "applied": True}
    merges = conform(pl.DataFrame([{**row, "reason": "joined by a2"}]), MERGES)
    clinic().with_frames(merges=merges).save(tmp_path / "graph")
    aside = tmp_path / "graph.quarantine.jsonl"
    # A line of a text, which is none of the file.
    line = json.dumps({"row": "patient:a2 HAS_DISEASE\u2028gout"}, ensure_ascii=False)
    aside.write_text(f"{line}\n", encoding="utf-8")
    forget_in_folder(tmp_path / "graph", patient=ANNA)
    assert aside.read_text(encoding="utf-8") == ""


KINDS = {"Drug": "drugbank", "Disease": "OMIM", "Symptom": "HP"}
RELATIONS = {
    "TREATS": ("Drug", "Disease"),
    "CAUSES": ("Drug", "Symptom"),
    "HAS_SYMPTOM": ("Disease", "Symptom"),
    "INTERACTS_WITH": ("Drug", "Drug"),
}


@st.composite
def graphs(draw: st.DrawFn, source: str) -> KnowledgeGraph:
    """A graph of one source in which every node has evidence."""
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(RELATIONS)),
                st.integers(0, 4),
                st.integers(0, 4),
                st.sampled_from([0.25, 0.5, 1.0]),
                st.sampled_from([None, "PMID:1", "PMID:2"]),
                st.sampled_from(["asserted", "negated"]),
            ),
            min_size=1,
            max_size=12,
        )
    )
    evidence = [
        {
            "subject": f"{KINDS[RELATIONS[relation][0]]}:{head}",
            "relation": relation,
            "object": f"{KINDS[RELATIONS[relation][1]]}:{tail}",
            "source": source,
            "probability": probability,
            "document": document,
            "polarity": polarity,
        }
        for relation, head, tail, probability, document, polarity in rows
    ]
    named = {str(row[end]) for row in evidence for end in ("subject", "object", "document")}
    kinds = {**{prefix: kind for kind, prefix in KINDS.items()}, "PMID": "Document"}
    nodes = pl.DataFrame(
        [{"id": id, "kind": kinds[id.split(":")[0]], "name": id} for id in sorted(named - {"None"})]
    )
    return KnowledgeGraph.build(
        nodes,
        pl.DataFrame(evidence, schema_overrides={"document": pl.String}),
        [Source(source, "1", "CC0-1.0", reliability=0.9)],
    )


@settings(max_examples=40)
@given(graphs("a"), graphs("b"))
def test_forgetting_undoes_a_merge_with_another_source(
    a: KnowledgeGraph, b: KnowledgeGraph
) -> None:
    left, summary = forget(merge(a, b), source="b")
    for name in FRAMES:
        assert getattr(left, name).equals(getattr(a, name)), name
    assert left.sources == a.sources
    assert summary.evidence == b.evidence.height
