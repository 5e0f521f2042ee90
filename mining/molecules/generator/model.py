"""A generator of molecules, and its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from ....core.errors import ModelError
from ....core.model_folder import WEIGHTS, given_config, read_config, save_files
from ....core.tensors import load_tensors, save_tensors
from ....core.threads import one_thread
from .adversarial import AdversarialNetwork
from .network import SmilesNetwork
from .ngram import NgramModel
from .notation import notation_of
from .variational import VariationalNetwork
from .vocabulary import Vocabulary

KIND = "generator"
NETWORKS: dict[str, type[SmilesNetwork]] = {
    "lstm": SmilesNetwork,
    "vae": VariationalNetwork,
    "aae": AdversarialNetwork,
}
MODELS = (*NETWORKS, "ngram")
SHIPPED = Path(__file__).parent / "model"  # of ZINC


@dataclass(frozen=True)
class Generator:
    """Writes molecules like those of the library that it was trained on.

    Attributes:
        vocabulary: its tokens, and their notation.
        writer: what tells the next token: a network, or counts.
        config: what the folder says of its training: `library`, `seed`, `figures`; and the SHA-256
            of its `weights`.
    """

    vocabulary: Vocabulary
    writer: SmilesNetwork | NgramModel
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """One of `MODELS`."""
        for name, network in NETWORKS.items():
            if type(self.writer) is network:
                return name
        return "ngram"

    @one_thread()
    def write(self, count: int, *, seed: int = 0, begun: Sequence[str] = ()) -> list[str]:
        """Write SMILES, in whatever notation they were learned; not each is of a molecule.

        Args:
            begun: SMILES that they go on from, in turn; one with a token that is not in the
                vocabulary is left out.

        Raises:
            ModelError: beginnings were given, and the model is the baseline, or knows none of them.
        """
        return list(map(self.vocabulary.decode, self._written(count, seed, begun)))

    def _written(self, count: int, seed: int, begun: Sequence[str]) -> Iterator[list[int]]:
        if isinstance(self.writer, NgramModel):
            if begun:
                raise ModelError("the baseline ngram can't go on from a beginning; take an lstm")
            return self.writer.write(count, np.random.default_rng(seed))
        codes = [code for text in begun if (code := self.vocabulary.encode(text)) is not None]
        if begun and not codes:
            raise ModelError("the model knows none of the beginnings: an atom of each is new to it")
        form, random = self.vocabulary.form, torch.Generator().manual_seed(seed)
        return self.writer.write(count, random, form, begun=codes or None)

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        if isinstance(self.writer, SmilesNetwork):
            tensors = {name: value.half() for name, value in self.writer.state_dict().items()}
        else:
            tensors = {
                "grams": torch.from_numpy(self.writer.grams),
                "counts": torch.from_numpy(self.writer.counts),
            }
        config = {
            **self.config,
            "model": self.name,
            "notation": self.vocabulary.notation.name,
            "tokens": self.vocabulary.names,
        }
        save_files(path, KIND, config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS))


def open_generator(path: Path | str) -> Generator:
    """Read a generator's folder.

    Raises:
        ModelError: there is none, or it is damaged.
        MissingExtraError: it writes SELFIES, and the library `selfies` is not installed.
    """
    folder = Path(path)
    config = read_config(
        folder, KIND, {"model": str, "notation": str, "tokens": list, "library": dict}
    )
    notation = notation_of(config.pop("notation"))
    vocabulary = Vocabulary(config.pop("tokens"), notation)
    try:
        tensors = load_tensors(folder / WEIGHTS)
        writer: SmilesNetwork | NgramModel
        if (model := config.pop("model")) == "ngram":
            grams, counts = tensors["grams"].numpy(), tensors["counts"].numpy()
            writer = NgramModel(len(vocabulary), grams, counts)
        else:
            writer = NETWORKS[model](len(vocabulary))
            writer.load_state_dict({name: value.float() for name, value in tensors.items()})
            writer.eval()
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
    given = {**given_config(config), "weights": config["sha256"][WEIGHTS]}
    return Generator(vocabulary, writer, given)
