"""Screening by structure alone: molecules a second, and how early held-back ligands come.

Data: MEDKG_DATA (by default ../shared/data), folder hetionet with drug-target-split: a model is
trained without the new drugs, and evaluated on them.

    python benchmarks/screening.py [--model FOLDER] [--lines 50000] [--workers 2] [--seed 0]

The libraries for the speed are made of the graph's own structures, as SMILES with the atoms in
random order: one of different molecules, each with one or two methyl groups more somewhere, and one
with many duplicates (every second line with a methyl group more, the others as they are; three in
four of 50,000 lines). For enrichment, the held-back drugs of each target with five or more of them
are ranked among all drugs that the model has not seen as its ligands. Prints Markdown. With --model
the model is kept there, and not trained again.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.mining.molecules.fingerprints import morgan_fingerprints, tanimoto
from medkg.mining.molecules.nearest_ligands import structure_ranker_of
from medkg.mining.molecules.screen import screen
from medkg.mining.molecules.structures import structures_of

if TYPE_CHECKING:
    from medkg.mining.links.model import LinkModel

# What else is imported is so where it is used: the processes of `screen` import this file, too.

LEAST = 5  # held-back ligands that a target has


def write_library(
    molecules: list[Chem.Mol], path: Path, lines: int, seed: int, *, different: bool
) -> None:
    """Random SMILES of the molecules, with methyl groups in place of hydrogens: one or two of them,
    and no molecule twice, if `different`; else one in every second."""
    generator = np.random.default_rng(seed)
    # Read from SMILES: of what came from InChI every hydrogen is written.
    molecules = [Chem.MolFromSmiles(Chem.MolToSmiles(molecule)) for molecule in molecules]
    molecules = [molecule for molecule in molecules if molecule is not None]
    written, tried, seen = 0, 0, set()
    with path.open("w", encoding="utf-8") as file:
        while written < lines:
            round_, number = divmod(tried, len(molecules))
            tried += 1
            methyls = 1 + round_ % 2 if different else round_ % 2
            molecule = with_methyls(molecules[number], methyls, generator)
            if different:
                key = Chem.MolToSmiles(molecule)
                if key in seen:
                    continue
                seen.add(key)
            text = Chem.MolToSmiles(molecule, doRandom=True, canonical=False)
            file.write(f"{text} made{written}\n")
            written += 1


def with_methyls(molecule: Chem.Mol, n: int, generator: np.random.Generator) -> Chem.Mol:
    """The molecule with methyl groups at `n` random carbons, or as many as have a hydrogen."""
    # Not those with a written hydrogen, such as [C@@H]: it would stay.
    places = [
        atom.GetIdx()
        for atom in molecule.GetAtoms()
        if atom.GetAtomicNum() == 6 and atom.GetTotalNumHs() and not atom.GetNumExplicitHs()
    ]
    edited = Chem.RWMol(molecule)
    for place in generator.choice(places, min(n, len(places)), replace=False) if places else []:
        added = edited.AddAtom(Chem.Atom(6))
        edited.AddBond(int(place), added, Chem.BondType.SINGLE)
    changed = edited.GetMol()
    changed.UpdatePropertyCache()
    return changed


def auroc(scores: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the probability that a true one is ranked before a false one; ties
    count half."""
    from scipy.stats import rankdata

    ranks, n = rankdata(scores), int(true.sum())
    return float((ranks[true].sum() - n * (n + 1) / 2) / (n * (len(true) - n)))


def enrichment(scores: NDArray[np.float64], true: NDArray[np.bool_], share: float) -> float:
    """Enrichment factor: how much more frequent true ones are in the first `share` than overall."""
    first = np.argsort(-scores, kind="stable")[: max(1, round(share * len(scores)))]
    return float(true[first].mean() / true.mean())


def print_enrichment(model: LinkModel, kg: KnowledgeGraph) -> None:
    """Print EF 1 % and AUROC over targets, beside the similarity to the nearest known ligand."""
    import torch

    task, ranker = model.task, structure_ranker_of(model)
    structures = structures_of(kg)
    number = {node: n for n, node in enumerate(task.heads)}
    heads = np.array([number[node] for node in structures.ids])
    bits = morgan_fingerprints(structures.molecules)
    trained, test = task.matrix("train", "valid")[heads], task.matrix("test")[heads]
    counts = np.asarray(test.sum(0)).ravel()
    n_ligands = np.asarray((ranker.known > 0).sum(0)).ravel()
    targets = np.flatnonzero((counts >= LEAST) & (n_ligands > 0))
    scores = model.scorer.score_heads(torch.from_numpy(targets)).numpy()[:, heads]
    rows = []
    for target, score in zip(targets, scores, strict=True):
        is_candidate = np.asarray(trained[:, [target]].todense()).ravel() == 0
        true = np.asarray(test[:, [target]].todense()).ravel()[is_candidate] > 0
        ligands = ranker.ligands.morgan[ranker.known[:, [target]].nonzero()[0]]
        nearest = tanimoto(bits[is_candidate], ligands).max(1)
        rows.append(
            [f(s, true) for s in (score[is_candidate], nearest) for f in (auroc, _ef1, _ef5)]
            + [is_candidate.sum(), true.sum()]
        )
    table = np.array(rows, dtype=float)
    mean, pairs = table.mean(0), int(table[:, -1].sum())
    print(f"\n{len(targets)} targets, {pairs} held-back ligands, among {table[:, -2].mean():.0f}\n")
    print("| | AUROC | EF 1 % | EF 5 % |\n|---|---|---|---|")
    print(f"| structure | {mean[0]:.3f} | {mean[1]:.1f} | {mean[2]:.1f} |")
    print(f"| nearest known ligand | {mean[3]:.3f} | {mean[4]:.1f} | {mean[5]:.1f} |")


def cpu_seconds() -> float:
    """Of this process and of those that it began and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in used)


def print_speed(model: LinkModel, library: Path, workers: int) -> None:
    """Print how many molecules a second are ranked for two targets."""
    for name in ("DRD2", "EGFR"):
        start, cpu = time.perf_counter(), cpu_seconds()
        counts = screen(model, name, library, workers=workers).counts
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        text = ", ".join(f"{counts[what]:,} {what}" for what in counts)
        print(
            f"\n{library.stem}, {name}: {counts['read'] / seconds:,.0f} molecules/s with {workers}"
            f" processes ({seconds:.1f} s; CPU {cpu:.1f} s, {1000 * cpu / counts['read']:.2f} ms a"
            f" molecule; {text})",
            flush=True,
        )


def _ef1(scores: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    return enrichment(scores, true, 0.01)


def _ef5(scores: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    return enrichment(scores, true, 0.05)


def main() -> None:
    from link_prediction import held_back

    from medkg.mining.links.load import load_link_model
    from medkg.mining.links.train import train_links

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
        model = load_link_model(arguments.model, kg)
        if model.refitted:
            raise SystemExit(f"{arguments.model}: knows the test's ligands; train with --no-refit")
    else:
        split = held_back(kg, folder, "new-drugs")
        model = train_links(
            kg, model="structure", split=split, seed=arguments.seed, out=arguments.model
        )
    print_enrichment(model, kg)
    with tempfile.TemporaryDirectory() as place:
        molecules = structures_of(kg).molecules
        for name, different in (("different", True), ("duplicates", False)):
            library = Path(place) / f"{name}.smi"
            write_library(molecules, library, arguments.lines, arguments.seed, different=different)
            print_speed(model, library, arguments.workers)


if __name__ == "__main__":
    main()
