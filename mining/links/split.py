"""Split a relation's edges into training, validation and test without leaks.

Edges that would give held-back pairs away are removed from all parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ...core.atomic import atomic_folder
from ...core.errors import DataError
from ...core.input_files import require_regular
from ...core.json_reading import read_json
from ...graph.kg import KnowledgeGraph
from .leaks import (
    SIMILARITY,
    Groups,
    find_leaks,
    group_nodes,
)
from .split_options import SplitDates, SplitOptions
from .split_removals import (
    dated_later,
    edges_at,
    entailing_edges,
    mentions_of,
    merged_removals,
    one_part_a_pair,
)
from .task import relation_edges

MANIFEST = "split.json"
SPLIT_VERSION = 1
PARTS = ("train", "valid", "test")
ALL = "all"  # every other relation, for `without`


@dataclass(frozen=True)
class LinkSplit:
    """A relation's edges in parts.

    Attributes:
        edges: frame part, head, relation, tail, edge: each edge of the relation in one part, but
            for those removed.
        removed: frame reason, head, relation, tail, edge: edges of any relation that neither
            training nor test sees, since they give held-back pairs away.
        report: how the split was made, counts, and what was kept together or removed, and why.
    """

    edges: pl.DataFrame
    removed: pl.DataFrame
    report: Mapping[str, Any]

    def held_back(self) -> dict[str, list[str]]:
        """Edge ids by part (valid, test, removed), as `train_links` takes them."""
        parts = {part: self.edges.filter(part=part)["edge"].to_list() for part in PARTS[1:]}
        return {**parts, "removed": self.removed["edge"].to_list()}

    def save(self, path: Path | str) -> None:
        """Write `train.tsv`, `valid.tsv`, `test.tsv`, `removed.tsv` and `split.json` to a folder.

        Raises:
            DataError: `path` is a file, or a folder that is no split.
        """
        with atomic_folder(path, marker=MANIFEST) as folder:
            for part in PARTS:
                rows = self.edges.filter(part=part).drop("part")
                rows.write_csv(folder / f"{part}.tsv", separator="\t")
            self.removed.write_csv(folder / "removed.tsv", separator="\t")
            manifest = {"split_version": SPLIT_VERSION, **self.report}
            (folder / MANIFEST).write_text(
                json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8"
            )


def held_back(path: Path | str, kg: KnowledgeGraph, relation: str) -> dict[str, list[str]]:
    """The edge ids that a saved split holds back, by part, as `train_links` takes them.

    Raises:
        DataError: no split folder, a damaged one, or one of another graph or relation.
    """
    folder = Path(path)
    file = folder / MANIFEST
    if not file.is_file():
        raise DataError(f"is no split (it has no {MANIFEST}); medkg split makes one", path=folder)
    try:
        manifest = read_json(file)
        if manifest["split_version"] != SPLIT_VERSION:
            raise DataError(f"has version {manifest['split_version']}; split again", path=file)
        of_relation, checksum = manifest["relation"], manifest["graph"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"is damaged: lacks {error}; split again", path=file) from error
    if of_relation != relation:
        raise DataError(f"splits {of_relation}, not {relation}", path=file)
    if checksum != kg.checksum():
        raise DataError(
            "was made of another graph, whose leaks are not this one's; medkg split makes one of"
            " this graph",
            path=folder,
        )
    files = {part: folder / f"{part}.tsv" for part in ("valid", "test", "removed")}
    return {part: read_edges(place)["edge"].to_list() for part, place in files.items()}


def read_edges(path: Path | str) -> pl.DataFrame:
    """Edges of a TSV file: head and tail (or subject and object), and edge, where it has it.

    Raises:
        DataError: the file can't be read, lacks a column or an end.
    """
    try:
        require_regular(Path(path))
        rows = pl.read_csv(path, separator="\t", infer_schema=False, quote_char=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"can't be read as TSV: {error}", path=path) from error
    rows = rows.rename({"subject": "head", "object": "tail"}, strict=False)
    if missing := sorted({"head", "tail"} - set(rows.columns)):
        raise DataError(f"lacks the columns {missing} (or subject and object)", path=path)
    for line, row in enumerate(rows.iter_rows(named=True), start=2):
        if not row["head"] or not row["tail"]:
            raise DataError("lacks an end", path=path, line=line)
    return rows.select(name for name in ("head", "tail", "edge") if name in rows.columns)


def split_links(
    kg: KnowledgeGraph,
    relation: str = "TARGETS",
    how: str = "random",
    *,
    seed: int = 0,
    share: float = 0.1,
    sources: Sequence[str] = (),
    since: str | None = None,
    without: Sequence[str] = (),
    similarity: float = SIMILARITY,
) -> LinkSplit:
    """Split a relation's edges so that none of training gives a held-back pair away.

    The edges of one pair stay together: both directions, identifiers that merging joins, and
    compounds that are the same or nearly the same molecule (see `group_nodes`). What can't be kept
    together is removed: other edges on a held-back pair, turned or by a relation that entails
    this one, whatever their evidence, text included; where the source or the date decides, edges
    of similar compounds with the same partner; and what a document that states a held-back pair
    mentions of it.

    Args:
        how: `random`: random pairs. `new-heads`, `new-tails`: random heads or tails, all of whose
            edges are held back (of a symmetric relation: nodes). `by-source`: the test has
            the edges that only `sources` record. `by-date`: the test has the edges all of whose
            evidence is dated `since` or later. Of these two, validation is random.
        share: of the edges, for validation and for the test each.
        sources: names of sources.
        since: a date, ISO 8601; if not given, the latest that leaves `share` of the edges.
        without: for new heads or tails, relations whose edges these lose, too; `all` for all
            others, which leaves what a node's own properties (such as its structure) tell.
        similarity: Tanimoto similarity from which two compounds count as one.

    Raises:
        DataError: too few edges, no such source, no dates, or a part that would be empty.
        SchemaError: no such relation.
    """
    options = SplitOptions(how, seed, share, tuple(sources), since, tuple(without), similarity)
    _check_without(kg, relation, without)
    edge_type, rows = relation_edges(kg, relation)
    edges = rows.select("id", "sources", head="subject", tail="object")
    groups = group_nodes(kg, pl.concat([edges["head"], edges["tail"]]).unique(), similarity)
    ends = [groups.group("head"), groups.group("tail")]
    edges = edges.with_columns(a=pl.min_horizontal(ends), b=pl.max_horizontal(ends))
    parts, dates = _assigned_parts(kg, relation, edges, groups, options)
    edges, same_pairs = one_part_a_pair(edges.join(parts, on="id"), groups, relation)
    counts = _counts(edges, rows.height)
    removed = [same_pairs, *_edges_to_remove(kg, relation, edges, groups, options, dates)]
    split = LinkSplit(_listed(edges, relation), merged_removals(removed, edges), {})
    report = {
        "relation": relation,
        "edge_type": list(edge_type),
        **options.recorded(dates),
        "graph": kg.checksum(),
        "edges": rows.height,
        "counts": {**counts, "removed": rows.height - edges.height},
        **_leak_report(kg, relation, split, edges, groups),
    }
    return replace(split, report=report)


def _assigned_parts(
    kg: KnowledgeGraph, relation: str, edges: pl.DataFrame, groups: Groups, options: SplitOptions
) -> tuple[pl.DataFrame, SplitDates | None]:
    """Assign each edge to a part: id, part; and, of a split by date, the dates."""
    n_test, generator = options.share * edges.height, np.random.default_rng(options.seed)
    if options.how == "by-source":
        tested = _recorded_by_alone(edges, options.sources)
        return _around_test(edges, tested, n_test, generator), None
    if options.how == "by-date":
        tested, dates = _dated_since(kg, edges, options.since, n_test)
        return _around_test(edges, tested, n_test, generator), dates
    units = _units(options.how, groups, symmetric=kg.schema.relation(relation).symmetric)
    return _drawn(edges, units, {"test": n_test, "valid": n_test}, generator), None


def _edges_to_remove(
    kg: KnowledgeGraph,
    relation: str,
    edges: pl.DataFrame,
    groups: Groups,
    options: SplitOptions,
    dates: SplitDates | None,
) -> list[pl.DataFrame]:
    """The edges that would give held-back pairs away, a frame for each reason."""
    held = edges.filter(pl.col("part") != "train")
    removed = [
        entailing_edges(kg, relation, edges, held, groups),
        mentions_of(kg, relation, held),
    ]
    if options.without:
        new = held["head" if options.how == "new-heads" else "tail"].unique()
        removed.append(edges_at(kg, new, _relations_without(kg, relation, options.without)))
    if dates is not None:
        removed.append(dated_later(kg, relation, dates["since"]))
    return removed


def _counts(edges: pl.DataFrame, n_edges: int) -> dict[str, int]:
    """The number of edges in each part.

    Raises:
        DataError: of `n_edges` edges none is in some part.
    """
    counts = {part: edges.filter(part=part).height for part in PARTS}
    if empty := [part for part, count in counts.items() if not count]:
        raise DataError(
            f"of {n_edges:,} edges none would be left for {empty[0]}; take another share, way"
            " to split or seed"
        )
    return counts


def _check_without(kg: KnowledgeGraph, relation: str, without: Sequence[str]) -> None:
    """Check the relations whose edges new nodes are to lose.

    Raises:
        DataError: one of them is the relation that is split.
        SchemaError: no such relation.
    """
    if ALL in without:
        return
    for name in without:
        kg.schema.relation(name)
        if name == relation:
            raise DataError(f"{relation} is split; its held-back edges are left out anyway")


def _relations_without(kg: KnowledgeGraph, relation: str, without: Sequence[str]) -> list[str]:
    """The relations named, sorted; for `all` every other one of the schema."""
    return sorted(set(kg.schema.relations) - {relation} if ALL in without else set(without))


# Assignment of edges to parts


def _units(how: str, groups: Groups, *, symmetric: bool) -> list[pl.Expr]:
    """The units of edges that a way of splitting keeps together: pairs, or nodes of an end."""
    if how == "random":
        return [_PAIR]
    if symmetric:
        return [pl.col("a"), pl.col("b")]
    return [groups.group(how.removeprefix("new-")[:-1])]


def _around_test(
    edges: pl.DataFrame, tested: pl.DataFrame, n_valid: float, generator: np.random.Generator
) -> pl.DataFrame:
    """Parts of edges (id, part) where those of the test are given, and validation is random."""
    rest = edges.join(tested, on="id", how="anti")
    drawn = _drawn(rest, [_PAIR], {"valid": n_valid}, generator)
    return pl.concat([tested.select("id", part=pl.lit("test")), drawn])


_PAIR = pl.concat_str("a", "b", separator="\n")


def _drawn(
    edges: pl.DataFrame,
    units: Sequence[pl.Expr],
    sizes: Mapping[str, float],
    generator: np.random.Generator,
) -> pl.DataFrame:
    """Random units, whole, until each part in turn has at least its size: id, part.

    An edge with two units goes where the first of them that is drawn goes. A unit larger than a
    part is left in training.
    """
    by_unit = pl.concat(edges.select("id", unit=unit) for unit in units).unique()
    drawn = by_unit.group_by("unit").len().sort("unit")
    drawn = drawn.with_columns(place=pl.Series(generator.permutation(drawn.height)))
    drawn = drawn.filter(pl.col("len") <= max(1.0, *sizes.values()))
    edges_at = (
        by_unit.join(drawn, on="unit")
        .group_by("id")
        .agg(pl.col("place").min())
        .sort("place")
        .with_columns(number=pl.int_range(pl.len()))
        .with_columns(before=pl.col("number").min().over("place"))
    )
    part, bound = pl.lit("train"), sum(sizes.values())
    for name in reversed(list(sizes)):
        part = pl.when(pl.col("before") < bound).then(pl.lit(name)).otherwise(part)
        bound -= sizes[name]
    chosen = edges_at.select("id", part=part)
    left = edges.join(chosen, on="id", how="anti").select("id", part=pl.lit("train"))
    return pl.concat([chosen, left])


def _recorded_by_alone(edges: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """The ids of the edges that no other than these sources records.

    Raises:
        DataError: no source is named, one is unknown, or there is no such edge.
    """
    counts = edges.select(pl.col("sources").explode()).to_series().value_counts(sort=True)
    held = ", ".join(f"{name} ({count:,} edges)" for name, count in counts.iter_rows())
    if not sources:
        raise DataError(f"by-source needs the sources to test on; the graph has {held}")
    if unknown := sorted(set(sources) - set(counts["sources"])):
        raise DataError(f"no edge is from {unknown[0]!r}; the graph has {held}")
    alone = pl.col("sources").list.set_difference(list(sources)).list.len() == 0
    tested = edges.filter(alone).select("id")
    if tested.is_empty():
        raise DataError(f"no edge is recorded by {', '.join(sources)} alone; the graph has {held}")
    return tested


def _dated_since(
    kg: KnowledgeGraph, edges: pl.DataFrame, since: str | None, n_test: float
) -> tuple[pl.DataFrame, SplitDates]:
    """The ids of the edges all of whose evidence is dated since a cut-off, and the dates.

    Args:
        since: the cut-off; if None, the latest that leaves at least `n_test` edges.

    Raises:
        DataError: no evidence has a date, or no edge has dates alone or is as new.
    """
    ids = edges["id"].implode()
    evidence = kg.scan("evidence").filter(pl.col("edge").is_in(ids)).select("edge", "date")
    rows = evidence.collect()
    rows_without_date = rows["date"].null_count()
    if rows_without_date == rows.height:
        raise DataError(
            f"none of the {rows.height:,} rows of evidence has a date, so they can't be split"
            " by it; load a source that dates its evidence, or split another way"
        )
    first = rows.group_by("edge").agg(
        pl.col("date").min(), dated=pl.col("date").is_not_null().all()
    )
    dated = first.filter("dated").sort("date", "edge", descending=True)
    if dated.is_empty():
        raise DataError("every edge has evidence without a date, so none is known to be new")
    if since is None:
        since = str(dated["date"][min(dated.height, max(1, round(n_test))) - 1])
    tested = dated.filter(pl.col("date") >= since).select(id="edge")
    if tested.is_empty():
        raise DataError(f"no edge is dated {since} or later; the latest is {dated['date'][0]}")
    return tested, {
        "since": since,
        "earliest": dated["date"][-1],
        "latest": dated["date"][0],
        "rows": rows.height,
        "rows_without_date": rows_without_date,
        "edges_without_date": first.height - dated.height,
    }


def _listed(edges: pl.DataFrame, relation: str) -> pl.DataFrame:
    """The edges as `LinkSplit.edges` has them."""
    columns = edges.select("part", "head", relation=pl.lit(relation), tail="tail", edge="id")
    return columns.sort("part", "head", "tail")


# The report


def _leak_report(
    kg: KnowledgeGraph, relation: str, split: LinkSplit, edges: pl.DataFrame, groups: Groups
) -> dict[str, object]:
    """What a split kept together, removed and only noted, as its report has it."""
    held_back = [edge for ids in split.held_back().values() for edge in ids]
    test, train = edges.filter(part="test"), edges.filter(part="train")
    leaks = find_leaks(kg, relation, test, train, held_back, groups)
    removed = split.removed
    return {
        "ends": _ends(edges),
        "removed": dict(removed.group_by("reason").len().sort("reason").iter_rows()),
        "removed_by_relation": dict(
            removed.group_by("relation").len().sort("relation").iter_rows()
        ),
        "kept_together": _kept_together(edges, groups),
        "text_evidence": _text_evidence(kg, edges.filter(pl.col("part") != "train")),
        "noted": leaks.to_dict()["noted"],
    }


def _ends(edges: pl.DataFrame) -> dict[str, dict[str, int]]:
    """For each part, how many heads and tails it has, and how many of them training lacks."""
    counts = {}
    train = edges.filter(part="train")
    for part in PARTS:
        rows = edges.filter(part=part)
        counts[part] = {
            f"{end}s{which}": ends.n_unique()
            for end in ("head", "tail")
            for which, ends in (
                ("", rows[end]),
                ("_new", rows.join(train, on=end, how="anti")[end]),
            )
        }
    return counts


def _kept_together(edges: pl.DataFrame, groups: Groups) -> dict[str, int]:
    """How many compounds were compared and are similar, and how many edges share a part for it."""
    similar = len(set(groups.similar_compounds) | set(groups.similar_compounds.values()))
    several = edges.filter(pl.len().over("a", "b") > 1)
    return {
        "compounds": groups.compounds,
        "with_structure": groups.with_structure,
        "alike": similar,
        "groups": len(set(groups.similar_compounds.values())),
        "edges_of_one_pair": several.height,
        "identifiers_joined": len(groups.same),
    }


def _text_evidence(kg: KnowledgeGraph, held: pl.DataFrame) -> dict[str, int]:
    """How many held-back edges have text-mined evidence, which is held back with them."""
    ids = held["id"].implode()
    mined = kg.scan("evidence").filter(pl.col("edge").is_in(ids), pl.col("level") == "text-mined")
    rows = mined.select("edge").collect()
    return {"edges": rows["edge"].n_unique(), "rows": rows.height}
