"""The names of a graph's nodes, found exactly, by looser forms, or by shared character trigrams."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from math import log
from zlib import crc32

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from ...core.json_reading import parse_object
from ...graph.identifiers import name_key
from ...graph.kg import KnowledgeGraph
from .forms import Forms, forms

NAME, SPELLING, LOOSE, STRIPPED, SIMILAR = 5, 4, 3, 2, 1  # how tight a match is
# A node's property that says how often each of its names was annotated: {name: count}.
COUNTS = "mentions"
_BUCKETS = 1 << 18
# Names share too many of the commonest trigrams ("ine", "dis") for those to distinguish them.
_MAX_SHARE_OF_NAMES = 0.02

_Rows = npt.NDArray[np.int32]


def key_of(text: str) -> str:
    """The key of one name, as `identifiers.name_key` makes it of a column, but in microseconds."""
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).lower()))


def names_of(graph: KnowledgeGraph, kinds: Iterable[str]) -> pl.DataFrame:
    """A row per name of the nodes of these kinds: id, kind, name, primary, key, count, rank, xrefs.

    `primary` marks a node's own name, `count` is how often the name was annotated to mean the node
    (null where the graph doesn't say), `rank` the place of the identifier's prefix in the schema.
    The order settles ties: preferred prefix, identifier, own name before synonym.
    """
    rank = {
        prefix: place
        for kind in graph.schema.kinds.values()
        for place, prefix in enumerate(kind.prefixes)
    }
    nodes = graph.nodes.filter(pl.col("kind").is_in(list(kinds)))
    names = pl.concat(
        [
            nodes.select("id", "kind", "name", primary=pl.lit(True)),
            nodes.select("id", "kind", name="synonyms", primary=pl.lit(False))
            .explode("name")
            .drop_nulls("name"),
        ]
    )
    names = (
        names.with_columns(
            key=name_key(pl.col("name")),
            rank=pl.col("id")
            .str.split(":")
            .list.first()
            .replace_strict(rank, default=len(rank), return_dtype=pl.Int64),
        )
        .filter(pl.col("key") != "")
        .sort("rank", "id", "primary", "name", descending=[False, False, True, False])
        .unique(["id", "key"], keep="first", maintain_order=True)
    )
    return names.join(_counts(nodes), on=["id", "key"], how="left", maintain_order="left")


def _counts(nodes: pl.DataFrame) -> pl.DataFrame:
    counted = nodes.filter(pl.col("properties").str.contains(f'"{COUNTS}"', literal=True))
    rows = [
        (identifier, name, int(count))
        for identifier, text in counted.select("id", "properties").iter_rows()
        for name, count in parse_object(text).get(COUNTS, {}).items()
    ]
    frame = pl.DataFrame(rows, schema={"id": pl.String, "name": pl.String, "count": pl.Int64},
                         orient="row")  # fmt: skip
    return frame.group_by("id", key=name_key(pl.col("name"))).agg(pl.col("count").sum())


class NameIndex:
    """The names of some kinds of nodes; rows are those of the frame of `names_of`."""

    def __init__(self, names: pl.DataFrame) -> None:
        self.nodes = Texts(names["id"])
        self.kinds = Texts(names["kind"])
        self.names = Texts(names["name"])
        self.primary = names["primary"].to_numpy()
        self.spellings, self.looses = Texts(), Texts()
        levels = (NAME, SPELLING, SPELLING, LOOSE, STRIPPED)
        digests = [bytearray() for _ in levels]
        buckets = array("l")
        # One name after the other: lists of all forms would leave memory in pieces.
        for key in names["key"]:
            form = forms(key)
            self.spellings.append(form.spelling)
            self.looses.append(form.loose)
            for hashes, text in zip(digests, _looked_up(key, form), strict=True):
                hashes += _digest(text)
            buckets.extend(_bucket(word) for word in set(form.spelling.split()))
        # Hashes in order with their rows: 12 bytes a key, where a dict would take 150.
        self._tables = [
            (level, _HashTable(hashes)) for level, hashes in zip(levels, digests, strict=True)
        ]
        self._words = np.zeros(_BUCKETS, np.int32)
        np.add.at(self._words, np.array(buckets, np.int64), 1)
        # Of each row: the node, the names of one node in a run; and what is one concept with it.
        self.node = (names["id"] != names["id"].shift(1)).fill_null(True).cum_sum().to_numpy() - 1
        # The hash of the node's own name, the first of its run.
        first = np.flatnonzero(np.diff(self.node, prepend=-1))
        own = np.frombuffer(bytes(digests[0]), np.int64)[first]
        self.own_name = own[self.node] if names.height else np.zeros(0, np.int64)
        self.kind = names["kind"].rank("dense").to_numpy()
        self.counted = names["count"].null_count() < names.height
        self.count = names["count"].fill_null(0).to_numpy().astype(np.float64)
        self.node_count = np.bincount(self.node, self.count) if names.height else np.zeros(0)
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(3, 3),
            sublinear_tf=True,
            dtype=np.float32,
            max_df=min(1.0, max(_MAX_SHARE_OF_NAMES, 50 / max(1, names.height))),
        )
        self._vectors: csr_matrix | None = None
        if any(len(text) > 1 for text in self.spellings):
            self._vectors = self._vectorizer.fit_transform(self.spellings).T.tocsr()

    def exact(self, key: str, *, all_levels: bool = False) -> dict[int, int]:
        """Rows whose name equals the key in some form, with the tightest level at which it does.

        Rows of looser levels than spelling are found only where no tighter level finds any, or
        with `all_levels`.
        """
        levels: dict[int, int] = {}
        form = forms(key)
        for (level, table), text in zip(self._tables, _looked_up(key, form), strict=True):
            if levels and level < SPELLING and not all_levels:
                break
            for row in table.rows(text).tolist():
                levels.setdefault(row, level)
        return levels

    def similar(self, keys: Sequence[str], most: int) -> list[npt.NDArray[np.int64]]:
        """For each key the rows whose names share most trigrams with it (TF-IDF cosine)."""
        if self._vectors is None:
            return [np.empty(0, np.int64)] * len(keys)
        queries = self._vectorizer.transform([forms(key).spelling for key in keys])
        products = (queries @ self._vectors).tocsr()
        nearest = []
        for row in range(len(keys)):
            part = slice(products.indptr[row], products.indptr[row + 1])
            columns, cosines = products.indices[part], products.data[part]
            if len(columns) > 4 * most:
                few = np.argpartition(-cosines, 2 * most)[: 2 * most]
                columns, cosines = columns[few], cosines[few]
            # Ties in order of the rows, so that the result does not depend on the algorithm.
            nearest.append(columns[np.lexsort((columns, -cosines))[:most]].astype(np.int64))
        return nearest

    def weight(self, word: str) -> float:
        """The inverse document frequency of a word among the names (IDF weighting)."""
        return log((len(self.nodes) + 1) / (int(self._words[_bucket(word)]) + 1))


class Texts:
    """Texts in one block of bytes: a third of what a list takes, and as fast to get one of."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._ends, self._block = array("q", [0]), bytearray()
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add a text behind the others."""
        self._block += text.encode("utf-8")
        self._ends.append(len(self._block))

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, row: int) -> str:
        return self._block[self._ends[row] : self._ends[row + 1]].decode("utf-8")


class _HashTable:
    """Rows by the hash of a text (`_digest`), as two sorted arrays."""

    def __init__(self, digests: bytearray) -> None:
        hashes = np.frombuffer(bytes(digests), np.int64)
        self._order = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._order]

    def rows(self, text: str) -> _Rows:
        digest = np.frombuffer(_digest(text), np.int64)[0]
        start = int(np.searchsorted(self._hashes, digest, "left"))
        end = int(np.searchsorted(self._hashes, digest, "right"))
        return self._order[start:end]


def _looked_up(key: str, form: Forms) -> tuple[str, str, str, str, str]:
    """What a name is found by, the tightest first."""
    return key, form.spelling, key.replace(" ", ""), form.loose, form.stripped


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=8).digest()


def _bucket(word: str) -> int:
    return crc32(word.encode("utf-8")) & (_BUCKETS - 1)
