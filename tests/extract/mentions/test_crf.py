"""The CRF against sums over all sequences of tags."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from medkg.extract.mentions.crf import (
    CRF,
    decode,
    encode,
    pair_marginals,
    partition,
)

TAGS = 5  # of two kinds


def weight(crf: CRF, emissions: torch.Tensor, path: tuple[int, ...]) -> float:
    scores = crf.scores().detach()
    moves = zip((0, *path), path, strict=False)
    return float(
        sum(scores[a, b] for a, b in moves) + sum(emissions[t, tag] for t, tag in enumerate(path))
    )


def spans(path: tuple[int, ...]) -> set[tuple[int, int, int]]:
    places = set()
    for start, tag in enumerate(path):
        if tag in (1, 3):
            end = start + 1
            while end < len(path) and path[end] == tag + 1:
                end += 1
            places.add((start, end, (tag - 1) // 2))
    return places


@pytest.fixture
def crf() -> CRF:
    torch.manual_seed(1)
    crf = CRF(2)
    torch.nn.init.normal_(crf.transitions)
    return crf


def test_loss_is_the_negative_log_likelihood(crf: CRF) -> None:
    emissions = torch.randn(2, 4, TAGS)
    gold = torch.tensor([[0, 3, 4, 1], [1, 2, 0, 0]])
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    expected = 0.0
    for row, size in ((0, 4), (1, 2)):
        weights = [weight(crf, emissions[row], path) for path in product(range(TAGS), repeat=size)]
        log_z = float(torch.logsumexp(torch.tensor(weights, dtype=torch.float64), 0))
        expected += log_z - weight(crf, emissions[row], tuple(gold[row, :size].tolist()))
    assert crf.loss(emissions, gold, mask).item() == pytest.approx(expected, rel=1e-4)


def test_decoding_gives_the_best_path_and_exact_probabilities(crf: CRF) -> None:
    emissions = 2 * torch.randn(20, 4, TAGS)
    lengths = torch.tensor([4, 3, 2, 1] * 5)
    decoded = decode(emissions, crf.scores().detach().expand(20, TAGS, TAGS), lengths)
    some = 0
    for row, size in enumerate(lengths.tolist()):
        weights = {
            path: weight(crf, emissions[row], path) for path in product(range(TAGS), repeat=size)
        }
        best = max(weights, key=weights.__getitem__)
        values = torch.tensor(list(weights.values()), dtype=torch.float64)
        shares = dict(zip(weights, torch.softmax(values, 0).tolist(), strict=True))
        assert {span[:3] for span in decoded[row]} == spans(best)
        for *span, probability in decoded[row]:
            total = sum(share for path, share in shares.items() if tuple(span) in spans(path))
            assert probability == pytest.approx(total, rel=1e-4)
            some += 1
    assert some > 10


def test_a_mention_never_goes_on_without_a_beginning(crf: CRF) -> None:
    emissions = torch.zeros(1, 3, TAGS)
    emissions[:, :, 2] = 50
    ((only,),) = decode(emissions, crf.scores().detach().unsqueeze(0), torch.tensor([3]))
    assert only[:3] == (0, 3, 0)


def test_encode_marks_the_tokens_that_a_span_overlaps() -> None:
    offsets = [(0, 3), (4, 8), (9, 12), (12, 15)]
    assert encode(offsets, [(4, 12, 1), (12, 15, 0)]) == [0, 3, 4, 1]
    assert encode(offsets, []) == [0, 0, 0, 0]


def test_pair_marginals_are_sums_over_all_sequences(crf: CRF) -> None:
    emissions = torch.randn(2, 3, TAGS)
    lengths = torch.tensor([3, 2])
    moves = crf.scores().detach().expand(2, TAGS, TAGS)
    marginals = pair_marginals(emissions, moves, lengths)
    for row, size in enumerate(lengths.tolist()):
        weights = {
            path: math.exp(weight(crf, emissions[row], path))
            for path in product(range(TAGS), repeat=size)
        }
        total = sum(weights.values())
        expected = torch.zeros(size, TAGS, TAGS, dtype=torch.float64)
        for path, value in weights.items():
            for t, (before, tag) in enumerate(zip((0, *path), path, strict=False)):
                expected[t, before, tag] += value / total
        assert torch.allclose(marginals[row, :size], expected, atol=1e-6)
        every = moves.unsqueeze(1).expand(2, 3, TAGS, TAGS)
        log_z = partition(emissions, every, lengths)[row].item()
        assert log_z == pytest.approx(math.log(total), rel=1e-5)


def test_a_tag_that_may_not_follow_can_score_far_above_the_others(crf: CRF) -> None:
    emissions = torch.zeros(1, 3, TAGS)
    emissions[0, 0, 2] = 5000.0  # goes on, where nothing has begun
    emissions[0, 1, 1] = 20.0
    (spans_there,) = decode(emissions, crf.scores().detach().unsqueeze(0), torch.tensor([3]))
    assert (1, 0) in {(start, kind) for start, _, kind, _ in spans_there}
    assert all(0 < probability <= 1 for *_, probability in spans_there)
