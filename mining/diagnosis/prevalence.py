"""How common diseases are, as far as a table of orders of magnitude says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from ...core.remembered import remembered
from ...graph.kg import KnowledgeGraph
from .knowledge import Floats, Integers, Knowledge

UNLISTED = 0.05  # of 100,000 people: what a disease that the table doesn't have counts as
# Of the prior odds. The whole would put a common disease before a rare one that fits far better:
# what is known of symptoms is rough, and patients who are asked about are no sample of all.
_WEIGHT = 0.5
# See `sharpness`. Chosen by the log loss of textbook pictures, whole and of one to six of their
# findings, and measured on others: docs/benchmarks/diagnosis.md.
_OF_ONE, _GROWTH, _SHARPEST, _WEIGHT_BESIDE = 0.8, 0.6, 1.5, 0.6
_MANY = 8  # phenotypes; more are mostly of several illnesses, so that each says less


def prevalences(kg: KnowledgeGraph, knowledge: Knowledge) -> Floats:
    """How many of 100,000 people have each disease, (diseases,).

    That is what the graph's nodes say (property `per_100000`) and `data/prevalence.tsv`, whose head
    says where it is from; of a disease for which several numbers are given the highest.
    """
    per_row = np.full(len(knowledge.diseases), np.nan, dtype=np.float32)
    for disease, number in _stated_prevalences(kg):
        row = knowledge.disease_rows.get(disease)
        if row is not None and 0 < number < np.inf:
            per_row[row] = np.fmax(per_row[row], number)
    return np.where(np.isnan(per_row), np.float32(UNLISTED), per_row)


@remembered
def _stated_prevalences(kg: KnowledgeGraph) -> list[tuple[str, float]]:
    """The diseases of the table and of a graph that state how common they are, and what they do."""
    path = Path(__file__).parent / "data" / "prevalence.tsv"
    listed = pl.read_csv(path, separator="\t", comment_prefix="#").select("disease", "per_100000")
    stated = pl.col("properties").str.json_path_match("$.per_100000").cast(pl.Float64, strict=False)
    of_nodes = kg.nodes.filter(kind="Disease").select(disease="id", per_100000=stated)
    return list(pl.concat([listed, of_nodes.drop_nulls()]).iter_rows())


def prevalence_text(per_100000: float) -> str:
    """How common a disease is, in words."""
    beside = ", which is what an unlisted one counts as" * bool(np.isclose(per_100000, UNLISTED))
    return f"prevalence {per_100000:g} of 100,000{beside}"


def sharpness(phenotypes: Integers) -> Floats:
    """What log-probabilities by findings are multiplied by where prevalence counts, (patients,).

    The temperature was fitted on published cases, which are published for what is unusual about
    them. Patients of a clinic look more like their disease, the more of them is known, and one
    finding says less of them. More than 8 findings are mostly of several illnesses.

    Args:
        phenotypes: how many each patient shows, (patients,); what is excluded doesn't count.
    """
    number = np.maximum(phenotypes, 1)
    grown = np.minimum(_OF_ONE + _GROWTH * np.log(number), _SHARPEST)
    return np.asarray(grown * np.sqrt(_MANY / np.maximum(number, _MANY)), dtype=np.float32)


def prior_factors(prevalence: Floats, *, sharpened: bool) -> Floats:
    """Logarithms of what a disease's odds are multiplied by for how common it is, (diseases,).

    Args:
        sharpened: whether log-probabilities by findings are multiplied by `sharpness`.
    """
    weight = _WEIGHT_BESIDE if sharpened else _WEIGHT
    return np.asarray(weight * np.log(prevalence / UNLISTED), dtype=np.float32)
