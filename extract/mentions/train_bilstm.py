"""Training the default recogniser: word vectors, raw text, annotations, and distillation.

1. Skip-gram vectors of the words of all training texts (`vectors`).
2. The encoder is pre-trained on the same texts as two language models and, where there are any, on
   classifying names by kind (`pretrain`).
3. It is fitted to all corpora at once, a head for each (`fit`).
4. With teachers, 1 to 3 is done for each of them that isn't trained yet, with a seed of its own,
   and a student is fitted to the teachers' distributions over the tags of every text, for every
   head, beside the corpora's own tags (`distil`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ...core.atomic import atomic_file
from ..fit import FitCheckpoint, checksum
from ..tokens import words_of
from .bilstm import BiLSTMEncoder, Vocabulary
from .distil import Distillation
from .fit import BILSTM, Example, fit_heads
from .hashed_gazetteer import HashedGazetteer
from .names import NameLists
from .network import NerModel
from .pretrain import pretrain
from .vectors import count_words, skip_gram, word_form

READINGS = 2  # epochs of pre-training


@dataclass(frozen=True)
class BilstmData:
    """What a BiLSTM is trained on.

    Attributes:
        examples: of each corpus.
        kinds: that each corpus' head knows.
        raw_text: texts to read beside the examples'.
        names_by_kind: to be looked up, and classified in pre-training; may be empty.
        teachers: trained recognisers with these heads, to learn from too.
    """

    examples: Mapping[str, Sequence[Example]]
    kinds: Mapping[str, Sequence[str]]
    raw_text: Sequence[str]
    names_by_kind: Mapping[str, Sequence[str]]
    teachers: Sequence[NerModel] = ()


def train_bilstm(
    data: BilstmData, settings: Mapping[str, Any], checkpoint: Path, device: str | None
) -> NerModel:
    """A trained recogniser.

    Args:
        data: what it is trained on.
        settings: `seed`, `epochs`, `learning_rate`, `teachers` (how many to train first), and what
            else distinguishes this training from another.
        checkpoint: folder for the state of each part; the same call goes on from there.
        device: "cpu", "cuda", …; None: the CPU.

    Raises:
        ModelError: the checkpoint belongs to another training.
    """
    annotated = [example.tokens for part in data.examples.values() for example in part]
    texts = annotated + [words_of(text) for text in data.raw_text]
    words = [[word_form(token) for token in text] for text in texts]
    counts = count_words(words)
    vocabulary = Vocabulary.build(counts, annotated)
    names, hashed_names = NameLists.load(), HashedGazetteer.of(data.names_by_kind)
    settings_hash = checksum(settings)[:16]

    def network(seed: int, part: str, distillation: Distillation | None = None) -> NerModel:
        state = FitCheckpoint(checkpoint / part, {**settings, "part": part})
        torch.manual_seed(seed)
        encoder = BiLSTMEncoder(vocabulary, names, hashed_names)
        pretrained = checkpoint / f"read-{settings_hash}-{seed}.safetensors"
        if pretrained.is_file():
            encoder.load_state_dict(load_file(pretrained))
        else:
            encoder.set_word_vectors(skip_gram(words, counts, seed=seed))
            pretrain(encoder, texts, counts, names=data.names_by_kind, epochs=READINGS, seed=seed)
            with atomic_file(pretrained) as draft:
                save_file(encoder.state_dict(), draft)
        torch.manual_seed(seed)
        model = NerModel(encoder, data.kinds).to(device or "cpu")
        own = {**settings, "seed": seed}
        fit_heads(model, data.examples, BILSTM, own, state, objective=distillation)
        return model

    first, number = settings["seed"], settings["teachers"]
    if not (number or data.teachers):
        return network(first, "network")
    teachers = [*data.teachers, *(network(first + n, f"teacher-{n}") for n in range(number))]
    return network(first, "student", Distillation(teachers, data.examples))
