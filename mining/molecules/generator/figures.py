"""What generators are judged by: validity, uniqueness, novelty, and descriptors like a library's.

Source: Polykovskiy et al., Molecular Sets (MOSES), 2020.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors
from rdkit.Chem.Scaffolds import MurckoScaffold
from scipy.stats import wasserstein_distance

from ....core.progress import track
from ....core.quarantine import Quarantine
from ..fingerprints import morgan_fingerprints, tanimoto
from .baseline import baseline_of
from .library_smiles import LibraryParts, checksum, library_smiles, parts_of
from .model import Generator, open_generator
from .synthetic_accessibility import synthetic_accessibility
from .tokens import canonical_smiles, read_smiles

WRITTEN = 10_000  # texts that are judged, at most
_A_MOLECULE = 10  # texts that are judged, of a small library
_COMPARED = 2_000  # molecules of each side whose descriptors are compared

DESCRIPTORS: Mapping[str, Callable[[Chem.Mol], float]] = {
    "weight": Descriptors.MolWt,
    "logp": Crippen.MolLogP,
    "polar_area": rdMolDescriptors.CalcTPSA,
    "qed": QED.qed,
    "sa": synthetic_accessibility,
}


class GeneratorFigures(TypedDict):
    """Figures of a generator.

    Attributes:
        written: texts that were judged.
        valid: share that RDKit reads as a molecule.
        unique: share of the valid ones that are no repetition.
        novel: share of the unique ones that are not among the molecules learned from.
        neighbour: mean Tanimoto similarity of generated molecules to the nearest held out (SNN);
            the fingerprints are of 2,000 molecules of each side.
        scaffolds: cosine similarity of how often Murcko scaffolds occur among generated and among
            held-out molecules, of as many (Scaf); 0 where a side has no ring.
        distances: by descriptor, Wasserstein's distance (in the descriptor's unit) between
            generated molecules and held-out ones.
        floor: the same between molecules learned from and held-out ones: what chance gives.
        floor_neighbour, floor_scaffolds: likewise.
    """

    written: int
    valid: float
    unique: float
    novel: float
    neighbour: float
    scaffolds: float
    floor_neighbour: float
    floor_scaffolds: float
    distances: dict[str, float]
    floor: dict[str, float]


def figures_of(generator: Generator, parts: LibraryParts, *, seed: int = 0) -> GeneratorFigures:
    """Write up to `WRITTEN` texts, and judge them by the library's parts."""
    size = len(parts.learned) + len(parts.held_out)
    texts = generator.write(min(WRITTEN, _A_MOLECULE * size), seed=seed)
    valid = [
        canonical_smiles(m) for t in track(texts, "Judge") if (m := read_smiles(t)) is not None
    ]
    unique = list(dict.fromkeys(valid))
    learned = set(parts.learned)
    novel = sum(smiles not in learned for smiles in unique)
    return {
        "written": len(texts),
        "valid": len(valid) / len(texts),
        "unique": len(unique) / max(1, len(valid)),
        "novel": novel / max(1, len(unique)),
        "neighbour": _nearest_similarity(unique, parts.held_out),
        "scaffolds": _scaffold_similarity(unique, parts.held_out),
        "floor_neighbour": _nearest_similarity(parts.learned, parts.held_out),
        "floor_scaffolds": _scaffold_similarity(parts.learned, parts.held_out),
        "distances": _distances(unique, parts.held_out),
        "floor": _distances(parts.learned, parts.held_out),
    }


def evaluate_generator(
    model: Path | str,
    library: Path | str,
    *,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> dict[str, Any]:
    """The figures of a generator by a library, beside an n-gram model's of the same notation.

    By the library that it was trained on, novelty is judged by the part that it learned from, and
    descriptors by the part held back. By another library, both parts are new to it.

    Args:
        model: its folder.
        seed: of what is written; the library is parted as it was in training.

    Returns:
        `trained_on`: whether it was this library; its `model` and `notation`; its `figures`, and
        those of the `baseline`.

    Raises:
        DataError: the library can't be read, or holds no molecule.
        ModelError: there is no such model, or it is damaged.
    """
    generator = open_generator(model)
    smiles = library_smiles(library, Quarantine() if quarantine is None else quarantine)
    parts = parts_of(smiles, int(generator.config["seed"]))
    return {
        "model": generator.name,
        "trained_on": generator.config["library"]["sha256"] == checksum(smiles),
        "figures": figures_of(generator, parts, seed=seed),
        "notation": generator.vocabulary.notation.name,
        "baseline": figures_of(baseline_of(parts, generator.vocabulary.notation), parts, seed=seed),
    }


def _distances(some: Sequence[str], others: Sequence[str]) -> dict[str, float]:
    """Wasserstein's distance of each descriptor between two lists of SMILES."""
    a = [Chem.MolFromSmiles(text) for text in some[:_COMPARED]]
    b = [Chem.MolFromSmiles(text) for text in others[:_COMPARED]]
    if not a or not b:
        return dict.fromkeys(DESCRIPTORS, float("nan"))
    return {
        name: round(float(wasserstein_distance([value(m) for m in a], [value(m) for m in b])), 4)
        for name, value in DESCRIPTORS.items()
    }


def _nearest_similarity(some: Sequence[str], others: Sequence[str]) -> float:
    """The mean similarity of the first molecules to the nearest of the second (SNN of MOSES)."""
    if not some or not others:
        return float("nan")
    bits, reference = (
        morgan_fingerprints([Chem.MolFromSmiles(text) for text in side[:_COMPARED]])
        for side in (some, others)
    )
    return round(float(tanimoto(bits, reference).max(1).mean()), 4)


def _scaffold_similarity(some: Sequence[str], others: Sequence[str]) -> float:
    """The cosine between the counts of Murcko scaffolds of either side (Scaf of MOSES)."""
    a, b = (_scaffolds(side[:_COMPARED]) for side in (some, others))
    sizes = math.hypot(*a.values()) * math.hypot(*b.values())
    return round(sum(a[text] * b[text] for text in a) / sizes, 4) if sizes else 0.0


def _scaffolds(smiles: Sequence[str]) -> Counter[str]:
    """How often each scaffold occurs; molecules without a ring have none."""
    counts = Counter(MurckoScaffold.MurckoScaffoldSmiles(text) for text in smiles)
    del counts[""]
    return counts
