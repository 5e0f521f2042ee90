"""Whether the known pairs that an explanation names carry the score: they are taken out.

For some of the ranker's predictions (first ranks that training did not see) the three known pairs
that its score rests on most are taken out of the graph; to compare, as many training pairs drawn at
random from all, and as many (or all, where there are fewer) that share each prediction's head or
tail and that it doesn't name; and the two at most that a row of `predict` names, which are looked
up in the features without a removal. Each time everything is computed anew, similarities learned
anew, and boosters and networks score again. What a score loses is given in standard deviations of
the scores of the head's candidates, and how much more it loses by the named pairs than by the
others, paired by prediction; 95 % intervals by bootstrap over predictions. All predictions' pairs
are taken out at once.

    python benchmarks/faithfulness.py MODEL [--predictions 60] [--named 3] [--seed 0]

MODEL is a folder of `medkg train links` (the ranker) whose graph is where it was. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from medkg.core.statistics import draws_one_by_one, percentile_bounds
from medkg.gnn.data import to_hetero_data
from medkg.mining.links.attribution import removals
from medkg.mining.links.base_models import BaseScores, standardised_within_heads
from medkg.mining.links.fit_ranker import FeatureBuilder
from medkg.mining.links.likeness import likenesses
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.pair_features import PairFeatures
from medkg.mining.links.ranker import LinkRanker

Pair = tuple[int, int]


def main() -> None:
    parser = argparse.ArgumentParser(description="Faithfulness of the ranker's explanations.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--predictions", type=int, default=60)
    parser.add_argument("--named", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    model = load_link_model(arguments.model)
    if not isinstance(model.scorer, LinkRanker):
        raise SystemExit(f"{arguments.model}: is no ranker")
    generator = np.random.default_rng(arguments.seed)
    builder = FeatureBuilder(
        model.graph,
        to_hetero_data(model.graph, exclude_edges=model.fitted_task.excluded),
        model.fitted_task,
        model.seed,
    )
    left_out = model.fitted_task.matrix("train")
    known = model.scorer.pair_features

    # A head for each, so that what is taken out for one prediction seldom touches another.
    heads = np.flatnonzero(np.diff(known.pairs.indptr) >= arguments.named)
    heads = np.sort(generator.choice(heads, min(arguments.predictions, len(heads)), replace=False))
    before = candidate_scores(model, known, heads, left_out)
    weight = model.scorer.network_weight
    scores = standardised_within_heads(before.heads, before.blend(weight))
    predicted = [first_of(before, scores, head) for head in heads]
    own: dict[Pair, list[Pair]] = {}
    for head, tail in predicted:
        attributed = removals(model.scorer, left_out, head, tail)
        own[head, tail] = [(gone.head, gone.tail) for gone in attributed[: arguments.named]]
    named = sorted({pair for pairs in own.values() for pair in pairs})
    taken = set(named)
    others = [pair for pair in zip(*known.pairs.nonzero(), strict=True) if pair not in taken]
    adjacent = adjacent_sample(own, others, generator)
    chosen = generator.choice(len(others), len(named), replace=False)
    taken_out = {
        "named": named,
        "of the same head or tail": sorted(adjacent),
        "by chance": [others[n] for n in chosen],
        "in the row of predict": sorted(
            {
                (like.head, like.tail)
                for pair in predicted
                for like in likenesses(known, model.task.edge_type, *pair)
            }
        ),
    }
    drops = {}
    for name, pairs in taken_out.items():
        features = builder.pair_features(known.without(pairs).pairs)
        after = candidate_scores(model, features, heads, left_out)
        scores_after = standardised_within_heads(after.heads, after.blend(weight))
        drops[name] = np.array(
            [
                score_of(before, scores, *pair) - score_of(after, scores_after, *pair)
                for pair in predicted
            ]
        )
    print(f"{len(predicted)} predictions; of {known.pairs.nnz:,} known pairs are taken out:\n")
    print("| pairs taken out | pairs | mean drop | predictions that fell | named: more by |")
    print("|---|---|---|---|---|")
    draws = draws_one_by_one(len(predicted), generator)
    for name, values in drops.items():
        more = "" if name == "named" else interval(drops["named"] - values, draws)
        row = [name, str(len(taken_out[name])), interval(values, draws)]
        print(f"| {' | '.join([*row, f'{np.mean(values > 0):.0%}', more])} |")


def adjacent_sample(
    named: Mapping[Pair, Sequence[Pair]], others: Sequence[Pair], generator: np.random.Generator
) -> set[Pair]:
    """For each prediction as many of the other pairs with its head or tail, at random, as are
    named."""
    sample: set[Pair] = set()
    for (head, tail), pairs in named.items():
        adjacent = [pair for pair in others if pair[0] == head or pair[1] == tail]
        drawn = generator.choice(len(adjacent), min(len(pairs), len(adjacent)), replace=False)
        sample |= {adjacent[n] for n in drawn}
    return sample


def interval(values: NDArray[np.float64], draws: NDArray[np.int64]) -> str:
    """The mean, and the interval of the means in the draws."""
    low, high = percentile_bounds(draws @ values / len(values))
    return f"{values.mean():.3f} ({low:.3f}–{high:.3f})"


def candidate_scores(
    model: LinkModel,
    known: PairFeatures,
    heads: NDArray[np.int64],
    left_out: sparse.csr_matrix,
) -> BaseScores:
    """The scores of the heads' candidates by boosters and networks."""
    assert isinstance(model.scorer, LinkRanker)
    # Pairs that were taken out are no candidates either, as in training.
    tables = known.tables(heads, left_out)
    return model.scorer.base_models.scores(tables, known.message_similarities)


def first_of(base_scores: BaseScores, scores: NDArray[np.float64], head: int) -> Pair:
    """The head's first candidate."""
    rows = np.flatnonzero(base_scores.heads == head)
    return int(head), int(base_scores.tails[rows[scores[rows].argmax()]])


def score_of(base_scores: BaseScores, scores: NDArray[np.float64], head: int, tail: int) -> float:
    """A pair's score; the head's lowest if it is no candidate any more."""
    rows = np.flatnonzero(base_scores.heads == head)
    place = rows[base_scores.tails[rows] == tail]
    return float(scores[place[0]] if len(place) else scores[rows].min())


if __name__ == "__main__":
    main()
