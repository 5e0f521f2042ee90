"""Mentions to identifiers: a graph's names as a dictionary, exact, then fuzzy (`medkg_linker`).

A mention's candidates are the nodes that have its name: as it is, in another spelling, in a looser
form (`forms.py`), else those whose names share most character trigrams with it; and, in a document,
those of longer mentions that it is a part of. Gradient-boosted trees (`ranker.py`) give each the
probability that it is meant, from how alike the names are, from how often the name was annotated
to mean the node, where the graph knows that, and from the document's other mentions. A mention
whose best candidate stays below the threshold is linked to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz import fuzz
from spacy.language import Language
from spacy.tokens import Doc, Span

from ...core.errors import ModelError
from ...graph.kg import KnowledgeGraph
from .. import short_forms as _short_forms  # noqa: F401 (registers `stands_for`)
from ..abbreviations import Abbreviation, abbreviations_of
from .forms import Forms, forms
from .name_index import (
    ALIKE,
    NAME,
    SPELLING,
    NameIndex,
    key_of,
    names_of,
)
from .ranker import FEATURES, LinkingRanker

if TYPE_CHECKING:
    from .scispacy_linker import ScispacyLinker

# Kinds of nodes that a mention of each kind may mean; its own first.
KINDS = {
    "Disease": ("Disease", "Symptom"),
    "Symptom": ("Symptom", "Disease"),
    "Drug": ("Drug",),
    "Target": ("Target",),
    "Procedure": ("Procedure",),
}
_CANDIDATES = 16
# A graph gets only links that are likelier right than wrong, whatever threshold gives the best F1.
LIKELY = 0.5
# What a node of another kind than the mention's loses, so that of two of one name its own wins.
_OTHER_KIND = 0.99
_JOINED = re.compile(r",\s+(?:and|or)\s+|,\s+|\s+(?:and/or|and|or)\s+")
# The longest short form in parentheses, characters.
_SHORT = 12
_PLACE = {name: place for place, name in enumerate(FEATURES)}


@dataclass(frozen=True)
class EntityLink:
    """A node that a mention may mean, with the probability that it does."""

    identifier: str
    kind: str
    name: str
    score: float


class LinkQuery(NamedTuple):
    """A mention to be linked: its text, kind, and what the document spells it out as."""

    text: str
    kind: str
    long: str | None = None


class _Candidates(NamedTuple):
    """Rows of an index with what the ranker sees of each, but for the document."""

    rows: tuple[int, ...]
    inputs: npt.NDArray[np.float64]  # (rows, FEATURES)
    exact: frozenset[int]  # nodes that have exactly this name, or another spelling of it
    words: frozenset[str]


class Linker:
    """Looks mentions up among the names and synonyms of a graph's nodes.

    Args:
        terminology: the graph. A node's property `mentions`, {name: count}, tells how often a name
            was annotated to mean it; it settles what ambiguous names mean.
        threshold: least probability of a link; None: the ranker's own.
        ranker: a trained one; None: the one that ships.
        candidates: how many nodes with similar names are looked at.
    """

    def __init__(
        self,
        terminology: KnowledgeGraph,
        threshold: float | None = None,
        *,
        ranker: LinkingRanker | None = None,
        candidates: int = _CANDIDATES,
    ) -> None:
        self.ranker = ranker or LinkingRanker.load()
        self.threshold = self.ranker.threshold if threshold is None else threshold
        self._most = candidates
        self._every_level = False
        names = names_of(terminology, KINDS)
        groups = {frozenset(kinds) for kinds in KINDS.values()}
        self._indexes = {
            kind: index
            for group in sorted(groups, key=sorted)
            for index in [NameIndex(names.filter(pl.col("kind").is_in(list(group))))]
            for kind in group
        }
        self._cache: dict[tuple[str, str], _Candidates] = {}

    def link(self, mentions: Sequence[tuple[str, str]]) -> list[EntityLink | None]:
        """For each (text, kind) the best node, or None where none reaches the threshold."""
        return [
            found[0] if found and found[0].score >= self.threshold else None
            for found in self.candidates(mentions)
        ]

    def candidates(self, mentions: Sequence[tuple[str, str]]) -> list[list[EntityLink]]:
        """For each (text, kind), each on its own, the nodes that it may mean, the likeliest first.

        No threshold is applied. A kind that the linker doesn't know has no candidates.
        """
        return [self.in_document([LinkQuery(text, kind)])[0] for text, kind in mentions]

    def in_document(self, mentions: Sequence[LinkQuery]) -> list[list[EntityLink]]:
        """As `candidates`, of the mentions of one document, each in the light of the others."""
        found = self.inputs(mentions)
        if not found:
            return []
        chances = self.ranker.probabilities(np.concatenate([inputs for _, inputs in found]))
        links = []
        start = 0
        for asked, (rows, inputs) in zip(mentions, found, strict=True):
            mine = chances[start : start + len(rows)]
            start += len(rows)
            links.append(self._links(asked.kind, rows, mine) if len(inputs) else [])
        return links

    def exact(self, mention: LinkQuery) -> list[EntityLink]:
        """The nodes that have exactly the mention's name, those it most often means first.

        The baseline that `evaluate linking` shows.
        """
        index = self._indexes.get(mention.kind)
        if index is None:
            return []
        rows = [r for r, level in index.exact(key_of(mention.text)).items() if level == NAME]
        rows.sort(key=lambda row: (-index.count[row], row))
        return [EntityLink(index.nodes[r], index.kinds[r], index.names[r], 1.0) for r in rows]

    def with_candidates(self, most: int) -> Linker:
        """The same linker over the same names, looking at every level and at more candidates."""
        other = copy(self)
        other._most, other._every_level, other._cache = most, True, {}
        return other

    def inputs(
        self, mentions: Sequence[LinkQuery]
    ) -> list[tuple[list[int], npt.NDArray[np.float64]]]:
        """For each mention of a document the rows of its candidates and the ranker's inputs."""
        self._look_up([(text, m.kind) for m in mentions for text in _texts(m)])
        exact: dict[tuple[str, str], _Candidates] = {
            (text, m.kind): self._cache[text, m.kind]
            for m in mentions
            for text in _texts(m)
            if m.kind in self._indexes and self._cache[text, m.kind].exact
        }
        done: dict[LinkQuery, tuple[list[int], npt.NDArray[np.float64]]] = {}
        for mention in mentions:
            if mention not in done:
                done[mention] = self._of_mention(mention, exact)
        return [done[mention] for mention in mentions]

    def node_of(self, kind: str, row: int) -> str:
        """The identifier of the node that a row of a kind's index names."""
        return str(self._indexes[kind].nodes[row])

    def _of_mention(
        self, mention: LinkQuery, exact: Mapping[tuple[str, str], _Candidates]
    ) -> tuple[list[int], npt.NDArray[np.float64]]:
        index = self._indexes.get(mention.kind)
        if index is None:
            return [], np.empty((0, len(FEATURES)))
        texts = _texts(mention)
        rows: list[int] = []
        parts = []
        for text in texts:
            found = self._cache[text, mention.kind]
            inputs = found.inputs.copy()
            if text not in (mention.text, mention.long):
                inputs[:, _PLACE["spelled_out"]] = 2
            elif mention.long is not None:
                inputs[:, _PLACE["spelled_out"]] = 1 if text == mention.long else -1
            rows += found.rows
            parts.append(inputs)
        # The nodes that the document's other mentions name exactly.
        others = [
            (found, found.words > words if words else False)
            for (text, kind), found in exact.items()
            if text not in texts and self._indexes[kind] is index
            for words in [self._cache[texts[0], mention.kind].words]
        ]
        longer = {node for found, part in others if part for node in found.exact}
        have = {int(index.node[row]) for row in rows}
        if missing := longer - have:
            more = [
                row
                for found, part in others
                if part
                for row in found.rows
                if int(index.node[row]) in missing & found.exact
            ]
            more = list(dict.fromkeys(more))[: self._most]
            parts.append(_static(index, texts[0], forms(key_of(texts[0])), mention.kind,
                                 dict.fromkeys(more, ALIKE)))  # fmt: skip
            rows += more
        inputs = np.concatenate(parts)
        if rows and others:
            nodes = index.node[rows]
            hits = [sum(int(node) in found.exact for found, _ in others) for node in nodes]
            inputs[:, _PLACE["elsewhere"]] = np.minimum(hits, 3)
            inputs[:, _PLACE["part_of"]] = [int(node) in longer for node in nodes]
        if rows:
            _compare(index, rows, inputs)
        return rows, inputs

    def _look_up(self, mentions: Sequence[tuple[str, str]]) -> None:
        """Fill the cache with the candidates of these texts."""
        if len(self._cache) > 50_000:
            self._cache.clear()
        new = sorted({m for m in mentions if m not in self._cache and m[1] in self._indexes})
        open_: dict[int, list[tuple[tuple[str, str], str, dict[int, int]]]] = {}
        for mention in new:
            key = key_of(mention[0])
            index = self._indexes[mention[1]]
            levels = index.exact(key, all_levels=self._every_level) if key else {}
            tight = any(level >= SPELLING for level in levels.values())
            # One or two letters, or figures only, are like every name and mean none.
            if (tight and not self._every_level) or len(key) <= 3 or key.isdigit():
                self._cache[mention] = _candidates(index, mention, key, levels)
            else:
                open_.setdefault(id(index), []).append((mention, key, levels))
        for group in open_.values():
            index = self._indexes[group[0][0][1]]
            similar = index.similar([key for _, key, _ in group], self._most)
            for (mention, key, levels), rows in zip(group, similar, strict=True):
                alike = {row: ALIKE for row in rows.tolist() if row not in levels}
                self._cache[mention] = _candidates(index, mention, key, {**levels, **alike})

    def _links(
        self, kind: str, rows: Sequence[int], chances: npt.NDArray[np.float64]
    ) -> list[EntityLink]:
        index = self._indexes[kind]
        links: dict[str, EntityLink] = {}
        order: dict[str, int] = {}
        for row, chance in zip(rows, chances.tolist(), strict=True):
            identifier, own = index.nodes[row], index.kinds[row]
            score = chance if own == kind else chance * _OTHER_KIND
            order[identifier] = min(row, order.get(identifier, row))
            if identifier not in links or links[identifier].score < score:
                links[identifier] = EntityLink(identifier, own, index.names[row], score)
        # Of equals, the preferred prefix, which comes first in the index.
        return sorted(links.values(), key=lambda x: (-round(x.score, 9), order[x.identifier]))


