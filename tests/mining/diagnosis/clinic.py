"""A graph small enough to know every answer by heart: four diseases, and others all alike."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

DISEASES = {
    "ringing disease": "OMIM:100001",
    "dull disease": "OMIM:100002",
    "plain disease": "OMIM:100003",
    "still disease": "OMIM:100004",
}
_GENES = {"HGNC:1": "BELL1", "HGNC:2": "LEAD1", "HGNC:3": "CALM9"}
_SHOWN: dict[str, dict[str, dict[str, Any]]] = {
    "OMIM:100001": {
        "HP:0000011": {"frequency": 0.75, "sample": "3/4"},
        "HP:0000012": {"frequency": 0.9},
        "HP:0000021": {"onset": "Childhood onset"},
        "HP:0000022": {"frequency": 0.1},
        "HP:0000031": {"frequency": 0.8, "sex": "female"},
    },
    "OMIM:100002": {
        "HP:0000011": {"frequency": 0.8},
        "HP:0000032": {"frequency": 1.0},
        "HP:0000041": {},
    },
    "OMIM:100003": {
        "HP:0000022": {"frequency": 0.9},
        "HP:0000031": {"frequency": 0.4},
        "HP:0000421": {},
    },
    "OMIM:100004": {"HP:0000012": {"frequency": 0.2}, "HP:0000042": {"frequency": 0.7}},
}


def clinic(others: int = 8) -> KnowledgeGraph:
    """Phenotype 0 has the children 1 to 4, each of them two, and these one each, as 1, 11, 111.

    `others` more diseases show HP:0000041 only.
    """
    shown = _SHOWN | {f"OMIM:10001{i}": {"HP:0000041": {"frequency": 0.5}} for i in range(others)}
    numbers = dict.fromkeys(range(1, 5), 0)
    numbers |= {10 * i + j: i for i in range(1, 5) for j in (1, 2)}
    numbers |= {10 * i + 1: i for i in list(numbers) if i > 10}
    parents = {f"HP:{child:07}": f"HP:{parent:07}" for child, parent in numbers.items()}
    facts = {
        "OMIM:100001": {"course": ["Childhood onset"]},
        "OMIM:100002": {"course": ["Adult onset", "Progressive"]},
        "HP:0000011": {"definition": "Of the first kind.", "replaces": ["HP:0001199"]},
    }
    nodes = [(id_, "Symptom", f"phenotype {int(id_[3:])}") for id_ in ["HP:0000000", *parents]]
    nodes += [(id_, "Disease", name) for name, id_ in DISEASES.items()]
    nodes += [(f"OMIM:10001{i}", "Disease", f"other disease {i}") for i in range(others)]
    nodes += [("OMIM:100009", "Disease", "unknown disease")]
    nodes += [(id_, "Target", symbol) for id_, symbol in _GENES.items()]
    evidence: list[dict[str, Any]] = [
        {"subject": child, "relation": "SUBCLASS_OF", "object": parent}
        for child, parent in parents.items()
    ]
    evidence += [
        {
            "subject": disease,
            "relation": "HAS_SYMPTOM",
            "object": phenotype,
            "qualifiers": json.dumps(qualifiers) if qualifiers else None,
            "references": ["PMID:7"],
        }
        for disease, phenotypes in shown.items()
        for phenotype, qualifiers in phenotypes.items()
    ]
    evidence += [
        {"subject": disease, "relation": "ASSOCIATED_WITH", "object": gene}
        for disease, gene in (
            ("OMIM:100001", "HGNC:1"),
            ("OMIM:100002", "HGNC:2"),
            ("OMIM:100004", "HGNC:3"),
        )
    ]
    frame = pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row").with_columns(
        properties=pl.col("id").replace_strict(
            {id_: json.dumps(properties) for id_, properties in facts.items()}, default=None
        ),
        xrefs=pl.when(pl.col("id") == "HP:0000021").then(pl.lit(["UMLS:C21"])),
    )
    columns = {
        "subject": pl.String,
        "relation": pl.String,
        "object": pl.String,
        "qualifiers": pl.String,
        "references": pl.List(pl.String),
    }
    rows = pl.DataFrame(evidence, schema=columns).with_columns(source=pl.lit("test"))
    return KnowledgeGraph.build(frame, rows, [Source("test", "1", "CC0-1.0")])
