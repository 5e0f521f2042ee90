"""Reading raw text before annotations."""

from __future__ import annotations

import torch

from medkg.extract.mentions.bilstm import BiLSTMEncoder, Vocabulary
from medkg.extract.mentions.names import WIDTH, NameLists
from medkg.extract.mentions.pretrain import pretrain
from medkg.extract.mentions.vectors import count_words

TEXTS = [["the", "patient", "took", drug, "for", "pain"] for drug in ("aspirin", "ibuprofen")] * 60


def encoder() -> BiLSTMEncoder:
    torch.manual_seed(0)
    names = NameLists([("drug", "aspirin")])
    return BiLSTMEncoder(Vocabulary.build(count_words(TEXTS), TEXTS), names)


def test_states_foretell_what_follows_and_what_went_before() -> None:
    read = encoder()
    pretrain(read, TEXTS, count_words(TEXTS), epochs=20, seed=0)
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
        pretrain(each, TEXTS[:20], count_words(TEXTS), epochs=1, seed=4)
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
