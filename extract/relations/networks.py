"""Networks that encode an entity pair in its sentence: towers over a recogniser's states of the
sentence, a transformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from ...core.atomic import json_object
from ...core.errors import ModelError
from ...core.model_folder import CARD, CONFIG
from ..fit import checksum
from ..mentions.bilstm import LAYERS, BiLSTMEncoder, LockedDropout
from ..mentions.network import SHIPPED, NerModel
from ..mentions.vectors import word_form
from ..tokens import longest_first
from .pairs import Blinded, EntityPair, MarkedPair, name_words, placeholder, stem

_MAX_DISTANCE = 30  # positions further away count as this far
_WINDOW = 12  # words kept on each side of the pair, and in all
_MAX_WORDS = 80
_BATCH = 4096  # words of sentences that the recogniser encodes together, padding included
PLACEHOLDERS = tuple(
    placeholder(role, kind)
    for role in ("head ", "tail ", "")
    for kind in ("Disease", "Drug", "Target", "Procedure")
)


class SentenceEncoder:
    """The encoder of a recogniser, which gives each word of a sentence its states.

    It learnt from raw text and from more annotations than there are of relations (states of a
    tagger as input of another network: Peters et al. 2017). The towers leave it as it is, so that a
    model of relations needs no weights of it where it is the one that ships, only its checksum.

    Raises:
        ModelError: the recogniser can't be loaded, or is no BiLSTM.
    """

    def __init__(self, recogniser: Path) -> None:
        encoder = NerModel.load(recogniser).encoder
        if not isinstance(encoder, BiLSTMEncoder):
            raise ModelError(f"{recogniser}: the towers read with a bilstm; give one's folder")
        self._encoder = encoder

    @torch.inference_mode()
    def encode(self, sentences: Sequence[tuple[str, ...]]) -> list[Tensor]:
        """Of each sentence its words' states, shape (words, `LAYERS`), in half precision."""
        states_of: dict[tuple[str, ...], Tensor] = {}
        for batch in longest_first(dict.fromkeys(sentences), len, _BATCH):
            states = self._encoder.layers(batch).half()
            rows = zip(batch, states, strict=True)
            # Copies, which don't keep the padding.
            states_of.update((words, row[: len(words)].clone()) for words, row in rows)
        return [states_of[sentence] for sentence in sentences]


_SENTENCE_ENCODERS: dict[tuple[Path, str], SentenceEncoder] = {}


def sentence_encoder(recogniser: Path, checksum: str) -> SentenceEncoder:
    """The encoder that all models of a process share whose recogniser has the same files.

    Args:
        recogniser: its folder.
        checksum: of its files, see `recogniser_checksum`.
    """
    key = recogniser, checksum
    if key not in _SENTENCE_ENCODERS:
        _SENTENCE_ENCODERS[key] = SentenceEncoder(recogniser)
    return _SENTENCE_ENCODERS[key]


def recogniser_checksum(recogniser: Path) -> str:
    """The checksum of a recogniser's files, by those in its config, which loading verifies."""
    files = (json_object(recogniser / CONFIG) or {}).get("sha256") or {}
    return checksum({name: files[name] for name in files if name not in (CONFIG, CARD)})


