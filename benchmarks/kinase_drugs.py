"""The main targets of approved kinase drugs by their structures, of a model that never saw them.

Data: MEDKG_DATA (by default ../shared/data), folders hetionet and molecules/affinity.

    python benchmarks/kinase_drugs.py [--sources hetionet,starter,davis,kiba,bindingdb] [--seed 0]

All drugs of `DRUGS` at once, and all compounds that are nearly the same (the skeleton of their
InChIKey, or a Tanimoto similarity of Morgan fingerprints of at least .9), lose all of their edges
in the sources, joined to one graph; the model of structures (`predict --smiles`) is trained on what
is left. Each drug's main target is ranked among all targets; beside the model the nearest ligands
(the sum of a target's ligands' similarity⁶) and the number of known ligands; equal scores share the
mean of their ranks. Nothing is chosen by these figures. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rdkit import Chem

from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.sources import load
from medkg.mining.links.leaks import SIMILARITY
from medkg.mining.links.task import link_task
from medkg.mining.molecules.fingerprints import molecule_features, morgan_fingerprints, tanimoto
from medkg.mining.molecules.nearest_ligands import UNLIKE
from medkg.mining.molecules.structure_ranker import StructureRanker, StructureScorer
from medkg.mining.molecules.structures import inchikey_skeleton, parse, structures_of

FIRST = 5


class Drug(NamedTuple):
    """A drug, the one kinase that its (first) approved use rests on, and its structure: SMILES, or
    DrugBank's identifier in Hetionet."""

    name: str
    target: str
    structure: str


DRUGS = (
    Drug("osimertinib", "EGFR", "C=CC(=O)Nc1cc(Nc2nccc(n2)-c2cn(C)c3ccccc23)c(OC)cc1N(C)CCN(C)C"),
    Drug("gefitinib", "EGFR", "drugbank:DB00317"),
    Drug("erlotinib", "EGFR", "drugbank:DB00530"),
    Drug("afatinib", "EGFR", "drugbank:DB08916"),
    Drug("lapatinib", "ERBB2", "drugbank:DB01259"),
    Drug("imatinib", "ABL1", "drugbank:DB00619"),
    Drug("dasatinib", "ABL1", "drugbank:DB01254"),
    Drug("nilotinib", "ABL1", "drugbank:DB04868"),
    Drug("bosutinib", "ABL1", "drugbank:DB06616"),
    Drug("ponatinib", "ABL1", "drugbank:DB08901"),
    Drug("sunitinib", "KDR", "drugbank:DB01268"),
    Drug("sorafenib", "KDR", "drugbank:DB00398"),
    Drug("pazopanib", "KDR", "drugbank:DB06589"),
    Drug("regorafenib", "KDR", "drugbank:DB08896"),
    Drug("axitinib", "KDR", "CNC(=O)c1ccccc1Sc1ccc2c(C=Cc3ccccn3)n[nH]c2c1"),
    Drug("vandetanib", "RET", "drugbank:DB05294"),
    Drug("crizotinib", "ALK", "drugbank:DB08865"),
    Drug("vemurafenib", "BRAF", "drugbank:DB08881"),
    Drug("dabrafenib", "BRAF", "drugbank:DB08912"),
    Drug("trametinib", "MAP2K1", "drugbank:DB08911"),
    Drug("ruxolitinib", "JAK2", "drugbank:DB08877"),
    Drug("tofacitinib", "JAK3", "CC1CCN(CC1N(C)c1ncnc2[nH]ccc12)C(=O)CC#N"),
)


