"""The whole way from text to relations, measured on this project's annotated notes.

    python benchmarks/end_to_end_text.py [NOTES] [--graph KG] [--ner DIR] [--relations DIR]

NOTES is a folder with texts and `gold.jsonl`; default: the notes that come with medkg. KG is the
graph that mentions are linked to; default: the starter drugs and HPO. First the context alone, the
mentions given; then everything from plain text.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import polars as pl
import torch

from medkg.core.quarantine import Quarantine
from medkg.extract.context.evaluate import evaluate_context
from medkg.extract.evaluate_text import evaluate_notes
from medkg.extract.pipeline import build_pipeline
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.sources import load

NOTES = Path(__file__).parents[1] / "api" / "data" / "notes"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("notes", type=Path, nargs="?", default=NOTES)
    parser.add_argument("--graph", type=Path)
    parser.add_argument("--ner", type=Path)
    parser.add_argument("--relations", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_fmt_str_lengths(50)
    pl.Config.set_tbl_width_chars(200)
    graph = KnowledgeGraph.open(arguments.graph) if arguments.graph else _terminology()
    start = time.perf_counter()
    nlp = build_pipeline(graph, ner_model=arguments.ner, relations_model=arguments.relations)
    print(f"The pipeline was ready in {time.perf_counter() - start:.1f} s.")
    print(evaluate_context(arguments.notes))
    start = time.process_time()
    print(evaluate_notes(arguments.notes, nlp, graph))
    print(f"Reading the notes took {time.process_time() - start:.1f} s of CPU time.")


def _terminology() -> KnowledgeGraph:
    aside = Quarantine()
    return merge(load("starter", None, quarantine=aside), load("hpo", None, quarantine=aside))


if __name__ == "__main__":
    main()
