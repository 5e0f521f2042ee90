"""The languages in which nodes have names beside their English one, and those names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ..core.errors import MissingError
from ..core.text import did_you_mean

if TYPE_CHECKING:
    from .kg import KnowledgeGraph

LANGUAGES = ("zh",)  # ISO 639-1


def name_property(language: str) -> str:
    """The property of a node that is its name in a language.

    Raises:
        MissingError: no names are kept in the language.
    """
    if language not in LANGUAGES:
        near = did_you_mean(language, LANGUAGES, f"there are {', '.join(LANGUAGES)}")
        raise MissingError(f"there are no names in {language!r}; {near}")
    return f"name_{language}"


def names_in(language: str, nodes: pl.DataFrame) -> dict[str, str]:
    """The name in a language of each node that has one, by identifier.

    Args:
        nodes: `id` and `properties`, as a graph's.

    Raises:
        MissingError: no names are kept in the language.
    """
    path = f"$.{name_property(language)}"
    named = nodes.select("id", name=pl.col("properties").str.json_path_match(path)).drop_nulls()
    return dict(named.iter_rows())


def named_in(language: str, kg: KnowledgeGraph) -> KnowledgeGraph:
    """The graph as it is shown in a language: nodes that have a name in it are called so.

    Raises:
        MissingError: no names are kept in the language.
    """
    nodes = kg.nodes
    names = names_in(language, nodes)
    own = pl.col("id").replace_strict(names, default=pl.col("name"), return_dtype=pl.String)
    return kg.with_frames(nodes=nodes.with_columns(name=own))
