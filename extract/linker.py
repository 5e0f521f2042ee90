"""Mentions to identifiers: a graph's names as a dictionary, exact, then fuzzy (`medkg_linker`).

A mention is looked up by ever looser keys (its name key; singular and American spelling, words in
any order; organ adjectives as nouns; without modifiers). What none of them finds is compared with
the names that share most character trigrams (TF-IDF cosine), and the best of these is weighed by a
logistic regression. The score of a link is the share of such links that were right on BC5CDR's and
NCBI's training documents (`benchmarks/extraction.py`); below the threshold a mention is linked to
nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz import fuzz
from sklearn.feature_extraction.text import TfidfVectorizer
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..graph.errors import ModelError
from ..graph.identifiers import name_key
from ..graph.kg import KnowledgeGraph
from .abbreviations import find_abbreviations

# Kinds of nodes that a mention of each kind may mean; its own first.
KINDS = {
    "Disease": ("Disease", "Symptom"),
    "Symptom": ("Symptom", "Disease"),
    "Drug": ("Drug",),
    "Target": ("Target",),
    "Procedure": ("Procedure",),
}
THRESHOLD = 0.45
# Score of a link by the loosest key that it needed.
_EXACT = {"name": 0.98, "synonym": 0.96, "spelling": 0.93, "loose": 0.83, "stripped": 0.73}
_CANDIDATES = 16
# Of the logistic regression for fuzzy matches; see `features`.
_WEIGHTS = np.array([9.46, -0.81, -0.26, -0.64, -0.28, -0.76])
_BIAS = -5.85
# How much of its score a fuzzy match loses to an equally good one of another node.
_RIVAL = 0.4


@dataclass(frozen=True)
class Link:
    """A node that a mention may mean, with the probability that it does."""

    identifier: str
    kind: str
    name: str
    score: float


@cache
def _variants() -> tuple[dict[str, str], frozenset[str], frozenset[str]]:
    lines = resources.files(__package__).joinpath("data/variants.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in lines.splitlines() if line and not line.startswith("#")]
    same = {before: after for before, after, kind in rows[1:] if kind == "same"}
    drop = frozenset(before for before, _, kind in rows[1:] if kind == "drop")
    stop = frozenset(before for before, _, kind in rows[1:] if kind == "stop")
    return same, drop, stop


_LETTERS = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l"}
_LETTERS |= {
    letter: unicodedata.name(letter).split()[-1].lower() for letter in "αβγδεζηθικλμνξοπρστυφχψω"
}
_PLURALS = [(r"itides$", "itis"), (r"(o|y|ta)ses$", r"\1sis"), (r"(x|ch|sh|ss)es$", r"\1")]
_PLURALS += [(r"(..)ies$", r"\1y"), (r"([^sui])s$", r"\1")]
_SPELLINGS = [
    (r"ae", "e"),
    (r"oe(?=\w)", "e"),
    (r"our$", "or"),
    (r"ys(e|ed|ing)$", r"yz\1"),
]
_SPELLINGS += [(r"is(e|ed|ation|ing)$", r"iz\1"), (r"lled$", "led"), (r"sulph", "sulf")]


@lru_cache(maxsize=50_000)
def _word(word: str) -> str:
    """A word in singular and American spelling; what it does wrong it does alike everywhere."""
    if not word.isascii():
        word = "".join(_LETTERS.get(letter, letter) for letter in word)
        word = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    if len(word) < 4:
        return word
    for pattern, replacement in _PLURALS:
        changed = re.sub(pattern, replacement, word)
        if changed != word:
            word = changed
            break
    for pattern, replacement in _SPELLINGS:
        word = re.sub(pattern, replacement, word)
    return word


def _forms(key: str) -> tuple[str, str, str]:
    """A name key as spelling form, loose form and stripped form, words in order of the alphabet."""
    same, drop, stop = _variants()
    words = [_word(word) for word in key.split()]
    spelling = sorted(word for word in words if word not in stop) or words
    loose = sorted(same.get(word, word) for word in spelling)
    stripped = [word for word in loose if word not in drop] or loose
    return " ".join(spelling), " ".join(loose), " ".join(stripped)


def _keys(names: pl.Series) -> list[str]:
    return names.to_frame("name").select(name_key(pl.col("name"))).to_series().to_list()


class _Index:
    """The names of some kinds of nodes."""

    def __init__(self, names: pl.DataFrame) -> None:
        # One row a name: node, kind, name, primary (the node's own name, not a synonym), key.
        self.nodes = names["id"]
        self.kinds = names["kind"]
        self.names = names["name"]
        self.primary = names["primary"].to_numpy()
        forms = [_forms(key) for key in names["key"].to_list()]
        self.texts = [form[0] for form in forms]
        columns = [names["key"].to_list(), *zip(*forms, strict=True)] if forms else [[]] * 4
        compact = [key.replace(" ", "") for key in columns[0]]
        # Hashes in order with their rows: 12 bytes a key, where a dict would take 150.
        self._tables = [_HashTable(column) for column in (*columns[:3], compact)]
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True, dtype=np.float32
        )
        self._vectors = self._vectorizer.fit_transform(self.texts).T.tocsr() if forms else None

    def exact(self, key: str) -> tuple[str, npt.NDArray[np.int32]]:
        """The tightest key that finds any row, and the rows."""
        spelling, loose, stripped = _forms(key)
        keys, spellings, looses, compacts = self._tables
        for level, table, form in (
            ("name", keys, key),
            ("spelling", spellings, spelling),
            ("spelling", compacts, key.replace(" ", "")),
            ("loose", looses, loose),
            ("stripped", looses, stripped),
        ):
            rows = table.rows(form)
            if rows.size:
                return level, rows
        return "", np.empty(0, np.int32)

    def similar(self, keys: Sequence[str]) -> list[tuple[npt.NDArray[np.int64], Any]]:
        """For each key the rows whose names share most trigrams with it, and the cosines."""
        if self._vectors is None:
            return [(np.empty(0, np.int64), np.empty(0))] * len(keys)
        products = (
            self._vectorizer.transform([_forms(k)[0] for k in keys]) @ self._vectors
        ).tocsr()
        found = []
        for row in range(len(keys)):
            part = slice(products.indptr[row], products.indptr[row + 1])
            columns, cosines = products.indices[part], products.data[part]
            # Ties in order of the rows, so that the result does not depend on the algorithm.
            best = np.lexsort((columns, -cosines))[:_CANDIDATES] if len(columns) < 64 else None
            if best is None:
                few = np.argpartition(-cosines, 2 * _CANDIDATES)[: 2 * _CANDIDATES]
                best = few[np.lexsort((columns[few], -cosines[few]))][:_CANDIDATES]
            found.append((columns[best].astype(np.int64), cosines[best]))
        return found


class _HashTable:
    """Rows by the hash of a text, as two sorted arrays."""

    def __init__(self, texts: Iterable[str]) -> None:
        hashes = np.array([hash(text) for text in texts], dtype=np.int64)
        self._order = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._order]

    def rows(self, text: str) -> npt.NDArray[np.int32]:
        wanted = hash(text)
        start = int(np.searchsorted(self._hashes, wanted, "left"))
        end = int(np.searchsorted(self._hashes, wanted, "right"))
        return self._order[start:end]


def features(text: str, name: str, cosine: float) -> list[float]:
    """What the logistic regression sees of a mention and a name, both in spelling form.

    Cosine of the trigrams; two edit similarities, of the words in order of the alphabet and of the
    words that both have; the shorter's length as a share of the longer's; whether the longest word
    is the same; whether the numbers differ.
    """
    words, others = text.split(), name.split()
    numbers = {w for w in words if _is_number(w)} != {w for w in others if _is_number(w)}
    return [
        cosine,
        fuzz.ratio(text, name) / 100,
        fuzz.token_set_ratio(text, name) / 100,
        min(len(text), len(name)) / max(len(text), len(name), 1),
        float(max(words, key=len, default="") == max(others, key=len, default=" ")),
        float(numbers),
    ]


def _is_number(word: str) -> bool:
    return any(c.isdigit() for c in word) or re.fullmatch(r"[ivx]{1,4}|[a-h]", word) is not None


class Linker:
    """Looks mentions up among the names and synonyms of a graph's nodes."""

    def __init__(self, terminology: KnowledgeGraph, threshold: float = THRESHOLD) -> None:
        self.threshold = threshold
        rank = {
            prefix: place
            for kind in terminology.schema.kinds.values()
            for place, prefix in enumerate(kind.prefixes)
        }
        nodes = terminology.nodes.filter(pl.col("kind").is_in(list(KINDS))).select(
            "id", "kind", "name", "synonyms"
        )
        names = pl.concat(
            [
                nodes.select("id", "kind", "name", primary=pl.lit(True)),
                nodes.select("id", "kind", name="synonyms", primary=pl.lit(False))
                .explode("name")
                .drop_nulls("name"),
            ]
        )
        # The order settles ties: preferred prefix, own name before synonym, identifier.
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
        groups = {frozenset(kinds) for kinds in KINDS.values()}
        self._indexes = {
            kind: index
            for group in sorted(groups, key=sorted)
            for index in [_Index(names.filter(pl.col("kind").is_in(list(group))))]
            for kind in group
        }
        self._cache: dict[tuple[str, str], list[Link]] = {}

    def link(self, mentions: Sequence[tuple[str, str]]) -> list[Link | None]:
        """For each (text, kind) the best node, or None where none reaches the threshold."""
        return [
            found[0] if found and found[0].score >= self.threshold else None
            for found in self.candidates(mentions)
        ]

    def candidates(self, mentions: Sequence[tuple[str, str]]) -> list[list[Link]]:
        """For each (text, kind) the nodes that it may mean, the likeliest first, without threshold.

        A kind that the linker doesn't know has no candidates.
        """
        new = sorted({m for m in mentions if m not in self._cache and m[1] in KINDS})
        if new:
            if len(self._cache) > 100_000:
                self._cache.clear()
            keys = _keys(pl.Series([text for text, _ in new], dtype=pl.String))
            open_: dict[int, list[tuple[tuple[str, str], str]]] = {}
            for mention, key in zip(new, keys, strict=True):
                found = self._exact(mention, key)
                # One or two letters, or figures only, are like every name and mean none.
                if not found and len(key) > 3 and not key.isdigit():
                    open_.setdefault(id(self._indexes[mention[1]]), []).append((mention, key))
                self._cache[mention] = found
            for group in open_.values():
                index = self._indexes[group[0][0][1]]
                similar = index.similar([key for _, key in group])
                for (mention, key), (rows, cosines) in zip(group, similar, strict=True):
                    self._cache[mention] = _fuzzy(index, mention[1], key, rows, cosines)
        return [self._cache.get(mention, []) for mention in mentions]

    def _exact(self, mention: tuple[str, str], key: str) -> list[Link]:
        text, kind = mention
        index = self._indexes[kind]
        level, rows = index.exact(key) if key else ("", np.empty(0, np.int32))
        links: dict[str, Link] = {}
        for row in rows.tolist():
            score = _EXACT[level if level != "name" or index.primary[row] else "synonym"]
            if index.kinds[row] != kind:
                score -= 0.01
            # A short name in another case is more often another word.
            if len(text) <= 4 and index.names[row].isupper() != text.isupper():
                score *= 0.7
            link = Link(index.nodes[row], index.kinds[row], index.names[row], score)
            if link.identifier not in links or links[link.identifier].score < score:
                links[link.identifier] = link
        # Sorting is stable: the index's order settles ties.
        return sorted(links.values(), key=lambda link: -link.score)


