"""The default encoder of the mention recogniser: a BiLSTM over words, characters and names.

The features of a token: skip-gram vector of its word; mean of hashed character 3- to 5-grams
(Bojanowski et al. 2017); convolution over its characters (Ma and Hovy 2016); prefix, suffix and
shape; bits for the lists of names that it occurs in, the installed ones and those that were learnt.
Two LSTMs, one in each direction, run over the whole document, and each state is joined by the mean
state of the same word elsewhere in the document.

A Chinese character is a token, and says little alone: it is read with its neighbours. Its n-grams
are the pairs that it makes with them and all three.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ...core.han import has_han
from .hashed_gazetteer import HashedGazetteer
from .names import WIDTH, NameLists
from .vectors import word_form

WORD, NGRAM, CHARACTER, CNN, AFFIX, SHAPE, LSTM, STATE = 100, 64, 24, 64, 32, 16, 192, 200
NGRAM_BUCKETS = 32768
_HAN_BUCKETS = 16384  # where most words are single characters: a smaller file, and as good
TOKEN = WORD + NGRAM + CNN + 2 * AFFIX + SHAPE  # width of a token's own vector
LAYERS = 2 * LSTM + STATE
_MAX_CHARACTERS = 20  # of a token, for the convolution

# A token as it is read: its text, and of a Chinese character what stands before and after it.
_Type = tuple[str, str, str]
_Indices = tuple[list[int], list[int], list[int]]


class Vocabulary:
    """Indices of words, affixes, shapes and characters; 0 is padding and unknown entries."""

    FIELDS = ("words", "prefixes", "suffixes", "shapes", "characters")

    def __init__(self, entries: Mapping[str, Sequence[str]]) -> None:
        self.entries = {name: list(entries[name]) for name in self.FIELDS}
        self._index = {
            name: {entry: n for n, entry in enumerate(values, start=1)}
            for name, values in self.entries.items()
        }
        han = sum(map(has_han, self.entries["words"]))
        self.buckets = _HAN_BUCKETS if 2 * han > len(self.entries["words"]) else NGRAM_BUCKETS
        self._cached: dict[_Type, _Indices] = {}

    @classmethod
    def build(cls, words: Iterable[str], texts: Iterable[Sequence[str]]) -> Vocabulary:
        """From the words that have vectors and the tokens of the training texts."""
        counts: dict[str, Counter[str]] = {name: Counter() for name in cls.FIELDS[1:]}
        for token, n in Counter(token for text in texts for token in text).items():
            form = word_form(token)
            counts["prefixes"][form[:3]] += n
            counts["suffixes"][form[-3:]] += n
            counts["shapes"][_shape(token)] += n
            for character in token:
                counts["characters"][character] += n
        entries = {
            name: sorted(entry for entry, n in counter.items() if n >= 5)
            for name, counter in counts.items()
        }
        return cls({"words": list(words), **entries})

    def size(self, name: str) -> int:
        """How many indices there are, 0 included."""
        return len(self.entries[name]) + 1

    def look_up(self, read: _Type) -> _Indices:
        """Indices of a token: (word, prefix, suffix, shape), characters, buckets of n-grams."""
        entry = self._cached.get(read)
        if entry is None:
            if len(self._cached) > 200_000:
                self._cached.clear()
            token, left, right = read
            form = word_form(token)
            index = self._index
            indices = [
                index["words"].get(form, 0),
                index["prefixes"].get(form[:3], 0),
                index["suffixes"].get(form[-3:], 0),
                index["shapes"].get(_shape(token), 0),
            ]
            characters = [index["characters"].get(c, 0) for c in token[:_MAX_CHARACTERS]]
            if has_han(token):
                ngrams = [left + token, token + right, left + token + right] if left else []
            else:
                framed = f"<{form[:60]}>"
                ngrams = [
                    framed[i : i + n] for n in (3, 4, 5) for i in range(max(1, len(framed) - n + 1))
                ]
            buckets = [zlib.crc32(ngram.encode()) % self.buckets for ngram in ngrams]
            entry = self._cached[read] = (indices, characters, buckets)
        return entry


class LockedDropout(nn.Module):
    """The same features dropped at every token of a text (Gal and Ghahramani 2016)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop features of (texts, longest, features), while training."""
        if not self.training:
            return inputs
        rows, _, width = inputs.shape
        kept = torch.rand(rows, 1, width, device=inputs.device) >= self.probability
        return inputs * kept / (1 - self.probability)


class BiLSTMEncoder(nn.Module):
    """Texts as lists of tokens → states, shape (texts, longest, 200), zero beyond a text's end."""

    width = STATE

    def __init__(self, vocabulary: Vocabulary, names: NameLists, learnt: HashedGazetteer) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.names = names
        self.learnt = learnt
        self.word = nn.Embedding(vocabulary.size("words"), WORD, padding_idx=0)
        self.prefix = nn.Embedding(vocabulary.size("prefixes"), AFFIX)
        self.suffix = nn.Embedding(vocabulary.size("suffixes"), AFFIX)
        self.shape = nn.Embedding(vocabulary.size("shapes"), SHAPE)
        self.character = nn.Embedding(vocabulary.size("characters"), CHARACTER)
        self.ngram = nn.EmbeddingBag(vocabulary.buckets, NGRAM, mode="mean")
        self.cnn = nn.Conv1d(CHARACTER, CNN, 3, padding=1)
        for table in (self.prefix, self.suffix, self.shape, self.character, self.ngram):
            nn.init.normal_(table.weight, std=0.2)
        size = TOKEN + WIDTH + learnt.width
        self.forth = nn.LSTM(size, LSTM, batch_first=True)
        self.back = nn.LSTM(size, LSTM, batch_first=True)
        self.join = nn.Linear(4 * LSTM, STATE)
        self.dropout = LockedDropout(0.4)
        # Drops a token's word and characters, so that the model learns to use names and context.
        self.token_dropout = nn.Dropout1d(0.1)

    def set_word_vectors(self, vectors: Tensor) -> None:
        """Start from trained vectors, shape (words without padding, 100), brought to one scale."""
        with torch.no_grad():
            self.word.weight[1:] = 0.2 * vectors / vectors.std()

    def forward(self, texts: Sequence[Sequence[str]]) -> Tensor:
        return self._read(texts)[1]

    def layers(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """The states of the two LSTMs and what `forward` gives: (texts, longest, `LAYERS`)."""
        return torch.cat(self._read(texts), dim=2)

    def _read(self, texts: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
        index, mask, types = self._index(texts)
        features = [
            np.concatenate([self.names.features(list(text)), self.learnt.features(text)], axis=1)
            for text in texts
        ]
        name_features = pad_sequence(
            [torch.from_numpy(bits) for bits in features], batch_first=True
        )
        name_features = name_features.to(index.device)
        states = torch.cat(self._run(index, mask, types, name_features), dim=2) * mask.unsqueeze(2)
        memory = self._elsewhere(states, index, mask, types)
        return states, self.dropout(torch.tanh(self.join(torch.cat([states, memory], dim=2))))

    def directions(self, texts: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
        """The states of the two LSTMs, each (texts, longest, 192), without the lists of names.

        A name's first token tells that the name goes on, so with the lists the states would know
        the words that a language model is to predict; so they would with characters' neighbours.
        """
        index, mask, types = self._index(texts, neighbours=False)
        width = WIDTH + self.learnt.width
        return self._run(index, mask, types, torch.zeros(*index.shape, width, device=index.device))

    def tokens(self, texts: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
        """The tokens' own vectors, (texts, longest, `TOKEN`), and where there are tokens.

        Zero beyond a text's end; they depend neither on position nor on the lists of names.
        """
        index, mask, types = self._index(texts)
        vectors = self.token_dropout(self._vectors(types, index.device)[index])
        return vectors * mask.unsqueeze(2), mask

    def _index(
        self, texts: Sequence[Sequence[str]], *, neighbours: bool = True
    ) -> tuple[Tensor, Tensor, list[_Type]]:
        """(texts, longest) numbers of the distinct tokens, where there are tokens, and these."""
        device = self.word.weight.device
        lengths = torch.tensor([len(text) for text in texts], device=device)
        types: dict[_Type, int] = {}
        rows = [
            torch.tensor([types.setdefault(t, len(types)) for t in _read(text, neighbours)])
            for text in texts
        ]
        index = pad_sequence(rows, batch_first=True).to(device)
        mask = torch.arange(index.shape[1], device=device) < lengths.unsqueeze(1)
        return index, mask, list(types)

    def _run(
        self, index: Tensor, mask: Tensor, types: list[_Type], name_features: Tensor
    ) -> tuple[Tensor, Tensor]:
        vectors = self._vectors(types, index.device)
        inputs = torch.cat([self.token_dropout(vectors[index]), name_features], dim=2)
        inputs = self.dropout(inputs) * mask.unsqueeze(2)
        # The way back runs over each text turned round by itself, so that padding comes last in
        # both and a text's states don't depend on its neighbours in the batch.
        steps = torch.arange(index.shape[1], device=index.device).expand_as(index)
        lengths = mask.sum(1, keepdim=True)
        turned = torch.where(mask, lengths - 1 - steps, steps).unsqueeze(2)
        forth, _ = self.forth(inputs)
        back, _ = self.back(inputs.gather(1, turned.expand_as(inputs)))
        back = back.gather(1, turned.expand_as(back))
        return self.dropout(forth), self.dropout(back)

    def _vectors(self, tokens: list[_Type], device: torch.device) -> Tensor:
        """The context-free vectors of tokens: word, n-grams, characters, affixes, shape."""
        looked_up = [self.vocabulary.look_up(token) for token in tokens]
        indices = torch.tensor([entry[0] for entry in looked_up], device=device)
        longest = max(len(entry[1]) for entry in looked_up)
        padded = np.full((len(tokens), longest), -1, dtype=np.int64)
        for row, (_, characters, _) in enumerate(looked_up):
            padded[row, : len(characters)] = characters
        letters = torch.from_numpy(padded).to(device)
        present = (letters >= 0).unsqueeze(2)
        embedded = self.character(letters.clamp(min=0)) * present
        convolved = self.cnn(embedded.transpose(1, 2)).transpose(1, 2)
        shape = convolved.masked_fill(~present, -1e4).amax(dim=1).relu()
        sizes = np.array([0, *(len(entry[2]) for entry in looked_up[:-1])]).cumsum()
        ngrams = torch.tensor([n for entry in looked_up for n in entry[2]], device=device)
        features = [
            self.word(indices[:, 0]),
            self.ngram(ngrams, torch.from_numpy(sizes).to(device)),
            shape,
            self.prefix(indices[:, 1]),
            self.suffix(indices[:, 2]),
            self.shape(indices[:, 3]),
        ]
        return torch.cat(features, dim=1)

    def _elsewhere(self, states: Tensor, index: Tensor, mask: Tensor, types: list[_Type]) -> Tensor:
        """For each token the mean state of the word's other occurrences in its text, or zero."""
        forms: dict[str, int] = {}
        form = torch.tensor([forms.setdefault(word_form(t), len(forms)) for t, _, _ in types])
        row = torch.arange(len(index), device=index.device).unsqueeze(1)
        key = row * len(forms) + form.to(index.device)[index]
        key = torch.where(mask, key, len(index) * len(forms))
        _, group = torch.unique(key.flatten(), return_inverse=True)
        flat = states.flatten(0, 1)
        count = torch.zeros(int(group.max()) + 1, device=flat.device)
        count = count.index_add(0, group, torch.ones_like(group, dtype=count.dtype))
        total = flat.new_zeros(len(count), flat.shape[1]).index_add(0, group, flat)
        others = (total[group] - flat) / (count[group] - 1).clamp(min=1).unsqueeze(1)
        others = others * (count[group] > 1).unsqueeze(1)
        return others.view_as(states) * mask.unsqueeze(2)


def _read(text: Sequence[str], neighbours: bool) -> Iterator[_Type]:
    """The tokens of a text as they are read, Chinese characters with or without neighbours."""
    for place, token in enumerate(text):
        if neighbours and has_han(token):
            left = text[place - 1][-1] if place else "^"
            yield token, left, text[place + 1][0] if place + 1 < len(text) else "$"
        else:
            yield token, "", ""


def _shape(token: str) -> str:
    """Letters as X or x, digits as 0, runs cut to two; a sign as itself."""
    shape = re.sub(r"\d", "0", token)
    shape = "".join("X" if c.isupper() else "x" if c.isalpha() else c for c in shape)
    return re.sub(r"(.)\1+", r"\1\1", shape)
