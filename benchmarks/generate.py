"""New molecules: a generator's figures, and whether what ligands guide is like others of them.

Data: MEDKG_DATA (by default ../shared/data), folder molecules.

    python benchmarks/generate.py [MODEL] [--targets 5] [--seed 0]

MODEL is a folder of `medkg train generator`; if it is left out, the one that ships. First its
figures by ZINC beside an n-gram model's. Then the judge is never the guide: of targets of KIBA with
60 ligands or more (a score of 12.1 or more), drawn at random, half of the ligands guide, the other
half judge, and no Murcko scaffold is in both halves. The 100 molecules that `medkg generate` writes
are compared by the similarity to the nearest judging ligand with 100 molecules of ZINC, each of the
nearest weight, and with the 100 of 20,000 molecules of ZINC that are most similar to the guides.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors
from rdkit.Chem.Scaffolds import MurckoScaffold
from scipy import sparse

from medkg.core.input_files import opened
from medkg.core.json_reading import VOCABULARY_LIMITS, parse_json
from medkg.core.statistics import Bootstrap, difference_with_interval
from medkg.loaders.affinity import BINDS_FROM_SCORE
from medkg.mining.molecules.fingerprints import morgan_fingerprints
from medkg.mining.molecules.generator.figures import DESCRIPTORS, evaluate_generator
from medkg.mining.molecules.generator.generate import Guide, generate
from medkg.mining.molecules.generator.ligands import LigandSet, ligands_of_smiles
from medkg.mining.molecules.generator.model import SHIPPED, Generator, open_generator

LEAST_LIGANDS = 60
BEST = 100  # molecules that are judged
LIBRARY = 20_000  # molecules of ZINC that weights are matched with


class Compared(NamedTuple):
    """Molecules that others are compared with.

    Attributes:
        bits: fingerprints. weights: g/mol.
    """

    bits: sparse.csr_matrix
    weights: NDArray[np.float64]


def main() -> None:
    """Print the figures, then those of the targets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--targets", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    data = Path(os.environ.get("MEDKG_DATA", default)) / "molecules"
    print_figures(arguments.model, data / "zinc250k.smi.gz", arguments.seed)
    print_targets(arguments.model, data, arguments.targets, arguments.seed)


def print_figures(model: Path, library: Path, seed: int) -> None:
    report = evaluate_generator(model, library, seed=seed)
    print(f"| generator | valid | unique | novel | {' | '.join(DESCRIPTORS)} |")
    print("|---|---|---|---|" + "---|" * len(DESCRIPTORS))
    for name, figures in ((report["model"], report["figures"]), ("ngram", report["baseline"])):
        cells = [f"{figures[key]:.3f}" for key in ("valid", "unique", "novel")]
        cells += [f"{figures['distances'][key]:.3f}" for key in DESCRIPTORS]
        print(f"| {name} | {' | '.join(cells)} |")
    floor = [f"{report['figures']['floor'][key]:.3f}" for key in DESCRIPTORS]
    print(f"| training data |  |  |  | {' | '.join(floor)} |\n", flush=True)


def print_targets(model: Path, data: Path, n_targets: int, seed: int) -> None:
    generator, compared = open_generator(model), zinc(data / "zinc250k.smi.gz", seed)
    targets = kiba_ligands(data / "affinity" / "kiba")
    rng = np.random.default_rng(seed)
    drawn = sorted(rng.permutation(sorted(targets))[:n_targets])
    print(f"{len(targets)} targets have {LEAST_LIGANDS} ligands or more; {len(drawn)} drawn\n")
    print("| target | guide | judge | generated | ZINC by weight | difference | ZINC by guides |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for target in drawn:
        guide, judge = halves(targets[target], rng)
        cells = [target, f"{len(guide)}", f"{len(judge)}"]
        cells += judged(generator, guide, judge, compared, seed)
        print(f"| {' | '.join(cells)} |", flush=True)


def judged(
    generator: Generator, guide: list[str], judge: list[str], compared: Compared, seed: int
) -> list[str]:
    """Mean similarities to the nearest judging ligand, as cells of the table."""
    guides, judge_ligands = ligands_of_smiles(guide), ligands_of_smiles(judge)
    molecules = generate(generator, Guide(guides), BEST, seed).molecules
    made = [Chem.MolFromSmiles(row["smiles"]) for row in molecules]
    matched = by_weight([Descriptors.MolWt(m) for m in made], compared.weights)
    new = nearest(judge_ligands, morgan_fingerprints(made))
    by_chance = nearest(judge_ligands, compared.bits[matched])
    likest = np.argsort(-nearest(guides, compared.bits), kind="stable")[:BEST]
    searched = nearest(judge_ligands, compared.bits[likest])
    pairs = new - by_chance
    drawn = Bootstrap.over(np.arange(len(pairs)), seed).means(pairs)
    figure = difference_with_interval("difference", pairs.mean(), drawn)
    low, high = figure["difference_interval"]  # type: ignore[misc]  # a pair, not a number
    return [
        f"{new.mean():.3f} ({len(new)})",
        f"{by_chance.mean():.3f}",
        f"{pairs.mean():+.3f} ({low:+.3f} to {high:+.3f})",
        f"{searched.mean():.3f}",
    ]


def nearest(ligands: LigandSet, bits: sparse.csr_matrix) -> NDArray[np.float64]:
    """The similarity of each fingerprint to the nearest ligand."""
    return ligands.similarity(bits).max(1).astype(np.float64)


def by_weight(wanted: Sequence[float], weights: NDArray[np.float64]) -> list[int]:
    """For each weight the molecule of the nearest one, none twice."""
    free = weights.copy()
    chosen = []
    for weight in wanted:
        chosen.append(int(np.abs(free - weight).argmin()))
        free[chosen[-1]] = np.inf
    return chosen


def zinc(path: Path, seed: int) -> Compared:
    """A random part of ZINC."""
    with opened(path, ".gz") as file:
        texts = [line.split()[0].decode() for line in file]
    drawn = np.random.default_rng(seed).permutation(len(texts))[:LIBRARY]
    molecules = [m for n in drawn if (m := Chem.MolFromSmiles(texts[n])) is not None]
    weights = np.array([Descriptors.MolWt(molecule) for molecule in molecules])
    return Compared(morgan_fingerprints(molecules), weights)


def kiba_ligands(folder: Path) -> dict[str, list[str]]:
    """SMILES of the ligands of each target that has enough of them."""
    with opened(folder / "ligands_can.txt.xz", ".xz") as file:
        smiles = list(parse_json(file.read(), VOCABULARY_LIMITS).values())
    with opened(folder / "proteins.txt.xz", ".xz") as file:
        proteins = list(parse_json(file.read(), VOCABULARY_LIMITS))
    with opened(folder / "affinity.tsv.xz", ".xz") as file:
        scores = np.loadtxt(file)
    binds = np.nan_to_num(scores) >= BINDS_FROM_SCORE
    return {
        protein: [smiles[n] for n in np.flatnonzero(binds[:, column])]
        for column, protein in enumerate(proteins)
        if binds[:, column].sum() >= LEAST_LIGANDS
    }


def halves(ligands: list[str], rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Ligands by their scaffolds, in random order: the first half, and the others."""
    series: dict[str, list[str]] = defaultdict(list)
    for text in ligands:
        series[MurckoScaffold.MurckoScaffoldSmiles(text)].append(text)
    names = sorted(series)
    guide: list[str] = []
    judge: list[str] = []
    for n in rng.permutation(len(names)):
        (guide if len(guide) < len(ligands) / 2 else judge).extend(series[names[n]])
    return guide, judge


if __name__ == "__main__":
    main()
