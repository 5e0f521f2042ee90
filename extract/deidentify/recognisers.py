"""Recognisers of identifiers in presidio's frame, and the engine that runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NoOpNlpEngine

from .dates import find_dates
from .identifiers import KINDS, Identifier
from .network import shipped
from .patterns import patterns
from .plausible import is_plausible
from .titles import find_titled_names

LANGUAGE = "en"
OF_MODEL = "medkg model"
OF_TITLES = "medkg titles"
UNSPECIFIC = 0.5  # score of patterns of numbers that may be any number


class SpanRecogniser(EntityRecognizer):  # type: ignore[misc]  # presidio has no types
    """A presidio recogniser of what a function finds in a text."""

    def __init__(
        self, name: str, kinds: Sequence[str], find: Callable[[str], Iterable[Identifier]]
    ) -> None:
        self._find = find
        super().__init__(list(kinds), name=name, supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load: what finds is given."""

    def analyze(
        self, text: str, entities: Sequence[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """What is found, as presidio's results."""
        del nlp_artifacts  # presidio gives them by this name
        return [
            RecognizerResult(identifier.kind, identifier.start, identifier.end, identifier.score)
            for identifier in self._find(text)
            if identifier.kind in entities
        ]


def _numbers(text: str) -> Iterable[Identifier]:
    for pattern in patterns():
        for start, end in pattern.find(text):
            yield Identifier(start, end, pattern.kind, pattern.score)


def _dates(text: str) -> Iterable[Identifier]:
    return (Identifier(start, end, "DATE", 0.95) for start, end in find_dates(text))


def _titled(text: str) -> Iterable[Identifier]:
    return (Identifier(start, end, "NAME", 0.9) for start, end in find_titled_names(text))


def _by_model(text: str) -> Iterable[Identifier]:
    return (each for each in shipped().find(text) if is_plausible(text, each))


def recognisers() -> list[EntityRecognizer]:
    """All recognisers, to be put into a registry of one's own.

    Raises:
        ModelError: the model that ships is missing or damaged.
    """
    shipped()  # to fail here rather than at the first text
    return [*patterns_alone(), SpanRecogniser(OF_MODEL, KINDS, _by_model)]


def patterns_alone() -> list[EntityRecognizer]:
    """The recognisers that have no model."""
    return [
        SpanRecogniser("medkg numbers", KINDS, _numbers),
        SpanRecogniser("medkg dates", ["DATE"], _dates),
        SpanRecogniser(OF_TITLES, ["NAME"], _titled),
    ]


@cache
def engine(*, model: bool = True) -> AnalyzerEngine:
    """A presidio engine of the recognisers; it opens no connection.

    Args:
        model: with the model that ships; else of patterns alone.
    """
    own = recognisers() if model else patterns_alone()
    registry = RecognizerRegistry(own, supported_languages=[LANGUAGE])
    no_model = NoOpNlpEngine([{"lang_code": LANGUAGE, "model_name": ""}])
    return AnalyzerEngine(registry, no_model, supported_languages=[LANGUAGE])
