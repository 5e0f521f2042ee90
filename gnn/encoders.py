"""Encoders: a vector for every node of a graph.

A new encoder is an `Encoder` with its own `build` and, where its layers alone don't say it,
`convolve`, and a line in `ENCODERS`; the contract tests in `tests/contract/test_encoders.py` run on
every name there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from .settings import NetworkSettings

# (kind of the sender, relation, kind of the receiver). A relation passes messages both ways: from
# heads to tails under its own name, from tails to heads under that name with INVERSE behind it.
MessageType = tuple[str, str, str]
INVERSE = "^-1"
_MOST = 30.0  # the highest score of an edge in an attention


class MessageEdges(Protocol):
    """The edges of one message type, in an order of their own.

    Where vectors are in parts side by side (`heads`), these come first: (heads, nodes, dim).
    """

    def mean(self, x: Tensor) -> Tensor:
        """The mean over each receiver's senders, (senders, dim) → (receivers, dim); 0 for none."""
        ...

    def dots(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Receiver · sender for each edge and head: (heads, receivers, dim), (heads, senders, dim)
        → (heads, edges)."""
        ...

    def sum(self, values: Tensor, x: Tensor) -> Tensor:
        """Σ value · x over each receiver's edges, for each head: (heads, edges), (heads, senders,
        dim) → (heads, receivers, dim)."""
        ...


class SparseMessageEdges:
    """Messages by products with sparse matrices in compressed rows.

    It needs no grouped or scattering kernels (pyg-lib, torch-sparse), and takes memory for the
    edges and for one vector a node, never for one vector an edge.
    """

    def __init__(self, senders: Tensor, receivers: Tensor, n_senders: int, n_receivers: int):
        self._pattern = _Pattern(senders, receivers, n_senders, n_receivers)
        degree = torch.bincount(receivers, minlength=n_receivers)
        self._shares = 1.0 / torch.repeat_interleave(degree, degree).float()[None]

    def mean(self, x: Tensor) -> Tensor:
        """See `MessageEdges`."""
        return self.sum(self._shares, x[None])[0]

    def dots(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See `MessageEdges`."""
        found: Tensor = _Dots.apply(queries, keys, self._pattern)  # type: ignore[no-untyped-call]
        return found

    def sum(self, values: Tensor, x: Tensor) -> Tensor:
        """See `MessageEdges`."""
        product: Tensor = _Product.apply(values, x, self._pattern)  # type: ignore[no-untyped-call]
        return product


