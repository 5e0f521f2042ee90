"""BioRED's labels under this project's names; its files have PubTator's form.

Luo et al. 2022, "BioRED: a rich biomedical relation extraction dataset", doi:10.1093/bib/bbac282.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .document import Corpus, Document, Relation
from .files import plain_or_xz
from .pubtator import read_pubtator

KINDS = {
    "DiseaseOrPhenotypicFeature": "Disease",
    "ChemicalEntity": "Drug",
    "GeneOrGeneProduct": "Target",
}
# What a relation says of two kinds. Of a gene it says mostly that there is some association.
_ANY_RELATION = {("Drug", "Target"): "TARGETS", ("Disease", "Target"): "ASSOCIATED_WITH"}
_RELATIONS = {
    ("Positive_Correlation", "Drug", "Disease"): "CAUSES",
    ("Negative_Correlation", "Drug", "Disease"): "TREATS",
}


def load_biored(folder: Path, quarantine: Quarantine) -> Corpus:
    """BioRED from `biored/` in a folder of corpora, under this project's names.

    Raises:
        DataError: a part is missing or can't be read.
    """
    parts = []
    for name in ("Train.PubTator", "Dev.PubTator"):
        file = plain_or_xz(folder / "biored" / name)
        if not file.is_file():
            raise DataError("BioRED's part is not there", path=file)
        parts.append([with_own_labels(each) for each in read_pubtator(file, quarantine)])
    return Corpus("biored", "medkg", train=parts[0], development=parts[1])


def with_own_labels(document: Document) -> Document:
    """A document of BioRED with this project's kinds and relations; any other as it is.

    Relations that have no such name keep their own.
    """
    if not any(mention.kind in KINDS for mention in document.mentions):
        return document
    # A mention of several concepts has their identifiers between commas.
    mentions = [
        replace(
            mention,
            kind=KINDS[mention.kind],
            identifier=mention.identifier and mention.identifier.replace(",", "|"),
        )
        if mention.kind in KINDS
        else mention
        for mention in document.mentions
    ]
    kinds: dict[str, set[str]] = defaultdict(set)
    for mention in mentions:
        for identifier in (mention.identifier or "").split("|"):
            kinds[identifier].add(mention.kind)
    relations = [_own(relation, kinds) for relation in document.relations]
    return replace(document, mentions=mentions, relations=relations)


def _own(relation: Relation, kinds: dict[str, set[str]]) -> Relation:
    """A relation under this project's name, from head to tail, where it has one."""
    for head, tail in ((relation.head, relation.tail), (relation.tail, relation.head)):
        for first in sorted(kinds[head]):
            for second in sorted(kinds[tail]):
                name = _ANY_RELATION.get((first, second))
                name = name or _RELATIONS.get((relation.kind, first, second))
                if name is not None:
                    return Relation(name, head, tail)
    return relation
