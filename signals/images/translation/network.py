"""CycleGAN: two networks that translate between two kinds of pictures, learnt without pairs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ....core.progress import track
from ....core.tensors import without_prefix
from ....core.threads import one_thread
from ..picture import Grey

STEP = 4  # sides of pictures are multiples of it
ROUNDS = 5  # that a training is parted into; after each it can go on
_WIDTH, _BLOCKS = 16, 3
_EPOCHS, _LEAST_STEPS = 8, 400  # of each round
_BATCH, _RATE, _FIRST_MOMENT = 8, 4e-4, 0.5
_CYCLE, _SAME = 10.0, 2.0  # weights beside the discriminators' losses
_AT_ONCE = 64
DIRECTIONS = ("forth", "back")  # from the first kind to the second, and from that to the first


class Pair(nn.Module):
    """The generators of both directions and the discriminator of each one's pictures.

    Pictures are (n, 1, side, side), -1 to 1. Discriminators say of each part of a picture whether
    it is of their kind: `forth`'s of the second kind, `back`'s of the first.

    Source: Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
    Networks, ICCV 2017, with least squares as losses; here without a store of older pictures.
    """

    def __init__(self) -> None:
        super().__init__()
        self.generators = nn.ModuleDict({name: _generator() for name in DIRECTIONS})
        self.discriminators = nn.ModuleDict({name: _discriminator() for name in DIRECTIONS})


class _Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, padding_mode="reflect"),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, padding_mode="reflect"),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, height, width) → the same."""
        outputs: Tensor = x + self.layers(x)
        return outputs


def _generator() -> nn.Sequential:
    width = _WIDTH
    layers: list[nn.Module] = [nn.Conv2d(1, width, 5, 1, 2, padding_mode="reflect"), nn.ReLU()]
    for n in (width, 2 * width):
        layers += [nn.Conv2d(n, 2 * n, 3, 2, 1), nn.InstanceNorm2d(2 * n), nn.ReLU()]
    layers += [_Block(4 * width) for _ in range(_BLOCKS)]
    for n in (4 * width, 2 * width):
        layers += [nn.Upsample(scale_factor=2.0), nn.Conv2d(n, n // 2, 3, 1, 1)]
        layers += [nn.InstanceNorm2d(n // 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 5, 1, 2, padding_mode="reflect"), nn.Tanh())


def _discriminator() -> nn.Sequential:
    width = 2 * _WIDTH
    return nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1),
        nn.InstanceNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 3, 1, 1),
    )


def first_weights(seed: int) -> dict[str, Tensor]:
    """The weights before the first round."""
    torch.manual_seed(seed)
    return Pair().state_dict()


@one_thread()
def train_round(
    weights: Mapping[str, Tensor], first: Grey, second: Grey, seed: int, number: int
) -> dict[str, Tensor]:
    """Train for one of `ROUNDS`; the same seed and number give the same weights.

    Args:
        weights: of the round before, or `first_weights`.
        first, second: (n, side, side) pictures of both kinds, 0–1; no picture belongs to another.
        number: of the round, from 0: later ones take smaller steps.
    """
    torch.manual_seed(ROUNDS * seed + number)
    pair = Pair()
    pair.load_state_dict(weights)
    pair.train()
    rate = _RATE * min(1.0, 2 * (ROUNDS - number) / ROUNDS)
    of_generators, of_discriminators = (
        torch.optim.Adam(each.parameters(), rate, (_FIRST_MOMENT, 0.999))
        for each in (pair.generators, pair.discriminators)
    )
    a, b = (torch.from_numpy(pixels)[:, None] * 2 - 1 for pixels in (first, second))
    n_steps = max(_LEAST_STEPS, _EPOCHS * min(len(a), len(b)) // _BATCH)
    for _ in track(range(n_steps), f"Round {number + 1} of {ROUNDS}"):
        real_a, real_b = (_mirrored(x[torch.randint(len(x), (_BATCH,))]) for x in (a, b))
        forth, back = (pair.generators[name] for name in DIRECTIONS)
        made_b, made_a = forth(real_a), back(real_b)
        cycle = _far(back(made_b), real_a) + _far(forth(made_a), real_b)
        same = _far(forth(real_b), real_b) + _far(back(real_a), real_a)
        judged = _apart(pair.discriminators["forth"](made_b), 1) + _apart(
            pair.discriminators["back"](made_a), 1
        )
        _descend(judged + _CYCLE * cycle + _SAME * same, of_generators)
        loss = torch.zeros(())
        for name, real, made in (("forth", real_b, made_b), ("back", real_a, made_a)):
            discriminator = pair.discriminators[name]
            loss = loss + _apart(discriminator(real), 1) + _apart(discriminator(made.detach()), 0)
        _descend(loss, of_discriminators)
    return pair.state_dict()


def _mirrored(x: Tensor) -> Tensor:
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x, x.flip(3))


def _far(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs().mean()


def _apart(judged: Tensor, value: float) -> Tensor:
    return (judged - value).square().mean()


def _descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()


def generators_of(weights: Mapping[str, Tensor]) -> dict[str, nn.Sequential]:
    """The generators, for use, by direction; see `generator_weights`.

    Raises:
        RuntimeError: the weights are not theirs.
    """
    generators = {name: _generator() for name in DIRECTIONS}
    for name, network in generators.items():
        network.load_state_dict(without_prefix(name, weights))
        network.eval()
    return generators


def generator_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of both generators among those of a round, by direction."""
    return without_prefix("generators", weights)


@one_thread()
@torch.no_grad()
def translated(generator: nn.Sequential, pixels: Grey) -> Grey:
    """(n, side, side) pictures as the other kind, 0–1."""
    parts = []
    for start in range(0, len(pixels), _AT_ONCE):
        x = torch.from_numpy(pixels[start : start + _AT_ONCE])[:, None] * 2 - 1
        parts.append((generator(x)[:, 0] + 1) / 2)
    return np.asarray(torch.cat(parts).numpy())
