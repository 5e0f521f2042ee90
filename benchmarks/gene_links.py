"""Links of genes in a corpus with NCBI's identifiers, man's genes and other species' apart.

    python benchmarks/gene_links.py CORPUS      for example BioRED's Dev.PubTator

Gold mentions, linked to the names that come with medkg. A link is right where the node, or one of
its cross-references, is among the mention's identifiers; a family is never one.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.readers import read_annotated
from medkg.extract.linking.linker import Linker
from medkg.extract.linking.train import link_queries
from medkg.extract.species import animals_of
from medkg.terminology import default_terminology


def main() -> None:
    """Print how many mentions of each species have a link, to a family, and the right one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("corpus", type=Path)
    terminology = default_terminology()
    targets = terminology.nodes.filter(kind="Target")
    ids_of = {node: {node, *xrefs} for node, xrefs in targets.select("id", "xrefs").iter_rows()}
    human = set().union(*ids_of.values())
    linker = Linker(terminology.with_frames(nodes=targets))
    counts: Counter[str] = Counter()
    for document in read_annotated(parser.parse_args().corpus, Quarantine(), labels={}):
        queries, gold = link_queries(document, "medkg")
        for query, ids, links in zip(queries, gold, linker.in_document(queries), strict=True):
            if query.kind != "Target" or not ids:
                continue
            species = "man's" if ids & human else "others'"
            counts[f"{species} mentions"] += 1
            counts[f"{species}, in a paper of animals alone"] += bool(animals_of(document.text))
            if links:
                counts[f"{species}, the first candidate right"] += bool(
                    ids_of[links[0].identifier] & ids
                )
                counts[f"{species}, linked"] += links[0].score >= linker.threshold
                counts[f"{species}, a family"] += links[0].identifier.startswith("FPLX:")
    for what, count in sorted(counts.items()):
        print(f"{what}: {count:,}")


if __name__ == "__main__":
    main()
