"""The network that writes molecules: a long short-term memory over tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .syntax import Form
from .tokens import END

EMBEDDING, HIDDEN = 48, 320
LONGEST = 120  # tokens of a text
_BATCH = 64  # texts that one step learns from
_SAMPLED = 500  # texts that are written at a time
_BUCKET = 50  # batches whose texts are sorted by length, so that little is padded
LEARNING_RATE = 3e-3
_WARM_UP = 0.03  # of all steps, in which the learning rate rises
_LARGEST_GRADIENT = 40.0
_NO_LOSS = -100  # the target of padding

Codes = Sequence[Sequence[int]]
State = tuple[Tensor, Tensor]  # of a memory: what it gives, and its cells; (1, texts, HIDDEN) each


class SmilesNetwork(nn.Module):
    """p(token | the tokens before it), by a long short-term memory (Hochreiter and Schmidhuber,
    1997), as for molecules by Segler et al., 2018.

    Args:
        size: of the vocabulary, with `END`.
    """

    # By which logits are divided; below 1, likely tokens become likelier. Of 1, .9, .8, .7 and .6,
    # tried on a held-out part of ZINC, the first with .95 of the texts molecules.
    temperature = 0.8

    def __init__(self, size: int):
        super().__init__()
        self.embedding = nn.Embedding(size, EMBEDDING)
        self.memory = nn.LSTM(EMBEDDING, HIDDEN)
        self.output = nn.Linear(HIDDEN, size)

    def forward(
        self, numbers: Tensor, state: State | None = None, added: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Logits of the next token after each, (length, texts, size), and the memory's state.

        Args:
            numbers: (length, texts), int64.
            added: (texts, EMBEDDING), to what is read at each place.
        """
        read = self.embedding(numbers)
        hidden, state = self.memory(read if added is None else read + added, state)
        return self.output(hidden), state

    def loss(self, batch: Codes) -> Tensor:
        """The mean of -log p of some texts, with their ends.

        It is the mean over texts, not over tokens: were a batch of short texts to weigh as much as
        one of long texts, what is written would be too short.
        """
        return self.written_loss(batch)

    def written_loss(
        self, batch: Codes, state: State | None = None, added: Tensor | None = None
    ) -> Tensor:
        """`loss`, of a memory that begins in a state, with what is `added` to what it reads."""
        length = max(map(len, batch)) + 1
        inputs = np.full((length, len(batch)), END, dtype=np.int64)
        targets = np.full((length, len(batch)), _NO_LOSS, dtype=np.int64)
        for n, code in enumerate(batch):
            inputs[1 : len(code) + 1, n] = code
            targets[: len(code), n] = code
            targets[len(code), n] = END
        logits, _ = self(torch.from_numpy(inputs), state, added)
        total = nn.functional.cross_entropy(
            logits.flatten(0, 1).float(),
            torch.from_numpy(targets).flatten(),
            ignore_index=_NO_LOSS,
            reduction="sum",
        )
        return total / len(batch)

    def prepare_step(self, share: float) -> None:
        """Called before each step of training, with the share of it that is done."""

    @torch.no_grad()
    def write(
        self,
        count: int,
        generator: torch.Generator,
        form: Form,
        *,
        begun: Codes | None = None,
        temperature: float | None = None,
    ) -> Iterator[list[int]]:
        """Write texts, token by token, as likely as the network finds them.

        A text that has not ended after `LONGEST` tokens is given as it is.

        Args:
            form: of the vocabulary: only tokens are drawn that a text can go on with.
            begun: beginnings that the texts go on from, in turn; they are part of what is given.
            temperature: in the place of the network's own.
        """
        for start in range(0, count, _SAMPLED):
            places = range(start, min(start + _SAMPLED, count))
            batch = [begun[n % len(begun)] if begun else [] for n in places]
            state, added = self.first_input(len(batch), generator)
            yield from self.go_on(batch, generator, form, state, added, temperature=temperature)

    def first_input(
        self, _count: int, _generator: torch.Generator
    ) -> tuple[State | None, Tensor | None]:
        """What so many texts begin with: the memory's state, and what is added to its input."""
        return None, None

    @torch.no_grad()
    def go_on(
        self,
        begun: Codes,
        generator: torch.Generator,
        form: Form,
        state: State | None = None,
        added: Tensor | None = None,
        *,
        temperature: float | None = None,
    ) -> list[list[int]]:
        """Texts that go on from beginnings, one of each; see `write` and `forward`."""
        texts = [list(code) for code in begun]
        partial = [form.begin() for _ in texts]
        running = np.arange(len(texts))
        temperature = self.temperature if temperature is None else temperature
        numbers = torch.full((1, len(texts)), END)
        for place in range(LONGEST):
            logits, state = self(numbers, state, added)
            allowed = torch.from_numpy(np.stack([partial[text].allowed() for text in running]))
            likely = (logits[0] / temperature).masked_fill(~allowed, -torch.inf).softmax(-1)
            chosen = torch.multinomial(likely, 1, generator=generator)[:, 0].tolist()
            for row, text in enumerate(running):
                if place < len(begun[text]):
                    chosen[row] = begun[text][place]
                elif chosen[row] != END:
                    texts[text].append(chosen[row])
                if chosen[row] != END:
                    partial[text].add(chosen[row])
            kept = [row for row, number in enumerate(chosen) if number != END]
            if not kept:
                break
            running = running[kept]
            numbers = torch.tensor([[chosen[row] for row in kept]])
            state = (state[0][:, kept], state[1][:, kept])
            added = None if added is None else added[kept]
        return texts


def fit(
    network: SmilesNetwork,
    texts: Codes,
    epochs: int,
    rng: np.random.Generator,
    *,
    rate: float,
    advance: Callable[..., None],
) -> None:
    """Train on texts; the learning rate rises at first, then falls along a cosine to 0.

    Args:
        rate: the highest learning rate.
        advance: called after each step with the number of texts, and the loss in words.
    """
    optimizer = torch.optim.Adam(network.parameters(), rate, betas=(0.9, 0.99))
    steps, done = epochs * math.ceil(len(texts) / _BATCH), 0

    def factor(step: int) -> float:
        warm_up = max(1, round(_WARM_UP * steps))
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    mean = math.log(network.output.out_features)
    half = torch.cpu._is_avx512_bf16_supported()
    network.train()
    for _ in range(epochs):
        for batch in batches(texts, rng):
            network.prepare_step(done / steps)
            done += 1
            # Where the processor computes in half precision, this takes half of the time.
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = network.loss(batch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            mean += 0.02 * (loss.item() - mean)
            advance(len(batch), f"loss {mean:.3f}")
    network.eval()


def batches(texts: Codes, rng: np.random.Generator) -> Iterator[list[Sequence[int]]]:
    """All texts once, in batches of about equal length, in random order."""
    order = rng.permutation(len(texts))
    for start in range(0, len(order), _BUCKET * _BATCH):
        bucket = sorted(order[start : start + _BUCKET * _BATCH], key=lambda n: len(texts[n]))
        parts = [bucket[at : at + _BATCH] for at in range(0, len(bucket), _BATCH)]
        for n in rng.permutation(len(parts)):
            yield [texts[row] for row in parts[n]]
