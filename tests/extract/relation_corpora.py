"""Corpora of made-up relations in the four corpora's forms, learnt in seconds."""

from __future__ import annotations

import json
import random
from pathlib import Path

DRUGS = ["zapomycin", "lumirol", "quorastat", "teflamide", "borizine", "nexoprim"]
DISEASES = ["ague", "palsy", "scurvy", "catarrh", "dropsy", "quinsy"]
TARGETS = ["ABC1", "XYZ2", "QRS3", "TUV4"]
ACTIONS = {"inhibits": "CPR:4", "activates": "CPR:3", "ignores": None}


def write_relation_corpora(folder: Path, documents: int = 40) -> Path:
    """Write `bc5cdr`, `biored`, `chemprot` and `roam` under the folder; returns it."""
    generator, biored = random.Random(3), random.Random(4)
    for name in ("bc5cdr", "biored", "chemprot", "roam"):
        (folder / name).mkdir(parents=True)
    for part, size in (("Training", documents), ("Development", documents // 4)):
        text = "\n".join(_cdr(generator, f"{part}{n}") for n in range(size))
        path = folder / "bc5cdr" / f"CDR_{part}Set.PubTator.txt"
        path.write_text(text, encoding="utf-8")
        name = {"Training": "Train", "Development": "Dev"}[part]
        text = "\n".join(_biored(biored, f"{name}{n}") for n in range(size))
        (folder / "biored" / f"{name}.PubTator").write_text(text, encoding="utf-8")
        tables = [_chemprot(generator, f"{part}{n}") for n in range(size)]
        for column, kind in enumerate(("abstracts", "entities", "relations")):
            path = folder / "chemprot" / f"chemprot_{part.lower()}_{kind}.tsv"
            path.write_text("".join(table[column] for table in tables), encoding="utf-8")
    rows = [_roam(generator, n) for n in range(4 * documents)]
    (folder / "roam" / "training.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder


def _cdr(generator: random.Random, identifier: str) -> str:
    title = f"Report {generator.randrange(10**12)}."
    drug, second = generator.sample(DRUGS, 2)
    cause, other = generator.sample(DISEASES, 2)
    abstract = (
        f"We saw {drug} induced {cause} once. Then {drug} was given and {other} was absent. "
        f"The others had {second} before."
    )
    kinds = {drug: "Chemical", second: "Chemical", cause: "Disease", other: "Disease"}
    return _pubtator(identifier, title, abstract, kinds, [f"CID\tD{drug}\tD{cause}"])


def _biored(generator: random.Random, identifier: str) -> str:
    title = f"Report {generator.randrange(10**12)}."
    drug, second = generator.sample(DRUGS, 2)
    cause, treated = generator.sample(DISEASES, 2)
    target, other = generator.sample(TARGETS, 2)
    sentences = [
        (f"We saw {drug} induced {cause} once.", f"Positive_Correlation\tD{drug}\tD{cause}"),
        (f"Then {second} cured {treated}.", f"Negative_Correlation\tD{second}\tD{treated}"),
        (
            f"Here {drug} strongly inhibits {target} in cells.",
            f"Negative_Correlation\tD{drug}\tD{target}",
        ),
        (f"Mutated {other} underlies {cause}.", f"Association\tD{other}\tD{cause}"),
        (f"The men had {second}, {treated} and {target}.", ""),
    ]
    chosen = generator.sample(sentences, generator.randint(1, len(sentences)))
    abstract = " ".join(sentence for sentence, _ in chosen)
    kinds = dict.fromkeys((drug, second), "ChemicalEntity")
    kinds |= dict.fromkeys((cause, treated), "DiseaseOrPhenotypicFeature")
    kinds |= dict.fromkeys((target, other), "GeneOrGeneProduct")
    relations = [f"{relation}\tNovel" for _, relation in chosen if relation]
    return _pubtator(identifier, title, abstract, kinds, relations)


def _pubtator(
    identifier: str, title: str, abstract: str, kinds: dict[str, str], relations: list[str]
) -> str:
    text = f"{title}\n{abstract}"
    lines = [f"{identifier}|t|{title}", f"{identifier}|a|{abstract}"]
    for name, kind in kinds.items():
        start = text.find(name)
        while start >= 0:
            end = start + len(name)
            lines.append(f"{identifier}\t{start}\t{end}\t{name}\t{kind}\tD{name}")
            start = text.find(name, end)
    lines += [f"{identifier}\t{relation}" for relation in relations]
    return "\n".join(lines) + "\n"


def _chemprot(generator: random.Random, identifier: str) -> tuple[str, str, str]:
    title = f"Report {generator.randrange(10**12)}."
    drug, target = generator.choice(DRUGS), generator.choice(TARGETS)
    verb = generator.choice(list(ACTIONS))
    abstract = f"Here {drug} strongly {verb} {target} in cells."
    text = f"{title}\n{abstract}"
    entities = ""
    for key, name, kind in (("T1", drug, "CHEMICAL"), ("T2", target, "GENE-Y")):
        start = text.index(name)
        entities += f"{identifier}\t{key}\t{kind}\t{start}\t{start + len(name)}\t{name}\n"
    group = ACTIONS[verb]
    relation = f"{identifier}\t{group}\tY \tX\tArg1:T1\tArg2:T2\n" if group else ""
    return f"{identifier}\t{title}\t{abstract}\n", entities, relation


def _roam(generator: random.Random, number: int) -> dict[str, object]:
    disease = generator.choice(DISEASES)
    label, pattern = generator.choice(
        [
            ("TREATS", "Tablets are indicated for relief of {} in adults."),
            ("CONTRAINDICATED_FOR", "Do not use if you suffer from {} today."),
            ("UNRELATED", "Studies of {} were not done."),
        ]
    )
    sentence = f"{pattern.format(disease)} Lot {generator.randrange(10**12)} of many more words."
    start = sentence.index(disease)
    annotation = {"start": start, "end": start + len(disease), "text": disease}
    return {
        "sentence": sentence,
        "sentence_id": f"S{number}",
        "annotations": [{**annotation, "label": label, "ann_id": f"A{number}"}],
    }
