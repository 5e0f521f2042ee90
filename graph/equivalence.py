"""Which identifiers of several graphs mean the same thing, from cross-references and symbols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise, permutations
from typing import Any, NamedTuple

import networkx as nx
import polars as pl

from .frames import MERGES, conform
from .schema import Schema
from .shared_names import has_forms, keys_of_names, name_agreement, two_to_mondo

# A key that more identifiers share than these joins none of them ("uncharacterized protein").
_MAX_SHARING = 100

# Pairs of identifiers that are not the same, as `unmerge` has recorded.
SeparatePairs = set[frozenset[str]]


class _Decision(NamedTuple):
    """A row of `merges`, without what the nodes were before."""

    kept: str
    merged: str
    kind: str
    reason: str
    applied: bool


class Agreement(NamedTuple):
    """Two identifiers that are one by what is stated of them; see `shared_facts`."""

    one: str
    other: str
    kind: str
    key: str


def equivalences(
    own: pl.DataFrame, separate: SeparatePairs, schema: Schema, agreed: Iterable[Agreement] = ()
) -> pl.DataFrame:
    """Which identifiers become which, and which were held back, as a frame of `MERGES`.

    Identifiers that are linked one to one, directly or through others, become one, unless two of
    them are of one prefix or have been set apart: then all links of the group are held back.

    Args:
        own: the nodes' own rows (see `own_rows`), one for each identifier.
        separate: the pairs of merges that were undone.
        agreed: further links.
    """
    links, decisions = links_between(own, separate)
    for one, other, kind, key in agreed:
        links.add_edge(one, other, kind=kind, keys=[key])
    for group in nx.connected_components(links):
        decisions += _decide(links.subgraph(group), separate, schema)
    columns = {name: dtype for name, dtype in MERGES.items() if name != "was"}
    return conform(pl.DataFrame(decisions, schema=columns, orient="row"), MERGES)


def links_between(
    own: pl.DataFrame, separate: SeparatePairs
) -> tuple[nx.Graph[str], list[_Decision]]:
    """What joins identifiers one to one, as a graph; and the pairs that are held back.

    Two identifiers of a kind are linked where they share a key: an identifier that both refer to or
    that one refers to and the other is, of targets an approved symbol, of diseases, symptoms and
    drugs a name with a second sign (`shared_names`). References between
    what was set apart don't count. Of several identifiers of one prefix that a key joins, the one
    of the same name is linked. Held back are keys that join several otherwise, diseases that are
    two to Mondo, and keys that too many identifiers share.

    Returns:
        The graph, whose edges have `kind` and `keys` (sorted), and the decisions to hold back.
    """
    keys = _without_separate(_keys(own), separate).with_columns(
        prefix=pl.col("id").str.split(":").list.first(), sharing=pl.len().over("kind", "key")
    )
    pairs = _pairs(keys.filter(pl.col("sharing").is_between(2, _MAX_SHARING)).drop("sharing"))
    are_two = [
        kind == "Disease" and two_to_mondo(one, other)
        for one, other, kind in pairs.select("id", "id_2", "kind").iter_rows()
    ]
    two = pairs.filter(pl.Series(are_two, dtype=pl.Boolean))
    pairs = _with_mutual(pairs.join(two, on=["id", "id_2"], how="anti"), own)
    links: nx.Graph[str] = nx.Graph()
    for one, other, kind, shared in pairs.filter("mutual").drop("mutual").iter_rows():
        if frozenset((one, other)) not in separate:
            links.add_edge(one, other, kind=kind, keys=shared)
    ambiguous = pairs.filter(~pl.col("mutual")).select(
        "id",
        "id_2",
        "kind",
        reason=pl.col("key").list.first() + pl.lit(" joins several of one prefix"),
        applied=pl.lit(False),
    )
    different = two.select(
        "id",
        "id_2",
        "kind",
        reason=pl.col("key").list.first() + pl.lit(" would join what is two to Mondo"),
        applied=pl.lit(False),
    )
    crowded = (
        keys.filter(pl.col("sharing") > _MAX_SHARING)
        .group_by("kind", "key")
        .agg(pl.col("id").sort(), pl.col("sharing").first())
        .sort("kind", "key")
        .select(
            pl.col("id").list.get(0),
            pl.col("id").list.get(1).alias("id_2"),
            "kind",
            reason=pl.format("{} joins {} identifiers, too many to be one", "key", "sharing"),
            applied=pl.lit(False),
        )
    )
    return links, [
        _Decision(*row) for row in pl.concat([ambiguous, different, crowded]).iter_rows()
    ]


def _keys(own: pl.DataFrame) -> pl.DataFrame:
    """What identifiers are joined by: `kind`, `id` and `key`, without duplicates."""
    # Of an identifier of two kinds, `MESH:1#Symptom`, references name the first part.
    plain = pl.col("id").str.strip_suffix(pl.concat_str(pl.lit("#"), "kind"))
    return pl.concat(
        [
            own.select("kind", "id", key=plain),
            own.select("kind", "id", key="xrefs").explode("key").drop_nulls(),
            own.filter(kind="Target").select("kind", "id", key=pl.lit("symbol ") + pl.col("name")),
            keys_of_names(own),
        ]
    ).unique()


def _without_separate(keys: pl.DataFrame, separate: SeparatePairs) -> pl.DataFrame:
    """The keys without references from one identifier to another that it was set apart from."""
    void = pl.DataFrame(
        [ends for pair in separate for ends in permutations(pair)],
        schema={"id": pl.String, "key": pl.String},
        orient="row",
    )
    return keys.join(void, on=["id", "key"], how="anti")


def _pairs(keys: pl.DataFrame) -> pl.DataFrame:
    """Pairs of identifiers of different prefixes that share keys.

    Returns:
        `id`, `id_2` (the first the smaller), `kind`, the list `key`, and both prefixes.
    """
    # Two identifiers of one prefix are two things to whoever assigned them.
    return (
        keys.join(keys, on=["kind", "key"], suffix="_2")
        .filter(pl.col("prefix") != pl.col("prefix_2"))
        .group_by("id", "id_2", "kind", "prefix", "prefix_2")
        .agg(pl.col("key").sort())
        .filter(pl.col("id") < pl.col("id_2"))
        .sort("id", "id_2")
    )


def _with_mutual(pairs: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """The pairs, and `mutual`: whether each fits better than others with the other's prefix.

    The same name makes a pair fit better; one that is `mutual` by its name alone has it as a key.
    """
    agreement = name_agreement(own, pairs)
    pairs = pairs.join(agreement, on=["id", "id_2"], how="left", maintain_order="left")
    pairs = pairs.with_columns(pl.col("agreement").fill_null(0))
    is_only, is_best = [], []
    for side in (["id", "prefix_2"], ["id_2", "prefix"]):
        is_first = pl.col("agreement") == pl.col("agreement").max().over(side)
        is_only.append(pl.len().over(side) == 1)
        is_best.append(is_first & (is_first.sum().over(side) == 1))
    by_name = pl.all_horizontal(is_best) & ~pl.all_horizontal(is_only)
    first = pl.format("{} and the name {}", pl.col("key").list.first(), "name")
    return pairs.select(
        "id",
        "id_2",
        "kind",
        key=pl.when(by_name).then(pl.concat_list(first)).otherwise("key"),
        mutual=pl.all_horizontal(is_best),
    )


def _decide(links: nx.Graph[str], separate: SeparatePairs, schema: Schema) -> Iterator[_Decision]:
    """Decisions about a connected group of identifiers: all become one, or none does."""
    kind: str = next(iter(links.edges(data="kind")))[2]
    order = {prefix: place for place, prefix in enumerate(schema.kind(kind).prefixes)}

    def preference(identifier: str) -> tuple[int, bool, str]:
        # DOID names a disease with all its forms, of which OMIM's number may be one: it goes first.
        is_whole = _prefix(identifier) == "DOID" and has_forms(identifier)
        prefix = "OMIM" if is_whole else _prefix(identifier)
        return order.get(prefix, len(order)), not is_whole, identifier

    kept, *others = sorted(links, key=preference)
    problem = _problem(links, separate)
    paths = nx.single_source_shortest_path(links, kept)
    for other in others:
        keys = (links.edges[step]["keys"][0] for step in pairwise(paths[other]))
        via = " and ".join(dict.fromkeys(keys))
        reason = f"{via} {problem}" if problem else f"joined by {via}"
        yield _Decision(kept, other, kind, reason, not problem)


def _prefix(identifier: str) -> str:
    return identifier.split(":")[0]


def _problem(links: nx.Graph[str], separate: SeparatePairs) -> str:
    """Why a group can't become one; empty where it can."""
    conflict = _conflict(links, separate)
    if conflict is None:
        return ""
    both = " and ".join(conflict)
    if frozenset(conflict) in separate:
        return f"would join again {both}, which were set apart"
    if _prefix(conflict[0]) != _prefix(conflict[1]):
        return f"would join what is two to Mondo, {both}"
    return f"would join two of one prefix, {both}; {_bridge(links, separate, *conflict)}"


