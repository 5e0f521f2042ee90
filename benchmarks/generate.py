"""New molecules: a generator's figures, and whether what ligands guide is like others of them.

Data: MEDKG_DATA (by default ../shared/data), folder molecules.

    python benchmarks/generate.py [MODEL] [--parts figures,targets] [--targets 20] [--seed 0]
        [--kept ROWS] [--molecules 20000] [--epochs 4]

MODEL is a folder of `medkg train generator`; if it is left out, the one that ships. `figures`: its
figures by ZINC beside an n-gram model's. `targets`: the judge is never the guide: of targets of
KIBA with 60 ligands or more (a score of 12.1 or more), drawn at random, half of the ligands guide,
the other half judge, and no Murcko scaffold is in both halves. The 100 molecules that
`medkg generate` writes are compared by the similarity to the nearest judging ligand with 100
molecules of ZINC, each of the nearest weight, and with the 100 of 20,000 molecules of ZINC that are
most similar to the guides. With `--kept` each target's row is added to a file (JSON lines), and
one that is there is not measured again: an interrupted run goes on. `notations`: small trainings
on `--molecules` of ZINC drawn at random, SMILES beside SELFIES. `autoencoders`: likewise, each with
the generator that ships as its decoder to begin with (which has read all of ZINC). Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors
from rdkit.Chem.Scaffolds import MurckoScaffold
from scipy import sparse

from medkg.core.input_files import opened
from medkg.core.json_reading import VOCABULARY_LIMITS, parse_json
from medkg.core.quarantine import Quarantine
from medkg.core.statistics import Bootstrap, difference_with_interval
from medkg.loaders.affinity import BINDS_FROM_SCORE
from medkg.mining.molecules.fingerprints import morgan_fingerprints, tanimoto
from medkg.mining.molecules.generator.figures import DESCRIPTORS, evaluate_generator
from medkg.mining.molecules.generator.generate import Guide, generate
from medkg.mining.molecules.generator.library_smiles import library_smiles, parts_of
from medkg.mining.molecules.generator.ligands import LigandSet, ligands_of_smiles
from medkg.mining.molecules.generator.model import SHIPPED, Generator, open_generator
from medkg.mining.molecules.generator.notation import NOTATIONS
from medkg.mining.molecules.generator.tokens import canonical_smiles, read_smiles
from medkg.mining.molecules.generator.train import train_generator
from medkg.mining.molecules.generator.variational import VariationalNetwork

LEAST_LIGANDS = 60
BEST = 100  # molecules that are judged
RECONSTRUCTED = 1_000  # molecules that are encoded and written again
LIKELIEST = 0.01  # the temperature of nearly the likeliest token
LIBRARY = 20_000  # molecules of ZINC that weights are matched with


class Compared(NamedTuple):
    """Molecules that others are compared with.

    Attributes:
        bits: fingerprints. weights: g/mol.
    """

    bits: sparse.csr_matrix
    weights: NDArray[np.float64]


class Reconstruction(NamedTuple):
    """How well an autoencoder gives molecules again.

    Attributes:
        same: share that is written as the molecule itself.
        similarity: Tanimoto, mean, of what is written as a molecule to the one that was encoded.
        others: the same to another one: what chance gives.
        own, another: mean -log p of a molecule at its own latents, and at another's.
    """

    same: float
    similarity: float
    others: float
    own: float
    another: float


def main() -> None:
    """Print the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--parts", default="figures,targets")
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--molecules", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    data = Path(os.environ.get("MEDKG_DATA", default)) / "molecules"
    parts, seed = arguments.parts.split(","), arguments.seed
    if "figures" in parts:
        print_figures(arguments.model, data / "zinc250k.smi.gz", seed)
    if "targets" in parts:
        print_targets(arguments.model, data, arguments.targets, seed, arguments.kept)
    if {"notations", "autoencoders"}.isdisjoint(parts):
        return
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "drawn.smi"
        texts = drawn_smiles(data / "zinc250k.smi.gz", arguments.molecules, seed)
        library.write_text("\n".join(texts) + "\n")
        if "notations" in parts:
            print_notations(library, arguments.epochs, seed)
        if "autoencoders" in parts:
            print_autoencoders(library, arguments.epochs, seed)


