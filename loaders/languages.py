"""Names in another language than English for the nodes of a graph.

A node's `name` stays English. Its names in another language are among its `synonyms`, so that all
that looks for a name finds them; the first of them is also its property `name_zh`, for Chinese
(`zh`), which is what is shown to who asks for that language.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from ..core.json_reading import parse_object
from ..core.quarantine import Quarantine
from ..graph.identifiers import normalise_curies
from ..graph.kg import KnowledgeGraph
from ..graph.languages import name_property
from .text_tables import read_table_parts

_SHIPPED = Path(__file__).parent / "data"
_FOLDERS = {"zh": "chinese"}
# A table of one's own, or the translations of an ontology in the babelon format
# (https://github.com/monarch-initiative/babelon).
_COLUMNS = {"id": ["id", "subject_id"], "name": ["name", "translation_value"]}
_OPTIONAL = ("synonyms", "translation_language")
_NAMES = {"id": pl.String, "name": pl.String}


def with_names(
    kg: KnowledgeGraph,
    language: str,
    labels: Path | None = None,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """The graph, its nodes with their names in a language.

    The shipped names are HPO's official Chinese labels and those of the drugs and diseases of the
    sources that ship. A node gets the names of its identifier or, where there are none, of its
    cross-references.

    Args:
        language: its code; `zh` (Chinese) is the one that there is.
        labels: a table of one's own, whose names go before the shipped ones: the columns `id`,
            `name` and, if there are any, `synonyms` parted by `|`; or a babelon TSV.
        quarantine: takes the rows without an identifier or a name.

    Raises:
        MissingError: there are no names in the language.
        DataError: the table can't be read.
    """
    key = name_property(language)
    bad_rows = Quarantine() if quarantine is None else quarantine
    files = sorted((_SHIPPED / _FOLDERS[language]).glob("*.tsv*"))
    tables = [_read(file, language, bad_rows) for file in ([labels] if labels else []) + files]
    return _named(kg, pl.concat(tables).unique(maintain_order=True), key)


def _read(path: Path, language: str, quarantine: Quarantine) -> pl.DataFrame:
    """`id` and `name`, the preferred names of a table before its synonyms."""
    names = []
    for rows in read_table_parts(path, _COLUMNS, quarantine, _OPTIONAL):
        rows = rows.filter(pl.col("translation_language").fill_null(language) == language)
        ids, _ = normalise_curies(rows["id"])
        rows = rows.with_columns(curie=ids, name=pl.col("name").str.strip_chars())
        unusable = pl.col("curie").is_null() | (pl.col("name").fill_null("") == "")
        for line, id_ in rows.filter(unusable).select("line", "id").iter_rows():
            quarantine.add("row without an identifier and a name", path=path, line=line, row=id_)
        rows = rows.filter(~unusable)
        synonyms = rows.select(id="curie", name=pl.col("synonyms").str.split("|")).explode("name")
        names += [rows.select(id="curie", name="name"), synonyms]
    frame = pl.concat(names) if names else pl.DataFrame(schema=_NAMES)
    return frame.filter(pl.col("name").fill_null("") != "")


def _named(kg: KnowledgeGraph, names: pl.DataFrame, key: str) -> KnowledgeGraph:
    nodes = kg.nodes
    own = nodes.select("id").join(names, on="id", maintain_order="right")
    others = nodes.join(own, on="id", how="anti").select("id", xref="xrefs").explode("xref")
    referred = others.drop_nulls().join(
        names.rename({"id": "xref"}), on="xref", maintain_order="right"
    )
    by_node = (
        pl.concat([own, referred.select("id", "name")])
        .unique(maintain_order=True)
        .group_by("id", maintain_order=True)
        .agg(more="name")
    )
    changed = nodes.join(by_node, on="id").with_columns(
        synonyms=pl.concat_list("synonyms", "more")
        .list.unique()
        .list.set_difference(pl.concat_list("name"))
        .list.sort()
    )
    properties = [
        json.dumps({**parse_object(text), key: more[0]}, ensure_ascii=False)
        for text, more in changed.select("properties", "more").iter_rows()
    ]
    changed = changed.with_columns(properties=pl.Series(properties, dtype=pl.String))
    return kg.with_frames(
        nodes=nodes.update(changed.select("id", "synonyms", "properties"), on="id")
    )
