"""Documents that are read again: merging keeps what the later reading says; nothing else goes."""

from __future__ import annotations

import polars as pl

from medkg.graph.document_readings import (
    drop_superseded_readings,
    reading_properties,
    recorded_readings,
)
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge

from .graphs import small

TEXT = Source("text", "0.1.0", "its owner's", reliability=0.9)
FEVER, COUGH, PAIN = "HP:0001945", "HP:0012735", "text:symptom_odd_pain"
NAMES = {FEVER: "Fever", COUGH: "Cough", PAIN: "odd pain", "HP:0002027": "Abdominal pain"}


def read(
    objects: dict[str, list[str]], *, text: str = "a", reader: str = "r", stated: bool = True
) -> KnowledgeGraph:
    """A graph of notes: for each, whose patient is of its name, the symptoms that it states."""
    rows = []
    nodes = []
    for name, symptoms in objects.items():
        note, patient = f"note:{name}", f"patient:{name}"
        properties = reading_properties(text, reader) if stated else None
        nodes += [(note, "Document", note, properties), (patient, "Patient", patient, None)]
        rows.append((note, "MENTIONS", patient, note, None))
        for place, symptom in enumerate(symptoms):
            nodes.append((symptom, "Symptom", NAMES[symptom], None))
            rows.append((note, "MENTIONS", symptom, note, place))
            rows.append((patient, "HAS_PHENOTYPE", symptom, note, place))
    return KnowledgeGraph.build(
        pl.DataFrame(
            nodes,
            schema=dict.fromkeys(("id", "kind", "name", "properties"), pl.String),
            orient="row",
        ),
        pl.DataFrame(
            rows,
            schema={
                **dict.fromkeys(("subject", "relation", "object", "document"), pl.String),
                "start": pl.Int64,
            },
            orient="row",
        ).with_columns(source=pl.lit("text"), level=pl.lit("text-mined"), probability=0.5),
        [TEXT],
    )


def test_the_same_document_read_twice_adds_nothing() -> None:
    one = read({"a": [FEVER, PAIN]})
    assert merge(one, read({"a": [FEVER, PAIN]})).checksum() == one.checksum()
    assert drop_superseded_readings([one, one])[0] is one


def test_a_changed_document_replaces_what_it_said() -> None:
    old = read({"a": [FEVER, PAIN], "b": [FEVER]})
    new = read({"a": [COUGH]}, text="b")
    merged = merge(old, new)
    assert merged.checksum() == merge(read({"b": [FEVER]}), new).checksum()
    assert set(merged.evidence.filter(document="note:a")["object"]) == {COUGH, "patient:a"}
    assert PAIN not in merged.nodes["id"].to_list()
    assert FEVER in merged.nodes["id"].to_list()
    assert dict(recorded_readings(merged).iter_rows()) == {"note:a": "b r", "note:b": "a r"}
    # Another reader, other rules or another model, reads anew too.
    again = merge(old, read({"a": [COUGH]}, reader="s"))
    assert set(again.evidence.filter(document="note:a")["object"]) == {COUGH, "patient:a"}


def test_what_was_read_before_readings_were_stated_is_replaced_too() -> None:
    merged = merge(read({"a": [FEVER]}, stated=False), read({"a": [COUGH]}))
    assert set(merged.evidence["object"]) == {COUGH, "patient:a"}


def test_the_last_of_several_readings_stays() -> None:
    graphs = [read({"a": [symptom]}, text=symptom) for symptom in (FEVER, COUGH, PAIN)]
    assert set(merge(*graphs).evidence["object"]) == {PAIN, "patient:a"}
    assert merge(*graphs).checksum() == graphs[2].checksum()
    assert merge(merge(*graphs[:2]), graphs[2]).checksum() == graphs[2].checksum()


def test_what_other_sources_say_stays() -> None:
    curated = small()  # its document is of a source of its own, and HP:0002027 is named by both
    old = merge(curated, read({"a": ["HP:0002027", PAIN]}))
    lone = old.nodes.filter(id="HP:0000969")
    predictions = pl.DataFrame(
        {
            "head": ["patient:a", "patient:a"],
            "relation": ["HAS_PHENOTYPE"] * 2,
            "tail": [PAIN, "HP:0000969"],
            "model": ["m"] * 2,
        }
    )
    merged = merge(old.with_predictions(predictions), read({"a": [FEVER]}, text="b"))
    gone = {PAIN}
    assert set(old.nodes["id"]) - set(merged.nodes["id"]) == gone
    assert merged.nodes.filter(id="HP:0000969").equals(lone)
    assert merged.evidence.filter(pl.col("source") != "text").equals(
        curated.evidence.filter(pl.col("source") != "text")
    )
    assert merged.predictions["tail"].to_list() == ["HP:0000969"]


def test_a_document_keeps_its_other_properties() -> None:
    old = read({"a": [FEVER]})
    titled = old.nodes.with_columns(
        properties=pl.when(pl.col("kind") == "Document").then(
            pl.lit('{"title": "x", "text_sha256": "a", "text_reader": "r"}')
        )
    )
    merged = merge(old.with_frames(nodes=titled), read({"a": [COUGH]}, text="b"))
    assert '"title": "x"' in str(merged.nodes.filter(id="note:a")["properties"][0])
    assert dict(recorded_readings(merged).iter_rows()) == {"note:a": "b r"}


def test_of_three_readings_the_last_alone_counts() -> None:
    """What only the two earlier ones name goes, though each names it beside the other."""
    first, second = read({"a": [PAIN]}, text="a"), read({"a": [PAIN]}, text="b")
    last = read({"a": [COUGH]}, text="c")
    assert merge(first, second, last).checksum() == last.checksum()
    assert PAIN not in merge(first, second, last).nodes["id"].to_list()
