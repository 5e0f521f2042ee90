"""Training a generator on a library of molecules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ....core.atomic import check_replaceable
from ....core.errors import DataError
from ....core.extras import explained_imports
from ....core.model_folder import CONFIG
from ....core.progress import progress
from ....core.quarantine import Quarantine
from ....core.threads import one_thread
from .baseline import baseline_of, encoded
from .figures import GeneratorFigures, figures_of
from .library_smiles import LEAST_MOLECULES, LibraryParts, checksum, library_smiles, parts_of
from .model import MODELS, Generator
from .network import LEARNING_RATE, SmilesNetwork, fit

EPOCHS = 1


@explained_imports()
def train_generator(
    library: Path | str,
    out: Path | str,
    *,
    model: str = "lstm",
    epochs: int = EPOCHS,
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
        model: lstm (a long short-term memory) or ngram (the baseline).
        epochs: of the lstm: how often it reads the library.
        quarantine: gets what can't be read, with its line.

    Returns:
        The figures (`figures.GeneratorFigures`), and how many molecules were `learned`.

    Raises:
        DataError: the library can't be read, holds too few molecules, or `out` holds other things.

    Example:
        >>> from pathlib import Path
        >>> chains = ["C" * n + ring for n in range(1, 13) for ring in ("c1ccccc1", "O", "N", "Cl")]
        >>> ends = ("O", "N", "OC", "NC")
        >>> more = ["O=C(" + "C" * n + ")" + end for n in range(1, 16) for end in ends]
        >>> _ = Path("mine.smi").write_text("\\n".join(chains + more))
        >>> figures = medkg.train_generator("mine.smi", "models/mine", model="ngram")
        >>> 0 <= figures["valid"] <= 1
        True
    """
    if model not in MODELS:
        raise DataError(f"there is no generator {model!r}; take one of {', '.join(MODELS)}")
    check_replaceable(Path(out), marker=CONFIG)
    smiles = library_smiles(library, Quarantine() if quarantine is None else quarantine)
    if len(smiles) < LEAST_MOLECULES:
        few = f"{len(smiles)} different molecules are too few; give {LEAST_MOLECULES} or more"
        raise DataError(few, path=Path(library))
    parts = parts_of(smiles, seed)
    trained = baseline_of(parts) if model == "ngram" else _trained_lstm(parts, epochs, seed)
    figures = figures_of(trained, parts, seed=seed)
    record = {"name": Path(library).name, "molecules": len(smiles), "sha256": checksum(smiles)}
    config = {"version": "1", "seed": seed, "library": record, "figures": figures}
    whole = Generator(trained.vocabulary, trained.writer, config)
    whole.save(out, _card(whole, figures, epochs, seed))
    return {**figures, "learned": len(parts.learned)}


@one_thread()
def _trained_lstm(parts: LibraryParts, epochs: int, seed: int) -> Generator:
    learned = encoded(parts.learned)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SmilesNetwork(len(learned.vocabulary))
    rng = np.random.default_rng(seed)
    with progress("Train", epochs * len(learned.codes)) as advance:
        fit(network, learned.codes, epochs, rng, rate=LEARNING_RATE, advance=advance)
    for weights in network.parameters():  # as they are kept
        weights.data = weights.data.half().float()
    return Generator(learned.vocabulary, network, {})


def _card(generator: Generator, figures: GeneratorFigures, epochs: int, seed: int) -> str:
    """The model card, Markdown."""
    library = generator.config["library"]
    of = f" --epochs {epochs}" if generator.name == "lstm" else ""
    rows = "\n".join(
        f"| {name} | {figures['distances'][name]:.3f} | {figures['floor'][name]:.3f} |"
        for name in figures["distances"]
    )
    return f"""# A generator of molecules

Writes SMILES like those of a library, token by token ({generator.name}), without stereochemistry.

- Made by `medkg train generator {library["name"]} --model {generator.name}{of} --seed {seed}`.
- Trained on {library["name"]}, {library["molecules"]:,} molecules, of which a part was held back;
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
