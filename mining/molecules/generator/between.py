"""A walk from one molecule to another through the latents of an autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import torch

from ....core.errors import DataError, ModelError
from ....core.extras import explained_imports
from ....core.threads import one_thread
from ....graph.kg import KnowledgeGraph
from ..fingerprints import morgan_fingerprints, tanimoto
from .generate import lead_of
from .model import Generator, open_generator
from .tokens import canonical_smiles, read_smiles
from .variational import VariationalNetwork

STEPS = 9  # points between the ends
_TEXTS = 50  # written at each point
_TEMPERATURE = 0.5  # lower than elsewhere: what a point means, not what could be there


class MoleculeBetween(TypedDict):
    """The molecule that stands for a point of a walk.

    Attributes:
        at: where, from 0 (the one end) to 1 (the other).
        smiles: canonical, without stereochemistry; None where no text was a new molecule.
        to_first, to_second: Tanimoto similarity to either end, from 0 to 1.
        valid: share of the texts written there that are molecules.
    """

    at: float
    smiles: str | None
    to_first: float | None
    to_second: float | None
    valid: float


@explained_imports()
def interpolate_molecules(
    model: Path | str,
    first: str,
    second: str,
    *,
    kg: KnowledgeGraph | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> list[MoleculeBetween]:
    """Molecules on the straight line between the latents of two.

    At each point 50 texts are written; of those that are molecules, and neither end, the one
    stands for the point whose similarities to the ends are the highest, each weighed by how near
    the end is. Where the latents say little of a molecule, so does the walk.

    Args:
        model: folder of `train_generator(…, model="vae")`, or "aae".
        first, second: SMILES or InChI, or drugs of `kg`.
        kg: a graph, where a molecule is given by a drug's identifier or name.
        steps: points between the ends, evenly spaced.
        seed: the same seed gives the same molecules.

    Raises:
        DataError: a molecule can't be read, or `steps` is below 1.
        MissingError: the graph has no such drug.
        ModelError: there is no such model, it is no autoencoder, or can't write one of the
            molecules.

    Example:
        >>> from pathlib import Path
        >>> rings = ["c1ccccc1", "c1ccncc1", "C1CCNCC1", "C1CCOCC1"]
        >>> chains = ["C" * n + end for n in range(1, 15) for end in ("", "N", "O")]
        >>> texts = [chain + ring for chain in chains for ring in rings]
        >>> _ = Path("mine.smi").write_text("\\n".join(texts))
        >>> _ = medkg.train_generator("mine.smi", "models/vae", model="vae", epochs=2)
        >>> walk = medkg.interpolate_molecules("models/vae", "CCc1ccccc1", "CCCCOC1CCNCC1", steps=3)
        >>> [point["at"] for point in walk]
        [0.25, 0.5, 0.75]
    """
    if steps < 1:
        raise DataError(f"{steps} points can't be shown; ask for 1 or more")
    generator = open_generator(model)
    molecules = [lead_of(text, kg).molecule for text in (first, second)]
    ends = [canonical_smiles(molecule) for molecule in molecules]
    texts = _texts_between(generator, ends, steps, seed)
    bits = morgan_fingerprints(molecules)
    points = []
    for step in range(steps):
        at = (step + 1) / (steps + 1)
        written = [m for text in texts[step] if (m := read_smiles(text)) is not None]
        new = {s: m for m in written if (s := canonical_smiles(m)) not in ends}
        point: MoleculeBetween = {
            "at": round(at, 4),
            "smiles": None,
            "to_first": None,
            "to_second": None,
            "valid": len(written) / len(texts[step]),
        }
        if new:
            similarity = tanimoto(morgan_fingerprints(list(new.values())), bits)
            best = int((similarity @ np.array([1 - at, at])).argmax())
            point["smiles"] = list(new)[best]
            point["to_first"], point["to_second"] = (round(float(x), 4) for x in similarity[best])
        points.append(point)
    return points


class _Ends(NamedTuple):
    network: VariationalNetwork
    codes: list[list[int]]


def _ends(generator: Generator, ends: Sequence[str]) -> _Ends:
    """The network, and the tokens of the ends."""
    if not isinstance(generator.writer, VariationalNetwork):
        raise ModelError(
            f"the model is of the kind {generator.name}, which has no latents to walk in; train one"
            " with --model aae or vae"
        )
    codes = []
    for end in ends:
        code = generator.vocabulary.encode(end)
        if not code:
            raise ModelError(f"the model can't read {end}: it holds an atom new to it")
        codes.append(code)
    return _Ends(generator.writer, codes)


@one_thread()
def _texts_between(
    generator: Generator, ends: Sequence[str], steps: int, seed: int
) -> list[list[str]]:
    """What is written at each point of the way."""
    network, codes = _ends(generator, ends)
    means, random = network.means(codes), torch.Generator().manual_seed(seed)
    form = generator.vocabulary.form
    texts = []
    for step in range(1, steps + 1):
        at = step / (steps + 1)
        latents = ((1 - at) * means[0] + at * means[1]).expand(_TEXTS, -1)
        written = network.write_at(latents, random, form, _TEMPERATURE)
        texts.append([generator.vocabulary.decode(code) for code in written])
    return texts
