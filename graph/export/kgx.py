"""KGX (https://github.com/biolink/kgx): nodes and edges by Biolink, as TSV or JSON lines.

An edge of KGX is one piece of evidence, since KGX has one `primary_knowledge_source` on each.
Columns that Biolink has no name for begin with `medkg_`; with them the graph comes back equal
(`medkg.loaders.kgx`). What is no statement of a fact lies in files that KGX tools don't take for
edges: evidence that is hypothetical, historical or about a relative, predictions, and merges.

KGX's TSV knows no quoting, so in it a backslash, tab, line end or `|` is written as a backslash
sequence, and `\\.` protects white space at the ends and the empty text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import polars as pl

from ..frames import asserts_edge
from ..schema import Relation, Schema
from .facts import ExportFacts
from .slices import Slices

OWN = "medkg_"  # prefix of the columns that are not Biolink's
FILES = {
    "nodes": "medkg_nodes",
    "evidence": "medkg_edges",
    "unasserted": "medkg_unasserted",
    "predictions": "medkg_predictions",
    "merges": "medkg_merges",
}
# Columns of ours that KGX has a name for. All others get the prefix.
NODE_NAMES = {"id": "id", "name": "name", "synonyms": "synonym", "xrefs": "xref"}
EDGE_NAMES = {
    "id": "id",
    "subject": "subject",
    "object": "object",
    "original_subject": "original_subject",
    "original_object": "original_object",
    "references": "publications",
}
PREDICTION_NAMES = {"head": "subject", "tail": "object"}
# Prefixes that Biolink spells otherwise, and the columns that hold identifiers of nodes.
PREFIXES = {"drugbank": "DRUGBANK", "DOI": "doi"}
ID_COLUMNS = ("id", "subject", "object", "original_subject", "original_object", "head", "tail")
# What follows from the others.
_DERIVED = {"nodes": ("name_key",), "evidence": ("edge",)}

# Biolink's knowledge level and agent type of ours.
LEVELS = {
    "curated": ("knowledge_assertion", "manual_agent"),
    "text-mined": ("not_provided", "text_mining_agent"),
    "observed": ("observation", "data_analysis_pipeline"),
    "predicted": ("prediction", "computational_model"),
}
DIRECTIONS = {"UPREGULATES": "increased", "DOWNREGULATES": "decreased"}
NEGATIVE = ("LACKS_PHENOTYPE",)  # relations that say what another one denies

# "gene or gene product" is no category of its own in Biolink, but what genes and proteins share.
_GENE_CATEGORY = (
    pl.when(pl.col("id").str.starts_with("UniProtKB:"))
    .then(pl.lit("biolink:Protein"))
    .otherwise(pl.lit("biolink:Gene"))
)

_PLAIN = ["\\", "\t", "\n", "\r", "|"]
_ESCAPED = ["\\\\", "\\t", "\\n", "\\r", "\\p"]
_GUARD = "\\."


def escaped(text: pl.Expr) -> pl.Expr:
    """Text as it is written in a field of the TSV, or in one item of a list there."""
    text = text.str.replace_many(_PLAIN, _ESCAPED)
    return text.str.replace(r"^(\s|$)", "\\.${1}").str.replace(r"(\s)$", "${1}\\.")


def unescaped(text: pl.Expr) -> pl.Expr:
    """What `escaped` was given."""
    return text.str.replace_many([*_ESCAPED, _GUARD], [*_PLAIN, ""])


def biolink_id(text: pl.Expr) -> pl.Expr:
    """Identifiers with their prefix as Biolink spells it."""
    for ours, theirs in PREFIXES.items():
        text = text.str.replace(f"^{ours}:", f"{theirs}:")
    return text


def our_id(text: pl.Expr) -> pl.Expr:
    """What `biolink_id` was given."""
    for ours, theirs in PREFIXES.items():
        text = text.str.replace(f"^{theirs}:", f"{ours}:")
    return text


def write_tsv(given: Slices, folder: Path) -> ExportFacts:
    """Tab-separated files; see the module."""
    return _write(given, folder, ".tsv", _tsv, header=True)


def write_jsonl(given: Slices, folder: Path) -> ExportFacts:
    """Files with a JSON object a line, in which what is null or empty is left out."""
    return _write(given, folder, ".jsonl", _jsonl, header=False)


def _write(
    given: Slices,
    folder: Path,
    suffix: str,
    encoded: Callable[[pl.DataFrame], bytes],
    *,
    header: bool,
) -> ExportFacts:
    """Write the files of `FILES`, without those that would be empty.

    Args:
        encoded: rows as the file has them.
        header: whether a file begins with the names of its columns, between tabs.
    """
    counts = dict.fromkeys(FILES, 0)
    with ExitStack() as stack:
        files: dict[str, IO[bytes]] = {
            name: stack.enter_context((folder / f"{file}{suffix}").open("wb"))
            for name, file in FILES.items()
        }

        def add(name: str, rows: pl.DataFrame) -> None:
            if rows.height:
                ids = [column for column in ID_COLUMNS if column in rows.columns]
                rows = rows.with_columns(biolink_id(pl.col(column)) for column in ids)
                if header and not counts[name]:
                    files[name].write(("\t".join(rows.columns) + "\n").encode())
                files[name].write(encoded(rows))
                counts[name] += rows.height

        for part in given.of("nodes"):
            add("nodes", node_rows(part, given.schema))
        for part in given.of("evidence"):
            add("evidence", edge_rows(part.filter(asserts_edge()), given.schema))
            add("unasserted", edge_rows(part.filter(~asserts_edge()), given.schema))
        for part in given.of("predictions"):
            add("predictions", prediction_rows(part, given.schema))
        for part in given.of("merges"):
            add("merges", part)
    for name, file in FILES.items():
        if name not in ("nodes", "evidence") and not counts[name]:
            (folder / f"{file}{suffix}").unlink()
    return {"counts": counts, "files": {name: f"{file}{suffix}" for name, file in FILES.items()}}


def node_rows(nodes: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Nodes as KGX has them, a category of Biolink for each."""
    categories = {label: kind.biolink for label, kind in schema.kinds.items()}
    category = pl.col("kind").replace_strict(categories, return_dtype=pl.String)
    category = (
        pl.when(category == "biolink:GeneOrGeneProduct").then(_GENE_CATEGORY).otherwise(category)
    )
    return nodes.select(
        pl.col("id"),
        category=pl.concat_list(category),
        **_renamed("nodes", nodes.columns, NODE_NAMES),
    )