def _texts(mention: LinkQuery) -> tuple[str, ...]:
    """What a mention is looked up as, the best first."""
    own = (mention.text,) if mention.long is None else (mention.long, mention.text)
    return (*own, *(part for part in _parts(own[0]) if part not in own))


@lru_cache(maxsize=50_000)
def _parts(text: str) -> tuple[str, ...]:
    """The names that a coordination joins: "breast and ovarian cancer" is two."""
    pieces = [piece for piece in _JOINED.split(text) if piece.strip()]
    last = pieces[-1].split() if pieces else []
    if len(pieces) < 2 or len(last) < 2:
        return ()
    return (*(f"{piece.strip()} {last[-1]}" for piece in pieces[:-1]), " ".join(last))


def _candidates(
    index: NameIndex, mention: tuple[str, str], key: str, levels: dict[int, int]
) -> _Candidates:
    text, kind = mention
    form = forms(key)
    exact = frozenset(int(index.node[row]) for row, level in levels.items() if level >= SPELLING)
    inputs = _static(index, text, form, kind, levels)
    return _Candidates(tuple(levels), inputs, exact, frozenset(form.spelling.split()))


def _static(
    index: NameIndex, text: str, form: Forms, kind: str, levels: dict[int, int]
) -> npt.NDArray[np.float64]:
    """What the ranker sees of a mention and each row, but for the document and the other rows."""
    inputs = np.full((len(levels), len(FEATURES)), np.nan)
    words = form.spelling.split()
    weights = {word: index.weight(word) for word in words}
    numbers = {word for word in words if _is_number(word)}
    last = _last(text)
    longest = max(words, key=len, default="")
    rows = list(levels)
    for place, row in enumerate(rows):
        name, spelling, loose = index.names[row], index.spellings[row], index.looses[row]
        if levels[row] >= SPELLING:
            # One name in two spellings: how they look is of no account.
            alike: tuple[float, ...] = (1, 1, 1, 1, 1, 1, 0, 0, 0)
        else:
            others = spelling.split()
            other_weights = {word: index.weight(word) for word in others}
            shorter, longer = sorted((len(form.spelling), len(spelling)))
            alike = (
                fuzz.ratio(form.spelling, spelling) / 100,
                fuzz.token_set_ratio(form.spelling, spelling) / 100,
                fuzz.ratio(form.loose, loose) / 100,
                shorter / max(longer, 1),
                longest == max(others, key=len, default=" "),
                last == _last(name),
                numbers != {word for word in others if _is_number(word)},
                _unmatched(weights, other_weights),
                _unmatched(other_weights, weights),
            )
        inputs[place] = (
            levels[row],
            index.primary[row],
            *alike,
            len(text),
            len(words),
            len(text) <= 5 and name.isupper() != text.isupper(),
            np.nan,  # name_share
            np.log1p(index.count[row]) if index.counted else np.nan,
            np.log1p(index.node_count[index.node[row]]) if index.counted else np.nan,
            *(0, 0, 0, 0, 0),  # homonyms, lead, spelled_out, elsewhere, part_of
            kind in ("Drug", "Target"),
        )
    return inputs