def _conflict(group: Iterable[str], separate: SeparatePairs) -> tuple[str, str] | None:
    """Two identifiers of a group that are not the same: of one prefix, set apart, or two to Mondo.

    Where a group has a term of Mondo itself, that is newer than what medkg knows of Mondo.
    """
    by_prefix: dict[str, str] = {}
    for identifier in sorted(group):
        if (other := by_prefix.setdefault(_prefix(identifier), identifier)) != identifier:
            return other, identifier
    members = set(by_prefix.values())
    if pairs := sorted(sorted(pair) for pair in separate if pair <= members):
        return pairs[0][0], pairs[0][1]
    if "MONDO" in by_prefix:
        return None
    return next((pair for pair in combinations(sorted(members), 2) if two_to_mondo(*pair)), None)


def _bridge(links: nx.Graph[str], separate: SeparatePairs, one: str, other: str) -> str:
    """Which single reference, if removed, would leave no conflict: the likely mistake."""
    # Identifiers and keys (one-tuples) as nodes, who claims which key as edges.
    claims: nx.Graph[Any] = nx.Graph()
    shared: Iterable[tuple[str, str, list[str]]] = links.edges(data="keys")
    for start, end, keys in shared:
        claims.add_edges_from((identifier, (key,)) for identifier in (start, end) for key in keys)
    bridges = {frozenset(step) for step in nx.bridges(claims)}
    suspects = []
    for step in pairwise(nx.shortest_path(claims, one, other)):
        identifier, claim = sorted(step, key=lambda node: isinstance(node, tuple))
        key = claim[0]
        if frozenset(step) in bridges and identifier != key:
            remaining = nx.restricted_view(claims, [], [step])
            groups = nx.connected_components(remaining)
            if not any(_conflict(filter(links.__contains__, g), separate) for g in groups):
                suspects.append(f"{identifier}'s reference to {key}")
    return f"the bridge is {' or '.join(suspects)}" if suspects else "no one reference is to blame"
