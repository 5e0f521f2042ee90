"""Names that stand on several nodes after merging sources, and why they do.

    python benchmarks/doubles.py DATA

DATA is the folder of data. HPO and the starter set, which come with medkg, are merged with
Hetionet; counted are names and synonyms, without case, hyphens and blanks, by kinds of the nodes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

import medkg
from medkg.graph.identifiers import compact_key
from medkg.graph.node_checks import shared_names


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    hetionet = medkg.load("hetionet", parser.parse_args().data / "hetionet")
    kg = medkg.merge(medkg.load("hpo"), medkg.load("starter"), hetionet)
    for kinds in (["Disease"], ["Symptom"], ["Disease", "Symptom"]):
        print(f"{names_on_several(kg.nodes, kinds):,} names on several of {' and '.join(kinds)}")
    print(shared_names(kg).collect().group_by("kinds", "why").len().sort("kinds", "why"))
    reasons = kg.merges.select("kind", "applied", reason=sort_of(pl.col("reason")))
    print(reasons.group_by(pl.all()).len().sort(pl.all()))


def names_on_several(nodes: pl.DataFrame, kinds: list[str]) -> int:
    """How many names and synonyms stand on more than one node of these kinds."""
    nodes = nodes.filter(pl.col("kind").is_in(kinds))
    names = nodes.select("id", name=pl.concat_list("name", "synonyms")).explode("name")
    keys = names.select("id", key=compact_key(pl.col("name"))).filter(pl.col("key") != "").unique()
    return keys.group_by("key").len().filter(pl.col("len") > 1).height


def sort_of(reason: pl.Expr) -> pl.Expr:
    """What sort of reason joined identifiers, or held them back."""
    return (
        pl.when(reason.str.contains(" two to Mondo"))
        .then(pl.lit("two to Mondo"))
        .when(reason.str.contains("several of one prefix|two of one prefix"))
        .then(pl.lit("several of one prefix"))
        .when(reason.str.contains(" [<>] "))
        .then(pl.lit("a name and a fact"))
        .when(reason.str.contains("MONDO:.* and the name"))
        .then(pl.lit("a name and Mondo"))
        .when(reason.str.contains("and the name"))
        .then(pl.lit("a name and one of several references"))
        .when(reason.str.contains("the names"))
        .then(pl.lit("two names"))
        .otherwise(pl.lit("a reference or symbol"))
    )


if __name__ == "__main__":
    main()