def _compare(index: NameIndex, rows: Sequence[int], inputs: npt.NDArray[np.float64]) -> None:
    """Set what depends on the other candidates: `name_share`, `homonyms`, `lead`."""
    places = list(rows)
    nodes, own = index.node[places], index.own_name[places]
    level = inputs[:, _PLACE["level"]]
    alike = inputs[:, _PLACE["likeness"]] + inputs[:, _PLACE["loose_likeness"]]
    # rival[n, m]: m is another node than n, of its kind, with another name of its own. A disease
    # and a symptom of one name are no rivals, whatever else they are called.
    kind = index.kind[places]
    rival = (nodes[:, None] != nodes) & (own[:, None] != own) & (kind[:, None] == kind)
    as_tight = rival & (level >= level[:, None])
    first = np.zeros(len(places), dtype=bool)
    first[np.unique(nodes, return_index=True)[1]] = True
    homonyms = np.minimum(3, (as_tight & first).sum(1))
    inputs[:, _PLACE["homonyms"]] = np.where(level > ALIKE, homonyms, 0)
    inputs[:, _PLACE["lead"]] = alike - np.where(rival, alike, 0).max(1)
    # A name stands once for each node that it means, so these are all annotations of this name.
    counts = np.where(level >= SPELLING, index.count[places], 0)
    if counts.any():
        mine = ((nodes[:, None] == nodes) * counts).sum(1)
        share = np.where(level >= SPELLING, mine / counts.sum(), np.nan)
        inputs[:, _PLACE["name_share"]] = share


