"""The names of a graph's nodes, found exactly, by looser forms, or by shared character trigrams."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from math import log
from typing import Any
from zlib import crc32

import networkx as nx
import numpy as np
import numpy.typing as npt
import polars as pl

from ...core.han import HAN
from ...core.json_reading import parse_object
from ...graph.identifiers import name_key
from ...graph.kg import KnowledgeGraph
from .forms import Forms, forms, joined
from .trigrams import Trigrams, trigram_arrays

NAME, SPELLING, LOOSE, STRIPPED, SIMILAR = 5, 4, 3, 2, 1  # how tight a match is
# A node's property that says how often each of its names was annotated: {name: count}.
COUNTS = "mentions"
_BUCKETS = 1 << 18
# How tight a match is by each text of `_looked_up`.
_LEVELS = (NAME, SPELLING, SPELLING, LOOSE, STRIPPED)

Arrays = dict[str, npt.NDArray[Any]]
_Rows = npt.NDArray[np.int32]


def key_of(text: str) -> str:
    """The key of one name, as `identifiers.name_key` makes it of a column, but in microseconds."""
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).lower()))


def names_of(graph: KnowledgeGraph, kinds: Iterable[str]) -> pl.DataFrame:
    """A row per name of the nodes of these kinds: id, kind, name, primary, key, rank, same, count.

    `same` is the identifier, or of nodes of one kind that refer to one another the first of theirs;
    `primary` marks a node's own name, `count` is how often the name was annotated to mean the node
    (null where the graph doesn't say), `rank` the place of the identifier's prefix in the schema,
    among those of its kind.
    The order settles ties: preferred prefix, identifier, own name before synonym.
    """
    rank = {
        f"{kind.label} {prefix}": place
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
            rank=pl.concat_str(
                "kind", pl.col("id").str.split(":").list.first(), separator=" "
            ).replace_strict(rank, default=len(rank), return_dtype=pl.Int64),
        )
        # Chinese names are looked up in another way (`chinese`).
        .filter(pl.col("key") != "", ~pl.col("name").str.contains(f"[{HAN}]"))
        .sort("rank", "id", "primary", "name", descending=[False, False, True, False])
        .unique(["id", "key"], keep="first", maintain_order=True)
        .with_columns(same=pl.col("id").replace(_first_of_references(nodes)))
    )
    return names.join(_counts(nodes), on=["id", "key"], how="left", maintain_order="left")


def _first_of_references(nodes: pl.DataFrame) -> dict[str, str]:
    """Of diseases and drugs that refer to others, or are referred to, the first of each group.

    A rare disease may be one gene's form of what it refers to, and a phenotype narrower or wider
    than its record in MeSH ("dizziness" of vertigo).
    """
    nodes = nodes.filter(
        pl.col("kind").is_in(["Disease", "Drug"]), ~pl.col("id").str.contains("^(?:OMIM|ORPHA):")
    )
    referring = nodes.select("id", "kind", other="xrefs").explode("other")
    pairs = referring.join(nodes.select("kind", other="id"), on=["kind", "other"])
    references: nx.Graph[str] = nx.Graph(pairs.select("id", "other").iter_rows())
    groups: Iterable[set[str]] = nx.connected_components(references)
    return {identifier: min(group) for group in groups for identifier in group}


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


def index_arrays(names: pl.DataFrame) -> Arrays:
    """What `NameIndex` is made of, by name, from a frame of `names_of`."""
    spellings, looses = TextBlock(), TextBlock()
    digests = [bytearray() for _ in _LEVELS]
    buckets = array("l")
    # One name after the other: lists of all forms would leave memory in pieces.
    for key in names["key"]:
        form = forms(key)
        spellings.append(form.spelling)
        looses.append(form.loose)
        for hashes, text in zip(digests, _looked_up(key, form), strict=True):
            hashes += _digest(text)
        buckets.extend(_bucket(word) for word in set(form.spelling.split()))
    words = np.zeros(_BUCKETS, np.int32)
    np.add.at(words, np.array(buckets, np.int64), 1)
    # Of each row the node, the names of one node in a run; and the hash of the node's own name,
    # the first of its run, or that of the first node that it is the same as.
    node = (names["id"] != names["id"].shift(1)).fill_null(True).cum_sum().to_numpy() - 1
    own = np.frombuffer(bytes(digests[0]), np.int64)[np.flatnonzero(np.diff(node, prepend=-1))]
    rows = names.with_row_index("row").select(pl.col("row").first().over("same"))
    first = rows.to_series().to_numpy()
    count = names["count"].fill_null(0).to_numpy().astype(np.float64)
    arrays: Arrays = {
        "primary": names["primary"].to_numpy(),
        "words": words,
        "node": node.astype(np.int32),
        "same": names["same"].rank("dense").to_numpy(),
        "own_name": own[node[first]] if names.height else np.zeros(0, np.int64),
        "kind": names["kind"].rank("dense").to_numpy(),
        "counted": np.array([names["count"].null_count() < names.height]),
        "count": count,
        "node_count": np.bincount(node, count) if names.height else np.zeros(0),
    }
    # Hashes in order with their rows: 12 bytes a key, where a dict would take 150.
    for place, hashes in enumerate(digests):
        values = np.frombuffer(bytes(hashes), np.int64)
        order = np.argsort(values, kind="stable").astype(np.int32)
        arrays |= {f"table_{place}_hashes": values[order], f"table_{place}_rows": order}
    blocks = {"spellings": spellings, "looses": looses}
    blocks |= {f"{name}s": TextBlock(names[name]) for name in ("id", "kind", "name")}
    for name, block in blocks.items():
        arrays |= block.arrays(name)
    if any(len(text) > 1 for text in Texts(arrays, "spellings")):
        trigrams = trigram_arrays(Texts(arrays, "spellings"))
        arrays |= {f"trigrams_{name}": values for name, values in trigrams.items()}
    return arrays


class NameIndex:
    """The names of some kinds of nodes; rows are those of the frame of `names_of`.

    Args:
        arrays: see `index_arrays`; they may lie in files.
    """

    def __init__(self, arrays: Arrays) -> None:
        self.nodes, self.kinds = Texts(arrays, "ids"), Texts(arrays, "kinds")
        self.names = Texts(arrays, "names")
        self.spellings, self.looses = Texts(arrays, "spellings"), Texts(arrays, "looses")
        self.primary, self.kind = arrays["primary"], arrays["kind"]
        self._tables = [
            (level, _HashTable(arrays[f"table_{place}_hashes"], arrays[f"table_{place}_rows"]))
            for place, level in enumerate(_LEVELS)
        ]
        self._words = arrays["words"]
        self.node, self.own_name = arrays["node"], arrays["own_name"]
        self.same = arrays["same"]
        self.counted = bool(arrays["counted"][0])
        self.count, self.node_count = arrays["count"], arrays["node_count"]
        prefix = "trigrams_"
        trigrams = {
            name.removeprefix(prefix): values
            for name, values in arrays.items()
            if name.startswith(prefix)
        }
        self._trigrams = Trigrams(trigrams) if trigrams else None

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
        if self._trigrams is None:
            return [np.empty(0, np.int64)] * len(keys)
        return self._trigrams.nearest([forms(key).spelling for key in keys], most)

    def weight(self, word: str) -> float:
        """The inverse document frequency of a word among the names (IDF weighting)."""
        return log((len(self.nodes) + 1) / (int(self._words[_bucket(word)]) + 1))


class TextBlock:
    """Texts that are put into one block of bytes, one after the other."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._ends, self._block = array("q", [0]), bytearray()
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add a text behind the others."""
        self._block += text.encode("utf-8")
        self._ends.append(len(self._block))

    def arrays(self, name: str) -> Arrays:
        """The block and the ends of its texts, as `Texts` takes them."""
        block = np.frombuffer(bytes(self._block), np.uint8)
        return {name: block, f"{name}_ends": np.array(self._ends, np.int64)}


class Texts:
    """Texts of one block of bytes: a third of what a list takes, and as fast to get one of."""

    def __init__(self, arrays: Arrays, name: str) -> None:
        self._block, self._ends = arrays[name].data, arrays[f"{name}_ends"].data

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, row: int) -> str:
        return str(self._block[self._ends[row] : self._ends[row + 1]], "utf-8")


class _HashTable:
    """Rows by the hash of a text (`_digest`): the hashes in order, and the row of each."""

    def __init__(self, hashes: npt.NDArray[np.int64], rows: _Rows) -> None:
        self._hashes, self._order = hashes, rows

    def rows(self, text: str) -> _Rows:
        digest = np.frombuffer(_digest(text), np.int64)[0]
        start = int(np.searchsorted(self._hashes, digest, "left"))
        end = int(np.searchsorted(self._hashes, digest, "right"))
        return self._order[start:end]


def _looked_up(key: str, form: Forms) -> tuple[str, str, str, str, str]:
    """What a name is found by, the tightest first."""
    return key, form.spelling, joined(key), form.loose, form.stripped


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=8).digest()


def _bucket(word: str) -> int:
    return crc32(word.encode("utf-8")) & (_BUCKETS - 1)
