"""Chinese: names, mentions, context and linking, on the development parts of cMedQANER and CMDD.

    python benchmarks/chinese.py names DATA OUT      the graph of names that the recogniser learns
    python benchmarks/chinese.py mentions DATA       the recogniser that ships, and a CRF beside it
    python benchmarks/chinese.py context DATA        present, absent, uncertain in CMDD
    python benchmarks/chinese.py linking             200 names of CMDD to HPO

DATA is the folder of data: `chinese/cmedqa-ner`, `chinese/cmdd` and, for names, `chinese/thuocl`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

import medkg
from medkg.graph.frames import EVIDENCE, Source, empty
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load


def names(data: Path, out: Path) -> None:
    """Write the graph of names: HPO, starter set and common diseases in Chinese, THUOCL's words."""
    lines = (data / "chinese" / "thuocl" / "THUOCL_medical.txt").read_text("utf-8").split("\n")
    words = sorted({line.split()[0] for line in lines if line.strip()})
    # Of what kind a word is the list doesn't say: a kind that is none of a mention's.
    nodes = pl.DataFrame(
        {
            "id": [f"medkg:thuocl-{n}" for n in range(len(words))],
            "kind": "Anatomy",
            "name": words,
        }
    )
    source = Source("thuocl", "1.0", "MIT", "https://github.com/thunlp/THUOCL")
    thuocl = KnowledgeGraph.build(nodes, empty(EVIDENCE).drop("id", "edge"), [source])
    graphs = [load(name, language="zh") for name in ("hpo", "starter", "common")]
    medkg.merge(*graphs, thuocl).save(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("names", "mentions", "context", "linking"))
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("out", type=Path, nargs="?")
    arguments = parser.parse_args()
    if arguments.what == "names":
        names(arguments.data, arguments.out)


if __name__ == "__main__":
    main()
