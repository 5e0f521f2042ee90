"""Small graphs for tests."""

from __future__ import annotations

import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

CURATED = Source("curated", "2026-01", "CC0-1.0", "https://example.org", 0.95)
TEXT = Source("text", "1", "CC BY 4.0", reliability=0.8)


def small() -> KnowledgeGraph:
    """Two drugs, two targets, a disease, two symptoms, a document: every kind of evidence."""
    nodes = pl.DataFrame(
        [
            ("drugbank:DB00619", "Drug", "Imatinib", ["Gleevec"], ["MESH:D000068877"]),
            ("drugbank:DB00945", "Drug", "Aspirin", ["acetylsalicylic acid", "ASA"], []),
            ("NCBIGene:3815", "Target", "KIT", [], []),
            ("NCBIGene:5742", "Target", "PTGS1", ["COX-1"], []),
            ("OMIM:606764", "Disease", "Gastrointestinal stromal tumor", ["GIST"], []),
            ("HP:0002027", "Symptom", "Abdominal pain", ["stomach ache"], ["UMLS:C0000737"]),
            ("HP:0000969", "Symptom", "Edema", [], []),
            ("PMID:1", "Document", "A case", [], []),
        ],
        schema={
            "id": pl.String,
            "kind": pl.String,
            "name": pl.String,
            "synonyms": pl.List(pl.String),
            "xrefs": pl.List(pl.String),
        },
        orient="row",
    )
    evidence = pl.DataFrame(
        [
            _row(
                "drugbank:DB00619", "TARGETS", "NCBIGene:3815", qualifiers='{"action": "inhibitor"}'
            ),
            _row("drugbank:DB00945", "TARGETS", "NCBIGene:5742"),
            _row("drugbank:DB00619", "TREATS", "OMIM:606764"),
            _row("OMIM:606764", "HAS_SYMPTOM", "HP:0002027", qualifiers='{"frequency": "0.4"}'),
            _evidence("drugbank:DB00619", "CAUSES", "HP:0000969", 0.7, start=0),
            _evidence("drugbank:DB00619", "CAUSES", "HP:0000969", 0.6, start=40),
            _evidence("drugbank:DB00945", "CAUSES", "HP:0000969", 0.9, polarity="negated"),
            _evidence("PMID:1", "MENTIONS", "drugbank:DB00619", 1.0),
        ]
    )
    return KnowledgeGraph.build(nodes, evidence, [CURATED, TEXT])


def _row(subject: str, relation: str, tail: str, **more: object) -> dict[str, object]:
    row = {
        "subject": subject,
        "relation": relation,
        "object": tail,
        "source": "curated",
        "release": "2026-01",
        "document": None,
        "sentence": None,
        "start": None,
        "end": None,
        "extractor": None,
        "level": "curated",
        "polarity": "asserted",
        "probability": 1.0,
        "qualifiers": None,
    }
    return {**row, **more}


def _evidence(
    subject: str, relation: str, tail: str, probability: float, **more: object
) -> dict[str, object]:
    row: dict[str, object] = {
        "source": "text",
        "release": "1",
        "document": "PMID:1",
        "sentence": 'Edema – 3 µg, "quoted"; naïve ☂.',
        "start": 0,
        "end": 31,
        "extractor": "medkg 0.1",
        "level": "text-mined",
        "probability": probability,
    }
    return _row(subject, relation, tail, **{**row, **more})
