"""Training a generator on a library of molecules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ....core.atomic import check_replaceable
from ....core.errors import DataError, ModelError
from ....core.extras import explained_imports
from ....core.model_folder import CONFIG
from ....core.progress import progress
from ....core.quarantine import Quarantine
from ....core.threads import one_thread
from .baseline import baseline_of, encoded
from .figures import GeneratorFigures, figures_of
from .library_smiles import LEAST_MOLECULES, LibraryParts, checksum, library_smiles, parts_of
from .model import MODELS, NETWORKS, Generator, open_generator
from .network import LEARNING_RATE, SmilesNetwork, fit
from .notation import Notation, notation_of
from .variational import VariationalNetwork

EPOCHS = 4
_LATENTS_FITTED = 20_000  # texts whose latents tell where new ones are drawn
_LEAST_LEARNED = 2
_FURTHER = 0.5  # of the learning rate, for a network that is trained already


@explained_imports()
def train_generator(
    library: Path | str,
    out: Path | str,
    *,
    model: str = "lstm",
    notation: str = "smiles",
    epochs: int = EPOCHS,
    start: Path | str | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> dict[str, Any]:
    """Train a generator of molecules on a library, and judge it.

    The library's molecules are standardised, without stereochemistry; a random part of them is held
    back, and molecules with rare atoms or of more than 119 tokens are left out.

    Args:
        library: `.smi` (SMILES and name), `.csv` or `.tsv` (a column `smiles` or `inchi`), `.sdf`;
            each plain or `.gz`.
        out: model folder to write.
        model: lstm (a long short-term memory), vae or aae (a variational or an adversarial
            autoencoder, whose molecules can be walked between) or ngram (the baseline).
        notation: smiles, or selfies (extra `selfies`), which is given as SMILES all the same.
        epochs: of a network: how often it reads the library.
        start: a trained network that training goes on from, with its tokens: for a small library of
            one's own, which alone would teach little. A vae or aae may start from an lstm, which
            becomes its decoder. It may have learned what is held back here.
        quarantine: gets what can't be read, with its line.

    Returns:
        The figures (`figures.GeneratorFigures`), and how many molecules were `learned`.

    Raises:
        DataError: the library can't be read, holds too few molecules, or `out` holds other things;
            or there is a `start` for an ngram.
        ModelError: `start` is no network, or one of another kind or notation.
        MissingExtraError: of selfies, whose library is not installed.

    Example:
        >>> from pathlib import Path
        >>> chains = ["C" * n + ring for n in range(1, 13) for ring in ("c1ccccc1", "O", "N", "Cl")]
        >>> more = ["O=C(" + "C" * n + ")" + end for n in range(1, 21) for end in ("O", "N", "OC")]
        >>> _ = Path("mine.smi").write_text("\\n".join(chains + more))
        >>> figures = medkg.train_generator("mine.smi", "models/mine", model="ngram")
        >>> 0 <= figures["valid"] <= 1
        True
    """
    if model not in MODELS:
        raise DataError(f"there is no generator {model!r}; take one of {', '.join(MODELS)}")
    written = notation_of(notation)
    first = None if start is None else _network_of(start, model, notation)
    check_replaceable(Path(out), marker=CONFIG)
    smiles = _enough_smiles(library, Quarantine() if quarantine is None else quarantine)
    parts = parts_of(smiles, seed)
    if model == "ngram":
        trained = baseline_of(parts, written)
    else:
        trained = _trained_network(NETWORKS[model], parts, written, epochs, seed, first)
    figures = figures_of(trained, parts, seed=seed)
    record = _record(Path(library).name, smiles, epochs, seed, first)
    whole = replace(trained, config={**record, "figures": figures})
    whole.save(out, _card(whole, figures))
    return {**figures, "learned": len(parts.learned)}


def _enough_smiles(library: Path | str, quarantine: Quarantine) -> list[str]:
    """The library's SMILES, where they are enough to train on."""
    smiles = library_smiles(library, quarantine)
    if len(smiles) < LEAST_MOLECULES:
        few = f"{len(smiles)} different molecules are too few; give {LEAST_MOLECULES} or more"
        raise DataError(few, path=Path(library))
    return smiles


