"""Phenotypes whose answer is known by the name of a finding: its opposite, and its other sign."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import polars as pl

from ...graph.kg import KnowledgeGraph

OPPOSITE, SIGN = "opposite", "sign"


def answered_by_name(kg: KnowledgeGraph, findings: Iterable[str], rule: str) -> list[str]:
    """Identifiers of the phenotypes that the names of findings settle.

    The names and synonyms of both count. `data/answered.tsv` has the rules: of `OPPOSITE` words
    that exclude one another (hyper-, hypo-), of `SIGN` phenotypes that are one seen two ways.

    Args:
        findings: identifiers.
        rule: `OPPOSITE`: what is absent; `SIGN`: what is there.
    """
    names = names_of(kg.nodes.filter(kind="Symptom"))
    names = names.with_columns(pl.col("name").str.to_lowercase())
    own = names.filter(pl.col("id").is_in(list(findings)))["name"]
    settled = {other for name in own for other in _others(name, rule)}
    return names.filter(pl.col("name").is_in(list(settled)))["id"].unique().sort().to_list()


def names_of(nodes: pl.DataFrame) -> pl.DataFrame:
    """The names and synonyms of nodes, a row each.

    Returns:
        id, name.
    """
    named = pl.concat_list("name", pl.col("synonyms").fill_null([]))
    return nodes.select("id", name=named).explode("name").drop_nulls("name")


def _others(name: str, rule: str) -> set[str]:
    """The names that a name in small letters settles."""
    others = set()
    for one, other in _pairs(rule):
        if rule == SIGN:
            others |= {other} if name == one else set()
        else:
            others.add(word_pattern(one).sub(other.removesuffix("-"), name))
    return others - {name}


@cache
def word_pattern(word: str) -> re.Pattern[str]:
    """Where a word stands, or where a word begins so that has a hyphen behind it."""
    end = "" if word.endswith("-") else r"\b"
    return re.compile(rf"\b{re.escape(word.removesuffix('-'))}{end}")


@cache
def _pairs(rule: str) -> list[tuple[str, str]]:
    """The words or names of a rule, each way round."""
    path = Path(__file__).parent / "data" / "answered.tsv"
    rows = pl.read_csv(path, separator="\t", comment_prefix="#").filter(rule=rule)
    pairs = list(rows.select("one", "other").iter_rows())
    return pairs + [(other, one) for one, other in pairs]