def _fuzzy(
    index: _Index, kind: str, key: str, rows: npt.NDArray[np.int64], cosines: Any
) -> list[Link]:
    if not len(rows):
        return []
    text = _forms(key)[0]
    inputs = np.array(
        [features(text, index.texts[r], float(c)) for r, c in zip(rows, cosines, strict=True)]
    )
    scores = 1 / (1 + np.exp(-(inputs @ _WEIGHTS + _BIAS)))
    order = np.argsort(-scores, kind="stable")
    best = order[0]
    # A name of something else that is as near leaves the mention undecided.
    rivals = [
        scores[place]
        for place in order
        if index.nodes[int(rows[place])] != index.nodes[int(rows[best])]
        and index.texts[rows[place]] != index.texts[rows[best]]
    ]
    if rivals:
        scores = scores * (1 - _RIVAL * rivals[0] / scores[best])
    links: dict[str, Link] = {}
    for place in order:
        row = int(rows[place])
        score = float(scores[place]) - 0.001 * (index.kinds[row] != kind)
        identifier = index.nodes[row]
        if identifier not in links:
            links[identifier] = Link(identifier, index.kinds[row], index.names[row], score)
    return sorted(links.values(), key=lambda link: -link.score)


@Language.factory("medkg_linker", default_config={"threshold": THRESHOLD}, requires=["doc.spans"])
def create_linker(nlp: Language, name: str, threshold: float) -> LinkerComponent:
    """The factory of `LinkerComponent`; give it its names with `use`."""
    return LinkerComponent(threshold)


