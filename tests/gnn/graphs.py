"""A small graph with something to learn, for the tests of link prediction."""

from __future__ import annotations

import numpy as np
import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

FAMILIES = 6
SOURCES = [Source("made", "1", "CC0-1.0"), Source("text", "1", "CC0-1.0", reliability=0.8)]


def family_graph(seed: int = 0) -> KnowledgeGraph:
    """Drugs in families: those of a family share class, diseases and most of their targets.

    The targets of a family share a pathway, and all of them a larger one.
    """
    generator = np.random.default_rng(seed)
    nodes, rows = [("medkg:pathway", "Pathway", "all pathways")], []
    for family in range(FAMILIES):
        nodes.append((f"NDFRT:{family}", "DrugClass", f"class {family}"))
        nodes.append((f"DOID:{family}", "Disease", f"disease {family}"))
        nodes.append((f"medkg:pathway{family}", "Pathway", f"pathway {family}"))
        nodes += [(f"NCBIGene:{family}{n}", "Target", f"GENE{family}{n}") for n in range(8)]
        for n in range(8):
            rows.append((f"NCBIGene:{family}{n}", "PARTICIPATES_IN", f"medkg:pathway{family}"))
            rows.append((f"NCBIGene:{family}{n}", "PARTICIPATES_IN", "medkg:pathway"))
        for n in range(8):
            drug = f"drugbank:DB{family}{n}"
            nodes.append((drug, "Drug", f"drug {family}-{n}"))
            rows.append((drug, "IN_CLASS", f"NDFRT:{family}"))
            if n % 2:
                rows.append((drug, "TREATS", f"DOID:{family}"))
            for gene in generator.choice(8, size=5, replace=False):
                rows.append((drug, "TARGETS", f"NCBIGene:{family}{gene}"))
        rows.append((f"DOID:{family}", "ASSOCIATED_WITH", f"NCBIGene:{family}0"))
        rows.append((f"NCBIGene:{family}1", "INTERACTS_WITH", f"NCBIGene:{family}2"))
    for n in range(40):
        nodes.append((f"NCBIGene:9{n:02}", "Target", f"LONELY{n}"))
    nodes.append(("PMID:1", "Document", "a paper"))
    evidence = pl.DataFrame(
        rows, schema=["subject", "relation", "object"], orient="row"
    ).with_columns(
        source=pl.lit("made"),
        document=pl.when(relation="TREATS").then(pl.lit("PMID:1")),
        sentence=pl.when(relation="TREATS").then(pl.lit("It helped.")),
    )
    frame = pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row")
    return KnowledgeGraph.build(frame, evidence, SOURCES)
