"""What a careful reader would find wrong with a graph, with counts and examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from .kg import KnowledgeGraph

EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One kind of doubt: how many there are, what it means, and the first few."""

    name: str
    count: int
    meaning: str
    examples: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The finding for JSON."""
        return asdict(self)


def check(kg: KnowledgeGraph) -> list[Finding]:
    """All findings that the graph has, the checks in a fixed order; none for a spotless graph."""
    findings = []
    for name, meaning, find in _CHECKS:
        doubtful = find(kg)
        if doubtful.height:
            examples = (" ".join(map(str, row)) for row in doubtful.head(EXAMPLES).iter_rows())
            findings.append(Finding(name, doubtful.height, meaning, tuple(examples)))
    return findings


def _contraindicated_treatment(kg: KnowledgeGraph) -> pl.DataFrame:
    treats = kg.edges.filter(pl.col("relation").is_in(["TREATS", "PALLIATES"]))
    against = kg.edges.filter(relation="CONTRAINDICATED_FOR")
    return treats.join(against, on=["subject", "object"], how="semi").select(
        "subject", "relation", "object"
    )


def _denied(kg: KnowledgeGraph) -> pl.DataFrame:
    denials = kg.evidence.filter(
        polarity="negated", certainty="certain", experiencer="patient", temporality="current"
    )
    return (
        kg.edges.join(denials, left_on="id", right_on="edge", how="semi")
        .select("subject", "relation", "object")
        .sort("subject", "relation", "object")
    )


def _present_and_absent(kg: KnowledgeGraph) -> pl.DataFrame:
    has = kg.edges.filter(relation="HAS_PHENOTYPE")
    lacks = kg.edges.filter(relation="LACKS_PHENOTYPE")
    return has.join(lacks, on=["subject", "object"], how="semi").select("subject", "object")


def _isolated(kg: KnowledgeGraph) -> pl.DataFrame:
    ends = pl.concat([kg.evidence["subject"], kg.evidence["object"]]).unique()
    return kg.nodes.filter(~pl.col("id").is_in(ends.implode())).select("id", "name")


def _nameless(kg: KnowledgeGraph) -> pl.DataFrame:
    named = ~pl.col("kind").is_in(["Patient", "Document"])
    nameless = (pl.col("name") == pl.col("id")) | (pl.col("name_key") == "")
    return kg.nodes.filter(named & nameless).select("id")


def _same_name(kg: KnowledgeGraph) -> pl.DataFrame:
    return (
        kg.nodes.filter(pl.col("kind").is_in(["Patient", "Document"]).not_())
        .group_by("kind", "name_key")
        .agg(pl.col("id").sort())
        .filter(pl.col("id").list.len() > 1)
        .sort("kind", "name_key")
        .select("kind", "name_key", pl.col("id").list.join(" "))
    )


def _unmerged(kg: KnowledgeGraph) -> pl.DataFrame:
    return kg.merges.filter(~pl.col("applied")).select("kept", "merged", "reason")


def _self_loops(kg: KnowledgeGraph) -> pl.DataFrame:
    return kg.edges.filter(pl.col("subject") == pl.col("object")).select("subject", "relation")


def _unsupported_predictions(kg: KnowledgeGraph) -> pl.DataFrame:
    return kg.predictions.filter(
        pl.col("probability").is_null() | ~pl.col("probability").is_between(0, 1)
    ).select("head", "relation", "tail", "model")


_CHECKS: tuple[tuple[str, str, Callable[[KnowledgeGraph], pl.DataFrame]], ...] = (
    (
        "treatment that is contraindicated",
        "a drug treats a disease that it is also contraindicated for",
        _contraindicated_treatment,
    ),
    ("asserted and denied", "evidence says it, other evidence says it is not so", _denied),
    (
        "phenotype present and absent",
        "a patient both has and lacks a phenotype",
        _present_and_absent,
    ),
    ("isolated node", "no evidence speaks of it", _isolated),
    ("node without a name", "its identifier stands for its name", _nameless),
    ("same name, several nodes", "may be one thing that no cross-reference joins", _same_name),
    ("equivalence not applied", "a cross-reference that merging held back", _unmerged),
    ("edge to itself", "both ends are one node, often after merging", _self_loops),
    (
        "prediction without a probability",
        "a score that was never calibrated",
        _unsupported_predictions,
    ),
)
