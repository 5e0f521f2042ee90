"""Names of graphs as a feature of the recogniser, kept as numbers: is this token inside one?

A list of some hundred thousand names is what tells a drug that no training text names. The model
holds a 32-bit hash of each, so that a few megabytes go with it, no names can be read from them, and
nothing else need be installed where it is used. Of spans that are no name, one in some thousands
has the hash of one.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ...core.errors import ModelError
from ...core.han import has_han
from ..tokens import words_of
from .names import normalised

LONGEST = 8  # tokens of a name, joining signs left out
_JOINING = frozenset("-'‐‑–/")  # "beta-blocker" is "beta blocker", "5-HT" is "5HT"
_ACRONYM = 6  # letters; capitals alone up to here count in their own spelling only
_CASED = np.uint64(1)
_REST = np.uint32(10)  # bits of a hash after its beginning
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class HashedGazetteer:
    """Names by kind, looked up as sequences of tokens: the longest from each position on."""

    def __init__(self, hashes: Mapping[str, npt.NDArray[np.uint32]]) -> None:
        """From the hashes of each kind's names, at most eight kinds."""
        self.hashes = dict(sorted(hashes.items()))
        self.width = 2 * len(self.hashes)
        hashes_by_kind = list(self.hashes.values())
        # 0, which stands for what is beyond a text's end, is of no kind.
        every = np.concatenate([*hashes_by_kind, np.zeros(1, np.uint32)])
        self._keys, places = np.unique(every, return_inverse=True)
        self._kinds = np.zeros(len(self._keys), np.uint8)
        start = 0
        for number, part in enumerate(hashes_by_kind):
            self._kinds[places[start : start + len(part)]] |= np.uint8(1 << number)
            start += len(part)
        self._kinds[0] = 0
        # Most spans have a beginning that no name's hash has, which is found out at once.
        self._beginnings = np.zeros(1 << (32 - int(_REST)), np.bool_)
        self._beginnings[self._keys >> _REST] = True

    @classmethod
    def of(cls, names: Mapping[str, Sequence[str]]) -> HashedGazetteer:
        """From names by kind, see `names.graph_names`; those too short or long are left out."""
        hashes = {}
        for kind, part in names.items():
            keys = {key for key in map(_key, part) if key is not None}
            hashes[kind] = np.array(sorted(keys), np.uint32)
        return cls(hashes)

    def features(self, tokens: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (tokens, width): for each kind whether a name begins here, and goes on here."""
        bits = np.zeros((len(tokens), self.width), np.float32)
        places = [n for n, token in enumerate(tokens) if token not in _JOINING]
        if not places or not self.width:
            return bits
        kept = [tokens[n] for n in places]
        hashes = _spans(np.array([_number(word) for word in normalised(kept)], np.uint64))
        kinds = self._look_up(hashes)
        capitals = [n for n, token in enumerate(kept) if token.isupper()]
        if capitals:
            own = np.array([_number(kept[n]) for n in capitals], np.uint64)
            kinds[capitals, 0] |= self._look_up(_mixed(own + _CASED))
        starts, lengths = np.nonzero(kinds)
        for number in range(self.width // 2):
            of_kind = (kinds[starts, lengths] >> number & 1).astype(bool)
            # Within one kind the name that began first goes on over those inside it.
            longest = dict(zip(starts[of_kind].tolist(), lengths[of_kind].tolist(), strict=True))
            free = 0
            for start, length in longest.items():
                if start >= free:
                    free = start + length + 1
                    bits[places[start], 2 * number] = 1
                    bits[places[start] + 1 : places[free - 1] + 1, 2 * number + 1] = 1
        return bits

    def save(self, path: Path) -> None:
        """Write the hashes, by kind."""
        save_file(self.hashes, path)

    @classmethod
    def load(cls, path: Path) -> HashedGazetteer:
        """Read them again.

        Raises:
            ModelError: the file is damaged.
        """
        try:
            return cls(load_file(path))
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{path}: is damaged; train or fetch the model again") from error

    def _look_up(self, hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
        """The kinds, as bits, of what has each hash."""
        kinds = np.zeros(hashes.shape, np.uint8)
        likely = np.nonzero(self._beginnings[hashes >> _REST])
        some = hashes[likely]
        places = np.searchsorted(self._keys, some)
        places[places == len(self._keys)] = 0
        kinds[likely] = np.where(self._keys[places] == some, self._kinds[places], np.uint8(0))
        return kinds


def _key(name: str) -> int | None:
    tokens = words_of(name)
    tokens = [token for token in tokens if token not in _JOINING]
    # Names of one or two letters match by chance; of two Chinese characters, most words are made.
    least = 2 if has_han(name) else 3
    if not tokens or sum(map(len, tokens)) < least or len(tokens) > LONGEST:
        return None
    if len(tokens) == 1 and tokens[0].isupper() and len(tokens[0]) <= _ACRONYM:
        return int(_mixed(np.array([_number(tokens[0])], np.uint64) + _CASED)[0])
    numbers = np.array([_number(word) for word in normalised(tokens)], np.uint64)
    return int(_spans(numbers)[0, len(tokens) - 1])


def _spans(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]:
    """The hash of each span, by its first token and its length less one; 0 beyond the end."""
    hashes = np.zeros((len(numbers), LONGEST), np.uint32)
    rolling = np.zeros(len(numbers), np.uint64)
    for length in range(min(LONGEST, len(numbers))):
        whole = len(numbers) - length
        rolling = rolling[:whole] * _FACTOR + numbers[length:]
        hashes[:whole, length] = _mixed(rolling)
    return hashes


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]:
    numbers = (numbers ^ (numbers >> np.uint64(29))) * _FACTOR
    return (numbers >> np.uint64(32)).astype(np.uint32)


@lru_cache(maxsize=200_000)
def _number(word: str) -> int:
    return zlib.crc32(word.encode("utf-8")) << 1
