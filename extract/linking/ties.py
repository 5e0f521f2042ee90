"""Which node a name means that stands on several nodes of one kind.

Two sources that call one disease the same are often two nodes, "lung cancer" of MeSH and of the
Disease Ontology. The ranker takes them for rivals, and gives each less than half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import NamedTuple

from .features import is_number
from .forms import forms
from .links import EntityLink
from .name_index import key_of

# From this probability on a link is likelier right than wrong.
LIKELY = 0.5
# What these call a disease is often its inherited form, and OMIM's that of one gene.
_OF_RARE_DISEASES = ("OMIM", "ORPHA")
_OF_GENES = ("OMIM",)
_CONDITIONS = ("Disease", "Symptom")
_SHORT_FORM = 5  # letters; "ASD" is short for autism and for a defect of the heart


class Namesake(NamedTuple):
    """A node that has exactly the name of a mention, by its own name or a synonym."""

    link: EntityLink
    is_own_name: bool
    order: int  # of its name in the index, where the preferred prefix comes first


def is_of_rare_disease(identifier: str, name: str) -> bool:
    """Whether a node is a rare form of what a name without a number means: "obesity" of OMIM.

    A name with a number ("long QT syndrome 8") means that form.
    """
    return _is_of(_OF_RARE_DISEASES, identifier, name)


def _is_of(prefixes: Sequence[str], identifier: str, name: str) -> bool:
    numbered = any(map(is_number, forms(key_of(name)).spelling.split()))
    return identifier.split(":")[0] in prefixes and not numbered


def preferred_namesake(name: str, kind: str, namesakes: Sequence[Namesake]) -> EntityLink | None:
    """The node that a name is taken for where it stands on several, each unlikely; or None.

    The whole disease before one gene's form of it, its own name before a synonym, the preferred
    prefix before others. Its probability is that of one of several independent chances: of 98 such
    mentions of BC5CDR's and NCBI's development parts 65 were right (.66), at .65 of two of .41.

    Short forms, names of drugs and names of genes that are synonyms on all nodes mean different
    things, so of them none is taken: "CD25" was another gene's name, too.

    Args:
        name: of the mention.
        kind: of the mention.
        namesakes: the nodes of this kind that have the name.
    """
    together = 1 - prod(1 - namesake.link.score for namesake in namesakes)
    if together < LIKELY or any(namesake.link.score >= LIKELY for namesake in namesakes):
        return None
    if not any(namesake.is_own_name for namesake in namesakes) and (
        kind not in _CONDITIONS or len(name) <= _SHORT_FORM
    ):
        return None
    link, *_ = min(
        namesakes,
        key=lambda x: (_is_of(_OF_GENES, x.link.identifier, name), not x.is_own_name, x.order),
    )
    return replace(link, score=together)
