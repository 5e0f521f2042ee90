"""Targets of a molecule by its structure alone: what a compound that no graph holds gets.

Three steps. Known ligands: how alike the molecule is to each target's ligands (Tanimoto), and to
those of targets of the same family, of the same pathways, that it interacts with, that share
ligands. A network from the molecule's fingerprints to all targets. And boosted trees over both,
which learned how far each can be trusted from drugs of which nothing but the structure was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from ...core import calibration
from ...core.calibration import FIRST, Calibration
from ...core.errors import DataError
from ...core.model_folder import named, part_named
from ...core.ranking import pair_matrix
from ...core.sparse import (
    matrix_from_tensors,
    matrix_tensors,
    rare_first,
    unit_rows,
)
from ...gnn.data import EdgeType, vocabulary
from ...graph.kg import KnowledgeGraph
from ..links.boosters import booster_from_tensor, booster_tensor
from .structures import (
    Compared,
    Features,
    Molecules,
    molecules_of,
)

CANDIDATES = 150  # targets a molecule that the trees rank
_FOLDS = 8  # of drugs, for what is learned from predictions about drugs
LEAST = 2 * _FOLDS  # molecules with known tails
_BATCH = 512  # molecules scored at a time
_FEW = 10  # columns of which each is compared with the rest sooner than all are ordered
_POWER = 8  # of the similarity, that makes the nearest ligands count most
_FLOOR = -20.0  # scores of what is no candidate lie below: [_FLOOR, _FLOOR + 1], then lower still
_UNSEEN = -16.0  # log share that the network gives a target it has not learned

_TOWER: Mapping[str, Any] = {
    "hidden": 384,
    "dropout": 0.5,
    "epochs": 30,
    "batch": 64,
    "learning_rate": 2e-3,
    "weight_decay": 0.1,
}
_TREES: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}
_ROUNDS = 120


class TailSide(NamedTuple):
    """What is known of the targets besides their ligands.

    Attributes:
        families: (tails,): the number of the family, by the symbol's letters (`HTR` of `HTR2A`).
        stems: (tails,): the same by the symbol's first three letters.
        groups: (tails, groups): pathways and the like, rows of length 1, rare groups heavier.
        joined: (tails, tails): interactions, 0/1.
    """

    families: NDArray[np.int64]
    stems: NDArray[np.int64]
    groups: sparse.csr_matrix
    joined: sparse.csr_matrix


def tail_side(
    kg: KnowledgeGraph, edge_type: EdgeType, tails: list[str], exclude_edges: Iterable[str] = ()
) -> TailSide:
    """The knowledge about the tails in a graph: names, PARTICIPATES_IN, INTERACTS_WITH.

    `exclude_edges`: ids of edges to leave out; those of the predicted relation always are.
    """
    excluded = pl.Series(list(exclude_edges), dtype=pl.String).implode()
    edges = kg.edges.select("id", "subject", "relation", "object").filter(
        ~pl.col("id").is_in(excluded), pl.col("relation") != edge_type[1]
    )
    number = pl.DataFrame({"id": tails}).with_row_index("tail")
    named = number.join(kg.nodes.filter(kind=edge_type[2]), on="id", how="left").sort("tail")
    names = [name or "" for name in named["name"]]
    taking = edges.filter(relation="PARTICIPATES_IN").join(number, left_on="subject", right_on="id")
    group_names = taking["object"].unique().sort()
    where = {name: n for n, name in enumerate(group_names)}
    columns = taking["object"].replace_strict(where, return_dtype=pl.Int64)
    groups = pair_matrix(
        np.stack([taking["tail"].to_numpy(), columns.to_numpy()], 1),
        (len(tails), max(1, len(where))),
    )
    meeting = (
        edges.filter(relation="INTERACTS_WITH")
        .join(number, left_on="subject", right_on="id")
        .join(number, left_on="object", right_on="id", suffix="_other")
        .filter(pl.col("tail") != pl.col("tail_other"))
    )
    one_way = pair_matrix(meeting.select("tail", "tail_other").to_numpy(), (len(tails), len(tails)))
    return TailSide(
        _numbered([_family(name) for name in names]),
        _numbered([name[:3].upper() for name in names]),
        unit_rows(rare_first(groups)),
        one_way.maximum(one_way.T).tocsr(),
    )


def _family(symbol: str) -> str:
    """`HTR2A` → `HTR`, `CYP2C19` → `CYP`, `SLC6A4` → `SLC`, `KIT` → `KIT`."""
    return re.sub(r"\d+[A-Z]{0,2}\d*$", "", symbol.upper()) or symbol


def _numbered(names: list[str]) -> NDArray[np.int64]:
    return np.asarray(np.unique(np.array(names, dtype=str), return_inverse=True)[1], dtype=np.int64)


class Tower(NamedTuple):
    """A network from a molecule's features to a log share for each of its `columns`.

    x → h = relu(W₁x + b₁) → h + relu(W₂h + b₂) → log softmax over targets of (V + F)·h + c, where
    F is shared by the targets of a family.
    """

    first: NDArray[np.float32]  # (inputs, hidden)
    first_bias: NDArray[np.float32]
    second: NDArray[np.float32]  # (hidden, hidden)
    second_bias: NDArray[np.float32]
    targets: NDArray[np.float32]  # (hidden, columns)
    targets_bias: NDArray[np.float32]
    mean: NDArray[np.float32]  # of the numbers among the inputs
    scale: NDArray[np.float32]
    columns: NDArray[np.int64]

    def log_shares(self, molecules: Features, width: int) -> NDArray[np.float32]:
        """(molecules, width): of the targets it has learned, in their columns; else `_UNSEEN`."""
        bits = _tower_bits(molecules)
        numbers = (molecules.numbers - self.mean) / self.scale
        hidden = bits @ self.first[: bits.shape[1]] + numbers @ self.first[bits.shape[1] :]
        hidden = np.maximum(hidden + self.first_bias, 0)
        hidden = hidden + np.maximum(hidden @ self.second + self.second_bias, 0)
        logits = hidden @ self.targets + self.targets_bias
        logits -= logits.max(1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        # A tail's lie together, as the sums over its ligands do.
        shares = np.full((width, len(logits)), _UNSEEN, dtype=np.float32).T
        shares[:, self.columns] = np.maximum(logits, _UNSEEN)
        return shares


def _tower_bits(molecules: Features) -> sparse.csr_matrix:
    return sparse.hstack([molecules.morgan, molecules.paths], format="csr")


def _train_tower(near: _Neighbourhood, seed: int) -> Tower:
    """Softmax over targets, each molecule's share spread over its targets; a molecule counts by
    how many it has."""
    molecules, known = near.ligands, near.known
    families = near.side.families[near.universe]
    columns = np.flatnonzero(np.asarray(known.sum(0)).ravel())
    true = torch.from_numpy(known[:, columns].toarray())
    mean = molecules.numbers.mean(0)
    scale = np.maximum(molecules.numbers.std(0), 1e-3)
    numbers = (molecules.numbers - mean) / scale
    inputs = torch.from_numpy(np.hstack([_tower_bits(molecules).toarray(), numbers]))
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Network(inputs.shape[1], families[columns])
        size = int(_TOWER["batch"])
        epochs, rate = int(_TOWER["epochs"]), float(_TOWER["learning_rate"])
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=rate, weight_decay=_TOWER["weight_decay"]
        )
        steps = epochs * -(-len(inputs) // size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
        counts = true.sum(1)
        for _ in range(epochs):
            for batch in torch.randperm(len(inputs), generator=generator).split(size):  # type: ignore[no-untyped-call]
                shares = torch.log_softmax(network(inputs[batch]), dim=1)
                loss = -(shares * true[batch]).sum() / counts.mean() / len(batch)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
    return network.tower(mean, scale, columns)


class _Network(nn.Module):
    def __init__(self, inputs: int, families: NDArray[np.int64]):
        super().__init__()
        hidden = int(_TOWER["hidden"])
        names, where = np.unique(families, return_inverse=True)
        self.where = torch.from_numpy(where)
        self.drop_inputs, self.drop = nn.Dropout(0.1), nn.Dropout(_TOWER["dropout"])
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)
        self.targets = nn.Parameter(torch.randn(len(families), hidden) * 0.02)
        self.families = nn.Parameter(torch.randn(len(names), hidden) * 0.02)
        self.bias = nn.Parameter(torch.zeros(len(families)))

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.drop(torch.relu(self.first(self.drop_inputs(inputs))))
        hidden = self.drop(hidden + torch.relu(self.second(hidden)))
        logits: Tensor = hidden @ (self.targets + self.families[self.where]).T + self.bias
        return logits

    def tower(
        self, mean: NDArray[np.float32], scale: NDArray[np.float32], columns: NDArray[np.int64]
    ) -> Tower:
        weights = (
            self.first.weight.T,
            self.first.bias,
            self.second.weight.T,
            self.second.bias,
            (self.targets + self.families[self.where]).T,
            self.bias,
        )
        arrays = [w.detach().contiguous().numpy() for w in weights]
        return Tower._make([*arrays, mean, scale, columns])


class Structure:
    """Scores of molecules with all tails, by structure alone.

    `score` gives log odds for a molecule's candidates, the `CANDIDATES` tails that ligands and
    network put first; what is no candidate follows below, by ligands and network where the tail or
    its family has ligands, else by the ligands of what it interacts or shares pathways with.

    Attributes:
        ligands: features of the molecules with known tails.
        heads: (ligands,): their numbers among the `n_heads` heads.
        known: (ligands, tails), 0/1.
        calibration: from a score to the probability that the source records the pair, fitted on
            drugs that the scores were made without.
    """

    def __init__(
        self,
        heads: NDArray[np.int64],
        n_heads: int,
        near: _Neighbourhood,
        tower: Tower,
        trees: lightgbm.Booster,
        calibration: Calibration,
    ):
        self.heads, self.n_heads = heads, n_heads
        self.ligands, self.known = near.ligands, near.all_known
        self.calibration = calibration
        self._near, self._tower, self._trees = near, tower, trees

    @classmethod
    def fit(
        cls,
        molecules: Molecules,
        known: sparse.csr_matrix,
        side: TailSide,
        *,
        seed: int = 0,
    ) -> Structure:
        """Learn from the heads' molecules, `LEAST` or more with known tails, and these.

        Args:
            known: (heads, tails): the training pairs.

        Whatever the trees learn from was made without a fold of the molecules: ligands, network,
        and every count. (To leave out a molecule alone would tell its targets: they are those that
        have one ligand less.) So was the score that the calibration is fitted on.
        """
        having = with_tails(molecules, known)
        ligands, heads = molecules.features.rows(having), molecules.nodes[having]
        n_heads, known = known.shape[0], known[heads].tocsr()
        folds = np.random.default_rng(seed).permutation(len(having)) % _FOLDS
        tables, labels, owners = [], [], []
        for fold in range(_FOLDS):
            rest, left = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            near = _Neighbourhood(ligands.rows(rest), known[rest], side)
            tower = _train_tower(near, seed)
            for rows in np.split(left, range(_BATCH, len(left), _BATCH)):
                seen = _Seen(near, ligands.rows(rows), tower)
                molecule, column = np.nonzero(seen.is_candidate())
                tables.append(seen.table(molecule, column))
                true = known[rows[molecule], near.universe[column]]
                labels.append(np.asarray(true).ravel() > 0)
                owners.append(rows[molecule])
        table, label = np.concatenate(tables), np.concatenate(labels)
        owner = np.concatenate(owners)
        near = _Neighbourhood(ligands, known, side)
        tower = _train_tower(near, seed)

        scores = np.empty(len(label))
        for fold in range(_FOLDS):
            left = folds[owner] == fold
            scores[left] = _boost(table[~left], label[~left], seed).predict(
                table[left], raw_score=True
            )
        order = np.lexsort((-scores, owner))
        first = _places(owner[order]) < FIRST
        chosen = order[first]
        fitted = calibration.fit(scores[chosen], np.ones(len(chosen)), label[chosen])
        trees = _boost(table, label, seed)
        return cls(heads, n_heads, near, tower, trees, fitted)

    def score(
        self, molecules: Features, tails: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Scores with all tails, or with some, (molecules, tails)."""
        asked = np.arange(self.known.shape[1]) if tails is None else tails
        parts = [
            self._score(molecules.rows(np.arange(start, min(start + _BATCH, count))), asked)
            for count in [molecules.morgan.shape[0]]
            for start in range(0, count, _BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(asked)), dtype=np.float32)

    def _score(self, molecules: Features, asked: NDArray[np.int64]) -> NDArray[np.float32]:
        seen = _Seen(self._near, molecules, self._tower)
        places = np.full(self.known.shape[1], -1)
        places[self._near.universe] = np.arange(len(self._near.universe))
        inside = places[asked]
        here, outside = np.flatnonzero(inside >= 0), np.flatnonzero(inside < 0)
        scores = np.empty((len(seen.first), len(asked)))
        scores[:, outside] = _FLOOR - 2 + seen.beyond(asked[outside])
        first = seen.first[:, inside[here]]
        scores[:, here] = _FLOOR + 1 / (1 + np.exp(-first / 8))
        rows, columns = np.nonzero(seen.is_candidate(inside[here]))
        if len(rows):
            # Only molecules that have a candidate among the asked tails: few where one is asked.
            chosen, where = np.unique(rows, return_inverse=True)
            table = seen.only(chosen).table(where, inside[here[columns]])
            found = self._trees.predict(table, raw_score=True, num_threads=1)
            scores[rows, here[columns]] = np.maximum(found, _FLOOR + 1)
        return scores.astype(np.float32)

    def probability(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of pairs by their scores; see `calibration`."""
        shape = scores.shape
        flat = scores.astype(np.float64).ravel()
        return self.calibration.probability(flat, np.ones(len(flat))).reshape(shape)

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        numbers = np.array(list(self.calibration.to_dict().values()))
        return {
            **matrix_tensors("morgan", self.ligands.morgan),
            **matrix_tensors("paths", self.ligands.paths),
            **matrix_tensors("known", self.known),
            **matrix_tensors("groups", self._near.side.groups),
            **matrix_tensors("joined", self._near.side.joined),
            "heads": torch.from_numpy(self.heads),
            "n_heads": torch.tensor(self.n_heads),
            "numbers": torch.from_numpy(self.ligands.numbers),
            "families": torch.from_numpy(self._near.side.families),
            "stems": torch.from_numpy(self._near.side.stems),
            "calibration": torch.from_numpy(numbers),
            "trees": booster_tensor(self._trees),
            **{f"tower.{n}": torch.from_numpy(w) for n, w in self._tower._asdict().items()},
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Structure:
        """The scorer that gave these `tensors`."""
        ligands = Features(
            matrix_from_tensors("morgan", tensors),
            matrix_from_tensors("paths", tensors),
            tensors["numbers"].numpy(),
        )
        side = TailSide(
            tensors["families"].numpy(),
            tensors["stems"].numpy(),
            matrix_from_tensors("groups", tensors),
            matrix_from_tensors("joined", tensors),
        )
        tower = Tower(*(tensors[f"tower.{name}"].numpy() for name in Tower._fields))
        trees = booster_from_tensor(tensors["trees"])
        fitted = Calibration(*tensors["calibration"].tolist())
        near = _Neighbourhood(ligands, matrix_from_tensors("known", tensors), side)
        heads, n_heads = tensors["heads"].numpy(), int(tensors["n_heads"])
        return cls(heads, n_heads, near, tower, trees, fitted)


class ByStructure:
    """The scorer of a link model that ranks by the heads' structures alone.

    A head without one gets the same score with every tail, below all others.
    """

    def __init__(self, structure: Structure, molecules: Molecules):
        self.structure, self._molecules = structure, molecules

    @classmethod
    def fit(
        cls,
        kg: KnowledgeGraph,
        edge_type: EdgeType,
        known: sparse.csr_matrix,
        *,
        exclude_edges: Iterable[str] = (),
        seed: int = 0,
    ) -> ByStructure:
        """From a graph and the training pairs, (heads, tails); see `tail_side`.

        Raises:
            DataError: too few heads have a structure.
        """
        nodes = vocabulary(kg)
        molecules = molecules_of(kg, edge_type[0], nodes[edge_type[0]])
        if (having := len(with_tails(molecules, known))) < LEAST:
            raise DataError(
                f"{having} nodes {edge_type[0]} with edges {edge_type[1]} to train on have a"
                f" structure (property smiles or inchi); at least {LEAST} are needed"
            )
        side = tail_side(kg, edge_type, nodes[edge_type[2]], exclude_edges)
        return cls(Structure.fit(molecules, known, side, seed=seed), molecules)

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        rows, molecules = self._place[heads.numpy()], self._molecules.features
        scores = np.full((len(rows), self.structure.known.shape[1]), _FLOOR - 3, dtype=np.float32)
        has = rows >= 0
        scores[has] = self.structure.score(molecules.rows(rows[has]))
        return torch.from_numpy(scores)

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        scores = np.full((len(tails), self.structure.n_heads), _FLOOR - 3, dtype=np.float32)
        found = self.structure.score(self._molecules.features, tails.numpy())
        scores[:, self._molecules.nodes] = found.T
        return torch.from_numpy(scores)

    @cached_property
    def _place(self) -> NDArray[np.int64]:
        """Of each head its place among the molecules; -1 for none."""
        place = np.full(self.structure.n_heads, -1)
        place[self._molecules.nodes] = np.arange(len(self._molecules.nodes))
        return place

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        features, heads = self._molecules
        return {
            **matrix_tensors("molecules.morgan", features.morgan),
            **matrix_tensors("molecules.paths", features.paths),
            "molecules.numbers": torch.from_numpy(features.numbers),
            "molecules.heads": torch.from_numpy(heads),
            **named("structure", self.structure.tensors()),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> ByStructure:
        """The scorer that gave these `tensors`."""
        made = Features(
            matrix_from_tensors("molecules.morgan", tensors),
            matrix_from_tensors("molecules.paths", tensors),
            tensors["molecules.numbers"].numpy(),
        )
        return cls(
            Structure.from_tensors(part_named("structure", tensors)),
            Molecules(made, tensors["molecules.heads"].numpy()),
        )


def with_tails(molecules: Molecules, known: sparse.csr_matrix) -> NDArray[np.int64]:
    """Which of the molecules have a known tail, of pairs (heads, tails)."""
    return np.flatnonzero(np.diff(known.indptr)[molecules.nodes])


def _boost(table: NDArray[np.float32], label: NDArray[np.bool_], seed: int) -> lightgbm.Booster:
    data = lightgbm.Dataset(table, label.astype(np.float32))
    return lightgbm.train({**_TREES, "seed": seed}, data, num_boost_round=_ROUNDS)


def _places(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each row within its group, from 0; the groups' rows lie together."""
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    sizes = np.diff(np.r_[starts, len(groups)])
    return np.arange(len(groups)) - np.repeat(starts, sizes)


def _universe(known: sparse.csr_matrix, side: TailSide) -> NDArray[np.int64]:
    """Tails that have ligands, or a family of which one has."""
    having = np.asarray(known.sum(0)).ravel() > 0
    family = np.zeros(int(side.families.max(initial=0)) + 1, dtype=bool)
    family[side.families[having]] = True
    # A family of thousands is none: symbols such as `LOC102723475` and `RP11-…`.
    family &= np.bincount(side.families, minlength=len(family)) < 100
    return np.flatnonzero(having | family[side.families])


class _Neighbourhood:
    """The ligands of the tails of the `universe`, ready for molecules to be compared with."""

    def __init__(
        self,
        ligands: Features,
        known: sparse.csr_matrix,
        side: TailSide,
    ):
        universe = _universe(known, side)
        self.ligands, self.all_known, self.side, self.universe = ligands, known, side, universe
        self.known = known[:, universe].tocsr()  # (ligands, universe)
        self.ligands_of = self.known.T.tocsr()  # (universe, ligands)
        self.morgan, self.paths = Compared.to(ligands.morgan), Compared.to(ligands.paths)
        self.degrees = np.asarray(self.known.sum(1)).ravel()
        self.sizes = np.asarray(self.known.sum(0)).ravel()
        self.families = _members(side.families[universe])
        self.stems = _members(side.stems[universe])
        self.groups = side.groups[universe].tocsr()
        self.joined = side.joined[universe][:, universe].tocsr()
        # Of the ligands' numbers; none where there is no ligand.
        with np.errstate(invalid="ignore"):
            self.means = self.ligands_of @ ligands.numbers / self.sizes[:, None]


def _members(groups: NDArray[np.int64]) -> sparse.csr_matrix:
    """(things, groups), 0/1, in canonical form."""
    where = np.unique(groups, return_inverse=True)[1]
    ones = np.ones(len(where), dtype=np.float32)
    return sparse.csr_matrix((ones, (np.arange(len(where)), where)))


class _Seen:
    """Molecules beside the ligands: dense arrays (molecules, universe), and features of pairs."""

    def __init__(self, near: _Neighbourhood, molecules: Features, tower: Tower):
        self.near, self.molecules = near, molecules
        self.shares = tower.log_shares(molecules, len(near.universe))
        self.morgan = near.morgan.similarity(molecules.morgan)  # (molecules, ligands)
        self.paths = near.paths.similarity(molecules.paths)
        self.alike = (self.morgan + self.paths) / 2
        self.weights = _power(self.alike, _POWER)
        self.base = np.asarray((near.ligands_of @ self.weights.T).T, dtype=np.float32)
        family = np.asarray((near.families @ (near.families.T @ self.base.T)).T, dtype=np.float32)
        self.family = np.maximum(family - self.base, 0)
        self.first = np.log(self.base + 1e-4) + self.shares / 2 + np.log(self.family + 1e-6) / 20

    def only(self, chosen: NDArray[np.int64]) -> _Seen:
        """Some of the molecules."""
        part = copy(self)
        part.molecules = self.molecules.rows(chosen)
        for name in ("shares", "morgan", "paths", "alike", "weights", "base", "family", "first"):
            setattr(part, name, getattr(self, name)[chosen])
        return part

    def is_candidate(self, columns: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(molecules, columns): whether among the first `CANDIDATES` of each molecule; of all the
        universe if not given."""
        if columns is not None and len(columns) < _FEW:
            before = np.zeros((len(self.first), len(columns)), dtype=np.int64)
            for place, column in enumerate(columns):
                before[:, place] = (self.first > self.first[:, [column]]).sum(1)
            return before < CANDIDATES
        most = min(CANDIDATES, self.first.shape[1])
        least = -np.partition(-self.first, most - 1, axis=1)[:, most - 1 : most]
        found = np.asarray(self.first >= least)
        return found if columns is None else found[:, columns]

    def beyond(self, tails: NDArray[np.int64]) -> NDArray[np.float64]:
        """(molecules, tails), 0–1: by what interacts with a tail or shares its pathways."""
        side, universe = self.near.side, self.near.universe
        found = _product(side.groups[tails], self.near.groups.T.tocsr(), self.base)
        found += (side.joined[tails][:, universe] @ self.base.T).T
        return np.asarray(found / (1 + found), dtype=np.float64)

    def table(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """The features of pairs of a molecule and a tail of the universe, (pairs, features)."""
        near = self.near
        # Of the tails that occur: screening asks for one.
        tails, places = np.unique(columns, return_inverse=True)
        pairs, at = (rows, columns), (rows, places)
        numbers = self.molecules.numbers[rows]
        sizes, log_base = near.sizes[columns], np.log(self.base[pairs] + 1e-6)
        best, second, best_of_others = self._largest(tails)
        few = min(5, self.alike.shape[1])
        nearest = -np.sort(np.partition(-self.alike, few - 1, axis=1)[:, :few], axis=1)
        told = np.exp(self.shares)
        degree = self.weights @ near.degrees / np.maximum(self.weights.sum(1), 1e-9)

        def log(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(np.log(values[at] + 1e-6))

        features = [
            # The tail's ligands
            log_base,
            log_base - np.log(self.base.max(1) + 1e-6)[rows],
            _ranks(self.base, rows, columns),
            np.log(self._over(_power(self.alike, 4), tails)[at] + 1e-4) - 0.5 * np.log1p(sizes),
            log(self._over(_power(self.morgan, 6), tails)),
            log(self._over(_power(self.paths, 6), tails)),
            best[at],
            second[at],
            best[at] / np.maximum(nearest[rows, 0], 1e-3),
            *(self._votes(k, tails)[at] for k in (1, 3, 10)),
            np.log1p(sizes),
            # Other tails' ligands
            best_of_others[at],
            np.log(self.family[pairs] + 1e-6),
            log(_others(near.stems, self.base, tails)),
            log(self._sharing(self.base, tails)),
            log(_linked(near.groups, self.base, tails)),
            log(np.asarray((near.joined[tails] @ self.base.T).T)),
            # The network
            self.shares[pairs],
            self.shares[pairs] - self.shares.max(1)[rows],
            _ranks(self.shares, rows, columns),
            log(_others(near.families, told, tails)),
            log(self._sharing(told, tails)),
            # The molecule
            nearest[rows, 0],
            nearest[rows, -1],
            degree[rows],
            *numbers.T,
            *(numbers - near.means[columns]).T,
        ]
        return np.column_stack(features).astype(np.float32)

    def _over(self, weights: NDArray[np.float32], tails: NDArray[np.int64]) -> NDArray[np.float32]:
        """Sums over each tail's ligands, (molecules, tails)."""
        return np.asarray((self.near.ligands_of[tails] @ weights.T).T, dtype=np.float32)

    def _votes(self, k: int, tails: NDArray[np.int64]) -> NDArray[np.float32]:
        """How many of the `k` most alike ligands have the tail."""
        k = min(k, self.alike.shape[1])
        first = np.argpartition(-self.alike, k - 1, axis=1)[:, :k]
        chosen = np.zeros_like(self.alike)
        np.put_along_axis(chosen, first, 1, axis=1)
        return self._over(chosen, tails)

    def _largest(self, tails: NDArray[np.int64]) -> tuple[NDArray[np.float32], ...]:
        """The largest and the second similarity to a tail's ligands, and the largest to those of
        the other tails of its family."""
        family = self.near.families.indices  # of each tail
        relatives = np.flatnonzero(np.isin(family, family[tails]))  # the tails among them
        ligands_of = self.near.ligands_of[relatives]
        best = np.zeros((len(self.alike), len(relatives)), dtype=np.float32)
        second = np.zeros_like(best)
        filled = np.flatnonzero(np.diff(ligands_of.indptr))
        best[:, filled], second[:, filled] = _two_largest(
            self.alike[:, ligands_of.indices], ligands_of.indptr[filled]
        )
        others = _best_of_others(family[relatives], best)
        asked = np.searchsorted(relatives, tails)
        return best[:, asked], second[:, asked], others[:, asked]

    def _sharing(
        self, values: NDArray[np.float32], tails: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Σ over other tails of the cosine between their ligands and the tail's, times value."""
        near = self.near
        scale = 1 / np.sqrt(np.maximum(near.sizes, 1))
        sums = _product(near.ligands_of[tails], near.known, values * scale) * scale[tails]
        return np.asarray(np.maximum(sums - values[:, tails] * (near.sizes[tails] > 0), 0))


def _power(values: NDArray[np.float32], exponent: int) -> NDArray[np.float32]:
    """An even power by products, which is many times faster than by logarithms."""
    squares = values * values
    if exponent == 6:
        return np.asarray(squares * squares * squares)
    return _power(squares, exponent // 2) if exponent > 2 else squares


def _product(
    asked: sparse.csr_matrix, others: sparse.csr_matrix, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`asked` (tails, things) times `others` (things, all tails) times values: (molecules, tails).

    Things that no asked tail has are left out.
    """
    used = np.unique(asked.indices)
    return np.asarray((asked[:, used] @ (others[used] @ values.T)).T, dtype=np.float32)


def _others(
    members: sparse.csr_matrix, values: NDArray[np.float32], tails: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Sums over the other tails of each tail's group, (molecules, tails)."""
    sums = _product(members[tails], members.T.tocsr(), values)
    return np.maximum(sums - values[:, tails], 0)


def _linked(
    groups: sparse.csr_matrix, values: NDArray[np.float32], tails: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Sums over the other tails, by the product of their groups' rows and the tail's."""
    asked = groups[tails]
    own = np.asarray(asked.multiply(asked).sum(1), dtype=np.float32).ravel()
    sums = _product(asked, groups.T.tocsr(), values)
    return np.maximum(sums - values[:, tails] * own, 0)


def _best_of_others(groups: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest value among the other tails of each tail's group (tails,)."""
    order, group = np.argsort(groups, kind="stable"), np.sort(groups)
    where = np.unique(group, return_inverse=True)[1]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    sorted_values = values[:, order]
    best, second = (part[:, where] for part in _two_largest(sorted_values, starts))
    others = np.empty_like(values)
    others[:, order] = np.where(sorted_values == best, second, best)
    return others


def _two_largest(
    values: NDArray[np.float32], starts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The largest and the second value of runs of columns; 0 for the second of a run of one."""
    sizes = np.diff(np.r_[starts, values.shape[1]])
    best = np.maximum.reduceat(values, starts, axis=1)
    is_best = values == np.repeat(best, sizes, axis=1)
    below = np.maximum.reduceat(np.where(is_best, 0, values), starts, axis=1)
    tied = np.add.reduceat(is_best, starts, axis=1, dtype=np.int32) > 1
    return best, np.where(tied, best, below).astype(np.float32)


def _ranks(
    values: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """log(1 + how many of its row are larger) of each pair; rows come in order."""
    ranks = np.empty(len(rows), dtype=np.float32)
    asked, starts = np.unique(rows, return_index=True)
    for row, start, end in zip(asked, starts, [*starts[1:], len(rows)], strict=True):
        pairs = values[row, columns[start:end]]
        if len(pairs) < 4:
            ranks[start:end] = [(values[row] > value).sum() for value in pairs]
        else:
            ranks[start:end] = np.searchsorted(np.sort(-values[row]), -pairs)
    return np.asarray(np.log1p(ranks))