def edge_rows(evidence: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Pieces of evidence as edges of KGX."""
    relation, level = pl.col("relation"), pl.col("level")
    negated = (pl.col("polarity") == "negated") != relation.is_in(NEGATIVE)
    return evidence.select(
        pl.col("id", "subject"),
        **_predicate(relation, schema.relations),
        object=pl.col("object"),
        category=pl.concat_list(pl.lit("biolink:Association")),
        primary_knowledge_source="infores:" + pl.col("source").str.replace_all(r"\s+", "-"),
        knowledge_level=level.replace_strict({k: v[0] for k, v in LEVELS.items()}),
        agent_type=level.replace_strict({k: v[1] for k, v in LEVELS.items()}),
        # What is written as false is true to some readers, which ask only whether it is there.
        negated=pl.when(negated).then(pl.lit(True)),
        **{
            name: column
            for name, column in _renamed("evidence", evidence.columns, EDGE_NAMES).items()
            if name != "object"
        },
    )


def prediction_rows(predictions: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Predictions in the form of KGX's edges, marked as what they are."""
    return predictions.select(
        subject=pl.col("head"),
        **_predicate(pl.col("relation"), schema.relations),
        object=pl.col("tail"),
        knowledge_level=pl.lit("prediction"),
        agent_type=pl.lit("computational_model"),
        **{
            name: column
            for name, column in _renamed(
                "predictions", predictions.columns, PREDICTION_NAMES
            ).items()
            if name not in ("subject", "object")
        },
    )


def _predicate(relation: pl.Expr, relations: Mapping[str, Relation]) -> dict[str, pl.Expr]:
    """The predicate and the qualifiers that tell apart relations of one predicate."""
    predicates = {name: relation.biolink for name, relation in relations.items()}
    direction = relation.replace_strict(DIRECTIONS, default=None, return_dtype=pl.String)
    known = direction.is_not_null()
    return {
        "predicate": relation.replace_strict(predicates, return_dtype=pl.String),
        "qualified_predicate": pl.when(known).then(pl.lit("biolink:causes")),
        "object_aspect_qualifier": pl.when(known).then(pl.lit("expression")),
        "object_direction_qualifier": direction,
    }


def _renamed(frame: str, columns: Iterable[str], names: Mapping[str, str]) -> dict[str, pl.Expr]:
    """The columns by KGX's names or with the prefix; without `id`, `subject` and what follows."""
    left_out = ("id", "subject", *_DERIVED.get(frame, ()))
    return {
        names.get(name, f"{OWN}{name}"): pl.col(name) for name in columns if name not in left_out
    }


def _tsv(rows: pl.DataFrame) -> bytes:
    columns = []
    for name, dtype in rows.schema.items():
        if isinstance(dtype, pl.List):
            items = escaped(pl.element().cast(pl.String))
            column = pl.col(name).list.eval(items).list.join("|")
            columns.append(pl.when(column != "").then(column).alias(name))
        else:
            columns.append(escaped(pl.col(name).cast(pl.String)).alias(name))
    text = rows.select(columns).write_csv(
        separator="\t", quote_style="never", null_value="", include_header=False
    )
    return text.encode()


def _jsonl(rows: pl.DataFrame) -> bytes:
    """A JSON object a row, without what is null or an empty list."""
    members = []
    for name, dtype in rows.schema.items():
        given = pl.col(name).is_not_null()
        if isinstance(dtype, pl.List):
            given &= pl.col(name).list.len() > 0
        text = pl.struct(name).struct.json_encode()
        members.append(pl.when(given).then(text.str.slice(1, text.str.len_chars() - 2)))
    body = pl.concat_str(members, separator=",", ignore_nulls=True)
    lines = rows.select(pl.concat_str(pl.lit("{"), body, pl.lit("}\n"))).to_series()
    return "".join(lines).encode()
