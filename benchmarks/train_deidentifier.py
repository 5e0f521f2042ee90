"""Train the de-identifier's model on made-up notes, and write its folder.

    python benchmarks/train_deidentifier.py DATA OUT [--notes 6000] [--epochs 2] [--seed 0]

Needs Faker (`pip install faker`, MIT), whose names of people and towns fill the notes beside lists
of our own; `deidentifier/` has the templates. DATA is the folder of data: sentences of its corpora,
reviews and visits, which name hardly anybody, stand among the notes as what is no identifier, and
identifiers are put into some of them (`deidentifier/raw.py`, `inserted.py`). What may name somebody
in them is left out of the loss. Nothing of the test set of `deidentify.py` is read: neither its
templates nor its values nor its passages, nor the corpora that these are from.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from deidentifier.notes import Span, note
from deidentifier.raw import ignored, lexicon, parts_of, raw_texts
from torch import nn

from medkg.extract.deidentify.identifiers import KINDS
from medkg.extract.deidentify.lexicon import FLAGS, UNKNOWN, Lexicon, word_form
from medkg.extract.deidentify.network import THRESHOLD, WORD, Deidentifier, Tokens, features
from medkg.extract.mentions.vectors import count_words, skip_gram
from medkg.extract.tokens import token_offsets, words_of

IGNORED = -100
BATCH_TOKENS = 2500
LONGEST = 400  # tokens of a training text
RATE = 3e-3
OF_NAMES = sum(1 << FLAGS.index(name) for name in ("first", "last", "places"))
Example = tuple[Tokens, list[int]]


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--notes", type=int, default=6_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begun = time.monotonic()
    # Products as small as these are slower on two threads than on one.
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    draw = random.Random(arguments.seed)
    texts = raw_texts(arguments.data)
    words = lexicon(arguments.data, texts)
    raw = parts_of(texts)
    made = [marked(*note(draw, raw), words) for _ in range(arguments.notes)]
    held = [example(text, spans, words) for text, spans in made[::40]]
    examples = [example(text, spans, words) for n, (text, spans) in enumerate(made) if n % 40]
    print(f"{len(examples):,} texts, {sum(len(e[1]) for e in examples):,} tokens, {len(words):,} words,"
          f" {time.monotonic() - begun:.0f} s", flush=True)  # fmt: skip
    model = Deidentifier(words)
    set_vectors(model, texts, arguments.seed)
    print(f"vectors: {time.monotonic() - begun:.0f} s", flush=True)
    for _ in fit(model, examples, held, arguments.epochs, draw):
        model.save(arguments.out, {"about": vars_of(arguments)}, card(arguments, model, held))
    size = sum(file.stat().st_size for file in arguments.out.iterdir())
    print(f"{arguments.out}: {size:,} bytes, {time.monotonic() - begun:.0f} s")


def vars_of(arguments: argparse.Namespace) -> dict[str, int]:
    """The settings of a training."""
    return {name: getattr(arguments, name) for name in ("notes", "epochs", "seed")}


def marked(text: str, spans: list[Span], words: Lexicon) -> tuple[str, list[Span]]:
    """A note with what else in it may name somebody, which real sentences may do."""
    free = [
        (start, end, kind)
        for start, end, kind in ignored(text, words)
        if not any(a < end and start < b for a, b, _ in spans)
    ]
    return text, sorted([*spans, *free])


def set_vectors(model: Deidentifier, texts: Sequence[str], seed: int) -> None:
    """Start the words' vectors from those of a skip-gram model of the real texts."""
    forms = [[word_form(word) for word in words_of(text)] for text in texts]
    known = frozenset(model.lexicon.words)
    counts = {word: n for word, n in count_words(forms, least=1).items() if word in known}
    vectors = skip_gram(forms, counts, width=WORD, epochs=1, seed=seed)
    with torch.no_grad():
        places = torch.tensor([model.lexicon.index(word) for word in counts])
        model.word.weight[places] = 0.3 * vectors / vectors.std()


def example(text: str, spans: list[Span], words: Lexicon) -> Example:
    """The features of a text's tokens, and the classes that they have."""
    offsets = token_offsets(text)
    classes = [0] * len(offsets)
    for place, (start, end) in enumerate(offsets):
        for a, b, kind in spans:
            if a < end and start < b:
                classes[place] = IGNORED if kind == "-" else 1 + KINDS.index(kind)
    tokens = features(text, offsets, words)
    return tokens.part(0, LONGEST), classes[:LONGEST]


