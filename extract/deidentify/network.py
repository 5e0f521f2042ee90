"""The model of names, places and whatever else only its context tells.

A small network over tokens: a convolution and an LSTM in each direction give, for each token, the
probability of each kind of identifier and of none. A token is told by its word, by hashes of its
character n-grams, by its shape, by what parts it from the one before, and by the lists that it is
on (`lexicon.py`). It was trained on notes that were made up from templates
(`benchmarks/train_deidentifier.py`); its `CARD.md` has the settings.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from ...core.model_folder import load_weights, read_config, save_network
from ..tokens import token_offsets
from .identifiers import KINDS, Identifier
from .lexicon import FLAGS, Lexicon

MODEL = "deidentifier"
SHIPPED = Path(__file__).parent.parent / "model" / "deidentifier"
NGRAMS, SHAPES = 16384, 512  # buckets of hashes
WORD, NGRAM, SHAPE, GAP, STATE, LSTM = 48, 40, 16, 8, 128, 128
_LONGEST_WORD = 24  # characters
# Tokens that the model reads at once; each is judged with at least a quarter of these around it.
WINDOW = 512
# From this probability of being an identifier on, a token is one: high recall is worth more.
THRESHOLD = 0.3
# A token of a name or place beside one that is taken, on the same line, is so from this one on.
BESIDE = 0.1
_NAMING = [KINDS.index("NAME"), KINDS.index("LOCATION")]


class Tokens(NamedTuple):
    """The features of a text's tokens, a list of each."""

    words: list[int]
    shapes: list[int]
    gaps: list[int]
    flags: list[int]
    ngrams: list[tuple[int, ...]]

    def part(self, start: int, end: int) -> Tokens:
        """The features of the tokens from one place to before another."""
        place = slice(start, end)
        return Tokens(
            self.words[place],
            self.shapes[place],
            self.gaps[place],
            self.flags[place],
            self.ngrams[place],
        )


@lru_cache(maxsize=200_000)
def _hashed(word: str) -> tuple[int, tuple[int, ...]]:
    """Buckets of a word's shape and of its n-grams."""
    lower = word.lower()
    shape = "".join(
        "0" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word
    )
    # Runs of letters are cut to two, of digits to eight: how many there are tells a phone number.
    shape = re.sub(r"(X|x)\1+", r"\1\1", shape)[:10]
    framed = f"<{lower[:_LONGEST_WORD]}>"
    grams = {framed[i : i + n] for n in (2, 3, 4) for i in range(len(framed) - n + 1)}
    return (
        1 + zlib.crc32(shape.encode()) % (SHAPES - 1),
        tuple(sorted(zlib.crc32(gram.encode()) % NGRAMS for gram in grams)),
    )


def _gap(text: str, before: int, start: int) -> int:
    """What parts a token from the one before: nothing, a blank, several, a line, a paragraph."""
    between = text[before:start]
    if not between:
        return 0
    lines = between.count("\n")
    return 2 + min(lines, 2) if lines else 1 if len(between) == 1 else 2


def features(text: str, offsets: Sequence[tuple[int, int]], lexicon: Lexicon) -> Tokens:
    """The features of a text's tokens."""
    tokens = Tokens([], [], [], [], [])
    before = 0
    for start, end in offsets:
        token = text[start:end]
        shape, ngrams = _hashed(token)
        tokens.words.append(lexicon.index(token))
        tokens.shapes.append(shape)
        tokens.gaps.append(_gap(text, before, start))
        tokens.flags.append(lexicon.flags(token))
        tokens.ngrams.append(ngrams)
        before = end
    return tokens


