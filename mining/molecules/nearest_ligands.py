"""The known ligands of a target that a query molecule is most similar to, with their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rdkit import Chem

from ...core.errors import ModelError
from .structure_ranker import StructureRanker
from .structures import inchikey_skeleton, parse, structure_text

if TYPE_CHECKING:
    from ..links.model import LinkModel  # which takes each process seconds to import

NO_LIGAND = "no known ligand is like it"
# Below this similarity to every known ligand a molecule is unlike all of them. On Hetionet's new
# drugs the structure model has an MRR of .15 there, and of .24, .37 and .55 nearer
# (docs/link-prediction.md).
UNLIKE = 0.35
_LEAST_SIMILARITY = 0.005  # Tanimoto below which a ligand is not named; it would be shown as 0.00


class Ligand(NamedTuple):
    """A known ligand: identifier, name, Tanimoto similarity (Morgan), sources of the edge."""

    id: str
    name: str
    similarity: float
    sources: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.similarity:.2f} ({', '.join(self.sources)})"


def structure_ranker_of(model: LinkModel) -> StructureRanker:
    """The part of a model that ranks by structure alone.

    Raises:
        ModelError: it has none.
    """
    ranker = getattr(model.scorer, "structure", None)
    if not isinstance(ranker, StructureRanker):
        raise ModelError(
            f"{model.name} ranks nodes of its graph only; for structures train one on a graph whose"
            " drugs have a SMILES or InChI: medkg train links KG --model structure --out MODEL"
        )
    return ranker


class KnownLigands:
    """The ligands that a model was trained on, with what its graph records of them.

    Attributes:
        names: of all nodes of the graph, by identifier.
    """

    def __init__(self, model: LinkModel, ranker: StructureRanker):
        self._task, self._ranker, self._nodes = model.task, ranker, model.graph.nodes
        self.names = model.names
        self._edges = model.graph.edges.filter(relation=model.task.edge_type[1])

    def nearest(self, tail: int, similarity: NDArray[np.float32], most: int) -> list[Ligand]:
        """The ligands of a tail that a molecule is most similar to, at most `most`.

        Ligands that it is not similar to at all are left out.

        Args:
            similarity: (ligands,): the molecule's to all ligands of the model.
        """
        rows = self._ranker.known[:, [tail]].nonzero()[0]
        rows = rows[similarity[rows] >= _LEAST_SIMILARITY]
        nearest = rows[np.argsort(-similarity[rows], kind="stable")[:most]]
        heads = [self._task.heads[self._ranker.heads[n]] for n in nearest]
        edges = self._edges.filter(
            pl.col("object") == self._task.tails[tail], pl.col("subject").is_in(heads)
        )
        sources = {
            subject: tuple(names) for subject, names in edges.select("subject", "sources").rows()
        }
        return [
            Ligand(head, self.names.get(head, head), float(similarity[n]), sources.get(head, ()))
            for head, n in zip(heads, nearest, strict=True)
        ]

    def nearest_of_all(self, similarity: NDArray[np.float32]) -> tuple[str, float]:
        """The name of the ligand, of whatever tail, that a molecule is most similar to, and the
        similarity; `similarity` as for `nearest`."""
        n = int(np.argmax(similarity))
        head = self._task.heads[self._ranker.heads[n]]
        return self.names.get(head, head), float(similarity[n])

    def is_same(self, ligand: Ligand, molecule: Chem.Mol) -> bool:
        """Whether a known ligand is this molecule."""
        if ligand.similarity < 1:
            return False
        properties = self._nodes.filter(id=ligand.id)["properties"][0]
        other = parse(structure_text(properties) or "").molecule
        return other is not None and inchikey_skeleton(other) == inchikey_skeleton(molecule)