def veiled(tokens: Tokens, draw: random.Random) -> Tokens:
    """Tokens some of which are on fewer lists than they are, so that context counts as well.

    Names are on none of names at times, and a few words of any sort are known as nothing, as rare
    names and rare words are.
    """
    unlisted, unknown = draw.choice((0.0, 0.2, 0.5, 1.0)), draw.choice((0.0, 0.03, 0.08))
    flags, words = list(tokens.flags), list(tokens.words)
    for place, flag in enumerate(tokens.flags):
        if draw.random() < unknown:
            flags[place], words[place] = 0, UNKNOWN
        elif flag & OF_NAMES and draw.random() < unlisted:
            flags[place] = flag & ~OF_NAMES
    return tokens._replace(flags=flags, words=words)


def batches(examples: list[Example], draw: random.Random) -> list[list[Example]]:
    """Texts of like length together, in any order."""
    order = sorted(examples, key=lambda e: len(e[1]) + draw.random() * 20)
    made: list[list[Example]] = [[]]
    for each in order:
        if not each[1]:
            continue
        if (len(made[-1]) + 1) * len(each[1]) > BATCH_TOKENS:
            made.append([])
        made[-1].append(each)
    draw.shuffle(made)
    return [batch for batch in made if batch]


def fit(
    model: Deidentifier,
    examples: list[Example],
    held: list[Example],
    epochs: int,
    draw: random.Random,
) -> Iterator[int]:
    """Train by Adam with a rate that rises and falls (one cycle); yields after each epoch."""
    per_epoch = len(batches(examples, draw))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=per_epoch * epochs + epochs * 5
    )
    loss_of = nn.CrossEntropyLoss(ignore_index=IGNORED, label_smoothing=0.02)
    begun = time.monotonic()
    for epoch in range(epochs):
        model.train()
        total, number = 0.0, 0
        for batch in batches(examples, draw):
            scores, mask = model([veiled(tokens, draw) for tokens, _ in batch])
            gold = torch.tensor([c for e in batch for c in e[1]])
            loss = loss_of(scores[mask], gold)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total, number = total + float(loss.detach()), number + 1
            if number % 50 == 0:
                print(
                    f"  {number}/{per_epoch} {total / number:.4f} {time.monotonic() - begun:.0f} s",
                    flush=True,
                )
        recall, precision = scores_of(model, held)
        print(f"epoch {epoch + 1}: loss {total / number:.4f}, tokens of notes held back: recall {recall:.4f},"
              f" precision {precision:.4f}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)  # fmt: skip
        yield epoch


@torch.inference_mode()
def scores_of(model: Deidentifier, held: list[Example]) -> tuple[float, float]:
    """Recall and precision of tokens in identifiers, whatever their kind."""
    model.eval()
    right = taken_tokens = there = 0
    for tokens, classes in held:
        if not classes:
            continue
        scores, _ = model([tokens])
        gold = np.array(classes)
        taken = (1 - scores[0].softmax(1)[:, 0].numpy() >= THRESHOLD) & (gold != IGNORED)
        right += int((taken & (gold > 0)).sum())
        taken_tokens += int(taken.sum())
        there += int((gold > 0).sum())
    return right / max(1, there), right / max(1, taken_tokens)


def card(arguments: argparse.Namespace, model: Deidentifier, held: list[Example]) -> str:
    """The model's card."""
    recall, precision = scores_of(model, held)
    weights = sum(parameter.numel() for parameter in model.parameters())
    return f"""# De-identifier

Finds names, places and other identifiers of patients by their context; `medkg.extract.deidentify`
joins it to patterns. A convolution and a bidirectional LSTM over tokens, {weights:,} weights in half precision.

- Made by `python benchmarks/train_deidentifier.py DATA OUT --notes {arguments.notes} --epochs {arguments.epochs} --seed {arguments.seed}`,
  from nothing but what follows.
- Trained on {arguments.notes:,} notes that were put together from templates of this project's and made-up
  values (names of people and towns: Faker, MIT licence, and lists of our own), and on sentences of
  MACCROBAT's case reports (CC BY 4.0), abstracts of BC5CDR, NCBI disease, ChemProt and BC2GM (public domain),
  Druglib's reviews and MTS-Dialog's training part (CC BY 4.0), as they are and with made-up identifiers put
  in. No patient's note.
- `words.json`: words of these texts and templates; names of people and towns of Faker (MIT licence,
  copyright Daniele Faraglia and contributors) and of our own; words of names of Hetionet's nodes (CC0).
- Of tokens of such notes, held back: recall {recall:.4f}, precision {precision:.4f}. How it does on notes that share
  nothing with these is in docs/benchmarks/text.md.
- Licence: Apache-2.0.
- Limits: English. Names in small letters that are words, and towns without context, are missed at
  times; a person has to look through what is published.
"""


if __name__ == "__main__":
    main()