class Tower(nn.Module):
    """Words in their places and the two names → features, shape (pairs, width).

    An LSTM each way over the recogniser's states of the words, blinded words and position
    embeddings (Zhang and Wang 2015). The features are the states at head and tail, the maxima
    before, between and after them (Zeng et al. 2015), the mean by attention (Zhou et al. 2016), and
    the names' mean embeddings.
    """

    STEMS, STEM = 3000, 32
    NAMES, NAME = 4096, 24
    PLACE, STATES = 12, 192

    def __init__(self, vector: int) -> None:
        super().__init__()
        self.stems = nn.Embedding(1 + len(PLACEHOLDERS) + self.STEMS, self.STEM, padding_idx=0)
        self.positions = nn.Embedding(2 * _MAX_DISTANCE + 1, self.PLACE)
        self.names = nn.EmbeddingBag(self.NAMES, self.NAME, mode="mean")
        with torch.no_grad():
            self.stems.weight *= 0.3
            self.names.weight *= 0.3
        self.inputs = nn.Linear(vector + self.STEM + 2 * self.PLACE + LAYERS, self.STATES)
        self.lstm = nn.LSTM(self.STATES, self.STATES // 2, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(self.STATES, 1)
        self.dropout = nn.Dropout(0.4)
        # The recogniser learnt from these documents too: its states are surer there than elsewhere.
        self.seen_dropout = LockedDropout(0.3)

    def forward(self, vectors: Tensor, batch: PairBatch) -> Tensor:
        """`vectors` are those of the batch's words, shape (pairs, words, vector)."""
        mask, order = batch.stems > 0, torch.arange(batch.stems.shape[1])
        head, tail = batch.head[:, None], batch.tail[:, None]
        words = [
            vectors,
            self.positions((order - head).clamp(-_MAX_DISTANCE, _MAX_DISTANCE) + _MAX_DISTANCE),
            self.positions((order - tail).clamp(-_MAX_DISTANCE, _MAX_DISTANCE) + _MAX_DISTANCE),
            self.stems(batch.stems),
            self.seen_dropout(batch.seen),
        ]
        inputs = self.dropout(torch.relu(self.inputs(self.dropout(torch.cat(words, dim=2)))))
        lengths = mask.sum(1)
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=mask.shape[1]
        )
        first, last = torch.minimum(head, tail), torch.maximum(head, tail)
        # Before, between and after the pair, its own words included.
        segments = [mask & (order <= first), (order >= first) & (order <= last)]
        segments.append(mask & (order >= last))
        pooled = [states.masked_fill(~segment[:, :, None], -1e4).amax(1) for segment in segments]
        weights = self.attention(torch.tanh(states)).squeeze(2).masked_fill(~mask, -1e4).softmax(1)
        rows = torch.arange(len(states))
        features = torch.cat(
            [
                states[rows, batch.head],
                states[rows, batch.tail],
                *pooled,
                (weights[:, :, None] * states).sum(1),
                *(self.names(ids, starts) for ids, starts in batch.names),
            ],
            dim=1,
        )
        dropped: Tensor = self.dropout(features)
        return dropped


@dataclass(frozen=True)
class PairRow:
    """A pair as numbers: words, beginnings of words, places of head and tail, the two names.

    `states` are the recogniser's of its whole sentence, `places` the words' places there.
    """

    states: Tensor
    places: list[int]
    words: list[int]
    stems: list[int]
    head: int
    tail: int
    names: tuple[list[int], list[int]]


class PairBatch:
    """Rows as tensors, shape (pairs, words), (pairs, words, `LAYERS`) and (pairs)."""

    def __init__(self, rows: Sequence[PairRow]) -> None:
        self.seen = pad_sequence([row.states[row.places] for row in rows], batch_first=True).float()
        self.words = pad_sequence([torch.tensor(row.words) for row in rows], batch_first=True)
        self.stems = pad_sequence([torch.tensor(row.stems) for row in rows], batch_first=True)
        self.head = torch.tensor([row.head for row in rows])
        self.tail = torch.tensor([row.tail for row in rows])
        self.names = []
        for role in (0, 1):
            names = [row.names[role] for row in rows]
            starts = torch.tensor([0, *(len(name) for name in names[:-1])]).cumsum(0)
            self.names.append((torch.tensor([place for name in names for place in name]), starts))


def _cut(pair: EntityPair) -> Blinded:
    words, head, tail, places = pair.blinded
    first = max(0, min(head, tail) - _WINDOW)
    kept = slice(first, min(max(head, tail) + _WINDOW + 1, first + _MAX_WORDS))
    last = len(words[kept]) - 1
    return Blinded(words[kept], min(head - first, last), min(tail - first, last), places[kept])


