"""Which nodes a short form can't mean in a document that spells it out.

"CIN" is a name of cervical intraepithelial neoplasia, but not where a document writes
"contrast-induced nephropathy (CIN)".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from rapidfuzz import fuzz, process

from ..abbreviations import find_abbreviations
from .name_index import NameIndex

# Least likeness, of 100, of what a document spells out and one of a node's names. Of the training
# and development parts' short forms that a node spells out in its own way, none of 38 mentions with
# a likeness below this means the node, and every one of those from here to 80 does.
_ALIKE = 60


def nodes_of_other_names(
    index: NameIndex, short: str, long: str, nodes: Collection[int], named: Collection[int]
) -> set[int]:
    """The nodes that have the short form as a name, and can't be meant by it here.

    That is all but `named` where a node has exactly the name that the document spells out; else
    those whose own names spell the same letters out as something else.

    Args:
        index: the names.
        short: the short form, as it is written.
        long: what the document spells it out as.
        nodes: that have the short form as a name.
        named: nodes that have exactly the name `long`.
    """
    if named:
        return set(nodes) - set(named)
    return {node for node in nodes if _spells_otherwise(_names(index, node), short, long)}


def is_symbol_in_family(
    index: NameIndex, short: str, genes: Collection[int], families: Collection[int]
) -> bool:
    """Whether a short form is a gene's own symbol, and its long form no more than a gene family.

    Args:
        index: the names.
        short: the short form, as it is written.
        genes: nodes that have the short form as a name.
        families: those that have the long form as one.
    """
    return (
        bool(families)
        and all(_is_family(index, node) for node in families)
        and any(_names(index, node)[0] == short for node in genes if not _is_family(index, node))
    )


def _is_family(index: NameIndex, node: int) -> bool:
    """Whether a node is a family or complex of FamPlex."""
    return str(index.nodes[int(np.searchsorted(index.node, node))]).startswith("FPLX:")


def _names(index: NameIndex, node: int) -> Sequence[str]:
    return [index.names[row] for row in np.flatnonzero(index.node == node).tolist()]


def _spells_otherwise(names: Sequence[str], short: str, long: str) -> bool:
    lower = long.lower()
    if not any(_spells(name, short) for name in names):
        return False
    # What is taken for the long form may begin too early: "patients undergoing cyclosporine".
    if any(name.lower() in lower for name in names if name.lower() != short.lower()):
        return False
    best = process.extractOne(lower, [x.lower() for x in names], scorer=fuzz.token_sort_ratio)
    return best is not None and best[1] < _ALIKE


def _spells(name: str, short: str) -> bool:
    """Whether a short form's letters are those of a name."""
    return any(x.long[0] == 0 for x in find_abbreviations(f"{name} ({short})"))
