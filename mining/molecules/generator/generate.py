"""New molecules like known ligands: written by a guided generator, filtered, ranked, diverse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

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
from ..fingerprints import molecule_features, morgan_fingerprints, tanimoto
from ..nearest_ligands import structure_ranker_of
from ..structures import parse
from .guide import beginnings_with, tuned
from .lead import beginnings_of_changes
from .library_smiles import checksum
from .ligands import (
    LigandSet,
    ligand_of_drug,
    ligands_of_file,
    ligands_of_smiles,
    ligands_of_target,
    read_molecule,
)
from .model import SHIPPED, Generator, open_generator
from .synthetic_accessibility import synthetic_accessibility
from .tokens import canonical_smiles, read_smiles

if TYPE_CHECKING:
    from ...links.model import LinkModel  # which takes each process seconds to import

LEAST_QED = 0.3
MOST_SA = 5.0  # of 10; the median of ZINC's drug-like molecules is about 3
_TEXTS = 30  # written for each molecule that is asked for
_LEAST_TEXTS = 1_000
_POOL = 3  # molecules of the best, for each that is asked for, from which diverse ones are taken


class GeneratedMolecule(DrugLikeness):
    """A molecule that a generator wrote, and that passed the filters.

    Attributes:
        rank: from 1, by `score` where there is one, else by `similarity`.
        smiles: canonical, without stereochemistry.
        similarity: Tanimoto to the nearest known ligand, from 0 to 1.
        nearest: name of that ligand.
        score: by a link model's structure part, log odds; None without one.
        sa: synthetic accessibility, from 1 (looks easy) to 10.
    """

    rank: int
    smiles: str
    similarity: float
    nearest: str
    score: float | None
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


class GenerationRecord(TypedDict):
    """How molecules were made.

    Attributes:
        model: of the generator, lstm, vae or aae. weights: their SHA-256, empty of one that was
            not saved. library: the name of what it was trained on.
        seed: of what was written. wanted: how many molecules.
        guides: SHA-256 of the SMILES of the ligands (or of the lead).
        like, keep: SMILES of the molecule that was changed, and of the scaffold; None without.
        links: name of the link model that ranked; None without.
    """

    model: str
    weights: str
    library: str
    seed: int
    wanted: int
    guides: str
    like: str | None
    keep: str | None
    links: str | None


@dataclass(frozen=True)
class Generation:
    """What a generator wrote for some ligands.

    Attributes:
        molecules: in the order of their ranks; perhaps fewer than asked for.
        counts: what became of what was written.
        ligands: how many guided it.
        record: how they were made.
    """

    molecules: list[GeneratedMolecule]
    counts: GenerationCounts
    ligands: int
    record: GenerationRecord


@explained_imports()
def generate_molecules(
    model: Path | str | None = None,
    *,
    ligands: Path | str | Sequence[str] | None = None,
    kg: KnowledgeGraph | None = None,
    target: str | None = None,
    links: LinkModel | None = None,
    like: str | None = None,
    keep: str | None = None,
    n: int = 100,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> Generation:
    """Write new molecules like known ligands.

    A copy of the generator is trained further on the ligands. What it writes must be a molecule,
    be none of the ligands, hold no PAINS pattern, have a QED of 0.3 or more and a synthetic
    accessibility of 5 or less. Of the 3 `n` molecules that are most similar to a ligand (or that
    `links` scores highest), `n` are taken that differ the most (greedy max-min), and ranked.

    Args:
        model: folder of `train_generator`; the one that ships if not given.
        ligands: a file (.smi, .csv, .tsv, .sdf), or SMILES; or give `kg` and `target`; with `like`
            neither is needed.
        kg, target: a graph, and an identifier or name in it: its drugs that act on the target.
        links: with a `target`, a link model that ranks by structure: its scores rank.
        like: SMILES or InChI of a molecule, or a drug of `kg`, that is changed at one place (see
            `lead`). Without ligands it is what the changed ones are compared with.
        keep: SMILES of a scaffold that each molecule must hold. Without `like`, it is grown from
            its atoms, at one place.
        seed: the same seed gives the same molecules.
        quarantine: gets the ligands that can't be read.

    Raises:
        DataError: not one of `ligands`, `kg` with `target` or `like` is given, no ligand can be
            read, or the molecule to change does not hold the scaffold to keep.
        MissingError: the graph has no such target, or the model of `links` has not seen it.
        ModelError: there is no such model, it is damaged, or it can write none of the ligands; or
            `links` does not rank by structure.

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
    quarantine = Quarantine() if quarantine is None else quarantine
    lead = None if like is None else lead_of(like, kg)
    known = _ligands(ligands, kg, target, quarantine) if lead is None or ligands or target else None
    guide = Guide(known, lead, None if keep is None else read_molecule(keep))
    if links is not None:
        if target is None:
            raise DataError("a link model ranks for a target: give one, with its graph")
        guide = guide._replace(scores=target_scores(links, target), links=links.name)
    return generate(open_generator(model or SHIPPED), guide, n, seed)