def _record(
    name: str, smiles: Sequence[str], epochs: int, seed: int, first: Generator | None
) -> dict[str, Any]:
    """What a folder holds of how its model was trained."""
    library = {"name": name, "molecules": len(smiles), "sha256": checksum(smiles)}
    record = {"version": "1", "seed": seed, "library": library, "epochs": epochs}
    if first is None:
        return record
    kept = ("library", "seed", "epochs", "start")
    return {**record, "start": {key: first.config[key] for key in kept if key in first.config}}


def _network_of(start: Path | str, model: str, notation: str) -> Generator:
    """The network that a `model` goes on from."""
    if model == "ngram":
        raise DataError("an ngram is counted anew each time; leave out the model to start from")
    generator = open_generator(start)
    if not isinstance(generator.writer, SmilesNetwork):
        raise ModelError(f"{start}: is an ngram; only a network can be trained further")
    if (kind := generator.name) not in ("lstm", model):
        raise ModelError(f"{start}: is of the kind {kind}, and goes on as {kind}; or give an lstm")
    if (writes := generator.vocabulary.notation.name) != notation:
        raise ModelError(f"{start}: writes {writes}, and goes on so: give the notation {writes}")
    return generator


@one_thread()
def _trained_network(
    network_class: type[SmilesNetwork],
    parts: LibraryParts,
    notation: Notation,
    epochs: int,
    seed: int,
    first: Generator | None,
) -> Generator:
    learned = encoded(parts.learned, first.vocabulary if first else notation)
    if len(learned.codes) < _LEAST_LEARNED:
        few = f"the model to start from can write {len(learned.codes)} of the molecules"
        raise DataError(f"{few}, and {_LEAST_LEARNED} are the least: train one anew")
    rate, rng = LEARNING_RATE, np.random.default_rng(seed)
    with (
        torch.random.fork_rng(devices=[]),
        progress("Train", epochs * len(learned.codes)) as advance,
    ):
        torch.manual_seed(seed)
        network = network_class(len(learned.vocabulary))
        if first is not None and isinstance(first.writer, SmilesNetwork):
            # What an lstm lacks of an autoencoder, as its encoder, begins anew.
            network.load_state_dict(first.writer.state_dict(), strict=False)
            rate *= _FURTHER if isinstance(first.writer, network_class) else 1
        fit(network, learned.codes, epochs, rng, rate=rate, advance=advance)
    if isinstance(network, VariationalNetwork):
        network.fit_latents(learned.codes[:_LATENTS_FITTED])
    for weights in (*network.parameters(), *network.buffers()):  # as they are kept
        weights.data = weights.data.half().float()
    return Generator(learned.vocabulary, network, {})


def _card(generator: Generator, figures: GeneratorFigures) -> str:
    """The model card, Markdown."""
    library, start = generator.config["library"], generator.config.get("start")
    seed = generator.config["seed"]
    of = "" if generator.name == "ngram" else f" --epochs {generator.config['epochs']}"
    notation = generator.vocabulary.notation.name
    if notation != "smiles":
        of += f" --notation {notation}"
    if start is not None:
        of += " --from START"
    started = "" if start is None else _started(start)
    rows = "\n".join(
        f"| {name} | {figures['distances'][name]:.3f} | {figures['floor'][name]:.3f} |"
        for name in figures["distances"]
    )
    return f"""# A generator of molecules

Writes molecules like those of a library as {notation.upper()}, token by token ({generator.name}),
without stereochemistry.

- Made by `medkg train generator {library["name"]} --model {generator.name}{of} --seed {seed}`.
{started}- Trained on {library["name"]}, {library["molecules"]:,} molecules, a part held back;
  SHA-256 of their sorted SMILES {library["sha256"]}.
- Of {figures["written"]:,} texts that it wrote: valid {figures["valid"]:.3f}, of these unique
  {figures["unique"]:.3f}, of these not in the training data {figures["novel"]:.3f}.

| descriptor | distance to held-out molecules | training data's |
|---|---|---|
{rows}

- Weights: Apache-2.0. The library's own terms are its source's.
- Limits: a molecule that it writes is an idea. Nothing is known of its synthesis, its stability,
  its toxicity, or whether it does anything; whether it is patented was not looked up.
"""


def _started(start: Mapping[str, Any]) -> str:
    """What a card says of the model that training went on from."""
    library = start["library"]
    read = f", {start['epochs']} times" if "epochs" in start else ""
    return f"- START had read {library['name']} ({library['molecules']:,} molecules){read}.\n"
