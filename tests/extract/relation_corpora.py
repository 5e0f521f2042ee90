"""Corpora of made-up relations in the three corpora's forms, learnt in seconds."""

from __future__ import annotations

import json
import random
from pathlib import Path

DRUGS = ["zapomycin", "lumirol", "quorastat", "teflamide", "borizine", "nexoprim"]
DISEASES = ["ague", "palsy", "scurvy", "catarrh", "dropsy", "quinsy"]
TARGETS = ["ABC1", "XYZ2", "QRS3", "TUV4"]
ACTIONS = {"inhibits": "CPR:4", "activates": "CPR:3", "ignores": None}


def write_relation_corpora(folder: Path, documents: int = 40) -> Path:
    """Write `bc5cdr`, `chemprot` and `roam` under the folder; returns it."""
    generator = random.Random(3)
    for name in ("bc5cdr", "chemprot", "roam"):
        (folder / name).mkdir(parents=True)
    for part, size in (("Training", documents), ("Development", documents // 4)):
        text = "\n".join(_cdr(generator, f"{part}{n}") for n in range(size))
        path = folder / "bc5cdr" / f"CDR_{part}Set.PubTator.txt"
        path.write_text(text, encoding="utf-8")
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
    text = f"{title}\n{abstract}"
    lines = [f"{identifier}|t|{title}", f"{identifier}|a|{abstract}"]
    kinds = {drug: "Chemical", second: "Chemical", cause: "Disease", other: "Disease"}
    for name, kind in kinds.items():
        start = text.index(name)
        while start >= 0:
            end = start + len(name)
            lines.append(f"{identifier}\t{start}\t{end}\t{name}\t{kind}\tD{name}")
            start = text.find(name, end)
    lines.append(f"{identifier}\tCID\tD{drug}\tD{cause}")
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
