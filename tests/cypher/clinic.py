"""A graph small enough to know every answer by heart."""

from __future__ import annotations

from typing import Any

import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

SOURCES = [
    Source("curated", "1", "CC0-1.0", reliability=1.0),
    Source("notes", "1", "CC0-1.0", reliability=1.0),
]
NODES = {
    "Drug": {
        "drugbank:DB1": "imatinib",
        "drugbank:DB2": "nilotinib",
        "drugbank:DB3": "aspirin",
        "drugbank:DB4": "warfarin",
    },
    "Target": {"HGNC:1": "KIT", "HGNC:2": "PDGFRA", "HGNC:3": "PTGS1"},
    "Disease": {"OMIM:1": "GIST", "OMIM:2": "leukaemia", "OMIM:3": "peptic ulcer"},
    "Symptom": {"HP:1": "pain", "HP:2": "oedema", "HP:3": "bleeding", "HP:4": "fever"},
    "Patient": {"patient:1": "patient 1"},
    "Document": {"note:1": "note 1"},
}


def clinic() -> KnowledgeGraph:
    """Drugs, targets, diseases, symptoms and a patient, with predictions of two models."""
    nodes = pl.DataFrame(
        [(id, kind, name) for kind, named in NODES.items() for id, name in named.items()],
        schema=["id", "kind", "name"],
        orient="row",
    )
    evidence = [
        _curated("drugbank:DB1", "TARGETS", "HGNC:1", 0.9),
        _curated("drugbank:DB3", "TARGETS", "HGNC:3", 1.0),
        _curated("drugbank:DB1", "TREATS", "OMIM:1", 1.0),
        _curated("drugbank:DB2", "TREATS", "OMIM:2", 0.9),
        _curated("drugbank:DB3", "TREATS", "OMIM:3", 0.5),
        _curated("drugbank:DB3", "CONTRAINDICATED_FOR", "OMIM:3", 1.0),
        _curated("OMIM:1", "ASSOCIATED_WITH", "HGNC:1", 0.8, references=["PMID:7"]),
        _curated("OMIM:1", "ASSOCIATED_WITH", "HGNC:2", 0.5),
        _curated("OMIM:1", "HAS_SYMPTOM", "HP:1", 1.0),
        _curated("OMIM:1", "HAS_SYMPTOM", "HP:3", 1.0),
        _curated("OMIM:2", "HAS_SYMPTOM", "HP:3", 1.0),
        _curated("OMIM:2", "HAS_SYMPTOM", "HP:4", 1.0),
        _curated("OMIM:3", "HAS_SYMPTOM", "HP:1", 1.0),
        _curated("OMIM:3", "HAS_SYMPTOM", "HP:3", 1.0),
        _curated("drugbank:DB1", "CAUSES", "HP:2", 0.8, qualifiers='{"frequency": "common"}'),
        _curated("drugbank:DB2", "CAUSES", "HP:2", 0.5),
        _curated("drugbank:DB1", "CAUSES", "HP:1", 0.5),
        _curated(
            "drugbank:DB4",
            "INTERACTS_WITH",
            "drugbank:DB3",
            1.0,
            qualifiers='{"effect": "bleeding"}',
            references=["PMID:8"],
        ),
        _curated("drugbank:DB1", "INTERACTS_WITH", "drugbank:DB4", 0.9),
        _noted("drugbank:DB4", "CAUSES", "HP:3", 0.7, "Bled on warfarin.", 0),
        _noted("drugbank:DB1", "CAUSES", "HP:2", 0.9, "No oedema.", 20, polarity="negated"),
        _noted("OMIM:1", "HAS_SYMPTOM", "HP:1", 0.6, "GIST with pain.", 40),
        _noted("patient:1", "HAS_PHENOTYPE", "HP:1", 1.0, "Pain.", 60),
        _noted("patient:1", "HAS_PHENOTYPE", "HP:4", 1.0, "Fever.", 70),
        _noted("patient:1", "LACKS_PHENOTYPE", "HP:3", 1.0, "No bleeding.", 80),
        _noted("note:1", "MENTIONS", "HP:1", 1.0, "Pain.", 60),
    ]
    kg = KnowledgeGraph.build(nodes, pl.DataFrame(evidence), SOURCES)
    predictions = [
        _predicted("drugbank:DB1", "TARGETS", "HGNC:1", "m", 0.95, known=True),
        _predicted("drugbank:DB1", "TARGETS", "HGNC:2", "m", 0.6),
        _predicted("drugbank:DB2", "TARGETS", "HGNC:1", "m", 0.7),
        _predicted("drugbank:DB2", "TARGETS", "HGNC:1", "n", 0.4),
        _predicted("drugbank:DB3", "TARGETS", "HGNC:2", "m", 0.2),
        _predicted("patient:1", "HAS_DISEASE", "OMIM:1", "d", 0.7),
        _predicted("patient:1", "HAS_DISEASE", "OMIM:2", "d", 0.2),
    ]
    return kg.with_predictions(pl.DataFrame(predictions))


def _curated(subject: str, relation: str, tail: str, probability: float, **more: Any) -> Any:
    return {
        "subject": subject,
        "relation": relation,
        "object": tail,
        "source": "curated",
        "level": "curated",
        "document": None,
        "sentence": None,
        "start": None,
        "polarity": "asserted",
        "probability": probability,
        "references": more.get("references", []),
        "qualifiers": more.get("qualifiers"),
    }


def _noted(
    subject: str,
    relation: str,
    tail: str,
    probability: float,
    sentence: str,
    start: int,
    polarity: str = "asserted",
) -> Any:
    return {
        **_curated(subject, relation, tail, probability),
        "source": "notes",
        "level": "text-mined",
        "document": "note:1",
        "sentence": sentence,
        "start": start,
        "polarity": polarity,
    }


def _predicted(
    head: str, relation: str, tail: str, model: str, probability: float, known: bool = False
) -> Any:
    return {
        "head": head,
        "relation": relation,
        "tail": tail,
        "model": model,
        "score": 2 * probability,
        "probability": probability,
        "base_rate": 0.5,
        "rank": 1,
        "direction": "tail",
        "known": known,
        "date": "2026-01-01",
        "explanation": None,
    }