# What linking sets; registered on import, since relations read it of unlinked mentions too.
for _attribute, _default in (("identifier", None), ("link_score", 0.0), ("twin", None)):
    if not Span.has_extension(_attribute):
        Span.set_extension(_attribute, default=_default)


class LinkerComponent:
    """Links every span in `mentions`: `span._.identifier` (or None), `span._.link_score`, label.

    `span._.twin` is the Link to a node of another kind that has the same name, if there is one:
    asthma is a disease and, in HPO, a phenotype.

    An abbreviation that the document spells out is linked as what it stands for. The label of a
    linked span becomes the kind of its node.
    """

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self.threshold = threshold
        self.linker: Linker | None = None

    def use(self, terminology: KnowledgeGraph) -> LinkerComponent:
        """Take the names of this graph."""
        self.linker = Linker(terminology, self.threshold)
        return self

    def __call__(self, doc: Doc) -> Doc:
        if self.linker is None:
            raise ModelError('medkg_linker has no names: get_pipe("medkg_linker").use(graph)')
        long_forms = {
            found.short: doc.text[found.long[0] : found.long[1]]
            for found in find_abbreviations(doc.text)
        }
        mentions = list(doc.spans.get("mentions", []))
        texts = [" ".join(mention.text.split()) for mention in mentions]
        kinds = [mention.label_ for mention in mentions]
        spelled_out = [long_forms.get(text, text) for text in texts]
        linked = []
        for mention, first, second in zip(
            mentions,
            self._found(list(zip(spelled_out, kinds, strict=True))),
            self._found(list(zip(texts, kinds, strict=True))),
            strict=True,
        ):
            links = first or second
            link = links[0] if links else None
            if link is not None and link.kind != mention.label_:
                # A span's label can't be changed; its other attributes move to the new one.
                other = Span(doc, mention.start, mention.end, label=link.kind)
                for name in ("probability", "polarity", "certainty", "experiencer", "temporality"):
                    if Span.has_extension(name):
                        other._.set(name, mention._.get(name))
                mention = other
            mention._.identifier = link.identifier if link else None
            mention._.link_score = link.score if link else 0.0
            mention._.twin = _twin(links)
            linked.append(mention)
        doc.spans["mentions"] = linked
        return doc

    def _found(self, mentions: list[tuple[str, str]]) -> list[list[Link]]:
        assert self.linker is not None  # __call__ has looked
        return [
            [link for link in links if link.score >= self.threshold]
            for links in self.linker.candidates(mentions)
        ]

    def to_disk(self, path: Any, **_: Any) -> None:
        """Nothing to save: the names are the graph's."""

    def from_disk(self, path: Any, **_: Any) -> LinkerComponent:
        """Nothing to load."""
        return self


def _twin(links: list[Link]) -> Link | None:
    """The first link of another kind than the first's, if it is as good but for its kind."""
    return next(
        (x for x in links if x.kind != links[0].kind and links[0].score - x.score < 0.03), None
    )
