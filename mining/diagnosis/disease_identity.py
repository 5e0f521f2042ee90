"""Which identifiers are of one disease: by name, and by cross-reference."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import polars as pl
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from ...graph.identifiers import name_key
from ...graph.kg import KnowledgeGraph
from ...graph.shared_names import one_to_mondo

_MOST_PARTS = 5  # of a name with more commas no other order is looked for


def same_diseases(kg: KnowledgeGraph, cases: KnowledgeGraph | None = None) -> dict[str, int]:
    """The number of the disease that every identifier of one is of, cross-references included.

    Diseases are the same where their names are (see `_names_in_one_order` and
    `_without_susceptibility`), and where one's
    cross-references hold the other or both hold a third, directly or through others. Mondo's
    references count too where one of its terms refers to one identifier of each vocabulary. Where
    that would join two identifiers of one prefix (two OMIM numbers) that have different names, none
    of the references that lead there is followed, since one of them is of a group of diseases and
    not of one. A reference to a former identifier of its own prefix, which is no node, is no such
    identifier.
    """
    nodes = _nodes([kg] if cases is None else [kg, cases])
    named = _names_in_one_order(
        _without_susceptibility(
            nodes.drop_nulls("name").unique("id", keep="first", maintain_order=True)
        )
    )
    references = (
        nodes.explode("xrefs").drop_nulls("xrefs").select("id", "prefix", xref="xrefs").unique()
    )
    referred = (
        references.select(id="xref", prefix=pl.col("xref").str.extract(r"^([^:]*):"), of="prefix")
        .join(named, on="id", how="anti")
        .group_by("id", "prefix")
        .agg(former=(pl.col("of") == pl.col("prefix")).all())
    )
    members = (
        pl.concat([named, referred], how="diagonal")
        .with_columns(pl.col("former").fill_null(False))
        .sort("id")
        # Those without a name are known by their identifier; no name key has a colon.
        .with_columns(name=pl.when(pl.col("name_key") != "").then("name_key").otherwise("id"))
        .with_columns(pl.col("name").rank("dense").cast(pl.Int64) - 1)
    )
    name_of = dict(members.select("id", "name").iter_rows())
    size = members["name"].n_unique()
    ends = np.array(
        [[name_of[a], name_of[b]] for a, _, b in references.iter_rows()], dtype=np.int64
    )
    ends = ends.reshape(-1, 2)
    links = sp.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    label = connected_components(links, directed=False)[1].astype(np.int64)
    members = members.with_columns(joined=pl.Series(label[members["name"].to_numpy()]))
    too_far = (
        members.filter(~pl.col("former"))
        .group_by("joined", "prefix")
        .agg(pl.col("name").n_unique())
        .filter(pl.col("name") > 1)
    )
    number = (
        pl.when(pl.col("joined").is_in(too_far["joined"].implode()))
        .then(pl.col("name") + size)
        .otherwise("joined")
    )
    return dict(members.select("id", number).iter_rows())


def _nodes(graphs: Sequence[KnowledgeGraph]) -> pl.DataFrame:
    """The graphs' diseases with their cross-references and prefixes; in rows without a name what
    Mondo refers to beside one of them."""
    diseases = pl.concat(
        graph.nodes.filter(kind="Disease").select("id", "name", "name_key", "xrefs")
        for graph in graphs
    )
    of_mondo = one_to_mondo(diseases["id"]).group_by("id").agg(xrefs="id_2")
    prefix = pl.col("id").str.extract(r"^([^:]*):")
    return pl.concat([diseases, of_mondo], how="diagonal").with_columns(prefix=prefix)


def _without_susceptibility(nodes: pl.DataFrame) -> pl.DataFrame:
    """Diseases with the disease's name for what OMIM calls a susceptibility to it.

    What "Celiac disease, susceptibility to, 1" shows is celiac disease. Only where another
    vocabulary has the disease by that very name, and where it is the one entry of its own that
    would be called so.
    """
    name = pl.col("name_key").str.replace(r" susceptibility to( \d+)?$", "")
    marked = nodes.with_columns(disease=name, is_one=name != pl.col("name_key"))
    alone = (
        marked.group_by("disease")
        .agg(
            pl.col("is_one").any() & ~pl.col("is_one").all(),
            several=pl.struct("prefix", "name_key").n_unique() > pl.col("prefix").n_unique(),
        )
        .filter("is_one", ~pl.col("several"))
    )
    renamed = pl.col("is_one") & pl.col("disease").is_in(alone["disease"].implode())
    for column in ("name", "name_key"):
        marked = marked.with_columns(
            pl.when(renamed).then("disease").otherwise(column).alias(column)
        )
    return marked.drop("disease", "is_one")


def _names_in_one_order(nodes: pl.DataFrame) -> pl.DataFrame:
    """Diseases with one name for what differs in the order of its parts, divided by commas, alone.

    "Ascites, chylous" is chylous ascites. Not where one prefix has both orders (two OMIM numbers),
    nor of names whose words have another order within the parts.
    """
    parts = pl.col("name").str.split(",").list.eval(name_key(pl.element()))
    words = pl.col("name_key").str.split(" ").list.sort().list.join(" ")
    named = nodes.select("id", "prefix", "name_key", words=words, parts=parts)
    candidates = (
        named.group_by("words")
        .agg(
            pl.col("name_key").unique(),
            pl.col("parts").unique(),
            several=pl.struct("prefix", "name_key").n_unique() > pl.col("prefix").n_unique(),
        )
        .filter(pl.col("name_key").list.len() > 1, ~pl.col("several"))
    )
    reordered = [
        words for words, _, parts, _ in candidates.iter_rows() if _have_common_order(parts)
    ]
    name = (
        pl.when(pl.col("words").is_in(pl.Series(reordered, dtype=pl.String).implode()))
        .then("words")
        .otherwise("name_key")
    )
    return named.select("id", "prefix", name_key=name)


def _have_common_order(names: Sequence[Sequence[str]]) -> bool:
    """Whether the parts of all names can be put in an order in which they are one name."""
    if max(map(len, names)) > _MOST_PARTS:
        return False
    orders = [{" ".join(filter(None, order)) for order in permutations(parts)} for parts in names]
    return bool(set.intersection(*orders))
