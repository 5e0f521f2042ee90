"""Patients, their notes and what is known beside them, for tests of forgetting."""

from __future__ import annotations

import json

import polars as pl

from medkg.graph.frames import (
    MERGES,
    NODES,
    PREDICTIONS,
    Source,
)
from medkg.graph.kg import KnowledgeGraph

CURATED = Source("curated", "2026-01", "CC0-1.0", "https://example.org", 0.95)
NOTES = Source("notes", "1", "the hospital's", reliability=0.9)
CASES = Source("cases", "2", "CC BY 4.0")

ANNA, BEN, NOTE, SECOND, WARD = (
    "patient:anna",
    "patient:ben",
    "note:anna",
    "note:anna-2",
    "note:ward",
)
FEVER, RASH, GOUT, ASPIRIN, ODD = (
    "HP:0001945",
    "HP:0000988",
    "OMIM:1",
    "drugbank:DB00945",
    "text:symptom_odd_smell",
)
# In every sentence of Anna's notes, and in nothing else.
SECRET = "Zyxwv"


def clinic() -> KnowledgeGraph:
    """A curated graph, Anna's two notes, one note about Anna and Ben, a published case of Ben."""
    nodes = pl.DataFrame(
        [
            (FEVER, "Symptom", "Fever", None),
            (RASH, "Symptom", "Rash", None),
            (GOUT, "Disease", "Gout", None),
            ("OMIM:2", "Disease", "Alone", None),
            (ASPIRIN, "Drug", "Aspirin", None),
            (ODD, "Symptom", f"odd smell {SECRET}", None),
            ("text:symptom_cough", "Symptom", "cough", None),
            (ANNA, "Patient", ANNA, '{"sex": "FEMALE"}'),
            (BEN, "Patient", BEN, json.dumps({"sister": ANNA, "age": 9, "kin": [{"of": ANNA}]})),
            ("patient:anna-b", "Patient", "patient:anna-b", None),
            (NOTE, "Document", NOTE, None),
            (SECOND, "Document", SECOND, None),
            (WARD, "Document", WARD, None),
            ("PMID:1", "Document", "A case", None),
        ],
        schema={name: NODES[name] for name in ("id", "kind", "name", "properties")},
        orient="row",
    )
    evidence = pl.DataFrame(
        [
            _row(GOUT, "HAS_SYMPTOM", FEVER, references=["PMID:1", "PMID:2"]),
            _row(ASPIRIN, "TREATS", GOUT),
            _row(ASPIRIN, "CAUSES", RASH, probability=0.5),
            _evidence(NOTE, NOTE, "MENTIONS", ANNA),
            _evidence(NOTE, NOTE, "MENTIONS", FEVER),
            _evidence(NOTE, NOTE, "MENTIONS", ODD),
            _evidence(NOTE, ANNA, "HAS_PHENOTYPE", FEVER),
            _evidence(NOTE, ANNA, "HAS_PHENOTYPE", ODD),
            _evidence(NOTE, ASPIRIN, "CAUSES", RASH),
            _evidence(NOTE, ASPIRIN, "CAUSES", FEVER, polarity="negated"),
            _evidence(SECOND, SECOND, "MENTIONS", ANNA),
            _evidence(SECOND, ANNA, "TAKES", ASPIRIN),
            _evidence(SECOND, ASPIRIN, "CAUSES", "text:symptom_cough"),
            _evidence(WARD, WARD, "MENTIONS", ANNA, sentence="Both are well."),
            _evidence(WARD, WARD, "MENTIONS", BEN, sentence="Both are well."),
            _evidence(WARD, ANNA, "HAS_PHENOTYPE", RASH, sentence=f"{SECRET} has a rash."),
            _evidence(WARD, BEN, "HAS_PHENOTYPE", FEVER, sentence="Ben has fever."),
            _row(BEN, "HAS_DISEASE", GOUT, source="cases", references=["PMID:1"]),
            _row(BEN, "HAS_PHENOTYPE", RASH, source="cases", qualifiers=json.dumps({"as": ANNA})),
            _row("PMID:1", "MENTIONS", GOUT, source="cases", document="PMID:1"),
        ]
    )
    kg = KnowledgeGraph.build(nodes, evidence, [CURATED, NOTES, CASES])
    odd = kg.edges.filter(object=ODD, subject=ANNA)["id"][0]
    rash = kg.edges.filter(subject=ASPIRIN, object=RASH)["id"][0]
    cough = kg.edges.filter(subject=ASPIRIN, object="text:symptom_cough")["id"][0]
    predictions = pl.DataFrame(
        [
            _prediction(ANNA, "HAS_DISEASE", GOUT, {"matching": [FEVER]}),
            _prediction(BEN, "HAS_DISEASE", GOUT, {"matching": [FEVER]}),
            _prediction(BEN, "HAS_DISEASE", "OMIM:2", {"paths": [{"steps": [{"edge": odd}]}]}),
            _prediction(ASPIRIN, "TREATS", "OMIM:2", {"paths": [{"steps": [{"edge": rash}]}]}),
            _prediction(ASPIRIN, "CAUSES", FEVER, {"paths": [{"steps": [{"edge": cough}]}]}),
        ],
        schema=PREDICTIONS,
    )
    merges = pl.DataFrame(
        [
            {"kept": ANNA, "merged": "patient:a", "kind": "Patient", "applied": True},
            {"kept": GOUT, "merged": "MESH:D1", "kind": "Disease", "applied": True},
            {"kept": "OMIM:2", "merged": "MESH:D2", "kind": "Disease", "applied": False},
        ],
        schema=MERGES,
    ).with_columns(reason=pl.lit("a cross-reference"))
    merges = merges.sort("kept")
    frames = {"nodes": kg.nodes, "edges": kg.edges, "evidence": kg.evidence}
    return KnowledgeGraph(
        {**frames, "merges": merges, "predictions": kg.predictions}, kg.sources
    ).with_predictions(predictions)


def _row(subject: str, relation: str, tail: str, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "subject": subject,
        "relation": relation,
        "object": tail,
        "source": "curated",
        "document": None,
        "sentence": None,
        "polarity": "asserted",
        "probability": 1.0,
        "references": [],
        "qualifiers": None,
    }
    return {**row, **more}


def _evidence(
    document: str, subject: str, relation: str, tail: str, **more: object
) -> dict[str, object]:
    row: dict[str, object] = {
        "source": "notes",
        "document": document,
        "sentence": f"{SECRET} said so of {tail}.",
        "probability": 0.8,
    }
    return _row(subject, relation, tail, **{**row, **more})


def _prediction(head: str, relation: str, tail: str, why: object) -> dict[str, object]:
    return {
        "head": head,
        "relation": relation,
        "tail": tail,
        "model": "m",
        "score": 0.5,
        "probability": 0.25,
        "base_rate": 0.1,
        "rank": 1,
        "direction": "tail",
        "known": False,
        "date": "2026-01-01",
        "explanation": json.dumps(why),
    }
