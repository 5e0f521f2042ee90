"""The targets of one query molecule, by its structure alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rdkit import Chem

from ...core.errors import DataError
from ...core.threads import one_thread
from ..links.adme_roles import adme_roles
from .fingerprints import molecule_features, tanimoto
from .molecule_probability import MoleculeProbability, molecule_probability
from .nearest_ligands import KnownLigands, structure_ranker_of
from .structures import inchikey_skeleton, parse, structure_text

if TYPE_CHECKING:
    from ..links.model import LinkModel


class TargetPredictions(NamedTuple):
    """The targets of a query molecule.

    Attributes:
        smiles: the molecule in the form that the model sees.
        same_nodes: identifier and name of the graph's nodes with the same InChIKey skeleton (the
            same structure but for stereochemistry and isotopes).
        rows: rank, tail, tail_name, score, probability, known (the graph holds the pair), ligands
            (the nearest known ones, with similarity and sources; null where none is similar), model
            and graph (the checksum of its training's). The
            probability (see `molecule_probability`) was calibrated on a molecule's first
            `medkg.core.calibration.CALIBRATED_CANDIDATES` tails; past them it follows the score
            along the same curve. Known pairs have none, since no source misses them.
        known: how many pairs of these nodes are known.
        nearest_name, nearest_similarity: the known ligand, of whatever tail, that the molecule is
            most similar to, and how similar, from 0 to 1; below `UNLIKE` little can be told.
        probability: at which base rate, and what it says.
    """

    smiles: str
    same_nodes: list[tuple[str, str]]
    rows: pl.DataFrame
    known: int
    nearest_name: str
    nearest_similarity: float
    probability: MoleculeProbability


def targets_of(
    model: LinkModel,
    text: str,
    top: int = 20,
    *,
    nearest: int = 3,
    known: bool = False,
    adme: bool = False,
) -> TargetPredictions:
    """The most probable tails of a molecule, by its SMILES or InChI alone.

    Args:
        nearest: known ligands shown for each tail.
        known: the known pairs of the graph's nodes with the same structure, in place of the new
            ones, each with the rank that it would have among these.
        adme: only tails that handle drugs (property `adme`), ranked among these.

    Raises:
        DataError: the text is no molecule, or no tail has the property `adme`.
        ModelError: the model has no part that ranks by structure.
    """
    ranker = structure_ranker_of(model)
    molecule, reason = parse(text)
    if molecule is None:
        raise DataError(f"{text[:60]!r} can't be read: {reason}; give a SMILES or an InChI")
    features = molecule_features([molecule])
    with one_thread():
        scores = ranker.score(features)[0]
    same_nodes, numbers = _same_nodes(model, molecule), model.node_numbers[0]
    heads = [numbers[node] for node, _ in same_nodes if node in numbers]
    own = (model.training_pairs + model.known_pairs)[heads]
    # Itself a molecule is neither known nor new: a relation may join its kind with itself.
    not_new = np.setdiff1d(own.indices, model.task.loops()[heads].indices)
    left_out = own.indices
    if adme:
        others = _without_adme(model)
        left_out, not_new = np.union1d(left_out, others), np.setdiff1d(not_new, others)
    order, ranks = _ranked(scores, left_out, not_new if known else None, top)
    is_known = np.isin(order, model.known_pairs[heads].indices).tolist()
    ligands = KnownLigands(model, ranker)
    similarity = tanimoto(features.morgan, ranker.ligands.morgan)[0]
    stated = molecule_probability(model, ranker, recorded=len(not_new) > 0)
    texts = [_ligands_text(ligands, int(n), similarity, nearest) for n in order]
    listed = scores[order].astype(np.float64)
    probabilities = stated.calibration.probability(listed, np.ones(len(listed)))
    rows = _named(model, ligands, order, ranks).with_columns(
        score=pl.Series(listed),
        probability=pl.lit(None, dtype=pl.Float64) if known else pl.Series(probabilities),
        known=pl.Series(is_known if same_nodes else [None] * len(order), dtype=pl.Boolean),
        ligands=pl.Series(texts, dtype=pl.String),
        model=pl.lit(model.name), graph=pl.lit(model.record["checksum"]),
    )  # fmt: skip
    return TargetPredictions(
        str(Chem.MolToSmiles(molecule)),
        same_nodes,
        rows,
        len(not_new),
        *ligands.nearest_of_all(similarity),
        stated,
    )


def _named(
    model: LinkModel, ligands: KnownLigands, order: NDArray[np.int64], ranks: list[int]
) -> pl.DataFrame:
    """Ranks, identifiers and names of some tails."""
    tails = [model.task.tails[n] for n in order]
    return pl.DataFrame(
        {
            "rank": pl.Series(ranks, dtype=pl.Int64),
            "tail": pl.Series(tails, dtype=pl.String),
            "tail_name": pl.Series([ligands.names.get(tail) for tail in tails], dtype=pl.String),
        }
    )


def _without_adme(model: LinkModel) -> NDArray[np.int32]:
    """The numbers of the tails that don't handle drugs."""
    handling = adme_roles(model.graph)
    others = np.flatnonzero([tail not in handling for tail in model.task.tails])
    if len(others) == len(model.task.tails):
        raise DataError("no node that the model ranks has the property adme, as genes of Hetionet")
    return others.astype(np.int32)


def _ranked(
    scores: NDArray[np.float32],
    left_out: NDArray[np.int32],
    known: NDArray[np.int32] | None,
    top: int,
) -> tuple[NDArray[np.int64], list[int]]:
    """The first tails by their scores, and their ranks among the new ones.

    Args:
        left_out: tails that are not new.
        known: of these, the ones that are listed in place of the new ones.
    """
    new = scores.copy()
    new[left_out] = -np.inf
    if known is not None:
        order = known[np.argsort(-scores[known], kind="stable")][:top].astype(np.int64)
        return order, [1 + int((new > scores[tail]).sum()) for tail in order]
    order = np.argsort(-new, kind="stable")[:top]
    order = order[new[order] > -np.inf]
    return order, list(range(1, len(order) + 1))


def _ligands_text(
    ligands: KnownLigands, tail: int, similarity: NDArray[np.float32], most: int
) -> str | None:
    return "; ".join(map(str, ligands.nearest(tail, similarity, most))) or None


def _same_nodes(model: LinkModel, molecule: Chem.Mol) -> list[tuple[str, str]]:
    """The graph's heads that are this molecule: identifier and name."""
    key, formula = inchikey_skeleton(molecule), str(Chem.MolToInchi(molecule)).split("/")[1:2]
    rows = model.graph.nodes.filter(
        pl.col("kind") == model.task.edge_type[0],
        pl.col("properties").str.contains("(?i)smiles|inchi"),
    )
    same = []
    for node, name, properties in rows.select("id", "name", "properties").iter_rows():
        text = structure_text(properties) or ""
        layers = text.split("/")
        neutral = "." not in text and not any(layer[:1] in "pq" for layer in layers[2:] if layer)
        if text.startswith("InChI=") and neutral and layers[1:2] != formula:
            continue  # neither salt nor ion, and another formula: no need to parse it
        other = parse(text).molecule
        if other is not None and inchikey_skeleton(other) == key:
            same.append((node, name))
    return same