class WeightedMessageEdges:
    """Messages with a weight an edge, through which gradients flow: for attribution to edges.

    A mean is weighted, a sum's values are multiplied with the weights; weight 0 is removal.
    """

    def __init__(self, senders: Tensor, receivers: Tensor, n_receivers: int, weights: Tensor):
        self._senders, self._receivers, self._weights = senders, receivers, weights
        total = torch.zeros(n_receivers, device=weights.device).index_add(0, receivers, weights)
        self._total = total.clamp_min(1e-12)

    def mean(self, x: Tensor) -> Tensor:
        """See `MessageEdges`."""
        ones = torch.ones_like(self._weights)
        return self.sum(ones[None], x[None])[0] / self._total[:, None]

    def dots(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See `MessageEdges`."""
        return (queries[:, self._receivers] * keys[:, self._senders]).sum(-1)

    def sum(self, values: Tensor, x: Tensor) -> Tensor:
        """See `MessageEdges`."""
        messages = x[:, self._senders] * (self._weights * values)[..., None]
        nothing = x.new_zeros(len(x), len(self._total), x.shape[2])
        return nothing.index_add(1, self._receivers, messages)


class _Pattern:
    """Where a sparse matrix (receivers, senders) has its entries; transposed on demand.

    For several heads it is a matrix with one block a head, (heads · receivers, heads · senders).
    """

    def __init__(self, senders: Tensor, receivers: Tensor, n_senders: int, n_receivers: int):
        order = torch.argsort(receivers, stable=True)
        self._forth = _compressed(receivers[order], n_receivers), senders[order].int()
        self._size = n_receivers, n_senders
        self._back: tuple[Tensor, Tensor] | None = None
        self._order: Tensor | None = None
        self._blocks: dict[tuple[int, bool], tuple[Tensor, Tensor]] = {}

    def matrix(self, values: Tensor) -> Tensor:
        """With values (heads, edges)."""
        rows, columns = self._of(len(values), self._forth, turned=False)
        size = tuple(len(values) * n for n in self._size)
        return torch.sparse_csr_tensor(
            rows, columns, values.flatten(), size, check_invariants=False
        )

    def transposed(self, values: Tensor) -> Tensor:
        """With values (heads, edges), in the order of the matrix itself."""
        if self._back is None or self._order is None:
            starts, senders = self._forth
            receivers = torch.repeat_interleave(starts[1:] - starts[:-1])
            self._order = torch.argsort(senders, stable=True)
            rows = _compressed(senders[self._order], self._size[1])
            self._back = rows, receivers[self._order].int()
        rows, columns = self._of(len(values), self._back, turned=True)
        size = tuple(len(values) * n for n in self._size[::-1])
        values = values[:, self._order].flatten()
        return torch.sparse_csr_tensor(rows, columns, values, size, check_invariants=False)

    def sampled(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Row · column at every entry: (heads, receivers, dim), (heads, senders, dim) → (heads,
        edges)."""
        heads, n_edges = len(queries), len(self._forth[1])
        if n_edges == 0:
            return queries.new_zeros(heads, 0)
        # beta = 0 leaves the values out, but they have to be numbers.
        matrix = self.matrix(queries.new_zeros(heads, n_edges))
        rows, columns = queries.flatten(0, 1), keys.flatten(0, 1).T
        found: Tensor = torch.sparse.sampled_addmm(matrix, rows, columns, beta=0.0)
        return found.values().view(heads, n_edges)

    def _of(
        self, heads: int, part: tuple[Tensor, Tensor], *, turned: bool
    ) -> tuple[Tensor, Tensor]:
        if heads == 1:
            return part
        if (heads, turned) not in self._blocks:
            (starts, columns), width = part, self._size[0 if turned else 1]
            block = torch.arange(heads, device=starts.device, dtype=torch.int32)[:, None]
            self._blocks[heads, turned] = (
                torch.cat([starts[:1], (starts[1:] + block * len(columns)).flatten()]),
                (columns + block * width).flatten(),
            )
        return self._blocks[heads, turned]


def _compressed(in_order: Tensor, n: int) -> Tensor:
    starts = torch.zeros(n + 1, dtype=torch.int64, device=in_order.device)
    starts[1:] = torch.bincount(in_order, minlength=n).cumsum(0)
    return starts.int()  # the index that the kernels work with; another is converted at each call


# Sparse kernels are for full precision, whatever the products around them are computed in.
_forward = torch.amp.custom_fwd(device_type="cuda", cast_inputs=torch.float32)
_backward = torch.amp.custom_bwd(device_type="cuda")


class _Product(torch.autograd.Function):
    @staticmethod
    @_forward
    def forward(ctx, values, x, pattern):  # type: ignore[no-untyped-def]  # torch's own form
        ctx.save_for_backward(values, x)
        ctx.pattern = pattern
        return (pattern.matrix(values) @ x.flatten(0, 1)).view(len(x), -1, x.shape[2])

    @staticmethod
    @_backward
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]  # torch's own form
        values, x = ctx.saved_tensors
        for_values = ctx.pattern.sampled(gradient, x) if ctx.needs_input_grad[0] else None
        for_x = None
        if ctx.needs_input_grad[1]:
            for_x = (ctx.pattern.transposed(values) @ gradient.flatten(0, 1)).view_as(x)
        return for_values, for_x, None


class _Dots(torch.autograd.Function):
    @staticmethod
    @_forward
    def forward(ctx, queries, keys, pattern):  # type: ignore[no-untyped-def]  # torch's own form
        ctx.save_for_backward(queries, keys)
        ctx.pattern = pattern
        return pattern.sampled(queries, keys)

    @staticmethod
    @_backward
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]  # torch's own form
        queries, keys = ctx.saved_tensors
        for_queries = ctx.pattern.matrix(gradient) @ keys.flatten(0, 1)
        for_keys = ctx.pattern.transposed(gradient) @ queries.flatten(0, 1)
        return for_queries.view_as(queries), for_keys.view_as(keys), None


