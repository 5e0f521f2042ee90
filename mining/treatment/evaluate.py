"""Figures of a treatment model: drugs ranked for each disease, beside each of its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core.areas import POOLED_QUERIES, PooledFigures, pooled_figures
from ...core.errors import DataError, MissingError, ModelError
from ...core.quarantine import Quarantine
from ...core.ranking import pair_matrix, ranks_among
from ...core.statistics import (
    difference_with_interval,
    drawn_counts,
    drawn_means,
    with_interval,
)
from ..links.leaks import Leaks, LinkLeakReport, find_leaks
from ..links.split import MANIFEST, read_edges
from .resolve import Notices, resolved

if TYPE_CHECKING:
    from .model import TreatmentModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HITS = (1, 3, 10)
FIRST = (5, 10, 20)
DRAWS = 1000
_LISTED = 10  # drugs of a disease whose coverage and novelty are measured
# By how many drugs training had for the disease: from, to (None: any number).
STRATA: Mapping[str, tuple[int, int | None]] = {"none": (0, 0), "1-4": (1, 4), "5+": (5, None)}


# By name, rounded; None where nothing was tested. Keys that end in `_interval` hold the low and the
# high end of a 95 % interval.
Figures = dict[str, Any]


class Comparison(TypedDict):
    """The figures of a model beside each of its members.

    Attributes:
        edges, diseases: how many are tested.
        figures: by model; see `figures`.
        paired: by member, what the model has over it; see `paired`.
        strata: by how many drugs training had for the disease (`STRATA`), and model.
        pooled: by model; see `pooled`.
    """

    edges: int
    diseases: int
    figures: dict[str, Figures]
    pooled: dict[str, PooledFigures]
    paired: dict[str, Figures]
    strata: dict[str, dict[str, Figures]]


class TreatmentReport(Comparison):
    """What `evaluate_treatment` reports.

    Attributes:
        model: its name. tested_on: where the pairs are from. drugs: how many are ranked.
        set_aside: rows that were not tested, counted by reason.
        leaks: see `medkg.mining.links.leaks.Leaks`.
    """

    model: str
    tested_on: str
    seed: int
    set_aside: dict[str, int]
    leaks: LinkLeakReport
    drugs: int


@dataclass(frozen=True)
class RankedDrugs:
    """How a model ranks the drugs of the tested diseases.

    Attributes:
        ranks: (edges,): of each tested drug among those that are not known for its disease; ties
            at their mean.
        queries: (edges,): the disease's place among the tested ones.
        hits: (diseases, 20): whether the drug at that place of the disease's list is tested and
            true. Known drugs are not in the list, the tested ones all are; ties are put in one
            order by chance.
        first: (diseases, 10): the numbers of the list's first drugs.
        true: (diseases,): how many tested drugs the disease has.
    """

    ranks: Floats
    queries: NDArray[np.int64]
    hits: Floats
    first: NDArray[np.int64]
    true: NDArray[np.int64]


def rank_drugs(scores: Floats, true: Bools, known: Bools, seed: int) -> RankedDrugs:
    """Rank the drugs of each disease by their scores.

    Args:
        scores: (diseases, drugs).
        true: the tested pairs; known: all others that are known.
    """
    tie_order = np.random.default_rng(seed).permutation(scores.shape[1])
    queries, answers = true.nonzero()
    ranks = np.empty(len(queries))
    longest = max(FIRST)
    hits = np.zeros((len(scores), longest))
    first = np.full((len(scores), _LISTED), -1)
    for row, own in enumerate(scores):
        competing = ~(true[row] | known[row])
        edges_of_row = np.flatnonzero(queries == row)
        ranks[edges_of_row] = ranks_among(own[answers[edges_of_row]], own[competing])
        order = np.lexsort((tie_order, np.where(known[row], np.inf, -own)))
        order = order[: int((~known[row]).sum())][:longest]
        hits[row, : len(order)] = true[row][order]
        first[row, : len(order[:_LISTED])] = order[:_LISTED]
    return RankedDrugs(ranks, queries.astype(np.int64), hits, first, true.sum(1))


def figures(
    ranking: RankedDrugs, chosen: Bools, popularity: NDArray[np.int64], n_diseases: int, seed: int
) -> Figures:
    """All figures of some of the diseases, each but coverage (which grows with their number) with
    its 95 % interval by bootstrap over diseases.

    Over edges `mrr` and `hits@k`. Over diseases, of the first k of each list: `precision@k`,
    `recall@k` (of the disease's tested drugs) and `ndcg@k` (gain 1 for each tested drug, discounted
    by log2(1 + place), as a share of the best order's). Of the first ten: `coverage@10`, the share
    of all drugs that are in any disease's; `novelty@10`, the mean of -log2 p, with
    p = (1 + diseases that training has the drug treat) / (1 + diseases). `edges`, `diseases`.

    Args:
        chosen: (diseases,).
        popularity: (drugs,): how many diseases each treats in training.
    """
    per_disease, sizes = _per_disease(ranking, popularity, n_diseases)
    rows = np.flatnonzero(chosen)
    result: Figures = {"edges": int(sizes[rows].sum()), "diseases": len(rows)}
    if not len(rows):
        names = [key for name in per_disease for key in (name, f"{name}_interval")]
        return {**result, **dict.fromkeys([*names, "coverage@10"])}
    counts = drawn_counts(len(rows), seed, DRAWS)
    for name, values in per_disease.items():
        of_edges = name == "mrr" or name.startswith("hits@")
        weight = sizes[rows].astype(float) if of_edges else np.ones(len(rows))
        drawn = drawn_means(counts, values[rows] * weight, weight)
        share = None if name.startswith("novelty@") else len(rows)
        result |= with_interval(name, np.average(values[rows], weights=weight), drawn, share)
    shown = np.unique(ranking.first[rows])
    result["coverage@10"] = round(float((shown >= 0).sum() / len(popularity)), 4)
    return result


def _per_disease(
    ranking: RankedDrugs, popularity: NDArray[np.int64], n_diseases: int
) -> tuple[dict[str, Floats], NDArray[np.int64]]:
    """Figures of each disease (of edges' figures its mean), and how many edges it has."""
    n = len(ranking.hits)
    sizes = np.bincount(ranking.queries, minlength=n)

    def mean(values: Floats) -> Floats:
        sums = np.bincount(ranking.queries, weights=values, minlength=n)
        return np.asarray(sums / np.maximum(sizes, 1))

    values = {"mrr": mean(1 / ranking.ranks)}
    values |= {f"hits@{k}": mean((ranking.ranks <= k).astype(float)) for k in HITS}
    gains = 1 / np.log2(np.arange(2, max(FIRST) + 2))
    best = np.concatenate([[0.0], np.cumsum(gains)])
    for k in FIRST:
        values[f"precision@{k}"] = ranking.hits[:, :k].sum(1) / k
        values[f"recall@{k}"] = ranking.hits[:, :k].sum(1) / np.maximum(ranking.true, 1)
        ideal = best[np.clip(ranking.true, 1, k)]
        values[f"ndcg@{k}"] = ranking.hits[:, :k] @ gains[:k] / ideal
    rarity = -np.log2((1 + popularity) / (1 + n_diseases))
    is_listed = ranking.first >= 0
    listed_rarity = np.where(is_listed, rarity[np.where(is_listed, ranking.first, 0)], 0)
    values["novelty@10"] = listed_rarity.sum(1) / np.maximum(is_listed.sum(1), 1)
    return values, sizes


def paired(
    ours: RankedDrugs,
    theirs: RankedDrugs,
    popularity: NDArray[np.int64],
    n_diseases: int,
    seed: int,
) -> Figures:
    """What a model has over another on the same diseases: for MRR, Hits@10, NDCG@10 and recall@10
    the difference, its 95 % interval by bootstrap over diseases (one draw for both), and under
    `<name>_ahead` the share of draws in which the model is ahead."""
    own, sizes = _per_disease(ours, popularity, n_diseases)
    other, _ = _per_disease(theirs, popularity, n_diseases)
    counts = drawn_counts(len(sizes), seed, DRAWS)
    result: Figures = {}
    for name in ("mrr", "hits@10", "ndcg@10", "recall@10"):
        weight = sizes.astype(float) if name in ("mrr", "hits@10") else np.ones(len(sizes))
        ahead = own[name] - other[name]
        drawn = drawn_means(counts, ahead * weight, weight)
        result |= difference_with_interval(name, np.average(ahead, weights=weight), drawn)
    return result


def pooled(
    model: TreatmentModel,
    member: str | None,
    tested: sparse.csr_matrix,
    known: sparse.csr_matrix,
    seed: int,
) -> PooledFigures:
    """How well scores tell the tested pairs from all others, over diseases.

    Compared are all drugs with the tested diseases and others, a thousand at most, but for the
    known pairs (drugs, diseases) that are not tested.
    """
    has_tested = np.asarray(tested.sum(0)).ravel() > 0
    order = np.random.default_rng(seed).permutation(len(has_tested))
    diseases = order[np.argsort(~has_tested[order], kind="stable")][:POOLED_QUERIES].astype(
        np.int64
    )
    true = tested[:, diseases].T.toarray() > 0
    compared = true | (known[:, diseases].T.toarray() == 0)
    return pooled_figures(model.scores(diseases, member), true, compared)


def compare(
    model: TreatmentModel, tested: sparse.csr_matrix, known: sparse.csr_matrix, seed: int
) -> Comparison:
    """The figures of tested pairs by the model and each of its members, all and by how many drugs
    training had for the disease.

    Args:
        tested: (drugs, diseases).
        known: (drugs, diseases): further pairs that are known to be true, and don't compete.
    """
    diseases = np.flatnonzero(np.asarray(tested.sum(0)).ravel()).astype(np.int64)
    true = tested[:, diseases].T.toarray() > 0
    others = (known[:, diseases].T.toarray() > 0) & ~true
    trained = model.task.matrix("train")
    popularity = np.asarray(trained.sum(1)).ravel().astype(np.int64)
    n_trained = np.asarray(trained.sum(0)).ravel()[diseases]
    label = model.settings["model"]
    rankings = {label: rank_drugs(model.scores(diseases), true, others, seed)}
    for name in model.members:
        if name != label:
            rankings[name] = rank_drugs(model.scores(diseases, name), true, others, seed)
    everything, n = np.ones(len(diseases), dtype=bool), len(model.task.tails)
    strata = {}
    for name, (low, high) in STRATA.items():
        within = (n_trained >= low) & (n_trained <= (np.inf if high is None else high))
        strata[name] = {
            other: figures(ranks, within, popularity, n, seed) for other, ranks in rankings.items()
        }
    return {
        "edges": int(true.sum()),
        "diseases": len(diseases),
        "figures": {
            name: figures(ranks, everything, popularity, n, seed)
            for name, ranks in rankings.items()
        },
        "pooled": {
            name: pooled(model, None if name == label else name, tested, known, seed)
            for name in rankings
        },
        "paired": {
            name: paired(rankings[label], ranks, popularity, n, seed)
            for name, ranks in rankings.items()
            if name != label
        },
        "strata": {
            name: rows for name, rows in strata.items() if next(iter(rows.values()))["diseases"]
        },
    }


def evaluate_treatment(
    model: TreatmentModel,
    *,
    edges: Path | str | None = None,
    split: Path | str | None = None,
    allow_leaks: bool = False,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> TreatmentReport:
    """All figures of a treatment model on held-back pairs, beside popularity and each member.

    Args:
        edges: a TSV file with the pairs to test (head and tail, or subject and object: drug and
            disease), identifiers, cross-references or obsolete identifiers of the model's graph.
        split: a folder of `medkg split`, whose test is taken. Without either, what training held
            back.
        allow_leaks: measure although training gives pairs away.
        quarantine: gets rows whose drug or disease the model has not seen; without one, the first
            of them is an error.

    Raises:
        DataError: a file can't be read, or holds no pair that can be tested.
        MissingError: without a quarantine, an end that the model has not seen.
        ModelError: training gives pairs away, and leaks are not allowed.
    """
    rejected = Quarantine() if quarantine is None else quarantine
    pairs, place = _test_pairs(model, edges, split, rejected)
    if quarantine is None and len(rejected):
        first = rejected.rows[0]
        raise MissingError(f"{first.path}, line {first.line}: {first.reason}: {first.row}")
    if pairs.is_empty():
        raise DataError("holds no pair whose drug and disease the model knows", path=place)
    leaks = _leaks(model, pairs)
    if leaks.pairs.height and not allow_leaks:
        raise ModelError(_refusal(model, leaks))
    tested = _matrix(model, pairs)
    recorded = model.graph.edges.filter(relation=model.task.edge_type[1]).select(
        head="subject", tail="object"
    )
    known = model.task.matrix("train", "valid", "test") + _matrix(model, recorded)
    return {
        "model": model.name,
        "tested_on": place,
        "seed": seed,
        "set_aside": rejected.counts(),
        "leaks": leaks.to_dict(),
        "drugs": len(model.task.heads),
        **compare(model, tested, known, seed),
    }


def _test_pairs(
    model: TreatmentModel, edges: Path | str | None, split: Path | str | None, rejected: Quarantine
) -> tuple[pl.DataFrame, str]:
    """The pairs to test (head, tail), each once, and where they are from."""
    if edges is not None and split is not None:
        raise DataError("give a file of edges, or a split, not both")
    heads, tails = model.task.heads, model.task.tails
    schema = {"head": pl.String, "tail": pl.String}
    if edges is None and split is None:
        rows = [(heads[h], tails[t]) for h, t in model.task.test.tolist()]
        return pl.DataFrame(rows, schema=schema, orient="row"), "held back by training"
    if split is not None and not (Path(split) / MANIFEST).is_file():
        raise DataError(f"is no split (it has no {MANIFEST})", path=split)
    file = Path(edges) if edges is not None else Path(str(split)) / "test.tsv"
    seen = {"Drug": set(heads), "Disease": set(tails)}
    rows = []
    for line, (head, tail) in enumerate(
        read_edges(file).select("head", "tail").iter_rows(), start=2
    ):
        ends = [
            node
            for kind, text in (("Drug", head), ("Disease", tail))
            if (node := _seen(model, text, kind, seen[kind])) is not None
        ]
        if len(ends) == 2:
            rows.append((ends[0], ends[1]))
        else:
            rejected.add(
                "drug or disease that the model has not seen",
                path=file,
                line=line,
                row=f"{head} {tail}",
            )
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.unique(maintain_order=True), str(file)


def _seen(model: TreatmentModel, text: str, kind: str, seen: set[str]) -> str | None:
    if text in seen:
        return text
    notices: Notices = []
    try:
        node = resolved(model.graph, [text], kind, notices)[0]
    except MissingError:
        return None
    return node if node in seen else None


def _matrix(model: TreatmentModel, pairs: pl.DataFrame) -> sparse.csr_matrix:
    """Pairs (head, tail) that the model knows, (drugs, diseases)."""
    heads = {drug: n for n, drug in enumerate(model.task.heads)}
    tails = {disease: n for n, disease in enumerate(model.task.tails)}
    rows = [
        (heads[head], tails[tail])
        for head, tail in pairs.select("head", "tail").iter_rows()
        if head in heads and tail in tails
    ]
    return pair_matrix(np.array(rows, dtype=np.int64).reshape(-1, 2), (len(heads), len(tails)))


def _leaks(model: TreatmentModel, pairs: pl.DataFrame) -> Leaks:
    heads, tails = (np.array(ids, dtype=object) for ids in (model.task.heads, model.task.tails))
    trained = pl.DataFrame(
        {"head": heads[model.task.train[:, 0]], "tail": tails[model.task.train[:, 1]]},
        schema={"head": pl.String, "tail": pl.String},
    )
    return find_leaks(model.graph, model.task.edge_type[1], pairs, trained, model.task.excluded)


def _refusal(model: TreatmentModel, leaks: Leaks) -> str:
    counts = leaks.to_dict()
    sorts = ", ".join(f"{count:,} × {sort}" for sort, count in counts["by_sort"].items())
    first = "\n".join(f"  {row['head']} – {row['tail']} ({row['leak']})" for row in counts["first"])
    return (
        f"{leaks.pairs.height:,} of {leaks.tested:,} test pairs are in the graph that {model.name}"
        f" was trained on ({sorts}), so that its figures would mean nothing:\n{first}\n"
        "test other pairs, train on a split that medkg split makes, or give --allow-leaks"
    )
