"""Findings that a note words as no name does (component `medkg_phrases`).

"Gets up to pee five times a night" is no name of nocturia, and there is no end to such words. So
what other components leave free in a note is compared with the names of the graph's phenotypes, lay
names among them, and a run of words that is like one becomes a mention of it, with its probability.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, Span

from ...core.errors import ModelError
from ...core.han import has_han
from ...graph.kg import KnowledgeGraph
from ..context.values import forget_mentions
from ..lay_names import WORDINGS, lay_names
from ..linking.component import LinkerComponent
from ..linking.conditions import CONDITIONS
from ..tokens import StatelessComponent
from .candidates import FEATURES, Candidates, Names, candidates_of, runs_of
from .model import PhraseModel, shipped_model
from .vectors import spoken_words

LIKELY = 0.5  # probability from which a run is a mention
# Of two runs as likely the longer says more, and the one that is more like a name has its bounds.
_PER_TOKEN, _PER_LIKENESS = 0.02, 0.2
_INSIDE = frozenset(("'", "’", "-", "/", "\n"))  # what a run may hold beside words and numbers
_AT_ONCE = 2048  # runs whose features are made together, to bound the memory
# What joins a finding to what is said of it: of "pain on the right side of the chest" the words
# after "pain" are no finding of their own.
_JOINING = frozenset(
    "of in on at to for from by up a an the his her my their its our your is was are were been"  # noqa: SIM905
    " that which when".split()
)
_MOST_JOINING = 3

# Registered on import, since what becomes of mentions reads it of all of them.
if not Span.has_extension("like"):
    Span.set_extension("like", default="")


@Language.factory("medkg_phrases", requires=["doc.spans"])
def create_phrases(nlp: Language, name: str) -> PhraseReader:
    """The factory of `PhraseReader`; give it its names with `use`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return PhraseReader()


def named_phenotypes(terminology: KnowledgeGraph) -> Iterator[tuple[str, str, bool]]:
    """Identifiers and names of a graph's phenotypes, and whether a name is of laymen.

    Chinese ones are left out: of "循环L-别异亮氨酸" an English note would share the L.
    """
    symptoms = terminology.nodes.filter(kind="Symptom").select("id", "name", "synonyms")
    named = pl.concat_list("name", pl.col("synonyms").fill_null([]))
    for identifier, name in symptoms.select("id", named.alias("name")).explode("name").iter_rows():
        if name is not None and not has_han(name):
            yield identifier, name, False
    for table in (lay_names(), lay_names(WORDINGS)):
        lay = table.join(symptoms, on="id", how="semi")
        for identifier, name in lay.explode("words").iter_rows():
            yield identifier, name, True


class PhraseReader(StatelessComponent):
    """Adds mentions to `doc.spans["mentions"]` of notes where words are like a phenotype's name.

    `span._.like` of such a mention is that name; of any other it is empty.
    """

    def __init__(self, model: PhraseModel | None = None) -> None:
        self._model = model
        self._names: Names | None = None
        self._nodes: Mapping[str, str] = {}  # names of the phenotypes, by identifier
        self._linker: LinkerComponent | None = None

    def use(self, terminology: KnowledgeGraph, linker: LinkerComponent) -> PhraseReader:
        """Take the names of this graph's phenotypes; what the linker links is left as it is."""
        self._model = self._model or shipped_model()
        self._names = Names.of(self._model.vectors, named_phenotypes(terminology))
        symptoms = terminology.nodes.filter(kind="Symptom")
        self._nodes = dict(symptoms.select("id", "name").iter_rows())
        self._linker = linker
        return self

    def __call__(self, doc: Doc) -> Doc:
        if self._names is None or self._model is None:
            raise ModelError(
                'medkg_phrases has no names: get_pipe("medkg_phrases").use(graph,'
                ' nlp.get_pipe("medkg_linker"))'
            )
        if not doc._.note or not self._names.texts:
            return doc
        candidates = self.candidates(doc)
        probabilities = self._model.probabilities(candidates.features)
        added = [
            self._mention(doc, candidates, number, float(probabilities[number]))
            for number in chosen(candidates, probabilities)
        ]
        tokens = _tokens(added)
        mentions = doc.spans.get("mentions", [])
        kept = [m for m in mentions if tokens.isdisjoint(range(m.start, m.end))]
        doc.spans["mentions"] = sorted([*kept, *added], key=lambda mention: mention.start)
        forget_mentions(doc)
        return doc

    def candidates(self, doc: Doc) -> Candidates:
        """What the runs of a document's tokens may mean that mean nothing yet."""
        assert self._names is not None
        assert self._model is not None
        assert self._linker is not None
        mentions = list(doc.spans.get("mentions", []))
        linked = self._linker.linked(doc, mentions)
        # Drugs, targets and procedures stay what they are, whether they are linked or not.
        others = [mention for mention in mentions if mention.label_ not in CONDITIONS]
        taken = _tokens([*doc.spans.get("headings", []), *linked, *others])
        words = spoken_words([token.text for token in doc])
        is_free = [
            token.i not in taken and (token.is_alpha or token.is_digit or token.text in _INSIDE)
            for token in doc
        ]
        begins = [bool(token.is_sent_start) for token in doc]
        is_linked = _tokens(mention for mention in linked if mention.label_ in CONDITIONS)
        runs = [
            run for run in runs_of(words, is_free, begins) if not _is_part(run, words, is_linked)
        ]
        is_number = [token.is_digit for token in doc]
        return Candidates.joined(
            [
                candidates_of(
                    self._model.vectors, self._names, words, is_number, runs[n : n + _AT_ONCE]
                )
                for n in range(0, len(runs) or 1, _AT_ONCE)
            ]
        )

    def identifier(self, candidates: Candidates, number: int) -> str:
        """The phenotype of a row of candidates."""
        assert self._names is not None
        return self._names.identifiers[int(candidates.name[number])]

    def _mention(self, doc: Doc, candidates: Candidates, number: int, probability: float) -> Span:
        assert self._names is not None
        span = Span(doc, candidates.start[number], candidates.end[number], label="Symptom")
        span._.like = self._names.texts[candidates.name[number]]
        # Links by the phenotype's own name, as wordings are no names.
        span._.stands_for = self._nodes[self.identifier(candidates, number)]
        span._.probability = probability
        return span


def _is_part(run: slice, words: Sequence[str], linked: Container[int]) -> bool:
    """Whether a run belongs to a linked condition beside it, with nothing to part them."""
    for step, place in ((-1, run.start - 1), (1, run.stop)):
        for _ in range(_MOST_JOINING):
            if not 0 <= place < len(words) or words[place] not in _JOINING:
                break
            place += step
        if place in linked:
            return True
    return False


def _tokens(spans: Iterable[Span]) -> set[int]:
    return {token for span in spans for token in range(span.start, span.end)}


def chosen(candidates: Candidates, probabilities: NDArray[np.float32]) -> list[int]:
    """The rows of candidates that are likely and don't overlap, those that say most first."""
    worth = probabilities + _PER_TOKEN * (candidates.end - candidates.start)
    worth = worth + _PER_LIKENESS * candidates.features[:, FEATURES.index("likeness")]
    rows: list[int] = []
    taken = set[int]()
    for number in np.lexsort((candidates.start, -worth)).tolist():
        tokens = range(candidates.start[number], candidates.end[number])
        if probabilities[number] >= LIKELY and taken.isdisjoint(tokens):
            taken.update(tokens)
            rows.append(number)
    return rows
