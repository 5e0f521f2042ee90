"""What every decoder must do: a new entry in DECODERS is done when these pass."""

from __future__ import annotations

import pytest
import torch

from medkg.gnn.decoders import DECODERS, Decoder

DIM = 6


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> Decoder:
    return DECODERS[request.param]


def vectors(*sizes: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(len(sizes))
    return [torch.randn(n, DIM, generator=generator, dtype=torch.float64) for n in sizes]


def test_the_entry_is_named_as_it_is_found(decoder: Decoder) -> None:
    assert DECODERS[decoder.name] is decoder


def test_one_sided_forms_equal_the_score(decoder: Decoder) -> None:
    heads, relation, tails = vectors(4, 1, 7)
    expected = decoder.score(heads[:, None], relation, tails[None])
    assert expected.shape == (4, 7)
    torch.testing.assert_close(decoder.score_tails(heads, relation[0], tails), expected)
    torch.testing.assert_close(decoder.score_heads(tails, relation[0], heads), expected.T)
    by_tails = decoder.match_pairs(decoder.tail_query(heads, relation), tails[:4])
    torch.testing.assert_close(by_tails, expected.diagonal())
    by_heads = decoder.match_pairs(decoder.head_query(tails[:4], relation), heads)
    torch.testing.assert_close(by_heads, expected.diagonal())


def test_a_relation_of_its_own_for_each_query(decoder: Decoder) -> None:
    queries, relations, candidates = vectors(5, 5, 3)
    for_tails = decoder.score(queries[:, None], relations[:, None], candidates[None])
    for_heads = decoder.score(candidates[None], relations[:, None], queries[:, None])
    torch.testing.assert_close(decoder.score_tails(queries, relations, candidates), for_tails)
    torch.testing.assert_close(decoder.score_heads(queries, relations, candidates), for_heads)


def test_scores_broadcast_over_any_dimensions(decoder: Decoder) -> None:
    heads, relations, tails = vectors(6, 3, 6)
    shaped = decoder.score(heads.view(2, 3, DIM), relations, tails.view(2, 3, DIM))
    assert shaped.shape == (2, 3)
    flat = decoder.score(heads, relations.repeat(2, 1), tails)
    torch.testing.assert_close(shaped.flatten(), flat)


def test_gradients_are_those_of_finite_differences(decoder: Decoder) -> None:
    heads, relations, tails = (x.requires_grad_() for x in vectors(3, 3, 3))
    assert torch.autograd.gradcheck(decoder.score, (heads, relations, tails))
    assert torch.autograd.gradcheck(decoder.score_tails, (heads, relations, tails))
    assert torch.autograd.gradcheck(decoder.score_heads, (heads, relations, tails))


def test_gradients_are_finite_everywhere(decoder: Decoder) -> None:
    # A head that arrives at its tail exactly, and a relation that is all zeros.
    for relation in (decoder.identity(DIM), torch.zeros(DIM)):
        ends = torch.randn(2, DIM, generator=torch.Generator().manual_seed(0)).requires_grad_()
        relation = relation.clone().requires_grad_()
        scores = decoder.score(ends, relation, ends).sum()
        scores = scores + decoder.score_tails(ends, relation, ends).sum()
        torch.autograd.backward(scores + decoder.score_heads(ends, relation, ends).sum())
        for gradient in (ends.grad, relation.grad):
            assert gradient is not None
            assert torch.isfinite(gradient).all()
    # Where all are in one place, nothing pulls them apart.
    same = torch.ones(3, DIM).requires_grad_()
    others = torch.ones(2, DIM).requires_grad_()
    for pull in torch.autograd.grad(decoder.match(same, others).sum(), (same, others)):
        assert torch.isfinite(pull).all()


def test_the_identity_moves_nothing(decoder: Decoder) -> None:
    identity = decoder.identity(DIM)
    assert identity.shape == (DIM,)
    (nodes,) = vectors(4)
    torch.testing.assert_close(decoder.tail_query(nodes, identity), nodes, atol=1e-9, rtol=0)
    torch.testing.assert_close(decoder.head_query(nodes, identity), nodes, atol=1e-9, rtol=0)


def test_single_precision_is_enough(decoder: Decoder) -> None:
    heads, relation, tails = vectors(50, 1, 50)
    expected = decoder.score(heads[:, None], relation, tails[None])
    scores = decoder.score_tails(heads.float(), relation[0].float(), tails.float())
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores.double(), expected, atol=1e-4, rtol=1e-4)
