"""The settings of models of links and of all relations, read from a TOML file and checked.

`medkg train links --print-config`, or the same of `train embeddings`, prints all of them with what
they mean; a file needs to hold only those that differ. An option of the command line goes before
the file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, get_type_hints

from ..core.errors import DataError
from ..core.text import read_toml
from .data import EdgeType
from .decoders import DECODERS
from .encoders import ENCODERS
from .losses import LOSSES
from .negatives import SAMPLERS
from .options import Range, check, check_value, option, options, unknown_option

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NEGATIVES = ("relation", "typed", "degree", "all")
SCHEDULES = ("constant", "cosine", "plateau")
# Of embeddings: the share of the learning rate that is left when a share of the steps is done.
EMBEDDING_SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}
NODE_FEATURES = ("fingerprints",)  # what `mining.links.node_features` makes
PRECISIONS = ("auto", "float32", "bfloat16")


def _loss() -> Any:
    return option(
        "cross-entropy",
        "How far an answer's score is to be above the others': cross-entropy (its share in the"
        " softmax), binary, margin, self-adversarial (an other counts by its own score).",
        choices=tuple(LOSSES),
    )


def _precision(of: str) -> Any:
    return option(
        "auto",
        f"{of}: float32, bfloat16 (mixed), or auto: bfloat16 on a GPU.",
        choices=PRECISIONS,
    )


@dataclass(frozen=True)
class NetworkSettings:
    """What a network is built and trained with.

    `context`, the edge types beside the predicted one that messages go over (or that a lookup
    learns as well), is no setting of the file: it follows from the graph and `context_relations`.

    Raises:
        DataError: a value that is not allowed, or values that do not go together.
    """

    encoder: str = option(
        "rgcn",
        "How nodes get vectors: lookup (a learned one each), or by messages over the graph: rgcn"
        " (relational convolution), compgcn (relations have vectors too), hgt (attention).",
        choices=tuple(ENCODERS),
    )
    decoder: str = option(
        "distmult", "How two vectors and a relation become a score.", choices=tuple(DECODERS)
    )
    context: tuple[EdgeType, ...] = ()
    dim: int = option(64, "Numbers in a vector.", least=2, tune=(32, 64, 128))
    layers: int = option(
        2, "How many edges far messages come from (not for lookup).", least=1, tune=(1, 2)
    )
    bases: int = option(8, "Matrices that the relations of an rgcn share.", least=1)
    heads: int = option(4, "Attentions side by side in an hgt; dim is a multiple.", least=1)
    features: tuple[str, ...] = option(
        (),
        "What nodes are known by beside their edges: fingerprints (Morgan, of molecules).",
        choices=NODE_FEATURES,
    )
    lookup: bool = option(
        True,
        "Whether nodes of the kinds with features have a learned vector too. Without it a node that"
        " training never saw gets a vector as good as the others', from features and messages.",
    )
    dropout: float = option(
        0.5, "Share of numbers left out in a step.", least=0, below=1, tune=Range(0.1, 0.7)
    )
    loss: str = _loss()
    margin: float = option(
        1.0, "Of the loss; not for cross-entropy. A few for transe and rotate.", least=0
    )
    negatives: str = option(
        "relation",
        "What an answer is told from, known ones left out: relation (all nodes with an edge of the"
        " relation, and as many others by chance), typed (drawn from the nodes of its kind), degree"
        " (of its kind, those with many edges of the relation oftener), all (of its kind).",
        choices=NEGATIVES,
    )
    n_negatives: int = option(
        1000,
        "How many are drawn in a step; relation takes more where there are more nodes with an edge,"
        " but not with batch.",
        least=2,
    )
    head_weight: float = option(
        0.3, "The share of the loss that is for ranking heads; the rest is for tails.", least=0
    )
    n3: float = option(
        0.0,
        "Weight of the cubes of the vectors' entries (N3, Lacroix et al., ICML 2018).",
        least=0,
    )
    learning_rate: float = option(
        0.02, "Of Adam, at its highest.", least=0, tune=Range(1e-3, 5e-2, log=True)
    )
    schedule: str = option(
        "constant",
        "constant; cosine (down to 0 at the last epoch); plateau (halved after two looks at the"
        " validation edges without a better MRR).",
        choices=SCHEDULES,
        tune=SCHEDULES,
    )
    warmup: int = option(0, "Epochs in which the learning rate grows from 0.", least=0)
    clip: float = option(0.0, "The longest gradient; longer ones are shortened; 0: any.", least=0)
    precision: str = _precision("Of the encoder's products")
    parts: int = option(
        3,
        "The training edges are dealt into so many parts; a step learns one of them while messages"
        " go over the others, so that no edge is learned from itself.",
        least=2,
    )
    batch: int = option(
        0,
        "0: messages go over the whole graph. Else so many edges are learned in a step, by messages"
        " over sampled neighbours: for graphs that outgrow memory, and for several GPUs.",
        least=0,
    )
    neighbours: tuple[int, ...] = option(
        (10, 5),
        "With batch: the most neighbours sampled for a node and type of edge, for each layer from"
        " the edges learned outwards.",
        least=1,
    )
    epochs: int = option(100, "The most; training ends earlier, see patience.", least=1)
    every: int = option(
        5, "Epochs between two looks at the validation edges, each with a checkpoint.", least=1
    )
    patience: int = option(
        6, "Training ends when so many looks at the validation edges show no better MRR.", least=1
    )

    def __post_init__(self) -> None:
        check(self)
        if DECODERS[self.decoder].complex and self.dim % 2:
            raise DataError(f"{self.decoder} vectors have an even dim, not {self.dim}")
        if self.encoder == "hgt" and self.dim % self.heads:
            raise DataError(
                f"dim has to be a multiple of heads: {self.dim} is none of {self.heads}"
            )
        if self.batch and self.encoder == "lookup":
            raise DataError("batch samples neighbours, and a lookup has none: set batch = 0")
        if self.batch and len(self.neighbours) != self.layers:
            raise DataError(
                f"neighbours has a number for each layer: {len(self.neighbours)} for {self.layers}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return {
            **{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()},
            "context": [list(edge_type) for edge_type in self.context],
        }

    def options(self) -> dict[str, object]:
        """The settings that a file can hold, by name."""
        return {name: getattr(self, name) for name in options(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkSettings:
        """The settings of `to_dict`."""
        as_tuples: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        as_tuples["context"] = tuple(tuple(t) for t in values["context"])
        return cls(**as_tuples)


@dataclass(frozen=True)
class LinkSettings:
    """What is predicted, by which sort of model, from what."""

    relation: str = option("TARGETS", "The relation to predict.")
    model: str = option(
        "",
        "ranker, network, paths, structure, degree or neighbours; if empty: network where the"
        " table network or one of its options is given, paths where its table alone is, else"
        " ranker.",
    )
    seed: int = option(0, "The same seed gives the same result.", least=0)
    context_relations: tuple[str, ...] = option(
        (),
        "The other relations to learn from. If empty: those that have the relation's kinds at an"
        " end, the smallest first, up to 500,000 edges.",
    )
    device: str = option(
        "",
        "Where networks are trained: cpu, cuda, …; if empty: a GPU where there is one, the CPU for"
        " the ranker's.",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class RelationPathSettings:
    """What a path network of all relations is built and trained with.

    Raises:
        DataError: a value that is not allowed.
    """

    dim: int = option(16, "Numbers in the state of a node.", least=1)
    layers: int = option(3, "How many edges long the longest path is.", least=1)
    epochs: int = option(24, "All are trained, and the best by the edges held back kept.", least=1)
    heads: int = option(8, "Heads of a step; its memory grows with them.", least=1)
    precision: str = _precision("Of the layers' products in training")
    learning_rate: float = option(5e-3, "Of Adam, at the beginning.", least=0)

    def __post_init__(self) -> None:
        check(self)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return asdict(self)


@dataclass(frozen=True)
class PathSettings(RelationPathSettings):
    """What a path network of one relation is built and trained with."""

    epochs: int = option(4, "All are trained, and the best by the validation edges kept.", least=1)
    edges: int = option(
        800_000,
        "Edges of other relations that paths go over, at most: the smallest relations first.",
        least=0,
    )


@dataclass(frozen=True)
class EmbeddingSettings:
    """What embeddings of all relations are trained with.

    Raises:
        DataError: a value that is not allowed, or values that do not go together.
    """

    decoder: str = option(
        "complex", "How two vectors and a relation become a score.", choices=tuple(DECODERS)
    )
    dim: int = option(
        128, "Real numbers in a vector; even where the decoder's are complex.", least=1
    )
    loss: str = _loss()
    margin: float = option(
        0.0,
        "Of the losses that have one. With transe and rotate, whose scores are below 0, binary and"
        " self-adversarial need about 6. For margin it is the gap to the others' scores.",
        least=0,
    )
    sampler: str = option(
        "typed",
        "What an answer is told from: typed (nodes of its kind), uniform (any nodes), mixed (half"
        " of each), degree (of its kind, those with many edges of the relation oftener), filtered"
        " (of its kind, without known true ones), all (all of these; for small graphs).",
        choices=tuple(SAMPLERS),
    )
    negatives: int = option(512, "How many are drawn for a batch and side.", least=1)
    sides: int = option(
        2,
        "2: each triple's tail and its head are told from others; 1: in each batch only the tails"
        " or only the heads, by chance, which is faster.",
        least=1,
        below=3,
    )
    batch: int = option(512, "Triples a step, of one relation, at most.", least=1)
    epochs: int = option(20, "The most; training ends earlier, see patience.", least=1)
    learning_rate: float = option(0.5, "Of Adagrad, with one sum for each vector.", least=1e-9)
    schedule: str = option(
        "linear",
        "How the learning rate falls from step to step, to zero at the last of the epochs.",
        choices=tuple(EMBEDDING_SCHEDULES),
    )
    clip: float = option(
        0.0, "The longest gradient of a vector; longer ones are shortened; 0: any.", least=0
    )
    n3: float = option(
        0.02,
        "Weight of the cubes of the vectors' entries (N3, Lacroix et al., ICML 2018); for distmult"
        " and complex alone.",
        least=0,
    )
    reciprocal: bool = option(
        True,
        "Whether heads are asked for by a vector of the inverse relation of its own (same source).",
    )
    scale: float = option(
        0.1, "Standard deviation of the numbers that vectors begin with.", least=1e-9
    )
    validate_every: int = option(5, "Epochs between two looks at the validation triples.", least=1)
    patience: int = option(
        3, "Training ends when so many looks at the validation triples show no better MRR.", least=1
    )

    def __post_init__(self) -> None:
        check(self)
        if DECODERS[self.decoder].complex and self.dim % 2:
            raise DataError(f"{self.decoder} vectors have an even dim, not {self.dim}")

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return asdict(self)


TABLES: dict[str, type[DataclassInstance]] = {
    "links": LinkSettings,
    "network": NetworkSettings,
    "paths": PathSettings,
    "relation_paths": RelationPathSettings,
    "embeddings": EmbeddingSettings,
}


def read_settings(path: Path | str) -> dict[str, dict[str, object]]:
    """Read a file of settings: for each table, the options that it sets.

    Raises:
        DataError: no TOML, an unknown table or option (with the nearest that there is), or a value
            of the wrong type or out of range.
    """
    content = read_toml(Path(path))
    read: dict[str, dict[str, object]] = {}
    for table, values in content.items():
        if table not in TABLES or not isinstance(values, dict):
            what = "table" if isinstance(values, dict) else "option outside of a table"
            raise DataError(unknown_option(what, table, [*TABLES]), path=path)
        read[table] = _read_table(TABLES[table], values, f"[{table}]", path)
    return read


def read_with(
    path: Path | str | None, overrides: Mapping[str, Mapping[str, object]]
) -> dict[str, dict[str, object]]:
    """Read a file of settings, if there is one, and override its values.

    Args:
        overrides: options by table; those that are None are left as the file has them.

    Returns:
        The options that are set, in each table of `overrides`.

    Raises:
        DataError: see `read_settings`, and a file with other tables alone.
    """
    read = {} if path is None else read_settings(path)
    if read and not read.keys() & overrides.keys():
        tables = ", ".join(f"[{table}]" for table in read)
        reads = " and ".join(f"[{table}]" for table in overrides)
        raise DataError(f"has {tables} alone; this command reads {reads}", path=path)
    return {
        table: {**read.get(table, {}), **{name: v for name, v in values.items() if v is not None}}
        for table, values in overrides.items()
    }


def _read_table(
    settings: type[DataclassInstance],
    values: Mapping[str, object],
    table: str,
    path: Path | str,
) -> dict[str, object]:
    """The options that a table of a file sets, checked; lists become tuples."""
    allowed, hints = options(settings), get_type_hints(settings)
    read: dict[str, object] = {}
    for name, value in values.items():
        if name not in allowed:
            raise DataError(f"{table} {unknown_option('option', name, [*allowed])}", path=path)
        try:
            check_value(name, value, hints[name], allowed[name][1])
        except DataError as error:
            raise DataError(f"{table} {error}", path=path) from None
        read[name] = tuple(value) if isinstance(value, list) else value
    return read


def to_toml(tables: Mapping[str, DataclassInstance]) -> str:
    """Write settings, by table, as a TOML file that `read_settings` reads.

    What each option does stands above it, as a comment.
    """
    lines: list[str] = []
    for table, settings in tables.items():
        lines += [f"[{table}]"]
        for name, (_, about) in options(settings).items():
            allowed = f" One of: {', '.join(about.choices)}." if about.choices else ""
            lines += [""] if lines[-1] != f"[{table}]" else []
            lines += [f"# {line}" for line in wrap(about.about + allowed, 96)]
            # A value of TOML is written as one of JSON: text, numbers, true, false and lists.
            lines.append(f"{name} = {json.dumps(getattr(settings, name), ensure_ascii=False)}")
        lines.append("")
    return "\n".join(lines)
