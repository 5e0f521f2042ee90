"""Screening by structure alone: molecules a second, and how early held-back ligands come.

Data: MEDKG_DATA (by default ../shared/data), folder hetionet with drug-target-split: a model is
trained without the new drugs, and asked about them.

    python benchmarks/screening.py [--model FOLDER] [--lines 50000] [--workers 2] [--seed 0]

The library for the speed is made of the graph's own structures: as SMILES with the atoms in random
order, half of them with a methyl group more somewhere, so that few are duplicates. For enrichment,
the held-back drugs of each target with five or more of them are ranked among all drugs that the
model has not seen as its ligands. Prints Markdown. With --model the model is kept there, and not
trained again.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from link_prediction import held_back
from numpy.typing import NDArray
from rdkit import Chem
from scipy.stats import rankdata

from medkg.gnn.links.model import LinkModel, load_model
from medkg.gnn.links.molecules import fingerprints, structures_of, tanimoto
from medkg.gnn.links.screen import part_of, screen
from medkg.gnn.links.train import train_links
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

LEAST = 5  # held-back ligands that a target has


def write_library(molecules: list[Chem.Mol], path: Path, lines: int, seed: int) -> None:
    """Random SMILES of the molecules, every second with a methyl group in place of a hydrogen."""
    generator = np.random.default_rng(seed)
    # Read from SMILES: of what came from InChI every hydrogen is written.
    molecules = [Chem.MolFromSmiles(Chem.MolToSmiles(molecule)) for molecule in molecules]
    molecules = [molecule for molecule in molecules if molecule is not None]
    with path.open("w", encoding="utf-8") as file:
        for line in range(lines):
            molecule = molecules[line % len(molecules)]
            # Not those with a written hydrogen, such as [C@@H]: it would stay.
            places = [
                atom.GetIdx()
                for atom in molecule.GetAtoms()
                if atom.GetAtomicNum() == 6 and atom.GetTotalNumHs() and not atom.GetNumExplicitHs()
            ]
            if places and line // len(molecules) % 2:
                edited = Chem.RWMol(molecule)
                added = edited.AddAtom(Chem.Atom(6))
                edited.AddBond(int(generator.choice(places)), added, Chem.BondType.SINGLE)
                molecule = edited.GetMol()
                molecule.UpdatePropertyCache()
            text = Chem.MolToSmiles(molecule, doRandom=True, canonical=False)
            file.write(f"{text} made{line}\n")


def auroc(scores: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """The chance that a true one comes before a false one; ties count half."""
    ranks, n = rankdata(scores), int(true.sum())
    return float((ranks[true].sum() - n * (n + 1) / 2) / (n * (len(true) - n)))


def enrichment(scores: NDArray[np.float64], true: NDArray[np.bool_], share: float) -> float:
    """How much more frequent true ones are in the first `share` than in the whole."""
    first = np.argsort(-scores, kind="stable")[: max(1, round(share * len(scores)))]
    return float(true[first].mean() / true.mean())


def early(model: LinkModel, kg: KnowledgeGraph) -> None:
    """Print EF 1 % and AUROC over targets, beside the similarity to the nearest known ligand."""
    task, structure = model.task, part_of(model)
    found = structures_of(kg)
    number = {node: n for n, node in enumerate(task.heads)}
    heads = np.array([number[node] for node in found.ids])
    bits = fingerprints(found.molecules)
    trained, test = task.matrix("train", "valid")[heads], task.matrix("test")[heads]
    counts = np.asarray(test.sum(0)).ravel()
    having = np.asarray(structure.known.sum(0)).ravel()
    targets = np.flatnonzero((counts >= LEAST) & (having > 0))
    scores = model.scorer.score_heads(torch.from_numpy(targets)).numpy()[:, heads]
    rows = []
    for target, score in zip(targets, scores, strict=True):
        asked = np.asarray(trained[:, [target]].todense()).ravel() == 0
        true = np.asarray(test[:, [target]].todense()).ravel()[asked] > 0
        ligands = structure.ligands.morgan[structure.known[:, [target]].nonzero()[0]]
        nearest = tanimoto(bits[asked], ligands).max(1)
        rows.append(
            [f(s, true) for s in (score[asked], nearest) for f in (auroc, _ef1, _ef5)]
            + [asked.sum(), true.sum()]
        )
    table = np.array(rows, dtype=float)
    mean, pairs = table.mean(0), int(table[:, -1].sum())
    print(f"\n{len(targets)} targets, {pairs} held-back ligands, among {table[:, -2].mean():.0f}\n")
    print("| | AUROC | EF 1 % | EF 5 % |\n|---|---|---|---|")
    print(f"| structure | {mean[0]:.3f} | {mean[1]:.1f} | {mean[2]:.1f} |")
    print(f"| nearest known ligand | {mean[3]:.3f} | {mean[4]:.1f} | {mean[5]:.1f} |")


def _ef1(scores: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    return enrichment(scores, true, 0.01)


def _ef5(scores: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    return enrichment(scores, true, 0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description="Screening by structure alone.")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MEDKG_DATA", default)) / "hetionet"
    kg = load("hetionet", folder)
    if arguments.model is not None and arguments.model.is_dir():
        model = load_model(arguments.model, kg)
    else:
        split = held_back(kg, folder, "new-drugs")
        model = train_links(
            kg, model="structure", split=split, seed=arguments.seed, out=arguments.model
        )
    early(model, kg)
    with tempfile.TemporaryDirectory() as place:
        library = Path(place) / "library.smi"
        write_library(structures_of(kg).molecules, library, arguments.lines, arguments.seed)
        for name in ("DRD2", "EGFR"):
            start = time.perf_counter()
            found = screen(model, name, library, workers=arguments.workers)
            seconds = time.perf_counter() - start
            counts = found.counts
            said = ", ".join(f"{counts[what]:,} {what}" for what in counts)
            print(
                f"\n{name}: {arguments.lines / seconds:,.0f} molecules/s with {arguments.workers}"
                f" processes ({seconds:.1f} s; {said})"
            )


if __name__ == "__main__":
    main()
