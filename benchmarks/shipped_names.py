"""Make the shipped names of genes, drugs, drug classes, anatomy, symptoms and diseases anew.

    python benchmarks/shipped_names.py NODES [--check]

NODES is Hetionet v1.0's table of nodes (`hetionet/nodes.tsv.xz` of the data). Writes
`extract/data/names.tsv.xz`: a line for each name, its list and the name. Side effects are left out:
their names come from SIDER, whose licence excludes commercial use. The shipped recogniser was
trained with these names as features, so another table asks for another training. `--check` writes
nothing, and fails where the file holds other names.
"""

from __future__ import annotations

import argparse
import lzma
import sys
from pathlib import Path

from medkg.core.atomic import atomic_file
from medkg.core.errors import DataError
from medkg.extract.mentions.names import SHIPPED, shipped_names

LISTS = {
    "Symptom": "symptom",
    "Disease": "disease",
    "Gene": "gene",
    "Compound": "drug",
    "Pharmacologic Class": "drug class",
    "Anatomy": "anatomy",
}


def names_of(nodes: Path) -> list[tuple[str, str]]:
    """(list, name) of the nodes of these kinds, sorted.

    Raises:
        DataError: the file is not Hetionet's table of nodes.
    """
    with lzma.open(nodes, "rt", encoding="utf-8") as file:
        header = file.readline().split("\t")
        if header[:3] != ["id", "name", "kind"]:
            raise DataError("is not Hetionet's nodes.tsv (id, name, kind, …)", path=nodes)
        rows = [line.rstrip("\n").split("\t") for line in file]
    return sorted({(LISTS[kind], name) for _, name, kind, *_ in rows if kind in LISTS})


def main() -> None:
    """Write the names, or compare them with the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("nodes", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    names = names_of(arguments.nodes)
    if arguments.check:
        if names != list(shipped_names()):
            sys.exit(f"{SHIPPED.name} holds other names")
    else:
        lines = "".join(f"{kind}\t{name}\n" for kind, name in names)
        with atomic_file(SHIPPED) as draft:
            draft.write_bytes(lzma.compress(lines.encode("utf-8"), preset=9))
    print(f"{len(names):,} names")


if __name__ == "__main__":
    main()
