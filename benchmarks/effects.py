"""Effects of a molecule by its structure alone, and what handles it in the body.

Data: MEDKG_DATA (by default ../shared/data), folder hetionet with drug-target-split.

    python benchmarks/effects.py [--part effects,handling,indications] [--models …] [--seeds 3]
        [--vae FOLDER]

Effects: Hetionet's side effects (CcSE, CAUSES) that 10 compounds or more have. A fifth of the
compounds that have any, and a structure, is held out with all of them, anew by each seed; nothing
but their structure is used. Handling: targets (CbG) that take part in the fate of drugs (the
property `adme`: enzymes, transporters, carriers), of the drugs that the split new-drugs holds back
for test, ranked among these targets alone. Indications: classes of the diseases that a compound
treats (CtD; `data/indication_classes.tsv`), of a fifth of the compounds with any, held out with all
of them; without the model structure, since a class has neither symbol nor pathway.

Models: how many compounds have it (frequency); the 10 nearest molecules, weighted by Tanimoto
similarity; logistic regression of Morgan fingerprints; the network of medkg's structure model, and
that model, trees over it and over known ligands. With --vae, a variational autoencoder of molecules
(`medkg train generator --model vae`), also the same network of the autoencoder's latents alone
(latents), and of these beside the fingerprints (network+latents). Nothing was tuned here.

MRR: the mean over pairs of 1 / rank of a true effect among all, filtered by the other true ones.
AUROC: the mean over effects (macro) that 5 or more held-out compounds have; intervals: 95 %,
bootstrap over compounds (of MRR) of the first seed. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from rdkit import Chem
from scipy import sparse
from scipy.stats import rankdata
from torch import nn

from medkg.core.quarantine import Quarantine
from medkg.core.ranking import pair_matrix
from medkg.core.statistics import Bootstrap
from medkg.core.threads import one_thread
from medkg.gnn.data import vocabulary
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load
from medkg.loaders.text_tables import read_table
from medkg.mining.molecules.fingerprints import (
    MoleculeFeatures,
    NodeMolecules,
    molecules_of,
    tanimoto,
)
from medkg.mining.molecules.generator.model import Generator, open_generator
from medkg.mining.molecules.generator.tokens import canonical_smiles
from medkg.mining.molecules.generator.variational import VariationalNetwork
from medkg.mining.molecules.structure_ranker import StructureRanker
from medkg.mining.molecules.structures import structures_of
from medkg.mining.molecules.target_knowledge import TargetKnowledge, target_knowledge
from medkg.mining.molecules.target_network import train_target_network

CLASSES = Path(__file__).parent / "data" / "indication_classes.tsv"
NEIGHBOURS = 10
LEAST_KNOWN = 10  # compounds with an effect that is ranked
LEAST_HELD_OUT = 5  # compounds with an effect whose AUROC is counted
Floats = NDArray[np.float32]


class Molecules(NamedTuple):
    """What the models see of molecules.

    Attributes:
        features: fingerprints and descriptors.
        latents: (molecules, latents) of the autoencoder; without one, no columns.
    """

    features: MoleculeFeatures
    latents: Floats

    def rows(self, chosen: NDArray[np.int64]) -> Molecules:
        return Molecules(self.features.rows(chosen), self.latents[chosen])

    def of_latents_alone(self) -> MoleculeFeatures:
        none = sparse.csr_matrix((len(self.latents), 0), dtype=np.float32)
        return MoleculeFeatures(none, none, self.latents)

    def with_latents(self) -> MoleculeFeatures:
        numbers = np.hstack([self.features.descriptors, self.latents])
        return self.features._replace(descriptors=numbers)


# From molecules, new molecules, which of the first have which tail, and a seed: (new, tails).
Model = Callable[[Molecules, Molecules, sparse.csr_matrix, int], Floats]


def main() -> None:
    """Print a table of effects, and one of what handles drugs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", default="effects,handling,indications")
    parser.add_argument("--models", default="frequency,neighbours,logistic,network,structure")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--vae", type=Path)
    arguments = parser.parse_args()
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MEDKG_DATA", default)) / "hetionet"
    kg = load("hetionet", folder)
    nodes = vocabulary(kg)
    known = molecules_of(kg, "Drug", nodes["Drug"])
    drugs = np.array(nodes["Drug"])[known.nodes]
    names, seeds = arguments.models.split(","), range(arguments.seeds)
    latents = np.zeros((len(drugs), 0), dtype=np.float32)
    if arguments.vae is not None:
        latents = latents_of(structures_of(kg).molecules, open_generator(arguments.vae))
        names += ["latents", "network+latents"]
    molecules = Molecules(known.features, latents)
    if "effects" in arguments.part:
        print_effects(kg, molecules, drugs, names, seeds)
    if "handling" in arguments.part:
        print_handling(kg, molecules, drugs, names, seeds, folder)
    if "indications" in arguments.part:
        print_indications(kg, molecules, drugs, names, seeds)


