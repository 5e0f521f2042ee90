"""An annotated document as plain data: its text, mentions, triples and relations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from ..graph.schema import Kind, Schema

# The character that stands for a context's value at a mention, and what it means.
CONTEXT_MARKS = {
    "negated": ("-", "negated"),
    "possible": ("?", "possible"),
    "hypothetical": ("~", "hypothetical"),
    "family": ("F", "of the family"),
    "other": ("O", "of somebody else"),
    "historical": ("H", "historical"),
}


@dataclass(frozen=True)
class Mention:
    """A mention: characters [start, end) of the text, with kind, link and context.

    `context` has only the values that differ from the default: "negated", "possible",
    "family", "historical", ….
    """

    start: int
    end: int
    text: str
    kind: str
    probability: float
    identifier: str | None
    name: str | None
    link_score: float
    context: tuple[str, ...]

    @property
    def marks(self) -> str:
        """The context as single characters, see `CONTEXT_MARKS`."""
        return "".join(CONTEXT_MARKS[value][0] for value in self.context)


@dataclass(frozen=True)
class End:
    """Subject or object of a triple: its node, and its characters where it is a mention."""

    id: str
    name: str
    kind: str
    start: int | None
    end: int | None


@dataclass(frozen=True)
class Triple:
    """A statement as the graph gets it, with the characters [start, end) of its sentence."""

    subject: End
    relation: str
    object: End
    probability: float
    start: int
    end: int
    context: tuple[str, ...]
    qualifiers: Mapping[str, str]


@dataclass(frozen=True)
class Related:
    """A relation between two mentions, by their indices in `AnnotatedText.mentions`."""

    head: int
    relation: str
    tail: int
    probability: float
    action: str | None = None  # what a drug does to its target: "inhibitor"

    @property
    def label(self) -> str:
        """Relation and action in one word, as annotators get it: "TARGETS-inhibitor"."""
        return self.relation if self.action is None else f"{self.relation}-{self.action}"


@dataclass(frozen=True)
class AnnotatedText:
    """A document with its annotations.

    `triples` are what the graph gets; `relations` join mentions, as an annotator would: without
    what the text denies; `sentences` are the characters [start, end) of each.
    A notebook shows it by displaCy.
    """

    id: str
    text: str
    mentions: tuple[Mention, ...]
    triples: tuple[Triple, ...]
    relations: tuple[Related, ...]
    sentences: tuple[tuple[int, int], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """All fields as plain values, for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        return displacy_html(self)


def kind_colour(kind: str) -> str:
    """The colour of a kind in the default schema; grey for one that it lacks."""
    return Schema.default().kinds.get(kind, Kind(kind, "", ())).colour


# As displaCy's own, with the context and a note that shows when one points at a mention.
_TEMPLATE = (
    '<mark title="{tooltip}" style="background: {bg}; color: inherit; padding: 0.2em 0.3em;'
    ' line-height: 1; border-radius: 0.3em; text-decoration: {line}">{text}<span style="display:'
    ' inline-block; font-size: 0.7em; font-weight: bold; margin-left: 0.4em">{label}</span></mark>'
)


def displacy_html(text: AnnotatedText) -> str:
    """The HTML of displaCy's entity view: coloured by kind, labelled with kind and context."""
    # spaCy takes a second to import, and showing it elsewhere doesn't need it.
    from spacy import displacy

    entities: list[dict[str, Any]] = []
    colours = {}
    for mention in text.mentions:
        # displaCy escapes the text and nothing else.
        label = escape(" ".join((mention.kind, *mention.context)))
        link = f"{mention.identifier} {mention.name}" if mention.identifier else "no link"
        tooltip = escape(f"{link}, probability {mention.probability:.2f}")
        line = "line-through" if "negated" in mention.context else "none"
        entities.append(
            {
                "start": mention.start,
                "end": mention.end,
                "label": label,
                "params": {"tooltip": tooltip, "line": line},
            }
        )
        # A third of the opacity keeps the text readable on light and dark pages.
        colours[label] = f"{kind_colour(mention.kind)}55"
    document = {"text": text.text, "ents": entities, "title": escape(text.id)}
    options = {"colors": colours, "template": _TEMPLATE}
    html: str = displacy.render(document, style="ent", manual=True, jupyter=False, options=options)
    return html
