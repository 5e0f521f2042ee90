"""A small graph of names that texts are linked to."""

from __future__ import annotations

import polars as pl

from medkg.graph.kg import KnowledgeGraph

NODES = [
    ("HP:0001945", "Symptom", "Fever", ["Pyrexia", "Hyperthermia"]),
    ("HP:0002094", "Symptom", "Dyspnea", ["Dyspnoea", "Shortness of breath"]),
    ("HP:0000083", "Symptom", "Renal insufficiency", ["Renal failure"]),
    ("HP:0002099", "Symptom", "Asthma", []),
    ("HP:0001083", "Symptom", "Ectopia lentis", ["Lens dislocation"]),
    ("OMIM:154700", "Disease", "Marfan syndrome", ["MFS"]),
    ("ORPHA:558", "Disease", "Marfan syndrome", []),
    ("DOID:9352", "Disease", "Type 2 diabetes mellitus", ["T2DM"]),
    ("DOID:9744", "Disease", "Type 1 diabetes mellitus", []),
    ("DOID:2841", "Disease", "Asthma", []),
    ("ORPHA:91378", "Disease", "Hereditary angioedema", []),
    ("drugbank:DB00945", "Drug", "Aspirin", ["Acetylsalicylic acid"]),
    ("drugbank:DB01045", "Drug", "Rifampicin", ["Rifampin"]),
    ("NCBIGene:5743", "Target", "PTGS2", ["COX-2", "cyclooxygenase 2"]),
]


def graph() -> KnowledgeGraph:
    """Symptoms, diseases, drugs and a target, without an edge."""
    nodes = pl.DataFrame(
        NODES,
        schema={"id": pl.String, "kind": pl.String, "name": pl.String,
                "synonyms": pl.List(pl.String)},
        orient="row",
    )  # fmt: skip
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])