def print_effects(
    kg: KnowledgeGraph,
    molecules: Molecules,
    drugs: NDArray[np.str_],
    names: Sequence[str],
    seeds: range,
) -> None:
    tails, known = pairs_of(kg, "CAUSES", "Symptom", drugs)
    common = np.flatnonzero(np.asarray(known.sum(0)).ravel() >= LEAST_KNOWN)
    known, tails = known[:, common].tocsr(), [tails[n] for n in common]
    having = np.flatnonzero(np.diff(known.indptr))
    knowledge = target_knowledge(kg, ("Drug", "CAUSES", "Symptom"), tails)
    held_out = [np.random.default_rng(n).permutation(having)[: len(having) // 5] for n in seeds]
    print("Side effects (CcSE)\n")
    all_tails = np.ones(len(tails), dtype=bool)
    table(molecules, known, held_out, having, all_tails, models(knowledge, names))


def print_handling(
    kg: KnowledgeGraph,
    molecules: Molecules,
    drugs: NDArray[np.str_],
    names: Sequence[str],
    seeds: range,
    folder: Path,
) -> None:
    tails, known = pairs_of(kg, "TARGETS", "Target", drugs)
    having = np.flatnonzero(np.diff(known.indptr))
    knowledge = target_knowledge(kg, ("Drug", "TARGETS", "Target"), tails)
    adme = kg.nodes.filter(pl.col("properties").str.json_path_match("$.adme").is_not_null())
    is_adme = np.isin(tails, adme["id"].to_numpy())
    apart = {part: new_drugs(folder, part, drugs) for part in ("valid", "test")}
    learned = np.setdiff1d(having, np.concatenate(list(apart.values())))
    handled = np.flatnonzero(np.asarray(known[:, is_adme].sum(1)).ravel())
    test = np.intersect1d(apart["test"], handled)
    print("\nWhat handles a drug (CbG, adme)\n")
    table(molecules, known, [test] * len(seeds), learned, is_adme, models(knowledge, names))


def print_indications(
    kg: KnowledgeGraph,
    molecules: Molecules,
    drugs: NDArray[np.str_],
    names: Sequence[str],
    seeds: range,
) -> None:
    rows = read_table(CLASSES, ["id", "class"], Quarantine())
    class_of = dict(rows.select("id", "class").iter_rows())
    classes = sorted(set(class_of.values()))
    diseases, treated = pairs_of(kg, "TREATS", "Disease", drugs)
    of_class = np.zeros((len(diseases), len(classes)), dtype=np.float32)
    for row, disease in enumerate(diseases):
        if disease in class_of:
            of_class[row, classes.index(class_of[disease])] = 1
    known = sparse.csr_matrix(((treated @ of_class) > 0).astype(np.float32))
    having = np.flatnonzero(np.diff(known.indptr))
    size = (len(classes), 1)
    knowledge = TargetKnowledge(
        np.arange(size[0]), np.arange(size[0]), sparse.csr_matrix(size), sparse.csr_matrix(size)
    )
    held_out = [np.random.default_rng(n).permutation(having)[: len(having) // 5] for n in seeds]
    print("\nClasses of indications (CtD)\n")
    ranked = np.ones(len(classes), dtype=bool)
    without = [name for name in names if name != "structure"]
    table(molecules, known, held_out, having, ranked, models(knowledge, without))


def pairs_of(
    kg: KnowledgeGraph, relation: str, kind: str, drugs: NDArray[np.str_]
) -> tuple[list[str], sparse.csr_matrix]:
    """The tails of a relation, and which of these drugs has which, (drugs, tails), 0/1."""
    tails = vocabulary(kg)[kind]
    numbers = {tail: n for n, tail in enumerate(tails)}
    rows = {drug: n for n, drug in enumerate(drugs.tolist())}
    edges = kg.edges.filter(relation=relation).select("subject", "object").rows()
    pairs = [(rows[a], numbers[b]) for a, b in edges if a in rows and b in numbers]
    return tails, pair_matrix(np.array(pairs), (len(drugs), len(tails)))


def new_drugs(folder: Path, part: str, drugs: NDArray[np.str_]) -> NDArray[np.int64]:
    """Rows of the drugs whose targets are held back for a part of the split new-drugs."""
    read = pl.read_csv(folder / "drug-target-split" / f"new-drugs-{part}.tsv", separator="\t")
    names = read["source"].unique().str.replace("Compound::", "drugbank:").to_numpy()
    return np.flatnonzero(np.isin(drugs, names))


def models(knowledge: TargetKnowledge, names: Sequence[str]) -> dict[str, Model]:
    """Models by name, the baselines first."""

    def network_of(inputs: Callable[[Molecules], MoleculeFeatures]) -> Model:
        def network(x: Molecules, new: Molecules, y: sparse.csr_matrix, n: int) -> Floats:
            trained = train_target_network(inputs(x), y, knowledge.families, seed=n)
            return trained.log_probabilities(inputs(new), y.shape[1])

        return network

    def trees(x: Molecules, new: Molecules, y: sparse.csr_matrix, n: int) -> Floats:
        rows = NodeMolecules(x.features, np.arange(y.shape[0]))
        return StructureRanker.fit(rows, y, knowledge, seed=n).score(new.features)

    every: dict[str, Model] = {
        "frequency": frequency,
        "neighbours": neighbours,
        "logistic": logistic_regression,
        "network": network_of(lambda molecules: molecules.features),
        "structure": trees,
        "latents": network_of(Molecules.of_latents_alone),
        "network+latents": network_of(Molecules.with_latents),
    }
    return {name: every[name] for name in names}


def latents_of(molecules: Sequence[Chem.Mol], autoencoder: Generator) -> Floats:
    """The means of molecules' latents; the mean molecule's where its alphabet can't write one."""
    network, vocabulary = autoencoder.writer, autoencoder.vocabulary
    assert isinstance(network, VariationalNetwork)
    codes = [vocabulary.encode(canonical_smiles(molecule)) for molecule in molecules]
    written = np.array([code is not None for code in codes])
    latents = np.tile(network.mean.numpy(), (len(codes), 1))
    latents[written] = network.means([code for code in codes if code is not None]).numpy()
    print(f"{written.sum():,} of {len(codes):,} molecules can be encoded\n", flush=True)
    return latents


def frequency(x: Molecules, new: Molecules, y: sparse.csr_matrix, seed: int) -> Floats:
    counts = np.asarray(y.sum(0), dtype=np.float32)
    return np.repeat(counts, len(new.latents), axis=0)


def neighbours(x: Molecules, new: Molecules, y: sparse.csr_matrix, seed: int) -> Floats:
    """Sums of similarities of the nearest molecules; among equals, the more frequent first."""
    similarity = tanimoto(new.features.morgan, x.features.morgan)
    threshold = -np.sort(-similarity, axis=1)[:, NEIGHBOURS - 1 : NEIGHBOURS]
    weights = np.where(similarity >= threshold, similarity, 0)
    scores = np.asarray(y.T @ weights.T, dtype=np.float32).T
    return scores + 1e-6 * frequency(x, new, y, seed)


@one_thread()
def logistic_regression(x: Molecules, new: Molecules, y: sparse.csr_matrix, seed: int) -> Floats:
    """One for each effect, with L2 weight 1e-4, trained together by Adam in 60 steps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        linear = nn.Linear(x.features.morgan.shape[1], y.shape[1])
    rate = np.clip(np.asarray(y.mean(0)).ravel(), 1e-4, 1 - 1e-4)
    nn.init.zeros_(linear.weight)
    linear.bias.data = torch.from_numpy(np.log(rate / (1 - rate))).float()
    bits, labels = (torch.from_numpy(matrix.toarray()).float() for matrix in (x.features.morgan, y))
    optimizer = torch.optim.Adam(linear.parameters(), 1e-2)
    for _ in range(60):
        loss = nn.functional.binary_cross_entropy_with_logits(linear(bits), labels, reduction="sum")
        loss = loss / len(bits) + 1e-4 * linear.weight.square().sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        return linear(torch.from_numpy(new.features.morgan.toarray())).numpy()


def table(
    molecules: Molecules,
    known: sparse.csr_matrix,
    held_out: list[NDArray[np.int64]],
    having: NDArray[np.int64],
    ranked: NDArray[np.bool_],
    by_name: Mapping[str, Model],
) -> None:
    """Train on the molecules that have tails and are not held out, and print the figures.

    Args:
        held_out: rows, for each seed.
        ranked: (tails,): whether a tail is among those that are ranked.
    """
    pairs, size = known[held_out[0]][:, ranked].nnz, len(held_out[0])
    print(f"{size} compounds held out (seed 0: {pairs:,} pairs), {ranked.sum():,} candidates\n")
    print("| model | macro AUROC | MRR | Hits@10 |")
    print("|---|---|---|---|", flush=True)
    for name, model in by_name.items():
        runs = []
        for seed, test in enumerate(held_out):
            learned = np.setdiff1d(having, test)
            scores = model(molecules.rows(learned), molecules.rows(test), known[learned], seed)
            runs.append(figures(scores[:, ranked], known[test][:, ranked].toarray() > 0, seed))
        auroc, mrr, hits = (np.array([run[n] for run in runs]) for n in range(3))
        low, high = runs[0][3]
        print(
            f"| {name} | {auroc.mean():.3f} ± {auroc.std():.3f} |"
            f" {mrr.mean():.3f} ± {mrr.std():.3f} ({low:.3f}–{high:.3f}) | {hits.mean():.3f} |",
            flush=True,
        )


def figures(
    scores: Floats, true: NDArray[np.bool_], seed: int
) -> tuple[float, float, float, tuple[float, float]]:
    """Macro AUROC, MRR, Hits@10, and the interval of MRR; ties count half."""
    counted = np.flatnonzero((true.sum(0) >= LEAST_HELD_OUT) & ~true.all(0))
    aurocs = []
    for column in counted:
        ranks, is_true = rankdata(scores[:, column]), true[:, column]
        n, others = int(is_true.sum()), int((~is_true).sum())
        aurocs.append((ranks[is_true].sum() - n * (n + 1) / 2) / (n * others))
    rows, reciprocal = [], []
    for row in range(len(scores)):
        false = np.sort(scores[row][~true[row]])
        values = scores[row][true[row]]
        above = len(false) - np.searchsorted(false, values, side="right")
        equal = len(false) - above - np.searchsorted(false, values, side="left")
        reciprocal.append(1 / (1 + above + equal / 2))
        rows.append(np.full(len(values), row))
    groups, values = np.concatenate(rows), np.concatenate(reciprocal)
    drawn = np.sort(Bootstrap.over(groups, seed).means(values))
    low, high = np.quantile(drawn, [0.025, 0.975])
    hits = float((values >= 1 / 10).mean())
    return float(np.mean(aurocs)), float(values.mean()), hits, (float(low), float(high))


if __name__ == "__main__":
    main()
