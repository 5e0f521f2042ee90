"""A generator turned towards molecules: trained further on ligands, or begun with a scaffold."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from rdkit import Chem

from ....core.errors import ModelError
from ....core.threads import one_thread
from .model import Generator
from .network import Codes, SmilesNetwork, batches

_RATE = 1e-3
_MOST_EPOCHS = 60
_PATIENCE = 4  # epochs without a smaller loss, after which training ends
_LEAST_TO_HOLD = 10  # ligands, of which a fifth is held back to see when to stop
_FEW_EPOCHS = 10  # with fewer ligands
_WAYS = 200  # in which a scaffold is written, to begin with


def tuned(generator: Generator, ligands: Sequence[str], *, seed: int = 0) -> Generator:
    """A copy of a generator that is trained further on ligands.

    It stops where the loss of a fifth of the ligands, of which it learns nothing, no longer falls;
    so it does not learn the others by heart.

    Raises:
        ModelError: the generator is the baseline, or can write none of the ligands.
    """
    if not isinstance(generator.writer, SmilesNetwork):
        raise ModelError("the baseline ngram can't be guided; take an lstm")
    codes = [code for text in dict.fromkeys(ligands) if (code := generator.vocabulary.encode(text))]
    if not codes:
        raise ModelError("the generator can write none of the ligands: each has an atom new to it")
    network = copy.deepcopy(generator.writer)
    network.prepare_step(1.0)  # as training ended
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the latents that an autoencoder draws
        _train_further(network, codes, seed)
    return Generator(generator.vocabulary, network.eval(), generator.config)


@one_thread()
def _train_further(network: SmilesNetwork, codes: Codes, seed: int) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(codes))
    hold = len(codes) // 5 if len(codes) >= _LEAST_TO_HOLD else 0
    held, learned = [codes[n] for n in order[:hold]], [codes[n] for n in order[hold:]]
    optimizer = torch.optim.Adam(network.parameters(), _RATE)
    best, best_loss, since = copy.deepcopy(network.state_dict()), float("inf"), 0
    for _ in range(_MOST_EPOCHS if held else _FEW_EPOCHS):
        for batch in batches(learned, rng):
            optimizer.zero_grad()
            network.loss(batch).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if not held:
            continue
        with torch.no_grad():
            loss = network.loss(held).item()
        since += 1
        if loss < best_loss:
            best, best_loss, since = copy.deepcopy(network.state_dict()), loss, 0
        if since == _PATIENCE:
            break
    if held:
        network.load_state_dict(best)


def beginnings_with(scaffold: Chem.Mol, *, seed: int = 0) -> list[str]:
    """A scaffold's SMILES, written from different atoms on; a generator adds to the last atom."""
    plain = Chem.Mol(scaffold)
    Chem.RemoveStereochemistry(plain)
    return list(dict.fromkeys(Chem.MolToRandomSmilesVect(plain, _WAYS, randomSeed=seed + 1)))
