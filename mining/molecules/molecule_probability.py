"""What a probability of a molecule and a target says, and at which base rate it is stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...core.calibration import Calibration
from ..links.missing_pairs import meaning
from .structure_ranker import StructureRanker

if TYPE_CHECKING:
    from ..links.model import LinkModel  # which takes each process seconds to import

_RECORDED = "that a source records the pair"


class MoleculeProbability(NamedTuple):
    """From a score to a probability, and what it says, to follow "probability: "."""

    calibration: Calibration
    meaning: str


def molecule_probability(
    model: LinkModel, ranker: StructureRanker, *, recorded: bool = False
) -> MoleculeProbability:
    """The probability that is stated of a molecule's targets.

    The ranker's calibration is of molecules all of whose recorded pairs were held back. As for a
    drug of the graph, what counts is which pairs are missing, whose number is estimated from how
    sources overlap (`medkg.mining.links.missing_pairs`). A molecule of the graph lacks these alone,
    once its known pairs are left out; of another the recorded ones are unknown, too.

    Args:
        recorded: whether the graph holds the molecule with pairs of its own.

    Returns:
        As the ranker was fitted, where the number can't be estimated.
    """
    fitted, missing = ranker.calibration, model.metrics.get("missing")
    if missing is None:
        return MoleculeProbability(fitted, _RECORDED)
    pairs = model.known_pairs.nnz
    share, low, high = (number / pairs for number in (missing["missing"], *missing["interval"]))
    if recorded:
        return MoleculeProbability(fitted.at_base_rate(fitted.base_rate * share), meaning(missing))
    return MoleculeProbability(
        fitted.at_base_rate(fitted.base_rate * (1 + share)),
        "that the pair is one that a source records, or one of those that none does, some"
        f" {share:.2g} ({low:.2g} to {high:.2g}) to each recorded one, as far as"
        f" {missing['source']} and {', '.join(missing['others'])} tell by what they share",
    )
