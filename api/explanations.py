"""The explanation that a prediction carries, taken apart."""

from __future__ import annotations

from typing import Any, NamedTuple

from medkg.core.errors import DataError
from medkg.core.json_reading import parse_json

_MEMBERS = ("because", "paths", "warnings")


class ExplanationParts(NamedTuple):
    """What a model says for a prediction, and what it warns of, as texts.

    Attributes:
        reasons: the known pairs that it rests on.
        paths: paths of the graph that support it, the heaviest first.
        warnings: what speaks against it.
        others: the JSON's other members; of what is no JSON object, the text.
    """

    reasons: list[str]
    paths: list[str]
    warnings: list[str]
    others: dict[str, Any] | str

    @classmethod
    def of(cls, explanation: str) -> ExplanationParts:
        """The parts of an explanation.

        Args:
            explanation: as `medkg.graph.frames.PREDICTIONS` has it.
        """
        try:
            value = parse_json(explanation)
        except DataError:
            value = None
        if not isinstance(value, dict):
            return cls([], [], [], explanation)
        reasons, paths, warnings = (value.pop(name, None) or () for name in _MEMBERS)
        return cls(
            [str(reason) for reason in reasons],
            [str(path["text"]) for path in paths if isinstance(path, dict) and path.get("text")],
            [str(warning) for warning in warnings],
            value,
        )