class Features(nn.Module):
    """What is known of each node of a kind: (nodes, width) numbers, as sparse rows or dense.

    They are no weights: a network's state does not hold them.
    """

    def __init__(self, x: Tensor | sparse.csr_matrix):
        super().__init__()
        self.dense: Tensor | None
        self.starts: Tensor
        self.columns: Tensor
        self.values: Tensor
        if isinstance(x, Tensor):
            self.register_buffer("dense", x.float(), persistent=False)
            self.count, self.width = x.shape
        else:
            self.register_buffer("dense", None, persistent=False)
            self.count, self.width = x.shape
            for name, part in (("starts", x.indptr), ("columns", x.indices)):
                self.register_buffer(name, torch.from_numpy(part).long(), persistent=False)
            self.register_buffer("values", torch.from_numpy(x.data).float(), persistent=False)

    def __len__(self) -> int:
        return int(self.count)

    def product(self, weight: Tensor, rows: Tensor | None = None) -> Tensor:
        """The features of these nodes (of all, if not given) times (width, dim): (nodes, dim)."""
        if self.dense is not None:
            return (self.dense if rows is None else self.dense[rows]) @ weight
        columns, values, starts = self.columns, self.values, self.starts[:-1]
        if rows is not None:
            sizes = self.starts[rows + 1] - self.starts[rows]
            ends = sizes.cumsum(0)
            which = torch.repeat_interleave(self.starts[rows] - (ends - sizes), sizes)
            entries = which + torch.arange(len(which), device=rows.device)
            columns, values, starts = columns[entries], values[entries], ends - sizes
        return functional.embedding_bag(
            columns, weight, starts, mode="sum", per_sample_weights=values.to(weight.dtype)
        )

    def length(self) -> float:
        """The root mean square of the rows' lengths, over the nodes that have features; else 1."""
        if self.dense is not None:
            squares = (self.dense**2).sum(1)
        else:
            rows = torch.repeat_interleave(self.starts[1:] - self.starts[:-1])
            squares = self.values.new_zeros(self.count).index_add(0, rows, self.values**2)
        squares = squares[squares > 0]
        return float(squares.mean().sqrt()) if len(squares) else 1.0


class NodeVectors(nn.Module):
    """What an encoder starts from: a learned vector a node, its features projected, or both.

    v_i = e_i + W_kind x_i / s + b_kind, with s the training features' typical length

    Args:
        counts: nodes by kind.
        features: of the kinds that have some.
        lookup: whether nodes of the kinds with features have a learned vector e_i too. Without it a
            node that training never saw gets a vector as good as any other's.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        dim: int,
        features: Mapping[str, Features],
        *,
        lookup: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.vectors = nn.ParameterDict(
            {
                kind: nn.Parameter(torch.randn(n, dim) / dim**0.5)
                for kind, n in counts.items()
                if lookup or kind not in features
            }
        )
        self.features = nn.ModuleDict({k: x for k, x in features.items() if k in counts})
        self.projections = nn.ModuleDict(
            {kind: _Projection(x, dim) for kind, x in self.features.items()}  # type: ignore[arg-type]
        )
        self.kinds = list(counts)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        rows: Mapping[str, Tensor] | None = None,
        features: Mapping[str, Features] | None = None,
    ) -> dict[str, Tensor]:
        """The vectors, (nodes, dim) for each kind.

        Args:
            rows: the numbers of the nodes wanted, each once; -1 is a node that training never saw,
                whose learned vector is 0. All nodes in their order if not given.
            features: of the nodes wanted, row by row, where they are other than the training
                graph's.
        """
        found = {}
        for kind in self.kinds:
            parts = []
            at = None if rows is None else rows[kind]
            if kind in self.vectors:
                table = self.vectors[kind]
                if at is None:
                    parts.append(table)
                else:
                    # Sparse gradients: a step moves only the vectors that it took.
                    taken = functional.embedding(at.clamp_min(0), table, sparse=True)
                    parts.append(taken * (at >= 0)[:, None] if bool((at < 0).any()) else taken)
            if kind in self.projections:
                given = features is not None and kind in features
                x = features[kind] if features is not None and given else self.features[kind]
                parts.append(self.projections[kind](x, None if given else at))
            found[kind] = self.dropout(parts[0] if len(parts) == 1 else parts[0] + parts[1])
        return found


class _Projection(nn.Module):
    def __init__(self, features: Features, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features.width, dim) / dim**0.5)
        self.bias = nn.Parameter(torch.zeros(dim))
        self.length: Tensor
        self.register_buffer("length", torch.tensor(features.length()))

    def forward(self, features: Features, rows: Tensor | None) -> Tensor:
        return features.product(self.weight / self.length, rows) + self.bias


class Encoder(nn.Module):
    """An encoder, and by itself the lookup: the nodes' own vectors, whatever their edges.

    Args:
        counts: nodes by kind.
        types: the message types there are, both directions of each relation.
        wanted: the kinds whose vectors are needed.
        features: of the kinds that have some.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        types: Sequence[MessageType],
        wanted: Sequence[str],
        settings: NetworkSettings,
        features: Mapping[str, Features],
    ):
        super().__init__()
        self.nodes = NodeVectors(
            counts,
            settings.dim,
            features,
            lookup=settings.lookup,
            dropout=settings.dropout,
        )
        self.layers = nn.ModuleList(self.build(counts, types, settings))
        self.wanted = list(wanted)
        self.dropout = nn.Dropout(settings.dropout)

    def build(
        self,
        counts: Mapping[str, int],
        types: Sequence[MessageType],
        settings: NetworkSettings,
    ) -> Iterable[nn.Module]:
        """The layers; what else an encoder needs is set here, too."""
        return ()

    @property
    def depth(self) -> int:
        """How many edges away from a node its vector still depends on."""
        return len(self.layers)

    def forward(
        self,
        messages: Mapping[MessageType, MessageEdges],
        rows: Mapping[str, Tensor] | None = None,
        features: Mapping[str, Features] | None = None,
    ) -> dict[str, Tensor]:
        """Vectors for each wanted kind, (nodes, dim); `rows` and `features` as in `NodeVectors`.

        Each layer's output is added to its input, through ReLU on all layers but the last.
        """
        x: dict[str, Tensor] = self.nodes(rows, features)
        for depth in range(self.depth):
            last = depth + 1 == self.depth
            # The last layer is computed only for the kinds whose vectors are wanted.
            kinds = self.wanted if last else list(x)
            change = self.convolve(depth, {kind: x[kind] for kind in kinds}, x, messages)
            if not last:
                change = {kind: torch.relu(h) for kind, h in change.items()}
            x = {kind: x[kind] + self.dropout(h) for kind, h in change.items()}
        return {kind: x[kind] for kind in self.wanted} if self.depth else x

    def convolve(
        self,
        depth: int,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, MessageEdges],
    ) -> dict[str, Tensor]:
        """What the layer at `depth` makes of the receivers, (nodes, dim) by kind."""
        out: dict[str, Tensor] = self.layers[depth](receivers, senders, messages)
        return out


