"""A variational autoencoder: molecules as points of a space that can be walked in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .network import EMBEDDING, HIDDEN, Codes, SmilesNetwork, State
from .syntax import Form
from .tokens import END

LATENT = 64  # numbers that a molecule is encoded as
READ = 128  # units of each direction of the encoder
_KL_WEIGHT = 0.2  # that the divergence from the prior rises to
_RISING = 0.5  # of training, in which it rises
_ENCODED = 500  # texts that are encoded at a time
GROUPS = 50  # normal distributions, of which new latents are drawn
_LEAST_IN_GROUP = 20  # texts for each group, so that a small library has fewer
_LEAST_VARIANCE = 1e-4


class VariationalNetwork(SmilesNetwork):
    """p(text | latent) by the memory of `SmilesNetwork`, q(latent | text) by a recurrent network.

    Sources: Kingma and Welling, 2014; for molecules Gómez-Bombarelli et al., 2018. New latents are
    drawn from a mixture of normal distributions that is fitted to the encoded library, which is
    nearer to what the decoder has learned than the prior is (Ghosh et al., 2020).

    Args:
        size: of the vocabulary, with `END`.
    """

    def __init__(self, size: int):
        super().__init__(size)
        self.reader = nn.GRU(EMBEDDING, READ, bidirectional=True)
        self.posterior = nn.Linear(2 * READ, 2 * LATENT)
        self.begin = nn.Linear(LATENT, 2 * HIDDEN)
        self.add = nn.Linear(LATENT, EMBEDDING)
        self.kl_weight = 0.0
        self.register_buffer("shares", torch.eye(GROUPS)[0])
        self.register_buffer("centres", torch.zeros(GROUPS, LATENT))
        self.register_buffer("deviations", torch.ones(GROUPS, LATENT))

    temperature = 0.7
    shares: Tensor
    centres: Tensor
    deviations: Tensor

    def prepare_step(self, share: float) -> None:
        """The divergence counts little at first, so that the latents come to be used."""
        self.kl_weight = _KL_WEIGHT * min(1.0, share / _RISING)

    def encode(self, batch: Codes) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latents of texts, (texts, LATENT) each."""
        mean, log_variance = self.posterior(self.read(batch)).float().chunk(2, 1)
        return mean, log_variance.clamp(-10, 5)

    def read(self, batch: Codes) -> Tensor:
        """What the encoder's memory holds of texts when it has read them, (texts, 2 READ)."""
        lengths = torch.tensor([len(code) for code in batch])
        numbers = np.full((int(lengths.max()), len(batch)), END, dtype=np.int64)
        for n, code in enumerate(batch):
            numbers[: len(code), n] = code
        read = self.embedding(torch.from_numpy(numbers))
        packed = nn.utils.rnn.pack_padded_sequence(read, lengths, enforce_sorted=False)
        _, last = self.reader(packed)
        return torch.cat([last[0], last[1]], 1)

    def noisy(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Latents drawn from a normal distribution, one for each text."""
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)

    def decoder_input(self, latents: Tensor) -> tuple[State, Tensor]:
        """The memory's first state, and what is added to its input, for latents."""
        first, cells = self.begin(latents).chunk(2, 1)
        return (first.tanh()[None], cells[None].contiguous()), self.add(latents)

    def loss(self, batch: Codes) -> Tensor:
        """The mean of -log p(text | latent) and the weighted divergence from the prior."""
        mean, log_variance = self.encode(batch)
        latents = self.noisy(mean, log_variance)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        written = self.written_loss(batch, *self.decoder_input(latents))
        return written + self.kl_weight * divergence

    def first_input(self, count: int, generator: torch.Generator) -> tuple[State, Tensor]:
        """As `SmilesNetwork.first_input`; for each text latents are drawn anew."""
        groups = torch.multinomial(self.shares, count, replacement=True, generator=generator)
        drawn = torch.randn(count, LATENT, generator=generator)
        return self.decoder_input(self.centres[groups] + self.deviations[groups] * drawn)

    @torch.no_grad()
    def means(self, texts: Codes) -> Tensor:
        """The latents' means of texts, (texts, LATENT)."""
        parts = [texts[n : n + _ENCODED] for n in range(0, len(texts), _ENCODED)]
        return torch.cat([self.encode(part)[0] for part in parts])

    @torch.no_grad()
    def fit_latents(self, texts: Codes) -> None:
        """Fit the mixture that new latents are drawn from to encoded texts, two or more."""
        from sklearn.mixture import GaussianMixture

        encoded = [self.encode(texts[n : n + _ENCODED]) for n in range(0, len(texts), _ENCODED)]
        means, log_variances = (torch.cat(part).double() for part in zip(*encoded, strict=True))
        n_groups = min(GROUPS, 1 + len(texts) // _LEAST_IN_GROUP)
        mixture = GaussianMixture(
            n_groups, covariance_type="diag", reg_covar=_LEAST_VARIANCE, max_iter=50, random_state=0
        ).fit(means.numpy())
        variances = mixture.covariances_ + log_variances.exp().mean(0).numpy()
        self.shares = torch.zeros(GROUPS)
        self.shares[:n_groups] = torch.from_numpy(mixture.weights_).float()
        self.centres[:n_groups] = torch.from_numpy(mixture.means_).float()
        self.deviations[:n_groups] = torch.from_numpy(np.sqrt(variances)).float()

    @torch.no_grad()
    def write_at(
        self, latents: Tensor, generator: torch.Generator, form: Form, temperature: float
    ) -> list[list[int]]:
        """One text at each of some latents, (texts, LATENT)."""
        state, added = self.decoder_input(latents)
        begun: list[list[int]] = [[] for _ in latents]
        return self.go_on(begun, generator, form, state, added, temperature=temperature)
