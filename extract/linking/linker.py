"""The nodes that a mention may mean: a graph's names as a dictionary, exact, then fuzzy.

A mention's candidates are the nodes that have its name: as it is, in another spelling, in a looser
form (`forms.py`), else those whose names share most character trigrams with it; and, in a document,
those of longer mentions that it is a part of. Gradient-boosted trees (`ranker.py`) give each the
probability that it is meant, from the similarity of the names, from how often the name was
annotated to mean the node, where the graph knows that, and from the document's other mentions. A
mention whose best candidate stays below the threshold is linked to nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...graph.kg import KnowledgeGraph
from .coordination import names_of_one_head
from .features import COLUMN, name_features, set_relative_features
from .forms import forms
from .links import KINDS, EntityLink, LinkQuery
from .name_index import (
    NAME,
    SIMILAR,
    SPELLING,
    NameIndex,
    key_of,
)
from .ranker import FEATURES, LinkingRanker
from .spelled_out import is_symbol_in_family, nodes_of_other_names
from .stored_index import name_indexes
from .ties import LIKELY, Namesake, is_of_rare_disease, preferred_namesake

_CANDIDATES = 16
# What a node of another kind than the mention's loses, so that of two of one name its own wins.
_OTHER_KIND = 0.99
# Values of the feature `spelled_out`: of the mention's own text, of a short form that the document
# spells out, of what it spells it out as, of a part of a coordination.
_AS_IT_IS, _SHORT, _SPELLED_OUT, _PART = 0, -1, 1, 2
_CACHED = 50_000  # texts whose candidates are kept

_Features = npt.NDArray[np.float64]  # (rows, FEATURES)
_Name = tuple[str, str]  # a text to look up, and the kind of its mention


class _Candidates(NamedTuple):
    """Rows of an index for one text, with their features but for those of the document."""

    rows: tuple[int, ...]
    features: _Features
    exact: frozenset[int]  # nodes that have exactly this name, or another spelling of it
    words: frozenset[str]


class _OtherMention(NamedTuple):
    """What another mention of the document names exactly."""

    candidates: _Candidates
    is_longer: bool  # it has all words of the mention that is looked at, and more


class Linker:
    """Looks mentions up among the names and synonyms of a graph's nodes.

    Args:
        terminology: the graph. A node's property `mentions`, {name: count}, says how often a name
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
        self._max_candidates = candidates
        self._every_level = False
        self._indexes = name_indexes(terminology)
        self._cache: dict[_Name, _Candidates] = {}

    def link(self, mentions: Sequence[_Name]) -> list[EntityLink | None]:
        """For each (text, kind) the best node, or None where none reaches the threshold."""
        return [
            links[0] if links and links[0].score >= self.threshold else None
            for links in self.candidates(mentions)
        ]

    def candidates(self, mentions: Sequence[_Name]) -> list[list[EntityLink]]:
        """For each (text, kind), each on its own, the nodes that it may mean, the likeliest first.

        No threshold is applied. A kind that the linker doesn't know has no candidates.
        """
        return [self.in_document([LinkQuery(text, kind)])[0] for text, kind in mentions]

    def in_document(self, mentions: Sequence[LinkQuery]) -> list[list[EntityLink]]:
        """As `candidates`, of the mentions of one document, each in the light of the others."""
        candidates = self.candidate_features(mentions)
        if not candidates:
            return []
        probabilities = self.ranker.probabilities(
            np.concatenate([features for _, features in candidates])
        )
        links = []
        start = 0
        for mention, (rows, features) in zip(mentions, candidates, strict=True):
            of_mention = probabilities[start : start + len(rows)]
            start += len(rows)
            links.append(self._links(mention, rows, features, of_mention) if rows else [])
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

    def with_candidates(self, number: int) -> Linker:
        """The same linker over the same names, looking at every level and at more candidates."""
        other = copy(self)
        other._max_candidates, other._every_level, other._cache = number, True, {}
        return other

    def candidate_features(
        self, mentions: Sequence[LinkQuery]
    ) -> list[tuple[list[int], _Features]]:
        """For each mention of a document the rows of its candidates and the ranker's features."""
        self._look_up([(text, m.kind) for m in mentions for text in _texts(m)])
        exact: dict[_Name, _Candidates] = {
            (text, m.kind): self._cache[text, m.kind]
            for m in mentions
            for text in _texts(m)
            if m.kind in self._indexes and self._cache[text, m.kind].exact
        }
        results: dict[LinkQuery, tuple[list[int], _Features]] = {}
        mentions = [self._by_own_symbol(mention) for mention in mentions]
        for mention in mentions:
            if mention not in results:
                results[mention] = self._of_mention(mention, exact)
        return [results[mention] for mention in mentions]

    def node_of(self, kind: str, row: int) -> str:
        """The identifier of the node that a row of a kind's index names."""
        return str(self._indexes[kind].nodes[row])

    def _by_own_symbol(self, mention: LinkQuery) -> LinkQuery:
        """A mention without what spells it out, where that names a family and it one of its genes.

        "Angiotensin receptor (AGTR1)" says which receptor.
        """
        index = self._indexes.get(mention.kind)
        if index is None or mention.long is None:
            return mention
        families = self._cache[mention.long, mention.kind].exact
        genes = self._cache[mention.text, mention.kind].exact
        if is_symbol_in_family(index, mention.text, genes, families):
            return mention._replace(long=None)
        return mention

    def _of_mention(
        self, mention: LinkQuery, exact: Mapping[_Name, _Candidates]
    ) -> tuple[list[int], _Features]:
        index = self._indexes.get(mention.kind)
        if index is None:
            return [], np.empty((0, len(FEATURES)))
        rows, blocks = self._own_candidates(mention)
        others = self._other_mentions(mention, exact)
        longer = {node for other in others if other.is_longer for node in other.candidates.exact}
        if missing := longer.difference(index.node[rows].tolist()):
            more = [
                row
                for other in others
                if other.is_longer
                for row in other.candidates.rows
                if int(index.node[row]) in missing & other.candidates.exact
            ]
            more = list(dict.fromkeys(more))[: self._max_candidates]
            text = _texts(mention)[0]
            levels = dict.fromkeys(more, SIMILAR)
            blocks.append(name_features(index, text, forms(key_of(text)), mention.kind, levels))
            rows += more
        features = np.concatenate(blocks)
        if rows and others:
            nodes = index.node[rows].tolist()
            hits = Counter(node for other in others for node in other.candidates.exact)
            features[:, COLUMN["elsewhere"]] = [min(hits[node], 3) for node in nodes]
            features[:, COLUMN["part_of"]] = [node in longer for node in nodes]
        if rows:
            set_relative_features(index, rows, features)
        return rows, features

    def _own_candidates(self, mention: LinkQuery) -> tuple[list[int], list[_Features]]:
        """Candidates by the texts that a mention is looked up as: rows, and features by text."""
        rows: list[int] = []
        blocks = []
        texts = _texts(mention)
        primary = self._indexes[mention.kind].primary
        whole = self._cache[texts[0], mention.kind]
        levels = whole.features[:, COLUMN["level"]]
        # "Hand, foot and mouth disease" is the name of a node, and joins no others.
        if any(
            primary[row] and level >= SPELLING
            for row, level in zip(whole.rows, levels, strict=True)
        ):
            texts = tuple(text for text in texts if text in (mention.text, mention.long))
        for text in texts:
            candidates = self._cache[text, mention.kind]
            if text == mention.text and texts[0] != text and " " not in text:
                candidates = self._of_short_form(mention, candidates, whole)
            features = candidates.features.copy()
            if text not in (mention.text, mention.long):
                features[:, COLUMN["spelled_out"]] = _PART
            elif mention.long is not None:
                features[:, COLUMN["spelled_out"]] = (
                    _SPELLED_OUT if text == mention.long else _SHORT
                )
            rows += candidates.rows
            blocks.append(features)
        return rows, blocks

    def _of_short_form(
        self, mention: LinkQuery, candidates: _Candidates, whole: _Candidates
    ) -> _Candidates:
        """The candidates of a short form without those that mean something else here."""
        index = self._indexes[mention.kind]
        others = nodes_of_other_names(
            index, mention.text, mention.long or "", candidates.exact, whole.exact
        )
        kept = [i for i, row in enumerate(candidates.rows) if int(index.node[row]) not in others]
        return candidates._replace(
            rows=tuple(candidates.rows[i] for i in kept), features=candidates.features[kept]
        )

    def _other_mentions(
        self, mention: LinkQuery, exact: Mapping[_Name, _Candidates]
    ) -> list[_OtherMention]:
        """The document's other mentions that name nodes of the same index exactly."""
        texts = _texts(mention)
        words = self._cache[texts[0], mention.kind].words
        index = self._indexes[mention.kind]
        return [
            _OtherMention(candidates, bool(words) and candidates.words > words)
            for (text, kind), candidates in exact.items()
            if text not in texts and self._indexes[kind] is index
        ]

    def _look_up(self, names: Sequence[_Name]) -> None:
        """Fill the cache with the candidates of these names."""
        if len(self._cache) > _CACHED:
            self._cache.clear()
        new = sorted({n for n in names if n not in self._cache and n[1] in self._indexes})
        # By index, the names that are to be searched by similarity: name, key, levels of rows.
        inexact: dict[int, list[tuple[_Name, str, dict[int, int]]]] = {}
        for name in new:
            key = key_of(name[0])
            index = self._indexes[name[1]]
            levels = index.exact(key, all_levels=self._every_level) if key else {}
            tight = any(level >= SPELLING for level in levels.values())
            # One or two letters, or figures only, are similar to every name and mean none.
            if (tight and not self._every_level) or len(key) <= 3 or key.isdigit():
                self._cache[name] = _candidates(index, name, key, levels)
            else:
                inexact.setdefault(id(index), []).append((name, key, levels))
        for group in inexact.values():
            index = self._indexes[group[0][0][1]]
            similar = index.similar([key for _, key, _ in group], self._max_candidates)
            for (name, key, levels), rows in zip(group, similar, strict=True):
                more = {row: SIMILAR for row in rows.tolist() if row not in levels}
                self._cache[name] = _candidates(index, name, key, {**levels, **more})

    def _links(
        self,
        mention: LinkQuery,
        rows: Sequence[int],
        features: _Features,
        probabilities: npt.NDArray[np.float64],
    ) -> list[EntityLink]:
        index, (name, *_) = self._indexes[mention.kind], _texts(mention)
        links: dict[str, EntityLink] = {}
        order: dict[str, int] = {}
        same: dict[str, int] = {}  # by node, the group that it is one of by its references
        own_names = self._namesakes(index, rows, features)
        for row, probability in zip(rows, probabilities.tolist(), strict=True):
            identifier, own = index.nodes[row], index.kinds[row]
            score = probability if own == mention.kind else probability * _OTHER_KIND
            order[identifier] = min(row, order.get(identifier, row))
            same[identifier] = int(index.same[row])
            if identifier not in links or links[identifier].score < score:
                # "Pheochromocytoma" is a node's own name even where its plural is likelier.
                is_own_name = own_names.get(identifier, bool(index.primary[row]))
                links[identifier] = EntityLink(
                    identifier, own, index.names[row], score, is_own_name
                )
        best: dict[int, float] = {}
        for identifier in own_names:
            best[same[identifier]] = max(best.get(same[identifier], 0.0), links[identifier].score)
        # Of equals, and of those that refer to one another, the whole disease, then that whose own
        # name it is, then the preferred prefix, which comes first in the index.
        ordered = sorted(
            links.values(),
            key=lambda x: (
                -round(best[same[x.identifier]] if x.identifier in own_names else x.score, 9),
                x.identifier in own_names and is_of_rare_disease(x.identifier, name),
                not own_names.get(x.identifier, False),
                order[x.identifier],
            ),
        )
        if ordered and ordered[0].identifier in own_names:  # as likely as the likeliest of them
            first = ordered[0]
            ordered[0] = replace(first, score=max(first.score, best[same[first.identifier]]))
        likely = bool(ordered) and ordered[0].score >= LIKELY
        for kind in [mention.kind] if likely else KINDS[mention.kind]:
            namesakes = [
                Namesake(links[i], is_own_name, order[i])
                for i, is_own_name in own_names.items()
                if links[i].kind == kind
            ]
            preferred = preferred_namesake(name, kind, namesakes)
            if preferred is not None:
                others = (x for x in ordered if x.identifier != preferred.identifier)
                return [preferred, *others]
        return ordered

    def _namesakes(
        self, index: NameIndex, rows: Sequence[int], features: _Features
    ) -> dict[str, bool]:
        """The nodes that have exactly the mention's name, and whether it is their own."""
        spelled_out = features[:, COLUMN["spelled_out"]]
        # Not of a short form that is spelled out, and not of a part of a coordination.
        of_mention = (spelled_out == _AS_IT_IS) | (spelled_out == _SPELLED_OUT)
        is_exact = of_mention & (features[:, COLUMN["level"]] >= SPELLING)
        own_names: dict[str, bool] = {}
        for row, exact in zip(rows, is_exact.tolist(), strict=True):
            if exact:
                node = index.nodes[row]
                own_names[node] = own_names.get(node, False) or bool(index.primary[row])
        return own_names


@lru_cache(maxsize=4096)
def _texts(mention: LinkQuery) -> tuple[str, ...]:
    """What a mention is looked up as, the best first."""
    own = (mention.text,) if mention.long is None else (mention.long, mention.text)
    return (*own, *(x.name for x in names_of_one_head(own[0]) if x.name not in own))


def _candidates(index: NameIndex, name: _Name, key: str, levels: dict[int, int]) -> _Candidates:
    text, kind = name
    form = forms(key)
    exact = frozenset(int(index.node[row]) for row, level in levels.items() if level >= SPELLING)
    features = name_features(index, text, form, kind, levels)
    return _Candidates(tuple(levels), features, exact, frozenset(form.spelling.split()))