class RGCN(Encoder):
    """Relational graph convolution.

    A layer gives node i

        Σ_r mean_{j ∈ N_r(i)} W_r h_j + W_0 h_i,  W_r = Σ_b a_rb V_b

    with r over relations and their inverses and `bases` matrices V_b shared by all relations of the
    layer.

    Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks,
    ESWC 2018.
    """

    def build(
        self,
        counts: Mapping[str, int],
        types: Sequence[MessageType],
        settings: NetworkSettings,
    ) -> Iterable[nn.Module]:
        """See `Encoder`."""
        bases = min(settings.bases, len(types))
        return (_RelationalConvolution(types, settings.dim, bases) for _ in range(settings.layers))


class _RelationalConvolution(nn.Module):
    def __init__(self, types: Sequence[MessageType], dim: int, bases: int):
        super().__init__()
        self.rows = {message_type: row for row, message_type in enumerate(types)}
        self.bases = nn.Parameter(torch.randn(bases, dim, dim) / dim**0.5)
        self.coefficients = nn.Parameter(torch.randn(len(types), bases) / bases**0.5)
        self.self_loop = nn.Linear(dim, dim)

    def forward(
        self,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, MessageEdges],
    ) -> dict[str, Tensor]:
        weights = torch.einsum("tb,bij->tij", self.coefficients, self.bases)
        out = {kind: self.self_loop(h) for kind, h in receivers.items()}
        for message_type, edges in messages.items():
            sender, _, receiver = message_type
            if receiver in out:
                message = edges.mean(senders[sender]) @ weights[self.rows[message_type]]
                out[receiver] = out[receiver] + message
        return out


class CompGCN(Encoder):
    """Composition-based graph convolution: relations have vectors of their own.

    A layer gives node i

        Σ_r W_dir(r) mean_{j ∈ N_r(i)} φ(h_j, z_r) + W_self φ(h_i, z_self)

    with φ(h, z) = h z, elementwise (of the paper's three compositions the multiplication), one
    matrix W_dir for all relations and one for all inverses; the next layer has z_r' = W_rel z_r.

    Source: Vashishth et al., Composition-based Multi-Relational Graph Convolutional Networks, ICLR
    2020.
    """

    def build(
        self,
        counts: Mapping[str, int],
        types: Sequence[MessageType],
        settings: NetworkSettings,
    ) -> Iterable[nn.Module]:
        """See `Encoder`."""
        self.rows = {message_type: row for row, message_type in enumerate(types)}
        # Ones, disturbed: a relation begins as the neighbours' own vectors. The last row is z_self.
        self.relations = nn.Parameter(1 + 0.1 * torch.randn(len(types) + 1, settings.dim))
        return (_CompositionLayer(settings.dim) for _ in range(settings.layers))

    def convolve(
        self,
        depth: int,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, MessageEdges],
    ) -> dict[str, Tensor]:
        """See `Encoder`."""
        relations = self.relations
        for layer in self.layers[:depth]:
            relations = layer.relations(relations)  # type: ignore[operator]  # a Linear
        layer = self.layers[depth]
        out = {kind: layer.itself(h * relations[-1]) for kind, h in receivers.items()}  # type: ignore[operator]
        for message_type, edges in messages.items():
            sender, relation, receiver = message_type
            if receiver in out:
                weight = layer.inverse if relation.endswith(INVERSE) else layer.forth
                # φ is linear in h_j: composed with the mean, once a receiver instead of an edge.
                composed = edges.mean(senders[sender]) * relations[self.rows[message_type]]
                out[receiver] = out[receiver] + weight(composed)  # type: ignore[operator]
        return out


