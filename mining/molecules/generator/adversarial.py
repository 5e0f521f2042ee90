"""An adversarial autoencoder: a discriminator, not a divergence, gives latents the prior's form."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .network import Codes
from .variational import LATENT, READ, VariationalNetwork

_NOISE = 0.1  # standard deviation of latents around what the encoder gives, so that near ones agree
_WIDTH = 128  # units of each layer of the discriminator
_ADVERSARY_WEIGHT = 1.0


class AdversarialNetwork(VariationalNetwork):
    """As `VariationalNetwork`, but without a divergence from the prior.

    That divergence is the smaller the less the latents tell of each molecule, so that a decoder
    that does well without them makes them void. Here each molecule may have latents of its own:
    only those of all molecules together must look to a discriminator as if drawn from a standard
    normal distribution.

    Source: Makhzani et al., 2016; for molecules Kadurin et al., 2017.

    Args:
        size: of the vocabulary, with `END`.
    """

    temperature = 0.6

    def __init__(self, size: int):
        super().__init__(size)
        self.posterior = nn.Linear(2 * READ, LATENT)
        self.discriminator = nn.Sequential(
            nn.Linear(LATENT, _WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(_WIDTH, _WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(_WIDTH, 1),
        )

    def encode(self, batch: Codes) -> tuple[Tensor, Tensor]:
        """As `VariationalNetwork.encode`; the variance is the same for all."""
        mean = self.posterior(self.read(batch)).float()
        return mean, torch.full_like(mean, 2 * math.log(_NOISE))

    def loss(self, batch: Codes) -> Tensor:
        """The mean of -log p(text | latent), and the two losses of the adversaries.

        Each adversary learns from its own loss alone: the discriminator's gets latents without
        their gradient, the encoder's a discriminator without its own.
        """
        latents = self.noisy(*self.encode(batch))
        written = self.written_loss(batch, *self.decoder_input(latents))
        own, prior = latents.detach(), torch.randn_like(latents)
        discriminating = _cross_entropy(self.discriminator(prior), real=True) + _cross_entropy(
            self.discriminator(own), real=False
        )
        fixed = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        judged = torch.func.functional_call(self.discriminator, fixed, (latents,))
        return written + discriminating + _ADVERSARY_WEIGHT * _cross_entropy(judged, real=True)


def _cross_entropy(logits: Tensor, *, real: bool) -> Tensor:
    logits = logits.float()
    wanted = torch.full_like(logits, float(real))
    return nn.functional.binary_cross_entropy_with_logits(logits, wanted)
