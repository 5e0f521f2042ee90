"""Compare the starter set of drugs with Hetionet.

    python benchmarks/starter_agreement.py [--disagreements] [--folder FOLDER]

Only drugs that both hold count, and of those, per table, the ones about which Hetionet says
anything of that sort (CbG, CtD, CpD or CcSE). Precision: the part of the starter set's pairs that
Hetionet has; recall: the part of Hetionet's that the starter set has. Neither is right by being
itself: Hetionet is from 2016, its CbG edges mix targets with metabolising enzymes, transporters
and assay results, and the starter set states only main effects.
"""

from __future__ import annotations

import argparse
import lzma
from collections import defaultdict
from pathlib import Path

from starter_identifiers import STARTER, data_folder, identify, read_sources, rows_of

Pairs = set[tuple[str, str]]


def hetionet_edges(folder: Path) -> dict[str, Pairs]:
    """Hetionet's (drug, other end) pairs per edge type, as CURIEs."""
    prefix = {"Gene": "NCBIGene:", "Disease": "", "Side Effect": "UMLS:"}
    edges: dict[str, Pairs] = {kind: set() for kind in ("CbG", "CtD", "CpD", "CcSE")}
    for path in sorted(folder.glob("edges-*.tsv.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                source, kind, target = line.rstrip("\n").split("\t")
                if kind in edges:
                    label, _, local = target.partition("::")
                    drug = "drugbank:" + source.partition("::")[2]
                    edges[kind].add((drug, prefix[label] + local))
    return edges


def compare(title: str, ours: Pairs, theirs: Pairs) -> tuple[Pairs, Pairs]:
    """Print a row of the table; return what only the one and only the other has."""
    drugs = {drug for drug, _ in theirs} & {drug for drug, _ in ours}
    ours = {pair for pair in ours if pair[0] in drugs}
    theirs = {pair for pair in theirs if pair[0] in drugs}
    both = len(ours & theirs)
    print(
        f"| {title} | {len(drugs)} | {len(ours)} | {len(theirs)} | {both} "
        f"| {both / len(ours):.3f} | {both / len(theirs):.3f} |"
    )
    return ours - theirs, theirs - ours


def main() -> None:
    """Print the table, and with --disagreements what only one of the two has."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=STARTER, help="another version of the set")
    parser.add_argument("--disagreements", action="store_true", help="list them")
    options = parser.parse_args()
    sources, edges = read_sources(data_folder()), hetionet_edges(data_folder() / "hetionet")
    rows = identify(sources, options.folder)
    ids = {(kind, name): identifier for kind, name, identifier, _, _ in rows}
    label = {identifier: name for _, name, identifier, _, _ in rows}
    known = {
        curie: name
        for names in (sources.compounds, sources.genes, sources.diseases, sources.side_effects)
        for names_by_curie in names.ids.values()
        for curie, name in names_by_curie.items()
    }
    umls: dict[str, list[str]] = defaultdict(list)
    for kind, name, identifier, xrefs, _ in rows:
        if kind == "Symptom":
            concepts = [identifier, *xrefs.split("|")]
            umls[name] = [concept for concept in concepts if concept in known]

    targets: Pairs = set()
    adme: Pairs = set()
    for row in rows_of("targets", options.folder):
        pair = (ids["Drug", row["drug"]], ids["Target", row["symbol"]])
        (targets if row["role"] == "target" else adme).add(pair)
    stated: dict[str, Pairs] = defaultdict(set)
    for row in rows_of("indications", options.folder):
        pair = (ids["Drug", row["drug"]], ids["Disease", row["disease"]])
        if pair[1] in known:
            stated[row["relation"]].add(pair)
    effects: Pairs = set()
    for row in rows_of("effects", options.folder):
        drug = ids["Drug", row["drug"]]
        concepts = umls[row["effect"]]
        # One term of HPO may be several concepts: agreeing with one of them is to agree.
        agreed = [concept for concept in concepts if (drug, concept) in edges["CcSE"]]
        effects |= {(drug, concept) for concept in (agreed or concepts[:1])}

    treats, palliates = stated["TREATS"], stated["PALLIATES"]
    genes = {gene for _, gene in targets}
    among = {pair for pair in edges["CbG"] if pair[1] in genes}
    print("| starter against Hetionet | drugs | starter | Hetionet | both | precision | recall |")
    print("|---|---|---|---|---|---|---|")
    lists = {
        "targets against CbG, genes that are a target in the starter set": compare(
            "TARGETS, role target, against CbG to genes the starter has as a target", targets, among
        ),
        "": compare("TARGETS, role target, against CbG, all genes", targets, edges["CbG"]),
        " ": compare("TARGETS, any role, against CbG, all genes", targets | adme, edges["CbG"]),
        "TREATS against CtD": compare("TREATS against CtD", treats, edges["CtD"]),
        "PALLIATES against CpD": compare("PALLIATES against CpD", palliates, edges["CpD"]),
        "  ": compare(
            "TREATS or PALLIATES against CtD or CpD",
            treats | palliates,
            edges["CtD"] | edges["CpD"],
        ),
        "effects against CcSE": compare("CAUSES against CcSE", effects, edges["CcSE"]),
    }
    if options.disagreements:
        for title, (only_ours, only_theirs) in lists.items():
            if not title.strip():
                continue
            for whose, pairs in (("starter", only_ours), ("Hetionet", only_theirs)):
                if whose == "Hetionet" and "effects" in title:
                    continue  # it lists every effect that a label mentions
                print(f"\n{title}: only {whose}")
                for drug, other in sorted(pairs, key=lambda pair: label[pair[0]]):
                    print(f"  {label[drug]}\t{known.get(other) or label[other]}\t{other}")


if __name__ == "__main__":
    main()