class _CompositionLayer(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.forth = nn.Linear(dim, dim, bias=False)
        self.inverse = nn.Linear(dim, dim, bias=False)
        self.itself = nn.Linear(dim, dim)
        self.relations = nn.Linear(dim, dim, bias=False)
        with torch.no_grad():  # the next layer's relations begin as this one's
            self.relations.weight.copy_(torch.eye(dim))


class HGT(Encoder):
    """Heterogeneous graph transformer: attention over all of a node's neighbours.

    A layer gives node i of kind τ, with `heads` parts of the vectors that are joined again,

        A_τ gelu( Σ_(j,r) softmax_(j,r)( μ_r (Q_τ h_i) · (W_r K h_j) / √d ) M_r V h_j )

    with the softmax over all edges of i, whatever their relation r, matrices K and V for the kind
    of the neighbour j, W_r and M_r for the relation, and d numbers in a part.

    Source: Hu et al., Heterogeneous Graph Transformer, WWW 2020.
    """

    def build(
        self,
        counts: Mapping[str, int],
        types: Sequence[MessageType],
        settings: NetworkSettings,
    ) -> Iterable[nn.Module]:
        """See `Encoder`."""
        return (
            _AttentionLayer(list(counts), types, settings.dim, settings.heads)
            for _ in range(settings.layers)
        )


class _AttentionLayer(nn.Module):
    def __init__(self, kinds: Sequence[str], types: Sequence[MessageType], dim: int, heads: int):
        super().__init__()
        self.heads, self.part = heads, dim // heads
        self.rows = {message_type: row for row, message_type in enumerate(types)}
        self.query, self.key, self.value, self.out = (
            nn.ModuleDict({kind: nn.Linear(dim, dim) for kind in kinds}) for _ in range(4)
        )
        shape = (len(types), heads, self.part, self.part)
        self.for_keys = nn.Parameter(torch.randn(shape) / self.part**0.5)
        self.for_values = nn.Parameter(torch.randn(shape) / self.part**0.5)
        self.prior = nn.Parameter(torch.ones(len(types), heads, 1))

    def forward(
        self,
        receivers: Mapping[str, Tensor],
        senders: Mapping[str, Tensor],
        messages: Mapping[MessageType, MessageEdges],
    ) -> dict[str, Tensor]:
        queries, keys, values = (
            {kind: self._parts(linear[kind](h)) for kind, h in x.items()}
            for linear, x in (
                (self.query, receivers),
                (self.key, senders),
                (self.value, senders),
            )
        )
        # The last column sums the softmax's denominator along.
        sums = {
            kind: h.new_zeros(self.heads, len(h), self.part + 1, dtype=torch.float32)
            for kind, h in receivers.items()
        }
        for message_type, edges in messages.items():
            sender, _, receiver = message_type
            if receiver in sums:
                row = self.rows[message_type]
                scores = edges.dots(queries[receiver], keys[sender] @ self.for_keys[row])
                # Within bounds whose exponentials are numbers, so that no maximum has to be found.
                scores = (scores * self.prior[row] / self.part**0.5).clamp(-_MOST, _MOST)
                value = values[sender] @ self.for_values[row]
                value = torch.cat([value, torch.ones_like(value[..., :1])], dim=2)
                sums[receiver] = sums[receiver] + edges.sum(scores.float().exp(), value)
        out = {}
        for kind, found in sums.items():
            mean = found[..., :-1] / found[..., -1:].clamp_min(1e-20)
            out[kind] = self.out[kind](functional.gelu(mean.transpose(0, 1).flatten(1)))
        return out

    def _parts(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.heads, self.part).transpose(0, 1).contiguous()


ENCODERS: dict[str, type[Encoder]] = {
    "lookup": Encoder,
    "rgcn": RGCN,
    "compgcn": CompGCN,
    "hgt": HGT,
}
