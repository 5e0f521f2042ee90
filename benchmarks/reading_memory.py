"""Where memory and time go before a process has read its first abstract, and what reading takes.

    python benchmarks/reading_memory.py CORPUS [--documents 180]

CORPUS is annotated text, whose texts are read with the names that come with medkg, in one process
and thread, but for the rows of a graph.
Each step says the memory that is resident after it, and the processor time so far. Run it twice:
the first run also builds the index of names, which the second finds in the cache.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--documents", type=int, default=180)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    report("PyTorch")
    from medkg.core.quarantine import Quarantine
    from medkg.extract.corpora.readers import read_annotated
    from medkg.extract.pipeline import build_pipeline
    from medkg.terminology import default_terminology

    report("spaCy and medkg")
    terms = default_terminology()
    report("names")
    nlp = build_pipeline(terms.with_frames(nodes=terms.nodes.head(1)))
    report("models")
    for name in ("medkg_names", "medkg_neighbours", "medkg_linker", "medkg_laboratory"):
        nlp.get_pipe(name).use(terms)
    report("index of names")
    documents = read_annotated(arguments.corpus, Quarantine(), labels={})[: arguments.documents]
    for document in documents:
        with nlp.memory_zone():
            nlp(document.text)
    report(f"{len(documents)} documents read")


def report(step: str) -> None:
    """Print what is resident now, and the most that was."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{step}: {resident / 1000:,.0f} MB resident, {most / 1000:,.0f} MB at most,"
        f" {time.process_time():.1f} s of processor time",
        flush=True,
    )


if __name__ == "__main__":
    main()
