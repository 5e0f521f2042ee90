"""A small graph with every leak that a split has to stop."""

from __future__ import annotations

import json

import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.schema import Schema

SOURCES = [Source(name, "1", "CC0-1.0") for name in ("chembl", "drugbank", "papers")]

# One molecule as base and as salt, its mirror image, and two unlike it.
ALANINE, SALT, MIRRORED = "C[C@H](N)C(=O)O", "C[C@H](N)C(=O)O.Cl", "C[C@@H](N)C(=O)O"
CAFFEINE, IBUPROFEN = "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "CC(C)Cc1ccc(cc1)C(C)C(=O)O"


def schema() -> Schema:
    """The default schema with relations that say, straight and turned, that a drug targets."""
    relations = {
        "BINDS": {
            "biolink": "biolink:directly_physically_interacts_with",
            "joins": [["Drug", "Target"]],
            "entails": ["TARGETS"],
        },
        "BOUND_BY": {
            "biolink": "biolink:directly_physically_interacts_with",
            "joins": [["Target", "Drug"]],
            "entails": ["BINDS"],
        },
    }
    return Schema.default().with_additions({"relation": relations}, "test")


def graph(
    edges: list[tuple[str, str, str]],
    structures: dict[str, str] | None = None,
    *,
    more: list[dict[str, object]] | None = None,
    nodes: list[dict[str, object]] | None = None,
) -> KnowledgeGraph:
    """Edges by short names (`d1`: a drug, `g1`: a gene), all of source drugbank, and more rows."""
    kinds = {"d": ("drugbank:", "Drug"), "g": ("NCBIGene:", "Target"), "p": ("PMID:", "Document")}
    kinds |= {"c": ("NDFRT:", "DrugClass")}

    def curie(name: str) -> str:
        return name if ":" in name else kinds[name[0]][0] + name[1:]

    rows: list[dict[str, object]] = [
        {"subject": s, "relation": r, "object": o, "source": "drugbank"} for s, r, o in edges
    ]
    rows += more or []
    names = {str(row[end]) for row in rows for end in ("subject", "object")}
    names |= set(structures or ())
    made: list[dict[str, object]] = [
        {
            "id": curie(name),
            "kind": kinds[name[0]][1],
            "name": f"node {name}",
            "properties": json.dumps({"smiles": structures[name]})
            if structures and name in structures
            else None,
        }
        for name in sorted(names)
        if ":" not in name
    ]
    frame = pl.DataFrame(made + (nodes or []), infer_schema_length=None)
    evidence = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col("subject", "object").map_elements(curie, return_dtype=pl.String)
    )
    return KnowledgeGraph.build(frame, evidence, SOURCES, schema=schema())