def _unmatched(weights: Mapping[str, float], others: Mapping[str, float]) -> float:
    """Share of the words' weight that the other words lack; of a misspelt word, a part."""
    total = sum(weights.values())
    missing = 0.0
    for word, weight in weights.items():
        if word not in others:
            best = max((fuzz.ratio(word, other, score_cutoff=75) for other in others), default=0)
            missing += weight * (1 - best / 100)
    return missing / total if total else 0.0


@lru_cache(maxsize=50_000)
def _last(name: str) -> str:
    words = re.findall(r"\w+", name.lower())
    return forms(words[-1]).spelling if words else ""


@lru_cache(maxsize=50_000)
def _is_number(word: str) -> bool:
    return any(c.isdigit() for c in word) or re.fullmatch(r"[ivx]{1,4}|[a-h]", word) is not None


@Language.factory(
    "medkg_linker",
    default_config={"threshold": None, "linker": None},
    requires=["doc.spans"],
)
def create_linker(
    nlp: Language, name: str, threshold: float | None, linker: str | None
) -> LinkerComponent:
    """The factory of `LinkerComponent`; give it its names with `use`."""
    return LinkerComponent(threshold, linker)


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

    Args:
        threshold: least probability of a link; None: the linker's own, but at least `LIKELY`.
        linker: `scispacy_linker:umls` (or mesh, rxnorm, go, hpo) for scispaCy's; None: medkg's.
    """

    def __init__(self, threshold: float | None = None, linker: str | None = None) -> None:
        if linker is not None and not linker.startswith("scispacy_linker:"):
            raise ModelError(f"no linker {linker!r}; give scispacy_linker:umls, or none")
        self.threshold = threshold
        # (spaCy sets `name` on its components.)
        self._chosen = linker
        self.linker: Linker | ScispacyLinker | None = None

    def use(self, terminology: KnowledgeGraph) -> LinkerComponent:
        """Take the names, or for scispaCy's linker the identifiers, of this graph."""
        if self._chosen is None:
            self.linker = Linker(terminology, self.threshold)
        else:
            from .scispacy_linker import PREFIX, ScispacyLinker

            name = self._chosen.removeprefix(PREFIX)
            self.linker = ScispacyLinker(terminology, name, self.threshold)
        return self

    def __call__(self, doc: Doc) -> Doc:
        if self.linker is None:
            raise ModelError('medkg_linker has no names: get_pipe("medkg_linker").use(graph)')
        mentions = list(doc.spans.get("mentions", []))
        places = [(m.start_char, m.end_char, m.label_) for m in mentions]
        long_forms = long_forms_of(doc.text, places, abbreviations_of(doc))
        usual = {mention.text: mention._.stands_for for mention in mentions}
        long_forms = {short: long for short, long in usual.items() if long} | long_forms
        asked = [
            # What notes write short may be the name of something else, too.
            LinkQuery(mention._.stands_for, mention.label_)
            if mention._.stands_for
            else link_query(mention.text, mention.label_, long_forms)
            for mention in mentions
        ]
        least = self.linker.threshold
        if self.threshold is None:
            least = max(LIKELY, least)
        linked = []
        for mention, found in zip(mentions, self.linker.in_document(asked), strict=True):
            links = [link for link in found if link.score >= least]
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

    def to_disk(self, path: Any, **_: Any) -> None:
        """Nothing to save: the names are the graph's."""

    def from_disk(self, path: Any, **_: Any) -> LinkerComponent:
        """Nothing to load."""
        return self


