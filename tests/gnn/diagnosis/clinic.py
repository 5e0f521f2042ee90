"""A graph small enough to know every answer by heart: four diseases, and others all alike."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

DISEASES = {
    "ringing disease": "OMIM:1",
    "dull disease": "OMIM:2",
    "plain disease": "OMIM:3",
    "still disease": "OMIM:4",
}
_GENES = {"HGNC:1": "BELL1", "HGNC:2": "LEAD1", "HGNC:3": "CALM9"}
_SHOWN: dict[str, dict[str, dict[str, Any]]] = {
    "OMIM:1": {
        "HP:11": {"frequency": 0.75, "sample": "3/4"},
        "HP:12": {"frequency": 0.9},
        "HP:21": {"onset": "Childhood onset"},
        "HP:22": {"frequency": 0.1},
        "HP:31": {"frequency": 0.8, "sex": "female"},
    },
    "OMIM:2": {"HP:11": {"frequency": 0.8}, "HP:32": {"frequency": 1.0}, "HP:41": {}},
    "OMIM:3": {"HP:22": {"frequency": 0.9}, "HP:31": {"frequency": 0.4}, "HP:421": {}},
    "OMIM:4": {"HP:12": {"frequency": 0.2}, "HP:42": {"frequency": 0.7}},
}


def clinic(others: int = 8) -> KnowledgeGraph:
    """HP:0 has the children HP:1 to HP:4, each of them two, and these one each: HP:11, HP:111.

    `others` more diseases show HP:41 only.
    """
    shown = _SHOWN | {f"OMIM:1{i}": {"HP:41": {"frequency": 0.5}} for i in range(others)}
    parents = {f"HP:{i}": "HP:0" for i in range(1, 5)}
    parents |= {f"HP:{i}{j}": f"HP:{i}" for i in range(1, 5) for j in (1, 2)}
    parents |= {f"HP:{i}{j}1": f"HP:{i}{j}" for i in range(1, 5) for j in (1, 2)}
    facts = {
        "OMIM:1": {"course": ["Childhood onset"]},
        "OMIM:2": {"course": ["Adult onset", "Progressive"]},
        "HP:11": {"definition": "Of the first kind.", "replaces": ["HP:1199"]},
    }
    nodes = [(id_, "Symptom", f"phenotype {id_[3:]}") for id_ in ["HP:0", *parents]]
    nodes += [(id_, "Disease", name) for name, id_ in DISEASES.items()]
    nodes += [(f"OMIM:1{i}", "Disease", f"other disease {i}") for i in range(others)]
    nodes += [("OMIM:9", "Disease", "unknown disease")]
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
            "qualifiers": json.dumps(said) if said else None,
            "references": ["PMID:7"],
        }
        for disease, phenotypes in shown.items()
        for phenotype, said in phenotypes.items()
    ]
    evidence += [
        {"subject": disease, "relation": "ASSOCIATED_WITH", "object": gene}
        for disease, gene in (("OMIM:1", "HGNC:1"), ("OMIM:2", "HGNC:2"), ("OMIM:4", "HGNC:3"))
    ]
    frame = pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row").with_columns(
        properties=pl.col("id").replace_strict(
            {id_: json.dumps(said) for id_, said in facts.items()}, default=None
        ),
        xrefs=pl.when(pl.col("id") == "HP:21").then(pl.lit(["UMLS:C21"])),
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