class Guide(NamedTuple):
    """What generation goes by; there are ligands, or a lead.

    Attributes:
        ligands: that the generator is trained further on, and that molecules are compared with.
        lead: a molecule that is changed.
        scaffold: that is kept.
        scores: of molecules, log odds, by what they are ranked.
        links: name of the model that gives these.
    """

    ligands: LigandSet | None
    lead: Lead | None = None
    scaffold: Chem.Mol | None = None
    scores: Callable[[Sequence[Chem.Mol]], NDArray[np.float64]] | None = None
    links: str | None = None

    def compared(self) -> LigandSet:
        """What molecules are compared with: the ligands, else the lead."""
        if self.ligands is not None:
            return self.ligands
        assert self.lead is not None
        return LigandSet([self.lead.name], [self.lead.molecule])

    def beginnings(self, seed: int) -> list[str]:
        """What is gone on from; nothing where whole molecules are written.

        Raises:
            DataError: the lead has no part that could be changed, with the scaffold kept.
        """
        if self.lead is None:
            return [] if self.scaffold is None else beginnings_with(self.scaffold, seed=seed)
        begun = beginnings_of_changes(self.lead.molecule, self.scaffold, seed=seed)
        if not begun:
            raise DataError(
                f"{self.lead.name} can't be changed: it does not hold what is to be kept"
            )
        return begun


class Lead(NamedTuple):
    """A molecule to change: its name, and its standardised structure."""

    name: str
    molecule: Chem.Mol


def target_scores(
    links: LinkModel, target: str
) -> Callable[[Sequence[Chem.Mol]], NDArray[np.float64]]:
    """Log odds of standardised molecules for a target, by a link model's structure part alone.

    Raises:
        ModelError: it has none. MissingError: it has not seen the target.
    """
    ranker, tails = structure_ranker_of(links), np.array([links.query_number(target, "head")])

    def scores(molecules: Sequence[Chem.Mol]) -> NDArray[np.float64]:
        return ranker.score(molecule_features(molecules), tails)[:, 0].astype(np.float64)

    return scores


def generate(generator: Generator, guide: Guide, n: int, seed: int = 0) -> Generation:
    """As `generate_molecules`, with a generator and a guide that are open.

    Raises:
        DataError: `n` is below 1, or the lead can't be changed.
        ModelError: the generator is the baseline, or can write none of the ligands.
    """
    if n < 1:
        raise DataError(f"{n} molecules can't be made; ask for 1 or more")
    begun, compared = guide.beginnings(seed), guide.compared()
    guided = generator
    if guide.ligands is not None:
        guided = tuned(generator, guide.ligands.smiles, seed=seed)
    texts = guided.write(max(_LEAST_TEXTS, _TEXTS * n), seed=seed, begun=begun)
    known = {*compared.smiles, *([canonical_smiles(guide.lead.molecule)] if guide.lead else [])}
    sieve = _Sieve(known, guide.scaffold)
    passed = [made for text in track(texts, "Filter") if (made := sieve.passed(text)) is not None]
    counts: GenerationCounts = {**sieve.counts, "kept": len(passed)}
    size = 0 if guide.ligands is None else len(guide.ligands.names)
    record = _record(generator, guide, n, seed)
    return Generation(_best(passed, guide, n, seed), counts, size, record)


def _record(generator: Generator, guide: Guide, n: int, seed: int) -> GenerationRecord:
    """How molecules are made."""
    return {
        "model": generator.name,
        "weights": str(generator.config.get("weights", "")),
        "library": str(generator.config.get("library", {}).get("name", "")),
        "seed": seed,
        "wanted": n,
        "guides": checksum(sorted(guide.compared().smiles)),
        "like": None if guide.lead is None else canonical_smiles(guide.lead.molecule),
        "keep": None if guide.scaffold is None else canonical_smiles(guide.scaffold),
        "links": guide.links,
    }


def lead_of(text: str, kg: KnowledgeGraph | None) -> Lead:
    """A molecule by its SMILES or InChI, else by a drug's identifier or name in a graph.

    Raises:
        DataError: the text is neither, without a graph; or the drug has no structure.
        MissingError: the graph has no such drug.
    """
    molecule = parse(text).molecule
    if molecule is not None:
        return Lead(text, molecule)
    if kg is None:
        raise DataError(f"{text[:60]!r} is no SMILES or InChI; a drug's name needs a graph")
    return Lead(*ligand_of_drug(kg, text))


def _ligands(
    ligands: Path | str | Iterable[str] | None,
    kg: KnowledgeGraph | None,
    target: str | None,
    quarantine: Quarantine,
) -> LigandSet:
    if (ligands is None) == (target is None) or (target is not None and kg is None):
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


def _best(passed: list[_Passed], guide: Guide, n: int, seed: int) -> list[GeneratedMolecule]:
    """The most similar ones (or the ones of the highest scores), of these the most diverse."""
    if not passed:
        return []
    molecules, ligands = [made.molecule for made in passed], guide.compared()
    bits = morgan_fingerprints(molecules)
    similarity = ligands.similarity(bits)
    nearest, highest = similarity.argmax(1), similarity.max(1)
    scores = None if guide.scores is None else guide.scores(molecules)
    order = np.argsort(-highest if scores is None else -scores, kind="stable")[: _POOL * n]
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
                "score": None if scores is None else round(float(scores[at]), 4),
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