def long_forms_of(
    text: str,
    mentions: Iterable[tuple[int, int, str]],
    abbreviations: Iterable[Abbreviation],
) -> dict[str, str]:
    """What a text spells out: short form → long form.

    `abbreviations` are those by their letters (`find_abbreviations`). Beside them, mentions (start,
    end, kind) that stand in parentheses right after another of their kind: "tacrolimus (FK506)".
    """
    found = {x.short: " ".join(text[x.long[0] : x.long[1]].split()) for x in abbreviations}
    before: tuple[int, int, str] | None = None
    for mention in sorted(mentions):
        start, end, kind = mention
        if before is not None and before[2] == kind and text[before[1] : start].strip() == "(":
            short = " ".join(text[start:end].split())
            if len(short) <= _SHORT and any(c.isupper() or c.isdigit() for c in short):
                found.setdefault(short, " ".join(text[before[0] : before[1]].split()))
        before = mention
    return found


def link_query(text: str, kind: str, long_forms: Mapping[str, str]) -> LinkQuery:
    """A mention to be linked, with what its document's abbreviations spell it out as.

    A short form may be the whole mention, its plural, or a word of it ("G6PD deficiency").
    """
    text = " ".join(text.split())
    long = long_forms.get(text) or long_forms.get(text.removesuffix("s"))
    if long is None and any(short in text for short in long_forms):
        words = [long_forms.get(word, word) for word in text.split(" ")]
        long = " ".join(words)
    if long is None or (long := " ".join(long.split())) == text:
        return LinkQuery(text, kind)
    return LinkQuery(text, kind, long)


def _twin(links: list[EntityLink]) -> EntityLink | None:
    """The first link of another kind than the first's, if it is as good but for its kind.

    Or has the same name and is likelier than not: "chronic myeloid leukemia" is a phenotype of that
    name, and more than one disease.
    """
    return next((x for x in links if x.kind != links[0].kind and _is_as_good(x, links[0])), None)


def _is_as_good(link: EntityLink, first: EntityLink) -> bool:
    return first.score - link.score < 0.03 or (
        link.score > 0.5 and _spelling(link) == _spelling(first)
    )


def _spelling(link: EntityLink) -> str:
    return forms(key_of(link.name)).spelling