def _word_id(word: str, index: dict[str, int], buckets: int) -> int:
    """Unknown words share the vector of their last three letters' bucket."""
    form = word_form(word)
    known = index.get(form)
    return 1 + len(index) + crc32(form[-3:].encode()) % buckets if known is None else known


def _stem_id(word: str) -> int:
    if word in PLACEHOLDERS:
        return 1 + PLACEHOLDERS.index(word)
    return 1 + len(PLACEHOLDERS) + crc32(stem(word_form(word)).encode()) % Tower.STEMS


def _name_ids(pair: EntityPair, role: str) -> list[int]:
    name = [word_form(w) for w in name_words(pair, pair.head if role == "head" else pair.tail)]
    features = [f"last {name[-1]}", f"ends {name[-1][-3:]}", f"ends {name[-1][-4:]}"]
    features += [f"begins {name[0][:3]}", f"first {name[0]}", *(f"word {word}" for word in name)]
    return [crc32(f"{role} {feature}".encode()) % Tower.NAMES for feature in features]


class PairTowers(nn.Module):
    """Several towers over the same word vectors and the recogniser's states of the sentence.

    Pairs → features, shape (towers, pairs, width).
    """

    BUCKETS = 200
    BLANKED = 0.05  # of the words, while training

    def __init__(
        self, words: Sequence[str], towers: int, recogniser: Path = SHIPPED, vector: int = 100
    ) -> None:
        super().__init__()
        self.recogniser = recogniser
        self.recogniser_checksum = recogniser_checksum(recogniser)
        self.words = list(words)
        self._index = {word: place for place, word in enumerate(self.words, start=1)}
        self.embedding = nn.Embedding(1 + len(self.words) + self.BUCKETS, vector, padding_idx=0)
        with torch.no_grad():
            self.embedding.weight *= 0.3
        self.towers = nn.ModuleList(Tower(vector) for _ in range(towers))
        self.width = 6 * Tower.STATES + 2 * Tower.NAME

    def prepare(self, pairs: Sequence[EntityPair]) -> list[PairRow]:
        """What `forward` takes."""
        rows = []
        encoder = sentence_encoder(self.recogniser, self.recogniser_checksum)
        sentences = encoder.encode([pair.words for pair in pairs])
        for pair, states in zip(pairs, sentences, strict=True):
            words, head, tail, places = _cut(pair)
            ids = [_word_id(word, self._index, self.BUCKETS) for word in words]
            names = _name_ids(pair, "head"), _name_ids(pair, "tail")
            stems = [_stem_id(word) for word in words]
            rows.append(PairRow(states, places, ids, stems, head, tail, names))
        return rows

    def forward(self, rows: Sequence[PairRow]) -> Tensor:
        """The features of rows that `prepare` made."""
        batch = PairBatch(rows)
        vectors = self.embedding(batch.words)
        if self.training:
            blank = torch.rand(batch.words.shape) < self.BLANKED
            blank &= batch.stems > len(PLACEHOLDERS)
            vectors = vectors.masked_fill(blank[:, :, None], 0.0)
            batch.stems = batch.stems.masked_fill(blank, 1 + len(PLACEHOLDERS))
        return torch.stack([tower(vectors, batch) for tower in self.towers])


class PairTransformer(nn.Module):
    """Pairs → features, shape (1, pairs, 2 × hidden size): the states of the two markers."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = 2 * int(encoder.width)  # type: ignore[arg-type]  # nn.Module's are untyped

    def prepare(self, pairs: Sequence[EntityPair]) -> list[MarkedPair]:
        """What `forward` takes."""
        return [pair.marked() for pair in pairs]

    def forward(self, marked: Sequence[MarkedPair]) -> Tensor:
        """The features of pairs that `prepare` marked."""
        states: Tensor = self.encoder([words for words, _, _ in marked])
        rows = torch.arange(len(marked), device=states.device)
        heads = torch.tensor([head for _, head, _ in marked], device=states.device)
        tails = torch.tensor([tail for _, _, tail in marked], device=states.device)
        return torch.cat([states[rows, heads], states[rows, tails]], dim=1)[None]
