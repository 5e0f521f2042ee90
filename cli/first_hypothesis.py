"""The hypothesis that the quickstart ends with: a drug, a new target, a disease and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

import polars as pl

from medkg.core.errors import DataError
from medkg.graph.document_readings import TEXT_SOURCE
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.adme_roles import adme_roles

_NAMED = 4  # names in a list, at most
_SHARE = 0.5  # of a target's drugs that treat a disease, at least, for it to be the target's


@dataclass(frozen=True)
class Hypothesis:
    """A new pair of a small molecule and a target, and a disease that it may matter for.

    Attributes:
        drug, target, disease: their identifiers.
        probability: as the model states it.
        like: the drugs that act on the target and treat the disease, each acting on a target of the
            drug in the same way as the drug; those that share most of its targets first.
        shared: targets that the drug shares with the first of these.
        acting, treating: how many drugs are known to act on the target, and how many of these
            treat the disease.
    """

    drug: str
    target: str
    disease: str
    probability: float
    like: tuple[str, ...]
    shared: tuple[str, ...]
    acting: int
    treating: int


def first_hypothesis(kg: KnowledgeGraph, model: str) -> Hypothesis:
    """The model's likeliest new pair that known facts join to a disease.

    The drug has a structure, and drugs that act as it does on one of its targets act on the new one
    and treat the disease, of which nothing is recorded with the drug. If any has two such drugs,
    those with one are left out; of the rest, if half of all drugs that act on the target treat the
    disease, those where fewer do, for there what else they act on may be why. Of several diseases
    it is the one that most of these drugs treat, then the one that most drugs treat at all. Enzymes
    and transporters that many drugs meet (`adme`) are left out: nobody means those.

    Raises:
        DataError: no new pair is joined to a disease in this way.
    """
    acts = _acts(kg)
    treats = _curated(kg, "TREATS").select(like="subject", disease="object")
    reasons = _reasons(kg, model, acts, treats)
    if reasons.is_empty():
        raise DataError(f"no new pair of {model} is joined to a disease by known drugs like it")
    treated = treats.group_by("disease").agg(treated=pl.len())
    of_target = acts.select("target", like="drug").unique()
    acting = of_target.group_by("target").agg(acting=pl.len())
    treating = of_target.join(treats, on="like").group_by("target", "disease")
    best = (
        reasons.group_by("drug", "target", "disease")
        .agg(pl.first("probability", "score"), likes=pl.col("like").n_unique())
        .join(treated, on="disease")
        .join(acting, on="target")
        .join(treating.agg(treating=pl.col("like").n_unique()), on=["target", "disease"])
        .sort(
            pl.col("likes") > 1,
            pl.col("treating") >= _SHARE * pl.col("acting"),
            *("probability", "score", "drug", "target", "likes", "treated", "disease"),
            descending=[True, True, True, True, False, False, True, True, False],
        )
        .row(0, named=True)
    )
    pair = {name: str(best[name]) for name in ("drug", "target", "disease")}
    of_best = reasons.filter(**pair).unique(["like", "shared"])
    likes = of_best.group_by("like").len().sort("len", "like", descending=[True, False])["like"]
    of_first = of_best.filter(like=likes[0])["shared"].sort()
    return Hypothesis(
        **pair,
        probability=best["probability"],
        like=tuple(likes),
        shared=tuple(of_first),
        acting=best["acting"],
        treating=best["treating"],
    )


def _acts(kg: KnowledgeGraph) -> pl.DataFrame:
    """Which drug acts on which target, and how, but for what many drugs meet (`adme`)."""
    acts = _curated(kg, "TARGETS").filter(~pl.col("object").is_in(list(adme_roles(kg))))
    action = pl.col("properties").str.json_path_match("$.action")
    return acts.select(drug="subject", target="object", action=action)


def _reasons(
    kg: KnowledgeGraph, model: str, acts: pl.DataFrame, treats: pl.DataFrame
) -> pl.DataFrame:
    """The model's new pairs of a molecule and a target, with each drug that joins them to a disease
    (`like`) and each target that it shares with the molecule (`shared`)."""
    molecules = kg.nodes.filter(
        pl.col("kind") == "Drug", pl.col("properties").str.contains("(?i)inchi|smiles")
    )
    shared = acts.join(acts, on=["target", "action"], suffix="_like").select(
        "drug", like="drug_like", shared="target"
    )
    recorded = kg.edges.select(drug="subject", disease="object")
    new = kg.predictions.filter(
        pl.col("model") == model,
        ~pl.col("known"),
        pl.col("head").is_in(molecules["id"].implode()),
    ).select("probability", "score", drug="head", target="tail")
    return (
        new.join(acts.select("target", like="drug"), on="target")
        .join(shared, on=["drug", "like"])
        .join(treats, on="like")
        .join(recorded, on=["drug", "disease"], how="anti")
    )


def in_words(
    hypothesis: Hypothesis, kg: KnowledgeGraph, meaning: str, base_rate: float
) -> list[str]:
    """The hypothesis, its reason and where to check it, in sentences.

    Args:
        meaning: what the model's probability says of a new pair.
        base_rate: that it holds at.
    """
    names: dict[str, str] = dict(kg.nodes.select("id", "name").iter_rows())
    drug, target = names[hypothesis.drug], names[hypothesis.target]
    disease, first = names[hypothesis.disease], names[hypothesis.like[0]]
    likes, shared = _listed(hypothesis.like, names), _listed(hypothesis.shared, names)
    several = len(hypothesis.like) > 1
    own = _curated(kg, "TREATS").filter(subject=hypothesis.drug)["object"].sort().to_list()
    treats = f" It is known to treat {_listed(own, names)}." if own else ""
    terms = quote_plus(f'"{drug}" AND "{target}"')
    return [
        f"{drug} may act on {target}, and so may be worth a look in {disease}.",
        f"Why: {likes} {'act' if several else 'acts'} on {target} and"
        f" {'treat' if several else 'treats'} {disease}; {first} and {drug} act alike on {shared}."
        f" {hypothesis.treating} of the {hypothesis.acting} drugs known to act on {target} treat"
        f" {disease}.",
        f"No source of this graph records that {drug} acts on {target}, or anything of {drug} and"
        f" {disease}.{treats}",
        f"How sure: probability {hypothesis.probability:.2f} {meaning}, where"
        f" {base_rate:.2g} of a drug's first 100 candidates are. It says neither how strongly nor"
        " in which direction the drug acts.",
        f"To check: https://pubmed.ncbi.nlm.nih.gov/?term={terms}",
    ]


def _curated(kg: KnowledgeGraph, relation: str) -> pl.DataFrame:
    """The edges of a relation that another source than texts asserts: what is known."""
    of_sources = kg.evidence.filter(pl.col("source") != TEXT_SOURCE, polarity="asserted")
    edges = kg.edges.filter(relation=relation)
    return edges.join(of_sources, left_on="id", right_on="edge", how="semi")


def _listed(ids: Sequence[str], names: dict[str, str]) -> str:
    """Names as English lists them, the first few."""
    texts = [names[node] for node in ids[:_NAMED]]
    if more := len(ids) - len(texts):
        texts.append(f"{more} more")
    return ", ".join(texts[:-1]) + (" and " if len(texts) > 1 else "") + texts[-1]
