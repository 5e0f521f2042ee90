"""The student's loss against sums over all sequences of tags."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from medkg.extract.mentions.bilstm import BiLSTMEncoder, Vocabulary
from medkg.extract.mentions.distil import GOLD, OTHERS, Distillation
from medkg.extract.mentions.fit import Example
from medkg.extract.mentions.hashed_gazetteer import HashedGazetteer
from medkg.extract.mentions.names import NameLists
from medkg.extract.mentions.network import NerModel

KINDS = {"one": ["Drug"], "two": ["Disease", "Drug"]}
TEXTS = [["aspirin", "helps", "headache"], ["no", "fever"]]


def network(seed: int) -> NerModel:
    torch.manual_seed(seed)
    words = sorted({token for text in TEXTS for token in text})
    vocabulary, lists = Vocabulary.build(words, TEXTS * 5), NameLists([("drug", "aspirin")])
    encoder = BiLSTMEncoder(vocabulary, lists, HashedGazetteer({}))
    model = NerModel(encoder, KINDS)
    for crf in model.crfs.values():
        torch.nn.init.normal_(crf.transitions)  # type: ignore[arg-type]  # to mypy a Module
    return model.eval()


def distribution(model: NerModel, text: list[str], head: str) -> dict[tuple[int, ...], float]:
    """The probability of every sequence of the head's tags."""
    with torch.no_grad():
        emissions, transitions, _ = model.scores_of([text])
    number = list(KINDS).index(head)
    tags = 1 + 2 * len(KINDS[head])
    weights = {}
    for path in product(range(tags), repeat=len(text)):
        moves = zip((0, *path), path, strict=False)
        score = sum(transitions[number, a, b] for a, b in moves)
        score += sum(emissions[0, number, t, tag] for t, tag in enumerate(path))
        weights[path] = math.exp(float(score))
    total = sum(weights.values())
    return {path: weight / total for path, weight in weights.items()}


def test_the_loss_is_the_cross_entropy_under_the_teachers_mean() -> None:
    teachers, student = [network(1), network(2)], network(3)
    examples = [
        Example("two", TEXTS[0], [3, 0, 1]),
        Example("two", TEXTS[1], [0, 1]),
    ]
    loss = Distillation(teachers, {"two": examples})(student, examples)
    expected = 0.0
    for example in examples:
        for head in KINDS:
            mine = distribution(student, example.tokens, head)
            theirs = [distribution(teacher, example.tokens, head) for teacher in teachers]
            for path, probability in mine.items():
                wanted = sum(probabilities[path] for probabilities in theirs) / 2
                if head == "two":
                    wanted = (1 - GOLD) * wanted + GOLD * (path == tuple(example.tags))
                weight = 1.0 if head == "two" else OTHERS
                if wanted > 1e-12:
                    expected -= weight * wanted * math.log(probability)
    assert loss.item() == pytest.approx(expected, rel=2e-3)  # marginals are kept in half precision
