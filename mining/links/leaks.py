"""Find leaks: edges of a training graph that give away the pairs of a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict, cast

import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ...graph.frames import (
    EDGES,
    EVIDENCE,
    PREDICTIONS,
    edge_ids,
    empty,
)
from ...graph.kg import KnowledgeGraph
from ...graph.merge import merge
from ...graph.schema import Schema

# Compounds at least this similar count as one. Of Hetionet's 1,538 structures 44 pairs have one
# skeleton (salts, stereoisomers), and .9 adds 13 that differ by an atom or a ring's size, as
# ramipril and trandolapril do; .8 adds 60, where families such as digoxin's become one.
SIMILARITY = 0.9

_COMPOUND = "Drug"
_ROWS = 2_000  # compounds compared with all others at a time

# A class that is named by what its drugs do to their target.
MECHANISM = (
    r"(?i)\b(?:inhibitors?|(?:ant)?agonists?|blockers?|modulators?|activators?|inducers?"
    r"|stimulators?|suppressors?|directed antibod(?:y|ies))\b"
)


def entailing(schema: Schema, relation: str) -> tuple[str, ...]:
    """The relation itself, then the relations that entail it.

    Which entail which is declared in the schema (`entails`), and carries over: where A entails B
    and B entails C, A entails C.

    Raises:
        SchemaError: no such relation.
    """
    names = [schema.relation(relation).name]
    for name in names:
        names += sorted(
            r.name for r in schema.relations.values() if name in r.entails and r.name not in names
        )
    return tuple(names)


def same_entities(kg: KnowledgeGraph) -> dict[str, str]:
    """Identifiers that merging makes another's, and that other: of merges that the graph records,
    and of those that `medkg merge` would still make in it."""
    merged = merge(
        kg.with_frames(edges=empty(EDGES), evidence=empty(EVIDENCE), predictions=empty(PREDICTIONS))
    )
    return dict(merged.merges.filter("applied").select("merged", "kept").iter_rows())


@dataclass(frozen=True)
class Groups:
    """Which nodes count as one when pairs are compared.

    Attributes:
        same: identifiers that are the same entity's as another; see `same_entities`.
        similar_compounds: compounds that are the same or nearly the same molecule as another, to
            the first of their group.
        similarity: Tanimoto similarity from which compounds are grouped.
        with_structure, compounds: how many compounds have a structure that can be read, of how
            many.
    """

    same: Mapping[str, str]
    similar_compounds: Mapping[str, str]
    similarity: float
    with_structure: int
    compounds: int

    def entity(self, column: str) -> pl.Expr:
        """The identifier after merging."""
        return pl.col(column).replace(self.same)

    def group(self, column: str) -> pl.Expr:
        """The identifier after merging, and of similar compounds the first."""
        return self.entity(column).replace(self.similar_compounds)


def group_nodes(kg: KnowledgeGraph, ids: Iterable[str], similarity: float = SIMILARITY) -> Groups:
    """Group the nodes that count as one: the same entity, or nearly the same compound.

    Compounds are grouped where the first block of their InChIKey is the same once salts and charges
    are taken off, or where the Tanimoto similarity of their Morgan fingerprints is at least
    `similarity`; and where both are grouped with a third.
    """
    same = same_entities(kg)
    wanted = pl.Series(sorted(set(ids)), dtype=pl.String).implode()
    compounds = kg.nodes.filter(pl.col("id").is_in(wanted), kind=_COMPOUND)
    if compounds.is_empty():
        return Groups(same, {}, similarity, 0, 0)
    # RDKit takes a second.
    from ..molecules.fingerprints import morgan_fingerprints, tanimoto
    from ..molecules.structures import inchikey_skeleton, structures_of

    structures = structures_of(kg.with_frames(nodes=compounds), _COMPOUND)
    names = [same.get(node, node) for node in structures.ids]
    links: list[tuple[int, int]] = []
    for keys in ([inchikey_skeleton(molecule) for molecule in structures.molecules], names):
        first: dict[str, int] = {}
        links += [(first.setdefault(key, row), row) for row, key in enumerate(keys) if key]
    prints = morgan_fingerprints(structures.molecules)
    for start in range(0, len(names), _ROWS):
        similar = tanimoto(prints[start : start + _ROWS], prints) >= similarity
        links += [(start + int(a), int(b)) for a, b in zip(*similar.nonzero(), strict=True)]
    rows, columns = np.array(links, dtype=np.int64).reshape(-1, 2).T
    joined = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=2 * (len(names),))
    labels = connected_components(joined, directed=False)[1] if names else np.empty(0, np.int64)
    table = pl.DataFrame({"id": pl.Series(names, dtype=pl.String), "label": labels})
    table = table.with_columns(first=pl.col("id").min().over("label"))
    similar_compounds = dict(
        table.filter(pl.col("id") != pl.col("first")).select("id", "first").iter_rows()
    )
    return Groups(same, similar_compounds, similarity, len(structures.ids), compounds.height)


def pair_key(groups: Groups, subject: str = "subject", tail: str = "object") -> list[pl.Expr]:
    """Two columns, `a` and `b`: the ends after merging, in order of the alphabet."""
    ends = groups.entity(subject), groups.entity(tail)
    return [pl.min_horizontal(*ends).alias("a"), pl.max_horizontal(*ends).alias("b")]


class NotedPairs(TypedDict):
    """Test pairs that something in training helps with, without giving them away.

    Attributes:
        pairs: how many.
        example: the first of them; None if there is none.
    """

    pairs: int
    example: str | None


class LeakedPair(TypedDict):
    """A test pair and an edge of training that gives it away; see `Leaks.rows`."""

    head: str
    tail: str
    leak: str
    subject: str
    relation: str
    object: str
    sources: str
    levels: str


class LinkLeakReport(TypedDict):
    """Leaks in numbers.

    Attributes:
        pairs, leaked: how many test pairs there are, and how many are given away.
        by_sort: how many are by each sort of leak.
        first: the first five.
        noted: see `Leaks`.
    """

    pairs: int
    leaked: int
    by_sort: dict[str, int]
    first: list[LeakedPair]
    noted: dict[str, NotedPairs]


@dataclass(frozen=True)
class Leaks:
    """What a training graph holds of a test's pairs.

    Attributes:
        rows: frame, a row for a test pair and an edge of training that gives it away: `head`,
            `tail` (of the test), `leak` (what sort), `subject`, `relation`, `object`, `sources`,
            `levels` of the edge's evidence.
        noted: what helps without giving a pair away, by name: `pairs` (how many of the test's),
            `example`.
        tested: number of test pairs.
    """

    rows: pl.DataFrame
    noted: Mapping[str, NotedPairs]
    tested: int

    @property
    def pairs(self) -> pl.DataFrame:
        """The test pairs that are given away: head, tail."""
        return self.rows.select("head", "tail").unique(maintain_order=True)

    def to_dict(self) -> LinkLeakReport:
        """Counts, the first five, and what is only noted."""
        by_sort = self.rows.unique(["head", "tail", "leak"]).group_by("leak").len().sort("leak")
        return {
            "pairs": self.tested,
            "leaked": self.pairs.height,
            "by_sort": dict(by_sort.iter_rows()),
            "first": cast(list[LeakedPair], self.rows.head(5).to_dicts()),
            "noted": dict(self.noted),
        }


def find_leaks(
    kg: KnowledgeGraph,
    relation: str,
    pairs: pl.DataFrame,
    trained: pl.DataFrame,
    held_back: Iterable[str],
    groups: Groups | None = None,
) -> Leaks:
    """Find a test's pairs in the graph that a model was trained on, identifiers merged.

    A pair is given away by an edge of training that joins its ends by the same relation, in either
    direction, or by one that entails it, whatever evidence the edge has, text included. Noted, but
    no leak: an edge to the same tail from a compound that is nearly the head (or to nearly the
    tail); classes of the head that are named by a mechanism ("… Inhibitor"); documents that state
    the pair and mention both ends; other relations between the ends.

    Args:
        kg: the graph, held-back edges included.
        pairs: the test's (head, tail).
        trained: the pairs of the relation that the model was trained on (head, tail).
        held_back: ids of the edges that training left out.
        groups: which nodes count as one; found out if not given.

    Raises:
        SchemaError: no such relation.
    """
    out = pl.Series(sorted(set(held_back)), dtype=pl.String).implode()
    pairs = pairs.select("head", "tail").unique(maintain_order=True)
    ends = [pairs["head"], pairs["tail"], trained["head"], trained["tail"]]
    groups = groups or group_nodes(kg, pl.concat(ends).unique())
    keyed = pairs.with_columns(pair_key(groups, "head", "tail"))
    own = trained.select(subject="head", relation=pl.lit(relation, dtype=pl.String), object="tail")
    others = _edges_of_other_relations(kg, relation, keyed, out, groups)
    entails = pl.col("relation").is_in(entailing(kg.schema, relation))
    own = own.with_columns(pair_key(groups)).join(keyed, on=["a", "b"])
    leaks = pl.concat([own, others.filter(entails).select(own.columns)])
    symmetric = kg.schema.relation(relation).symmetric
    leaks = _described(kg, leaks.with_columns(_leak_name(groups, relation, symmetric)))
    noted = {
        "nearly the same compound": _similar_compounds(groups, pairs, trained, leaks),
        "class named by a mechanism": _classes(kg, pairs, out),
        "document that states it": _documents(kg, pairs, relation, out),
        **{
            f"also joined by {name}": _noted(rows)
            for (name,), rows in sorted(
                others.filter(~entails).partition_by("relation", as_dict=True).items()
            )
        },
    }
    return Leaks(
        leaks.sort("head", "tail", "leak", "subject", "relation", "object"),
        {name: values for name, values in noted.items() if values["pairs"]},
        pairs.height,
    )


def _edges_of_other_relations(
    kg: KnowledgeGraph, relation: str, pairs: pl.DataFrame, out: pl.Series, groups: Groups
) -> pl.DataFrame:
    """The training edges of other relations between the ends of pairs.

    Args:
        pairs: head, tail, and their `pair_key`.
        out: ids of the edges that training left out, as one list.
    """
    return (
        kg.scan("edges")
        .filter(~pl.col("id").is_in(out))
        .filter(pl.col("relation") != relation)
        .select("subject", "relation", "object")
        .with_columns(pair_key(groups))
        .join(pairs.lazy(), on=["a", "b"])
        .collect()
    )


def _noted(rows: pl.DataFrame, example: str = "") -> NotedPairs:
    """How many pairs (head, tail) the rows are about, and the first."""
    rows = rows.sort("head", "tail")
    first = f"{rows['head'][0]} – {rows['tail'][0]}{example}" if rows.height else None
    return {"pairs": rows.select("head", "tail").n_unique() if rows.height else 0, "example": first}


def _leak_name(groups: Groups, relation: str, symmetric: bool) -> pl.Expr:
    """The kind of leak that an edge of training is, as the column `leak`."""
    same_direction = groups.entity("subject") == groups.entity("head")
    return (
        pl.when(pl.col("relation") != relation)
        .then(pl.format("entailed by {}", "relation"))
        .when(same_direction | symmetric)
        .then(pl.lit("same pair"))
        .otherwise(pl.lit("same pair, turned"))
        .alias("leak")
    )


def _described(kg: KnowledgeGraph, edges: pl.DataFrame) -> pl.DataFrame:
    """Edges as `Leaks.rows` has them: with the sources and levels of their evidence."""
    edges = edges.with_columns(edge_ids(edges))
    ids = edges["edge"].unique().implode()
    evidence = (
        kg.scan("evidence")
        .filter(pl.col("edge").is_in(ids))
        .group_by("edge")
        .agg(
            sources=pl.col("source").unique().sort().str.join(", "),
            levels=pl.col("level").unique().sort().str.join(", "),
        )
        .collect()
    )
    return edges.join(evidence, on="edge", how="left", maintain_order="left").select(
        *("head", "tail", "leak", "subject", "relation", "object", "sources", "levels")
    )


def _similar_compounds(
    groups: Groups,
    pairs: pl.DataFrame,
    trained: pl.DataFrame,
    leaks: pl.DataFrame,
) -> NotedPairs:
    """Test pairs of which training has the tail with nearly the same compound, but for leaks."""
    grouped = [groups.group("head").alias("a"), groups.group("tail").alias("b")]
    known = trained.select(*grouped, like_head="head", like_tail="tail")
    rows = pairs.with_columns(grouped).join(known, on=["a", "b"])
    rows = rows.join(leaks, on=["head", "tail"], how="anti").sort("head", "tail", "like_head")
    like = (
        "" if rows.is_empty() else f", trained on {rows['like_head'][0]} – {rows['like_tail'][0]}"
    )
    return _noted(rows, like)


def _classes(kg: KnowledgeGraph, pairs: pl.DataFrame, out: pl.Series) -> NotedPairs:
    """Test pairs whose head is in a class that is named by a mechanism of action."""
    named = kg.nodes.filter(pl.col("name").str.contains(MECHANISM), kind="DrugClass")
    targets = kg.nodes.filter(kind="Target").select(tail="id")
    members = (
        kg.scan("edges")
        .filter(~pl.col("id").is_in(out), pl.col("relation") == "IN_CLASS")
        .select(head="subject", id="object")
        .join(named.lazy().select("id", "name"), on="id")
        .collect()
    )
    rows = pairs.join(targets, on="tail", how="semi").join(members, on="head")
    rows = rows.sort("head", "tail", "name")
    return _noted(rows, "" if rows.is_empty() else f", {rows['name'][0]}")


def _documents(
    kg: KnowledgeGraph, pairs: pl.DataFrame, relation: str, out: pl.Series
) -> NotedPairs:
    """Test pairs that a document states whose mentions of both ends training has."""
    stating = documents_of(kg, pairs, relation)
    mentions = (
        kg.scan("edges")
        .filter(~pl.col("id").is_in(out), pl.col("relation") == "MENTIONS")
        .select(document="subject", end="object")
        .collect()
    )
    for end in ("head", "tail"):
        stating = stating.join(
            mentions, left_on=["document", end], right_on=["document", "end"], how="semi"
        )
    stating = stating.sort("head", "tail", "document")
    return _noted(stating, "" if stating.is_empty() else f", {stating['document'][0]}")


def documents_of(kg: KnowledgeGraph, pairs: pl.DataFrame, relation: str) -> pl.DataFrame:
    """The documents that are evidence of pairs by this relation: head, tail, document."""
    return (
        kg.scan("evidence")
        .filter(pl.col("relation") == relation)
        .select(
            head="subject",
            tail="object",
            document=pl.concat_list(pl.concat_list("document"), pl.col("references").fill_null([])),
        )
        .join(pairs.lazy().select("head", "tail"), on=["head", "tail"], how="semi")
        .explode("document")
        .drop_nulls()
        .unique()
        .collect()
    )