class Deidentifier(nn.Module):
    """Tokens of texts → scores of no identifier and of each of `KINDS`."""

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__()
        self.lexicon = lexicon
        self.word = nn.Embedding(len(lexicon), WORD, padding_idx=0)
        self.ngram = nn.EmbeddingBag(NGRAMS, NGRAM, mode="mean")
        self.shape = nn.Embedding(SHAPES, SHAPE, padding_idx=0)
        self.gap = nn.Embedding(5, GAP)
        for table in (self.word, self.ngram, self.shape, self.gap):
            nn.init.normal_(table.weight, std=0.3)
        self.enter = nn.Linear(WORD + NGRAM + SHAPE + GAP + len(FLAGS), STATE)
        self.near = nn.Conv1d(STATE, STATE, 3, padding=1)
        self.norm = nn.LayerNorm(STATE)
        self.lstm = nn.LSTM(STATE, LSTM, batch_first=True, bidirectional=True)
        self.leave = nn.Linear(2 * LSTM + STATE, 1 + len(KINDS))
        # While training, words are left out, so that characters and context count as well.
        self.word_dropout = nn.Dropout1d(0.2)
        self.dropout = nn.Dropout(0.25)

    def forward(self, texts: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
        """Scores (texts, longest, 1 + kinds), and where there are tokens (texts, longest)."""
        words, shapes, gaps, flags = (
            pad_sequence([torch.tensor(text[field]) for text in texts], batch_first=True)
            for field in range(4)
        )
        mask = words > 0
        inputs = torch.cat(
            [
                self.word_dropout(self.word(words)),
                self._of_ngrams(texts, mask),
                self.shape(shapes),
                self.gap(gaps),
                flags.unsqueeze(2) >> torch.arange(len(FLAGS)) & 1,
            ],
            dim=2,
        )
        state = torch.relu(self.enter(self.dropout(inputs))) * mask.unsqueeze(2)
        update = torch.relu(self.near(state.transpose(1, 2)).transpose(1, 2))
        state = self.norm(state + self.dropout(update))
        lengths = mask.sum(1)
        packed = pack_padded_sequence(state, lengths, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        scores: Tensor = self.leave(self.dropout(torch.cat([read, state], dim=2)))
        return scores, mask

    def _of_ngrams(self, texts: Sequence[Tokens], mask: Tensor) -> Tensor:
        """The mean vector of each token's n-grams, (texts, longest, `NGRAM`)."""
        flat = [grams for text in texts for grams in text.ngrams]
        starts = np.cumsum([0, *(len(grams) for grams in flat[:-1])])
        bags = self.ngram(
            torch.tensor([index for grams in flat for index in grams]), torch.from_numpy(starts)
        )
        return torch.zeros(*mask.shape, NGRAM).masked_scatter(mask.unsqueeze(2), bags)

    @torch.inference_mode()
    def probabilities(
        self, text: str, offsets: Sequence[tuple[int, int]]
    ) -> npt.NDArray[np.float32]:
        """The probability of each token of being nothing and each kind, (tokens, 1 + kinds)."""
        self.eval()
        tokens = features(text, offsets, self.lexicon)
        judged = np.zeros((len(offsets), 1 + len(KINDS)), np.float32)
        for first, last, start, end in _windows(len(offsets)):
            window = tokens.part(start, end)
            scores, _ = self([window])
            judged[first:last] = scores[0, first - start : last - start].softmax(1).numpy()
        return judged

    def find(self, text: str) -> list[Identifier]:
        """The identifiers of a text: tokens of one kind with nothing but blanks between them."""
        offsets = token_offsets(text)
        if not offsets:
            return []
        judged = self.probabilities(text, offsets)
        kinds = judged[:, 1:].argmax(1)
        identifiers: list[Identifier] = []
        before = -2
        for place in np.flatnonzero(_taken(text, offsets, 1 - judged[:, 0], kinds)):
            start, end = offsets[place]
            kind, score = KINDS[kinds[place]], float(1 - judged[place, 0])
            last = identifiers[-1] if identifiers else None
            follows = place == before + 1 and last is not None and last.kind == kind
            if follows and last is not None and "\n" not in text[last.end : start]:
                identifiers[-1] = Identifier(last.start, end, kind, max(last.score, score))
            else:
                identifiers.append(Identifier(start, end, kind, score))
            before = place
        return [
            each for each in identifiers if any(c.isalnum() for c in text[each.start : each.end])
        ]

    def save(self, folder: Path, about: Mapping[str, object], card: str) -> None:
        """Write `config.json`, half-precision weights, `words.json` and `CARD.md`."""
        save_network(folder, MODEL, self, about, card, self.lexicon.save)

    @classmethod
    def load(cls, folder: Path | None = None) -> Deidentifier:
        """Read a model's folder (default: the shipped one); nothing in it is unpickled.

        Raises:
            ModelError: the folder is missing, damaged, or of another kind or version.
        """
        folder = SHIPPED if folder is None else Path(folder)
        read_config(folder, MODEL)
        model = cls(Lexicon.load(folder))
        load_weights(folder, model)
        return model.float().eval()


@cache
def shipped() -> Deidentifier:
    """The model that ships; every user of a process shares it."""
    return Deidentifier.load()


def _windows(tokens: int) -> Iterator[tuple[int, int, int, int]]:
    """Parts (first, last) to judge, and the windows (start, end) to judge them in."""
    around = WINDOW // 4
    step = WINDOW - 2 * around
    for first in range(0, tokens, step):
        last = min(first + step, tokens)
        yield first, last, max(0, first - around), min(tokens, last + around)


def _taken(
    text: str,
    offsets: Sequence[tuple[int, int]],
    probability: npt.NDArray[np.float32],
    kinds: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Which tokens are in identifiers: the sure ones, and the less sure of names beside them."""
    may_be_beside = (probability >= BESIDE) & np.isin(kinds, _NAMING)
    taken = probability >= THRESHOLD
    for order in (range(1, len(offsets)), range(len(offsets) - 2, -1, -1)):
        step = order.step
        for place in order:
            beside = place - step
            if taken[place] or not (may_be_beside[place] and taken[beside]):
                continue
            first, second = sorted((place, beside))
            taken[place] = "\n" not in text[offsets[first][1] : offsets[second][0]]
    return taken
