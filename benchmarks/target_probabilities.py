"""How the probability of TARGETS is best put together, on EU-ADR's drugs and targets.

    python benchmarks/target_probabilities.py CORPORA

Two models speak of a drug and a target: one says whether a document relates them, one whether a
sentence says that the drug acts on the target. Of the pairs that `extract` asserts the table has
the mean probability by either and by ways of joining them, the share that EU-ADR's annotators
associate, the Brier score, and how much lower it is than the product's (95 %, by resampling
documents). EU-ADR was no part of any training.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.readers import read_annotated
from medkg.extract.relations.candidates import concept, relation_candidates
from medkg.extract.relations.component import RelationsComponent
from medkg.extract.relations.evaluate_associations import annotated_associations, with_gold_mentions
from medkg.extract.relations.model import RelationModel
from medkg.extract.relations.paper_relations import stated_action
from medkg.extract.relations.rules import target_rule

NAME = "TARGETS"


def pairs(file: Path) -> Iterator[tuple[str, float, float, bool]]:
    """A pair's document, its two probabilities, and whether it is associated."""
    documents = read_annotated(file, Quarantine(), labels={})
    (associations,) = annotated_associations(documents).values()
    component = RelationsComponent(RelationModel.load())
    docs = list(component.pipe(with_gold_mentions(documents)))
    candidates = [list(relation_candidates(doc)) for doc in docs]
    for document, doc, read, facts in zip(
        documents, docs, *component.read(docs, candidates), strict=True
    ):
        asserted = {
            (r.head.start, r.tail.start)
            for r in doc._.relations
            if r.relation == NAME and r.context["polarity"] == "asserted"
        }
        for pair in read:
            head, tail, words = pair.candidate
            concepts = concept(head), concept(tail)
            named = (document.id, *concepts)
            if (head.start, tail.start) in asserted and named in associations.annotated:
                acts, _ = stated_action(pair, target_rule(words))
                related = facts.probabilities[NAME][concepts]
                yield document.id, related, acts, named in associations.true


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpora", type=Path)
    file = parser.parse_args().corpora / "euadr" / "EUADR_drug_target.csv"
    ids, document, acts, true = (np.array(column) for column in zip(*pairs(file), strict=True))
    ways = {
        "document": document,
        "sentence": acts,
        "product": document * acts,
        "the lower": np.minimum(document, acts),
        "mean": (document + acts) / 2,
    }
    generator = np.random.default_rng(0)
    names = np.unique(ids)
    draws = [
        np.concatenate(
            [np.flatnonzero(ids == name) for name in generator.choice(names, len(names))]
        )
        for _ in range(2000)
    ]
    rows = []
    for name, stated in ways.items():
        lower = (ways["product"] - true) ** 2 - (stated - true) ** 2
        low, high = np.percentile([lower[draw].mean() for draw in draws], [2.5, 97.5])
        brier = ((stated - true) ** 2).mean()
        rows.append((name, len(true), stated.mean(), true.mean(), brier, lower.mean(), low, high))
    columns = ("probability", "pairs", "mean", "associated", "brier", "gain", "low", "high")
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    with pl.Config(tbl_cols=-1, float_precision=3):
        print(frame)


if __name__ == "__main__":
    main()
