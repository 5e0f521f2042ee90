"""New molecules like known ligands: written by a guided generator, filtered, ranked, diverse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.SimDivFilters import MaxMinPicker

from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.progress import track
from ....core.quarantine import Quarantine
from ....graph.kg import KnowledgeGraph
from ..drug_likeness import DrugLikeness, drug_likeness
from ..fingerprints import morgan_fingerprints, tanimoto
from .guide import beginnings_with, tuned
from .ligands import (
    LigandSet,
    ligands_of_file,
    ligands_of_smiles,
    ligands_of_target,
    read_molecule,
)
from .model import Generator, open_generator
from .synthetic_accessibility import synthetic_accessibility
from .tokens import canonical_smiles, read_smiles

LEAST_QED = 0.3
MOST_SA = 5.0  # of 10; the median of ZINC's drug-like molecules is about 3
_TEXTS = 30  # written for each molecule that is asked for
_LEAST_TEXTS = 1_000
_POOL = 3  # molecules of the best, for each that is asked for, from which diverse ones are taken


class GeneratedMolecule(DrugLikeness):
    """A molecule that a generator wrote, and that passed the filters.

    Attributes:
        rank: from 1, by `similarity`.
        smiles: canonical, without stereochemistry.
        similarity: Tanimoto to the nearest known ligand, from 0 to 1.
        nearest: name of that ligand.
        sa: synthetic accessibility, from 1 (looks easy) to 10.
    """

    rank: int
    smiles: str
    similarity: float
    nearest: str
    sa: float


class GenerationCounts(TypedDict):
    """Texts that were written; each but `kept` counts where it first fell out.

    Attributes:
        written: all.
        invalid: no molecule. repeated: written before. known: one of the ligands.
        without_scaffold: lack what was to be kept.
        alerts: hold a PAINS pattern. undruglike: QED below 0.3. hard: synthetic accessibility
            above 5.
        kept: passed all filters; of these the molecules are the best, diverse ones.
    """

    written: int
    invalid: int
    repeated: int
    known: int
    without_scaffold: int
    alerts: int
    undruglike: int
    hard: int
    kept: int


@dataclass(frozen=True)
class Generation:
    """What a generator wrote for some ligands.

    Attributes:
        molecules: in the order of their similarity to the ligands; perhaps fewer than asked for.
        counts: what became of what was written.
        ligands: how many guided it.
    """

    molecules: list[GeneratedMolecule]
    counts: GenerationCounts
    ligands: int


@explained_imports()
def generate_molecules(
    model: Path | str,
    *,
    ligands: Path | str | Sequence[str] | None = None,
    kg: KnowledgeGraph | None = None,
    target: str | None = None,
    n: int = 100,
    keep: str | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Generation:
    """Write new molecules like known ligands.

    A copy of the generator is trained further on the ligands. What it writes must be a molecule,
    be none of the ligands, hold no PAINS pattern, have a QED of 0.3 or more and a synthetic
    accessibility of 5 or less. Of the 3 `n` molecules that are most similar to a ligand, `n`
    are taken that differ the most (greedy max-min), and sorted by similarity.

    Args:
        model: folder of `train_generator`.
        ligands: a file (.smi, .csv, .tsv, .sdf), or SMILES; or give `kg` and `target`.
        kg, target: a graph, and an identifier or name in it: its drugs that act on the target.
        keep: SMILES of a scaffold that each molecule must hold. It is grown from its atoms, at one
            place.
        seed: the same seed gives the same molecules.
        quarantine: gets the ligands that can't be read.

    Raises:
        DataError: not one of `ligands` or `kg` with `target` is given, or no ligand can be read.
        MissingError: the graph has no such target.
        ModelError: there is no such model, it is damaged, or it can write none of the ligands.

    Example:
        >>> from pathlib import Path
        >>> rings = ["c1ccccc1", "c1ccncc1", "C1CCNCC1", "C1CCOCC1"]
        >>> chains = ["C" * n + end for n in range(1, 15) for end in ("", "N", "O")]
        >>> texts = [chain + ring for chain in chains for ring in rings]
        >>> _ = Path("mine.smi").write_text("\\n".join(texts))
        >>> _ = medkg.train_generator("mine.smi", "models/mine", epochs=2)
        >>> known = ["CCNc1ccccc1", "CCNc1ccncc1"]
        >>> made = medkg.generate_molecules("models/mine", ligands=known, n=5)
        >>> len(made.molecules) <= 5, made.ligands
        (True, 2)
    """
    known = _ligands(ligands, kg, target, Quarantine() if quarantine is None else quarantine)
    scaffold = None if keep is None else read_molecule(keep)
    return generate(open_generator(model), known, n, scaffold=scaffold, seed=seed)


def generate(
    generator: Generator,
    ligands: LigandSet,
    n: int,
    *,
    scaffold: Chem.Mol | None = None,
    seed: int = 0,
) -> Generation:
    """As `generate_molecules`, with a generator and ligands that are open.

    Raises:
        DataError: `n` is below 1.
        ModelError: the generator is the baseline, or can write none of the ligands.
    """
    if n < 1:
        raise DataError(f"{n} molecules can't be made; ask for 1 or more")
    guided = tuned(generator, ligands.smiles, seed=seed)
    begun = [] if scaffold is None else beginnings_with(scaffold, seed=seed)
    texts = guided.write(max(_LEAST_TEXTS, _TEXTS * n), seed=seed, begun=begun)
    sieve = _Sieve(set(ligands.smiles), scaffold)
    passed = [made for text in track(texts, "Filter") if (made := sieve.passed(text)) is not None]
    counts: GenerationCounts = {**sieve.counts, "kept": len(passed)}
    return Generation(_best(passed, ligands, n, seed), counts, len(ligands.names))


def _ligands(
    ligands: Path | str | Iterable[str] | None,
    kg: KnowledgeGraph | None,
    target: str | None,
    quarantine: Quarantine,
) -> LigandSet:
    if (ligands is None) == (target is None) or (kg is None) != (target is None):
        raise DataError("give ligands, or a graph and a target")
    if kg is not None and target is not None:
        return ligands_of_target(kg, target)
    if isinstance(ligands, str | Path):
        return ligands_of_file(ligands, quarantine)
    return ligands_of_smiles(ligands or ())


class _Passed(NamedTuple):
    smiles: str
    molecule: Chem.Mol
    likeness: DrugLikeness
    sa: float


class _Sieve:
    """Filters texts one by one, and counts why they fall out."""

    def __init__(self, known: set[str], scaffold: Chem.Mol | None):
        self._known, self._scaffold = known, scaffold
        self._seen: set[str] = set()
        self.counts: GenerationCounts = {
            "written": 0, "invalid": 0, "repeated": 0, "known": 0, "without_scaffold": 0,
            "alerts": 0, "undruglike": 0, "hard": 0, "kept": 0,
        }  # fmt: skip

    def passed(self, text: str) -> _Passed | None:
        """The molecule of a text; None, and counted, where it falls out."""
        self.counts["written"] += 1
        molecule = read_smiles(text)
        if molecule is None:
            self.counts["invalid"] += 1
            return None
        smiles = canonical_smiles(molecule)
        if smiles in self._seen:
            self.counts["repeated"] += 1
        elif smiles in self._known:
            self.counts["known"] += 1
        elif self._scaffold is not None and not molecule.HasSubstructMatch(self._scaffold):
            self.counts["without_scaffold"] += 1
        elif (likeness := drug_likeness(molecule))["alerts"]:
            self.counts["alerts"] += 1
        elif likeness["qed"] < LEAST_QED:
            self.counts["undruglike"] += 1
        elif (sa := synthetic_accessibility(molecule)) > MOST_SA:
            self.counts["hard"] += 1
        else:
            self._seen.add(smiles)
            return _Passed(smiles, molecule, likeness, sa)
        self._seen.add(smiles)
        return None


def _best(passed: list[_Passed], ligands: LigandSet, n: int, seed: int) -> list[GeneratedMolecule]:
    """The most similar ones, of these the most diverse, in order."""
    if not passed:
        return []
    bits = morgan_fingerprints([made.molecule for made in passed])
    similarity = ligands.similarity(bits)
    nearest, highest = similarity.argmax(1), similarity.max(1)
    order = np.argsort(-highest, kind="stable")[: _POOL * n]
    chosen = order[_diverse(tanimoto(bits[order], bits[order]), n, seed)]
    rows: list[GeneratedMolecule] = []
    for rank, at in enumerate(chosen.tolist(), 1):
        made = passed[int(at)]
        rows.append(
            {
                "rank": rank,
                "smiles": made.smiles,
                "similarity": round(float(highest[at]), 4),
                "nearest": ligands.names[nearest[at]],
                "sa": round(made.sa, 2),
                **made.likeness,
            }
        )
    return rows


def _diverse(similarity: NDArray[np.float32], n: int, seed: int) -> list[int]:
    """Numbers of `n` rows, each the one least similar to those before; ascending.

    Source: Ashton et al., 2002 (max-min picking), from the first row on.
    """
    if n >= len(similarity):
        return list(range(len(similarity)))

    def distance(a: int, b: int) -> float:
        return 1 - float(similarity[a, b])

    return sorted(MaxMinPicker().LazyPick(distance, len(similarity), n, [0], seed))
