"""Nodes of one name of which sources state the same: a second sign that they are one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import product

import polars as pl

from .equivalence import Agreement, SeparatePairs
from .shared_names import pairs_of_one_name, two_to_mondo

_EITHER_WAY = (("subject", "object", ">"), ("object", "subject", "<"))

# Gives what sources assert of any of these nodes: `subject`, `relation`, `object`.
FactsAbout = Callable[[pl.Series], Iterator[pl.DataFrame]]


def agreements(
    own: pl.DataFrame, renames: pl.DataFrame, separate: SeparatePairs, facts_about: FactsAbout
) -> list[Agreement]:
    """Pairs of identifiers that have one name, and a fact in common, and can be one.

    A fact is a relation to a third node: a symptom, a gene, a wider disease, a drug that causes
    it. Pairs with more facts in common go first; what would join two identifiers of one prefix, or
    what was set apart or is two to Mondo, is left out.

    Args:
        own: the nodes' own rows, one for each identifier.
        renames: `old` and `new` identifiers, by what else joins nodes.
        facts_about: evidence at its ends after these renames.
    """
    roots = own.select("id").join(renames, left_on="id", right_on="old", how="left")
    roots = roots.select("id", root=pl.coalesce("new", "id"))
    pairs = (
        pairs_of_one_name(own)
        .join(roots, on="id")
        .join(roots.rename({"id": "id_2", "root": "root_2"}), on="id_2")
        .filter(pl.col("root") != pl.col("root_2"))
    )
    facts = _facts(pl.concat([pairs["root"], pairs["root_2"]]).unique(), facts_about)
    shared = (
        pairs.join(facts, on="root")
        .join(facts, left_on=["root_2", "fact"], right_on=["root", "fact"])
        .group_by("kind", "id", "id_2", "name", "root", "root_2")
        .agg(count=pl.len(), fact=pl.col("fact").min())
        .sort("count", "id", "id_2", descending=[True, False, False])
    )
    members: dict[str, set[str]] = defaultdict(set)
    for identifier, root in roots.iter_rows():
        members[root].add(identifier)
    agreed = []
    for kind, one, other, name, root, root_2, _, fact in shared.iter_rows():
        group, group_2 = members[root], members[root_2]
        if group is group_2 or not _can_be_one(group, group_2, separate):
            continue
        group |= group_2
        members.update(dict.fromkeys(group, group))
        agreed.append(Agreement(one, other, kind, f"the name {name} and {fact}"))
    return agreed


def _facts(nodes: pl.Series, facts_about: FactsAbout) -> pl.DataFrame:
    """What is stated of the nodes: `root`, and `fact` (relation, direction and the other end)."""
    parts = [pl.DataFrame(schema={"root": pl.String, "fact": pl.String})]
    for evidence in facts_about(nodes) if nodes.len() else ():
        parts += [
            evidence.filter(pl.col(end).is_in(nodes.implode())).select(
                root=end, fact=pl.format(f"{{}} {sign} {{}}", "relation", other)
            )
            for end, other, sign in _EITHER_WAY
        ]
    return pl.concat(parts).unique()


def _can_be_one(group: set[str], other: set[str], separate: SeparatePairs) -> bool:
    prefixes, others = ({each.split(":")[0] for each in ids} for ids in (group, other))
    return not prefixes & others and not any(
        frozenset(pair) in separate or two_to_mondo(*pair) for pair in product(group, other)
    )
