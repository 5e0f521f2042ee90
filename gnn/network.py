"""A network for link prediction: encoder × decoder, over the part of a graph that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from scipy import sparse
from torch import Tensor, nn

from .data import EdgeType
from .decoders import DECODERS
from .encoders import ENCODERS
from .message_edges import INVERSE, MessageEdges, Messages, MessageType, SparseMessageEdges
from .node_vectors import Features
from .settings import NetworkSettings

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


class LinkNetwork(nn.Module):
    """An encoder, and the decoder's vector for every relation that is learned.

    `types` are the edge types that it reads, the predicted one (`edge_type`) first.

    Args:
        counts: nodes by kind.
        features: of the kinds that have some, if `settings` ask for them.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        edge_type: EdgeType,
        settings: NetworkSettings,
        features: Mapping[str, Features] | None = None,
    ):
        super().__init__()
        self.edge_type = edge_type
        self.decoder = DECODERS[settings.decoder]
        self.types = types = (edge_type, *settings.context)
        kinds = sorted({kind for head, _, tail in types for kind in (head, tail)})
        self.encoder = ENCODERS[settings.encoder](
            {kind: counts[kind] for kind in kinds},
            [message_type for t in types for message_type in both_ways(t)],
            sorted({edge_type[0], edge_type[2]}),
            settings,
            features or {},
        )
        # Without messages it is by their own scores that the other relations teach the vectors.
        learned = types[:1] if self.depth else types
        self.relations = nn.ParameterDict(
            {relation_key(t): nn.Parameter(self.decoder.identity(settings.dim)) for t in learned}
        )

    @property
    def depth(self) -> int:
        """How many edges away from a node its vector still depends on; 0 for a lookup."""
        return self.encoder.depth

    def forward(
        self,
        messages: Messages,
        rows: Mapping[str, Tensor] | None = None,
        features: Mapping[str, Features] | None = None,
    ) -> dict[str, Tensor]:
        """Vectors for each kind, (nodes, dim), of all nodes or of those in `rows` (by number, -1
        for a node that training never saw; `features` are then theirs, see `NodeVectors`)."""
        vectors: dict[str, Tensor] = self.encoder(messages, rows, features)
        return vectors

    def relation(self, edge_type: EdgeType | None = None) -> Tensor:
        """The decoder's vector for the predicted relation, or for another, (dim,)."""
        vector: Tensor = self.relations[relation_key(edge_type or self.edge_type)]
        return vector


def compact(data: HeteroData, edge_type: EdgeType, context: tuple[EdgeType, ...]) -> HeteroData:
    """What a network reads of a graph: its edge types, all nodes of the predicted relation's kinds,
    and of the other kinds the nodes that have an edge. Edges keep their order.

    Where a kind has features `x` (nodes × width, a dense tensor or a SciPy CSR matrix), the nodes
    that are left keep theirs.
    """
    types = (edge_type, *context)
    numbers: dict[str, Tensor] = {}
    from torch_geometric.data import HeteroData  # takes seconds

    part = HeteroData()
    for kind in sorted({kind for head, _, tail in types for kind in (head, tail)}):
        used = torch.zeros(data[kind].num_nodes, dtype=torch.bool)
        used[:] = kind in (edge_type[0], edge_type[2])
        for t in types:
            for end in (0, 1):
                if t[2 * end] == kind:
                    used[data[t].edge_index[end]] = True
        numbers[kind] = used.cumsum(0) - 1
        part[kind].num_nodes = int(used.sum())
        if "n_id" in data[kind]:
            part[kind].n_id = data[kind].n_id[used]
        if "x" in data[kind]:
            x = data[kind].x
            part[kind].x = x[used.numpy()] if isinstance(x, sparse.csr_matrix) else x[used]
    for t in types:
        heads, tails = data[t].edge_index
        part[t].edge_index = torch.stack([numbers[t[0]][heads], numbers[t[2]][tails]])
        if "e_id" in data[t]:
            part[t].e_id = data[t].e_id
    return part


def relation_key(edge_type: EdgeType) -> str:
    """An edge type as the name of a parameter."""
    return "-".join(edge_type)


def both_ways(edge_type: EdgeType) -> tuple[MessageType, MessageType]:
    """The message types of an edge type: from heads to tails, and back."""
    head, relation, tail = edge_type
    return edge_type, (tail, relation + INVERSE, head)


def messages_over(
    edge_type: EdgeType, edges: Tensor, counts: Mapping[str, int]
) -> dict[MessageType, MessageEdges]:
    """Messages over edges (2, n), both ways."""
    head, _, tail = edge_type
    forth, back = both_ways(edge_type)
    return {
        forth: SparseMessageEdges(edges[0], edges[1], counts[head], counts[tail]),
        back: SparseMessageEdges(edges[1], edges[0], counts[tail], counts[head]),
    }


def features_of(data: HeteroData) -> dict[str, Features]:
    """The features of the kinds of nodes that have some, see `compact`."""
    return {kind: Features(data[kind].x) for kind in data.node_types if "x" in data[kind]}