def main() -> None:
    """Join the sources, leave the drugs out, train, and print the ranks of their main targets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sources", default="hetionet,starter,davis,kiba,bindingdb")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.process_time()
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    data = Path(os.environ.get("MEDKG_DATA", default))
    graphs = {name: load_source(name, data) for name in arguments.sources.split(",")}
    molecules = structures_of_drugs(graphs.get("hetionet") or load_source("hetionet", data))
    kg, n_left_out = without_drugs(merge(*graphs.values()), molecules)
    ranker, tails = train(kg, arguments.seed)
    pairs = f"{ranker.known.nnz:,} known pairs of {len(ranker.heads):,} compounds"
    print(f"{arguments.sources}: {n_left_out} compounds left out, {pairs} with a structure\n")
    print_ranks(kg, ranker, tails, molecules)
    print(f"\n{(time.process_time() - start) / 60:.1f} CPU minutes")


def load_source(name: str, data: Path) -> KnowledgeGraph:
    """A source by the files that the data hold, or that come with medkg."""
    if name == "starter":
        return load(name)
    affinity = data / "molecules" / "affinity"
    if name == "bindingdb":  # whose pairs name kinases by the sequences that KIBA has
        return load(name, affinity / name, proteins=str(affinity / "kiba" / "proteins.txt.xz"))
    return load(name, data / "hetionet" if name == "hetionet" else affinity / name)


def structures_of_drugs(hetionet: KnowledgeGraph) -> list[Chem.Mol]:
    """The molecules of `DRUGS`."""
    ids = [drug.structure for drug in DRUGS]
    nodes = hetionet.with_frames(nodes=hetionet.nodes.filter(pl.col("id").is_in(ids)))
    by_id = structures_of(nodes)
    of_nodes = dict(zip(by_id.ids, by_id.molecules, strict=True))
    return [of_nodes.get(text) or _read(text) for text in ids]


def _read(smiles: str) -> Chem.Mol:
    molecule, reason = parse(smiles)
    if molecule is None:
        raise SystemExit(f"{smiles} can't be read: {reason}")
    return molecule


def without_drugs(kg: KnowledgeGraph, molecules: list[Chem.Mol]) -> tuple[KnowledgeGraph, int]:
    """The graph without the edges of these molecules and of those nearly the same, and how many
    compounds these are."""
    structures = structures_of(kg)
    skeletons = {inchikey_skeleton(molecule) for molecule in molecules}
    prints = morgan_fingerprints(structures.molecules), morgan_fingerprints(molecules)
    alike = tanimoto(*prints).max(1) >= SIMILARITY
    is_same = [inchikey_skeleton(molecule) in skeletons for molecule in structures.molecules]
    left_out = {structures.ids[n] for n in np.flatnonzero(alike | is_same)}
    for drug in DRUGS:  # nodes without a structure
        left_out |= set(kg.find(drug.name, "Drug")["id"])
    has_end = pl.col("subject").is_in(left_out) | pl.col("object").is_in(left_out)
    return kg.without_edges(kg.edges.filter(has_end)["id"]), len(left_out)


def train(kg: KnowledgeGraph, seed: int) -> tuple[StructureRanker, list[str]]:
    """The model of structures by all pairs of the graph, and the identifiers of its tails."""
    task = link_task(kg, "TARGETS").whole
    known = task.matrix("train")
    scorer = StructureScorer.fit(kg, task.edge_type, known, exclude_edges=task.excluded, seed=seed)
    return scorer.structure, list(task.tails)


def print_ranks(
    kg: KnowledgeGraph, ranker: StructureRanker, tails: list[str], molecules: list[Chem.Mol]
) -> None:
    """A row for each drug, and how many main targets are among the first."""
    features = molecule_features(molecules)
    similarity = tanimoto(features.morgan, ranker.ligands.morgan)
    known = (ranker.known > 0).astype(np.float32)
    n_ligands = np.asarray(known.sum(0)).ravel()
    by_method = (
        ranker.score(features),
        similarity**6 @ known.toarray(),
        np.tile(n_ligands, (len(DRUGS), 1)),
    )
    number_of = {tail: number for number, tail in enumerate(tails)}
    print("| drug | main target | its ligands | nearest ligand | rank | nearest ligands | degree |")
    print("|---|---|---|---|---|---|---|")
    ranks = np.empty((len(DRUGS), len(by_method)))
    for row, drug in enumerate(DRUGS):
        tail = number_of[kg.resolve(drug.target, "Target")]
        ranks[row] = [rank(scores[row], tail) for scores in by_method]
        nearest = similarity[row].max()
        unlike = ", unlike all" if nearest < UNLIKE else ""
        cells = (drug.name, drug.target, f"{n_ligands[tail]:.0f}", f"{nearest:.2f}{unlike}")
        print(f"| {' | '.join((*cells, *(f'{r:g}' for r in ranks[row])))} |")
    shares = " | ".join(f"{(of_method <= FIRST).sum()}" for of_method in ranks.T)
    print(f"| **among the first {FIRST}**, of {len(DRUGS)} | | | | {shares} |")


def rank(scores: NDArray[np.float32], tail: int) -> float:
    """The place of a tail by its score, equal scores sharing the mean of theirs."""
    own = scores[tail]
    before, same = int((scores > own).sum()), int((scores == own).sum())
    return 1 + before + (same - 1) / 2


if __name__ == "__main__":
    main()
