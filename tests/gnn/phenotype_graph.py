"""A small ontology with diseases, drawn at random, for tests of the diagnosis."""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

EVIDENCE = dict.fromkeys(["subject", "relation", "object", "qualifiers"], pl.String)
SOURCE = Source("test", "1", "CC0-1.0")
# A patient: name, phenotypes, excluded phenotypes, disease, publication.
Row = tuple[str, list[str], list[str], str | None, str]
Rows = list[Row]


def graph(diseases: int = 40, extra: dict[str, list[str]] | None = None) -> KnowledgeGraph:
    """HP:0 is the root, HP:1 to HP:8 are its children, each has 8 children, with one each.

    Args:
        diseases: OMIM:0, OMIM:1, …, each with seven of the lower phenotypes.
        extra: phenotypes of further diseases, by identifier.
    """
    rng = np.random.default_rng(3)
    parents = {f"HP:{i}": "HP:0" for i in range(1, 9)}
    parents |= {f"HP:{i}{j}": f"HP:{i}" for i in range(1, 9) for j in range(1, 9)}
    parents |= {f"HP:{i}{j}0": f"HP:{i}{j}" for i in range(1, 9) for j in range(1, 9)}
    leaves = [id_ for id_ in parents if len(id_) >= 5]
    shown = {f"OMIM:{i}": rng.choice(leaves, 7, replace=False).tolist() for i in range(diseases)}
    shown |= extra or {}
    pairs = [(d, p, float(rng.uniform(0.3, 1))) for d, ps in shown.items() for p in ps]
    nodes = pl.DataFrame(
        [
            *((id_, "Symptom", f"phenotype {id_[3:]}") for id_ in ["HP:0", *parents]),
            *((id_, "Disease", f"disease {id_}") for id_ in shown),
        ],
        schema=["id", "kind", "name"],
        orient="row",
    )
    evidence = pl.DataFrame(
        [
            *((a, "SUBCLASS_OF", b, None) for a, b in parents.items()),
            *((d, "HAS_SYMPTOM", p, json.dumps({"frequency": round(f, 2)})) for d, p, f in pairs),
        ],
        schema=EVIDENCE,
        orient="row",
    )
    return KnowledgeGraph.build(nodes, evidence.with_columns(source=pl.lit("test")), [SOURCE])


def phenotypes_of(kg: KnowledgeGraph, disease: str) -> list[str]:
    return kg.edges.filter(subject=disease, relation="HAS_SYMPTOM")["object"].sort().to_list()


def of_disease(kg: KnowledgeGraph, number: int, name: str, publication: str) -> Row:
    """A patient with OMIM:`number` and four of its phenotypes."""
    return (name, phenotypes_of(kg, f"OMIM:{number}")[:4], [], f"OMIM:{number}", publication)


def patients(rows: Rows) -> KnowledgeGraph:
    """A graph of patients."""
    evidence = []
    nodes = {}
    for name, present, excluded, disease, publication in rows:
        nodes[f"patient:{name}"] = ("Patient", name)
        for relation, objects, kind in (
            ("HAS_PHENOTYPE", present, "Symptom"),
            ("LACKS_PHENOTYPE", excluded, "Symptom"),
            ("HAS_DISEASE", [disease] if disease else [], "Disease"),
        ):
            for object_ in objects:
                prefix = "disease " if kind == "Disease" else "phenotype "
                named = object_ if kind == "Disease" else object_[3:]
                nodes[object_] = (kind, prefix + named)
                evidence.append((f"patient:{name}", relation, object_, [publication]))
    return KnowledgeGraph.build(
        pl.DataFrame(
            [(id_, *rest) for id_, rest in nodes.items()],
            schema=["id", "kind", "name"],
            orient="row",
        ),
        pl.DataFrame(
            evidence, schema=["subject", "relation", "object", "references"], orient="row"
        ).with_columns(source=pl.lit("test"), level=pl.lit("observed")),
        [SOURCE],
    )
