"""Reading raw text before annotations."""

from __future__ import annotations

import math
import zlib

import pytest
import torch

from medkg.extract.mentions.bilstm import NGRAM_BUCKETS, BiLSTMEncoder, Vocabulary
from medkg.extract.mentions.hashed_gazetteer import HashedGazetteer
from medkg.extract.mentions.names import WIDTH, NameLists
from medkg.extract.mentions.pretrain import NameKindLoss, pretrain
from medkg.extract.mentions.vectors import count_words

TEXTS = [["the", "patient", "took", drug, "for", "pain"] for drug in ("aspirin", "ibuprofen")] * 60

STEMS = ["carb", "fer", "gast", "hep", "lin", "mor", "neph", "oste", "prot", "stom"]
NAMES = {
    "Disease": [f"{a}{b}itis" for a in STEMS for b in STEMS],
    "Drug": [f"{a}{b}azole" for a in STEMS for b in STEMS],
}


def encoder() -> BiLSTMEncoder:
    torch.manual_seed(0)
    names = NameLists([("drug", "aspirin")])
    return BiLSTMEncoder(
        Vocabulary.build(count_words(TEXTS), TEXTS), names, HashedGazetteer.of(NAMES)
    )


def test_states_foretell_what_follows_and_what_went_before() -> None:
    read = encoder()
    pretrain(read, TEXTS, count_words(TEXTS), names={}, epochs=10, seed=0)
    read.eval()
    with torch.no_grad():
        forth, back = read.directions([TEXTS[0], TEXTS[1]])
    # What follows the drug, and what went before it, is the same for both: so are the states there,
    # and they differ from those at other words.
    near = torch.nn.functional.cosine_similarity
    assert near(forth[0, 3], forth[1, 3], dim=0) > near(forth[0, 3], forth[0, 1], dim=0)
    assert near(back[0, 3], back[1, 3], dim=0) > near(back[0, 3], back[0, 5], dim=0)
    before = encoder()
    assert not torch.equal(before.word.weight, read.word.weight)


def test_the_language_model_does_not_see_what_it_foretells() -> None:
    read = encoder().eval()
    with torch.no_grad():
        forth, back = read.directions([TEXTS[0]])
        other_forth, other_back = read.directions([TEXTS[1]])
    assert torch.equal(forth[:, :3], other_forth[:, :3])
    assert not torch.equal(forth[:, 3:], other_forth[:, 3:])
    assert torch.allclose(back[:, 4:], other_back[:, 4:], atol=1e-6)
    assert not torch.allclose(back[:, :4], other_back[:, :4], atol=1e-6)
    # With its lists of names, "aspirin" would be marked before it is read.
    assert read.names.features(TEXTS[0]).shape == (6, WIDTH)


def test_the_same_seed_reads_the_same() -> None:
    first, second = encoder(), encoder()
    for each in (first, second):
        pretrain(each, TEXTS[:20], count_words(TEXTS), names=NAMES, epochs=1, seed=4)
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_tokens_own_vector_is_the_same_wherever_it_stands() -> None:
    read = encoder().eval()
    with torch.no_grad():
        vectors, mask = read.tokens([["pain", "for", "aspirin"], ["aspirin"]])
        alone, _ = read.tokens([["aspirin"]])
    assert mask.tolist() == [[True, True, True], [True, False, False]]
    assert torch.allclose(vectors[0, 2], alone[0, 0], atol=1e-6)
    assert torch.allclose(vectors[1, 0], alone[0, 0], atol=1e-6)
    assert not vectors[1, 1:].any()
    assert not torch.allclose(vectors[0, 0], alone[0, 0], atol=1e-2)


def test_names_are_told_apart() -> None:
    read = encoder()
    naming = NameKindLoss(NAMES, TEXTS, 0)
    optimizer = torch.optim.Adam([*read.parameters(), *naming.parameters()], lr=0.003)
    for _ in range(40):
        optimizer.zero_grad()
        torch.autograd.backward(naming(read))
        optimizer.step()
    read.eval()
    unseen = [["enterogastitis"], ["mycofurazole"], ["arthroneitis"], ["pantolinazole"], ["the"]]
    with torch.no_grad():
        vectors, mask = read.tokens(unseen)
        assert mask.all()
        kinds = naming.kind(torch.cat([vectors[:, 0], vectors[:, 0]], dim=1)).argmax(1)
    assert kinds.tolist() == [0, 1, 0, 1, 2]


def test_letters_that_only_names_have_are_learnt_beside_the_reading() -> None:
    bucket = zlib.crc32(b"itis>") % NGRAM_BUCKETS
    untouched = encoder().ngram.weight[bucket]
    for names, learnt in (({}, False), (NAMES, True)):
        read = encoder()
        pretrain(read, TEXTS[:20], count_words(TEXTS), names=names, epochs=3, seed=0)
        assert torch.equal(read.ngram.weight[bucket], untouched) is not learnt


def test_the_loss_is_that_of_names_and_of_words_that_are_none() -> None:
    read = encoder().eval()
    torch.manual_seed(0)
    naming = NameKindLoss(NAMES, TEXTS, 0)
    assert naming.kind.out_features == 3  # Disease, Drug, words of a text
    with torch.no_grad():
        naming.kind.weight.zero_()
        naming.kind.bias.zero_()
        assert naming(read).item() == pytest.approx(math.log(3), abs=1e-5)
        naming.kind.bias.copy_(torch.tensor([50.0, 0.0, 0.0]))  # sure that all are diseases
        assert naming(read).item() == pytest.approx(50 * 2 / 3, abs=1e-3)
