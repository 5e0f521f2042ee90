"""An annotated document, its mentions and relations, and a corpus of such documents."""

from __future__ import annotations

from dataclasses import dataclass, field

from .labels import KINDS


@dataclass(frozen=True)
class Mention:
    """A span of a document's text, with the kind that the corpus gives it.

    Attributes:
        start, end: characters [start, end) of the text.
        kind: the corpus' own label.
        identifier: as the corpus writes it: MeSH in BC5CDR and NCBI, several joined by "|"; CURIEs
            for brat's normalisations.
        key: the name by which the corpus' relations refer to the mention ("T7"), if they do.
    """

    start: int
    end: int
    kind: str
    identifier: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Relation:
    """A relation of a document.

    `head` and `tail` are mention keys where the corpus relates mentions (ChemProt, brat),
    identifiers where it relates concepts (PubTator). In Roam the head is empty: the drug is the one
    whose label the sentence comes from.
    """

    kind: str
    head: str
    tail: str


@dataclass
class Document:
    """A text with its annotations; `fields` holds the other fields of a JSON row."""

    id: str
    text: str
    mentions: list[Mention] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    fields: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """A corpus with its split; no training document shares its text with a held-out one."""

    name: str
    format: str
    train: list[Document]
    development: list[Document]
    split_here: bool = False  # it comes without a split of its own


def flat_mentions(document: Document, corpus_format: str) -> list[Mention]:
    """The mentions with this project's kinds, in order; of two that overlap the longer."""
    kinds = KINDS[corpus_format]
    chosen: list[Mention] = []
    is_covered = bytearray(len(document.text))
    for mention in sorted(document.mentions, key=lambda m: (m.start - m.end, m.start)):
        if mention.kind in kinds and not any(is_covered[mention.start : mention.end]):
            is_covered[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
            chosen.append(
                Mention(
                    mention.start,
                    mention.end,
                    kinds[mention.kind],
                    mention.identifier,
                    mention.key,
                )
            )
    return sorted(chosen, key=lambda m: m.start)
