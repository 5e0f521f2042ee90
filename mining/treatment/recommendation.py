"""What `recommend` returns: drugs, what speaks for and against each, and what wasn't checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..links.explain import Path
from ..links.task import LinkTask
from ..safety.checks import SafetyCheck
from ..safety.query import TreatmentQuery
from ..safety.warning import SafetyWarning
from .content import DRUG, Contribution

DISCLAIMER = (
    "For research, not for care: a hypothesis is no recommendation, and what no source records"
    " can't warn."
)


@dataclass(frozen=True)
class DrugAssessment:
    """A drug for a disease, with what speaks for and against it.

    Attributes:
        status: `treats` or `palliates`, where a source records that, or `hypothesis`; of a drug
            that the patient takes `taken`, where it is on record for none of the diseases.
        rank: the model's, among the drugs that it was not trained on for the disease, before
            warnings; for one that it was, the rank that it would have. None where the model has
            not seen the drug.
        score: the model's; see `medkg.mining.treatment.members.blend`.
        probability: of a hypothesis, that a source records it, at the base rate stated.
        recorded_probability: of what is on record, the edge's; with `sources` and `evidence`.
        because: what contributes to the score by content: known pairs of similar drugs or diseases.
        paths: through the graph, with their evidence.
        warnings: what speaks against it, the gravest first.
        unchecked: the checks that could not have warned of it, since no source says anything of
            the sort about this drug.
    """

    drug: str
    name: str
    disease: str
    disease_name: str
    status: str
    rank: int | None
    score: float | None
    probability: float | None
    recorded_probability: float | None
    sources: tuple[str, ...]
    evidence: tuple[Mapping[str, object], ...]
    because: tuple[str, ...]
    paths: tuple[Path, ...]
    warnings: tuple[SafetyWarning, ...]
    unchecked: tuple[str, ...]


@dataclass(frozen=True)
class Recommendation:
    """Drugs for a patient, in three lists.

    Attributes:
        model: its name. patient: whom the drugs are for; names: of the identifiers in it.
        base_rate: that probabilities hold at.
        recorded: what sources record to treat, then to palliate, and neither a contraindication nor
            an allergy forbids; of `n_recorded` the first for each disease.
        hypotheses: what none records. A warning pushes a drug down: its rank is multiplied by 2
            for an adverse effect that the patient has (but for what it is sought for), for an
            interaction of drugs like it and for one like it that is taken, by 4 for an
            interaction, for an allergy to a drug like it and for a contraindication for a narrower
            disease, for drugs like it, or for what is perhaps the same.
        contraindicated: what would be in the lists but must not be given: contraindicated, or what
            the patient is allergic to.
        taking: the current drugs, and what speaks against them.
        checks: what was looked for, and what could not be.
        notices: identifiers that were replaced, and what is lacking.
    """

    model: str
    patient: TreatmentQuery
    names: Mapping[str, str]
    base_rate: float
    recorded: tuple[DrugAssessment, ...]
    n_recorded: int
    hypotheses: tuple[DrugAssessment, ...]
    contraindicated: tuple[DrugAssessment, ...]
    taking: tuple[DrugAssessment, ...]
    checks: tuple[SafetyCheck, ...]
    notices: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it, with `for_research` that says what it is for."""
        return {**asdict(self), "for_research": DISCLAIMER}


def contribution_texts(
    contributions: Sequence[Contribution], task: LinkTask, names: Mapping[str, str], disease: str
) -> list[str]:
    """What contributes to a score by content, in words."""
    texts = []
    for contribution in contributions:
        share = f"{contribution.share:.0%} of the content score"
        similarity = f"{contribution.similarity:.2f}"
        if contribution.number is None:
            texts.append(f"its targets and {names[disease]} share genes ({similarity}; {share})")
            continue
        if contribution.source == DRUG:
            other, what, does = task.heads[contribution.number], "like", "which treats it"
        else:
            other = task.tails[contribution.number]
            what, does = f"{names[disease]} is like", "which it treats"
        by = _feature_text(contribution.feature)
        texts.append(f"{what} {names[other]}, {does}, by {by} ({similarity}; {share})")
    return texts


_FINGERPRINTS = {"Morgan": "molecule", "paths": "molecule (paths)"}


def _feature_text(feature: str) -> str:
    """A similarity feature in words: what two nodes share, or are joined by."""
    if feature in _FINGERPRINTS:
        return _FINGERPRINTS[feature]
    if feature.endswith(", joined"):
        return f"{feature.split()[1]} edge"
    head, relation, tail = feature.split()
    return f"shared {head} {relation} {tail}"