def figure_cells(figures: Mapping[str, Any]) -> list[str]:
    cells = [f"{figures[key]:.3f}" for key in ("valid", "unique", "novel")]
    return cells + [f"{figures['distances'][key]:.3f}" for key in DESCRIPTORS]


def print_figures(model: Path, library: Path, seed: int) -> None:
    report = evaluate_generator(model, library, seed=seed)
    print(f"| generator | valid | unique | novel | {' | '.join(DESCRIPTORS)} |")
    print("|---|---|---|---|" + "---|" * len(DESCRIPTORS))
    for name, figures in ((report["model"], report["figures"]), ("ngram", report["baseline"])):
        print(f"| {name} | {' | '.join(figure_cells(figures))} |")
    floor = [f"{report['figures']['floor'][key]:.3f}" for key in DESCRIPTORS]
    print(f"| training data |  |  |  | {' | '.join(floor)} |\n", flush=True)


def print_notations(library: Path, epochs: int, seed: int) -> None:
    """Small trainings that differ in the notation alone; CPU seconds include judging."""
    print(f"| model, notation | CPU s | valid | unique | novel | {' | '.join(DESCRIPTORS)} |")
    print("|---|---|---|---|---|" + "---|" * len(DESCRIPTORS), flush=True)
    for model in ("ngram", "lstm"):
        for notation in NOTATIONS:
            begun, out = time.process_time(), library.parent / f"{model}-{notation}"
            figures = train_generator(
                library, out, model=model, notation=notation, epochs=epochs, seed=seed
            )
            cells = [f"{time.process_time() - begun:.0f}", *figure_cells(figures)]
            print(f"| {model}, {notation} | {' | '.join(cells)} |", flush=True)
    floor = [f"{figures['floor'][key]:.3f}" for key in DESCRIPTORS]
    print(f"| training data |  |  |  |  | {' | '.join(floor)} |\n", flush=True)


def print_autoencoders(library: Path, epochs: int, seed: int) -> None:
    """Autoencoders of the same molecules and readings, and how well they know one again."""
    print(f"| model | CPU s | valid | unique | novel | {' | '.join(DESCRIPTORS)} |")
    print("|---|---|---|---|---|" + "---|" * len(DESCRIPTORS), flush=True)
    known: dict[str, Reconstruction] = {}
    held_out = parts_of(library_smiles(library, Quarantine()), seed).held_out[:RECONSTRUCTED]
    for model in ("vae", "aae"):
        begun, out = time.process_time(), library.parent / model
        figures = train_generator(
            library, out, model=model, epochs=epochs, start=SHIPPED, seed=seed
        )
        cells = [f"{time.process_time() - begun:.0f}", *figure_cells(figures)]
        print(f"| {model} | {' | '.join(cells)} |", flush=True)
        known[model] = reconstruction(open_generator(out), held_out, seed)
    floor = [f"{figures['floor'][key]:.3f}" for key in DESCRIPTORS]
    print(f"| training data |  |  |  |  | {' | '.join(floor)} |\n")
    print("| model | the same molecule | similarity | to another | loss, own | loss, another's |")
    print("|---|---|---|---|---|---|")
    for model, row in known.items():
        print(f"| {model} | {' | '.join(f'{value:.3f}' for value in row)} |", flush=True)


def reconstruction(generator: Generator, smiles: list[str], seed: int) -> Reconstruction:
    """Write the likeliest text at the latents of each molecule, and compare it with that."""
    network, vocabulary = generator.writer, generator.vocabulary
    assert isinstance(network, VariationalNetwork)
    encoded = {text: code for text in smiles if (code := vocabulary.encode(text))}
    texts, codes = list(encoded), list(encoded.values())
    latents, random = network.means(codes), torch.Generator().manual_seed(seed)
    written = network.write_at(latents, random, vocabulary.form, LIKELIEST)
    molecules = [read_smiles(vocabulary.decode(code)) for code in written]
    valid = [n for n, molecule in enumerate(molecules) if molecule is not None]
    made = [m for m in molecules if m is not None]
    bits = morgan_fingerprints([Chem.MolFromSmiles(texts[n]) for n in valid])
    similar = tanimoto(morgan_fingerprints(made), bits)
    with torch.no_grad():
        losses = [
            network.written_loss(codes, *network.decoder_input(of)).item()
            for of in (latents, latents.roll(1, 0))
        ]
    same = sum(canonical_smiles(m) == texts[n] for m, n in zip(made, valid, strict=True))
    others = float(np.diag(np.roll(similar, 1, 1)).mean())
    return Reconstruction(same / len(texts), float(np.diag(similar).mean()), others, *losses)


