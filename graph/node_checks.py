"""What can be wrong with a graph's nodes, their names and merges; each check gives the rows."""

from __future__ import annotations

from itertools import combinations

import polars as pl

from .frames import Row
from .identifiers import normalise_curies
from .kg import KnowledgeGraph
from .obsolete import current_ids
from .shared_names import two_to_mondo
from .similar_names import similar_names


def unknown_kinds(kg: KnowledgeGraph) -> pl.LazyFrame:
    known = pl.col("kind").is_in(list(kg.schema.kinds)).fill_null(False)
    return kg.scan("nodes").filter(~known).select("id", "kind")


def repeated_identifiers(kg: KnowledgeGraph) -> pl.LazyFrame:
    rows = kg.scan("nodes").group_by("id").agg(rows=pl.len(), kinds=pl.col("kind").unique().sort())
    return rows.filter(pl.col("rows") > 1).select("id", "rows", pl.col("kinds").list.join(" "))


def _identifiers(kg: KnowledgeGraph) -> pl.DataFrame:
    """Each node's identifier, what it should be, and why it can't be (nulls where it is right)."""
    nodes = kg.scan("nodes").select("id", "kind").collect()
    # What merging makes of an identifier that two kinds have.
    own = nodes.select(pl.col("id").str.strip_suffix(pl.concat_str(pl.lit("#"), "kind")))
    curies, reasons = normalise_curies(own.to_series())
    return nodes.select("id", curie=curies, reason=reasons, own=own.to_series())


def malformed_identifiers(kg: KnowledgeGraph) -> pl.LazyFrame:
    return _identifiers(kg).lazy().filter(pl.col("reason").is_not_null()).select("id", "reason")


def nonstandard_identifiers(kg: KnowledgeGraph) -> pl.LazyFrame:
    identifiers = _identifiers(kg).select("id", "own", "curie")
    xrefs = kg.scan("nodes").select(pl.col("xrefs").explode().drop_nulls().unique()).collect()
    curies, _ = normalise_curies(xrefs["xrefs"])
    identifiers = pl.concat([identifiers, xrefs.select(id="xrefs", own="xrefs", curie=curies)])
    return (
        identifiers.lazy().filter(pl.col("curie") != pl.col("own")).select("id", standard="curie")
    )


def obsolete_identifiers(kg: KnowledgeGraph) -> pl.LazyFrame:
    return (
        current_ids([kg])
        .lazy()
        .join(kg.scan("nodes"), left_on=["old", "kind"], right_on=["id", "kind"], how="semi")
        .select(obsolete="old", current="new")
    )


def isolated_nodes(kg: KnowledgeGraph) -> pl.LazyFrame:
    evidence = kg.scan("evidence")
    ends = pl.concat([evidence.select(id="subject"), evidence.select(id="object")]).unique()
    return kg.scan("nodes").select("id", "name").join(ends, on="id", how="anti")


def nameless_nodes(kg: KnowledgeGraph) -> pl.LazyFrame:
    named = ~pl.col("kind").is_in(["Patient", "Document"])
    nameless = (
        pl.col("name").is_null() | (pl.col("name") == pl.col("id")) | (pl.col("name_key") == "")
    )
    return kg.scan("nodes").filter(named & nameless).select("id")


# Patients, documents and examinations of one name are several all the same.
_IS_OF_ONE = pl.col("kind").is_in(["Patient", "Document"]) | pl.col("id").str.starts_with(
    "examination:"
)


def shared_names(kg: KnowledgeGraph) -> pl.LazyFrame:
    # What one source has as a symptom, another has as a disease.
    alike = pl.col("kind").replace("Symptom", "Disease")
    shared = (
        kg.scan("nodes")
        .filter(~_IS_OF_ONE, pl.col("name_key") != "")
        .group_by("name_key", alike=alike)
        .agg(kinds=pl.col("kind").unique().sort(), ids=pl.col("id").unique().sort())
        .filter(pl.col("ids").list.len() > 1)
    )
    joined = pl.col("kinds", "ids").list.join(" ")
    rows = shared.with_columns(why=pl.struct("kinds", "ids").map_elements(_why_apart, pl.String))
    return rows.select("name_key", joined, "why")


def _why_apart(row: Row) -> str:
    """Why nodes of one name are several."""
    if len(row["kinds"]) > 1:
        return "two kinds"
    prefixes = {identifier.split(":")[0] for identifier in row["ids"]}
    if len(prefixes) < len(row["ids"]):
        return "several of one prefix"
    is_two = any(two_to_mondo(*pair) for pair in combinations(row["ids"], 2))
    return "two to Mondo" if is_two else "no second sign"


def nearly_shared_names(kg: KnowledgeGraph) -> pl.LazyFrame:
    return similar_names(kg.scan("nodes").select("id", "kind", "name", "name_key").collect()).lazy()


def equivalences_held_back(kg: KnowledgeGraph) -> pl.LazyFrame:
    held = ~pl.col("applied") & (pl.col("reason") != "undone")
    return kg.scan("merges").filter(held).select("kept", "merged", "reason")


def merges_not_applied(kg: KnowledgeGraph) -> pl.LazyFrame:
    done = kg.scan("merges").filter("applied").select("kept", "merged", "reason")
    return done.join(kg.scan("nodes"), left_on="merged", right_on="id", how="semi")
