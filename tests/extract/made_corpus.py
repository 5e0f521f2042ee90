"""A corpus of made-up sentences in PubTator form, easy enough to be learnt in seconds."""

from __future__ import annotations

import random
from pathlib import Path

DRUGS = ["Zapomycin", "Lumirol", "Quorastat", "Teflamide", "Borizine", "Nexoprim"]
DISEASES = ["blue fever", "marsh cough", "stone rash", "night palsy", "GTX-2 deficiency", "ague"]
PATTERNS = [
    "{drug} relieved {disease} in {n} patients.",
    "The cause of {disease} was {drug}, not salt.",
    "No {disease} was seen (dose: {n}mg of {drug}).",
    "We gave water to {n} adults.",
]


def write_corpus(folder: Path, *, train: int = 60, development: int = 12) -> Path:
    """Write `folder/made/{train,development}.pubtator.txt`; returns `folder`."""
    generator = random.Random(5)
    (folder / "made").mkdir(parents=True)
    for part, size in (("train", train), ("development", development)):
        texts = [document(generator, f"{part}{n}") for n in range(size)]
        (folder / "made" / f"{part}.pubtator.txt").write_text("\n".join(texts), encoding="utf-8")
    return folder


def document(generator: random.Random, identifier: str, sentences: int = 4) -> str:
    """One document as PubTator lines."""
    # The long number keeps two documents from holding the same text.
    title = f"Report {generator.randrange(10**12)}"
    text, lines = title + "\n", []
    for _ in range(sentences):
        drug, disease = generator.choice(DRUGS), generator.choice(DISEASES)
        pattern = generator.choice(PATTERNS)
        sentence = pattern.format(drug=drug, disease=disease, n=generator.randrange(2, 99))
        for name, kind in ((drug, "Chemical"), (disease, "Disease")):
            if name in sentence:
                start = len(text) + sentence.index(name)
                lines.append(f"{identifier}\t{start}\t{start + len(name)}\t{name}\t{kind}\t-1")
        text += sentence + " "
    abstract = text[len(title) + 1 :]
    return "\n".join([f"{identifier}|t|{title}", f"{identifier}|a|{abstract}", *lines]) + "\n"