def print_targets(model: Path, data: Path, n_targets: int, seed: int, kept: Path | None) -> None:
    generator, compared = open_generator(model), zinc(data / "zinc250k.smi.gz", seed)
    targets = kiba_ligands(data / "affinity" / "kiba")
    rng = np.random.default_rng(seed)
    drawn = sorted(rng.permutation(sorted(targets))[:n_targets])
    print(f"{len(targets)} targets have {LEAST_LIGANDS} ligands or more; {len(drawn)} drawn\n")
    print("| target | guide | judge | generated | ZINC by weight | difference | ZINC by guides |")
    print("|---|---|---|---|---|---|---|", flush=True)
    done = kept_rows(kept, seed)
    rows = []
    for target in drawn:
        guide, judge = halves(targets[target], rng)
        row = done.get(target) or judged(generator, guide, judge, compared, seed)
        if target not in done and kept is not None:
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"target": target, "seed": seed, **row}) + "\n")
        rows.append(row)
        print_target(target, row)
    print_mean(rows, seed)


def kept_rows(kept: Path | None, seed: int) -> dict[str, dict[str, Any]]:
    """What an earlier run has measured with the same seed, by target."""
    if kept is None or not kept.exists():
        return {}
    rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    return {row["target"]: row for row in rows if row["seed"] == seed}


def print_target(target: str, row: dict[str, Any]) -> None:
    low, high = row["difference_interval"]
    cells = [target, f"{row['guide']}", f"{row['judge']}", f"{row['new']:.3f} ({row['made']})"]
    cells += [f"{row['by_weight']:.3f}", f"{row['difference']:+.3f} ({low:+.3f} to {high:+.3f})"]
    print(f"| {' | '.join(cells)} | {row['by_guides']:.3f} |", flush=True)


def print_mean(rows: list[dict[str, Any]], seed: int) -> None:
    """The means over targets, with intervals over targets."""
    new, weight, guides = (
        np.array([row[name] for row in rows]) for name in ("new", "by_weight", "by_guides")
    )
    draws = Bootstrap.over(np.arange(len(rows)), seed)
    print()
    for name, other in (("ZINC by weight", weight), ("ZINC by guides", guides)):
        gain = new - other
        figure = difference_with_interval("difference", gain.mean(), draws.means(gain))
        low, high = figure["difference_interval"]  # type: ignore[misc]  # a pair, not a number
        print(
            f"over {len(rows)} targets: generated {new.mean():.3f}, {name} {other.mean():.3f},"
            f" difference {gain.mean():+.3f} ({low:+.3f} to {high:+.3f}), ahead for"
            f" {int((gain > 0).sum())}"
        )


def judged(
    generator: Generator, guide: list[str], judge: list[str], compared: Compared, seed: int
) -> dict[str, Any]:
    """Mean similarities to the nearest judging ligand, of each side."""
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
    return {
        "guide": len(guide),
        "judge": len(judge),
        "made": len(new),
        "new": float(new.mean()),
        "by_weight": float(by_chance.mean()),
        "by_guides": float(searched.mean()),
        **difference_with_interval("difference", float(pairs.mean()), drawn),
    }


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
    drawn = drawn_smiles(path, LIBRARY, seed)
    molecules = [m for text in drawn if (m := Chem.MolFromSmiles(text)) is not None]
    weights = np.array([Descriptors.MolWt(molecule) for molecule in molecules])
    return Compared(morgan_fingerprints(molecules), weights)


def drawn_smiles(path: Path, count: int, seed: int) -> list[str]:
    with opened(path, ".gz") as file:
        texts = [line.split()[0].decode() for line in file]
    drawn = np.random.default_rng(seed).permutation(len(texts))[:count]
    return [texts[n] for n in drawn]


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
