"""Whether as many new pairs are true as probabilities say, by measurements that a model never saw.

    python benchmarks/missing_pairs.py MODEL PANEL

MODEL is a folder of `medkg train links --relation TARGETS`, on a graph without PANEL, a graph of
`medkg load davis` (or kiba): of its compounds that MODEL's graph holds, by cross-reference, every
pair with a protein of the panel that is new to MODEL and among the first 100 candidates of the
drug. Expected is the sum of their probabilities, as `predict` states them and as they were fitted
on pairs held out; observed is how many the panel found to bind.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from medkg.core.calibration import (
    CALIBRATED_CANDIDATES,
    expected_calibration_error,
    reliability_bins,
)
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("panel", type=Path)
    arguments = parser.parse_args()
    model = load_link_model(arguments.model)
    pairs = new_pairs(model, measured(model, KnowledgeGraph.open(arguments.panel)))
    true = pairs["binds"].to_numpy()
    print(f"{pairs['head'].n_unique()} drugs, {pairs.height:,} new pairs that were measured\n")
    print("| probabilities | expected | observed | ECE |\n|---|---|---|---|")
    for name in ("stated", "held_out"):
        values = pairs[name].to_numpy()
        error = expected_calibration_error(reliability_bins(values, true))
        print(f"| {name} | {values.sum():.1f} | {true.sum()} | {error:.4f} |")


def measured(model: LinkModel, panel: KnowledgeGraph) -> pl.DataFrame:
    """The panel's pairs of nodes of the model's graph (head, tail), and whether they bind."""
    merged = merge(model.graph, panel)
    # A node of the model's graph may have taken the panel's identifier.
    own = set(model.graph.nodes["id"])
    joined = merged.merges.filter("applied").select("merged", "kept").iter_rows()
    former = {kept: before for before, kept in joined if before in own}
    ends = {
        name: pl.col(end).replace(former) for name, end in (("head", "subject"), ("tail", "object"))
    }
    source = panel.evidence["source"][0]
    rows = merged.evidence.filter(certainty="certain", relation="TARGETS", source=source)
    return rows.group_by(**ends).agg(binds=(pl.col("polarity") == "asserted").any())


def new_pairs(model: LinkModel, panel: pl.DataFrame) -> pl.DataFrame:
    """The measured pairs among the new first candidates, with both probabilities."""
    heads = sorted(set(panel["head"]).intersection(model.task.heads))
    rows = pl.concat(model.predict(head, top=CALIBRATED_CANDIDATES) for head in heads)
    scores, ranks = rows["score"].to_numpy(), rows["rank"].cast(pl.Float64).to_numpy()
    of_held_out = model.calibrations["tail"].probability(scores, np.asarray(ranks))
    return rows.select("head", "tail", stated="probability", held_out=of_held_out).join(
        panel, on=["head", "tail"]
    )


if __name__ == "__main__":
    main()
