"""Train the model of Chinese dialogues: is a symptom present, absent or uncertain?

    python benchmarks/train_chinese_dialogue.py DATA OUT

DATA is the folder of data, of which `chinese/cmdd/train.jsonl.gz` alone is read. Prints F1 by five
folds of its dialogues, then learns from all and writes the folder OUT.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np
from chinese import dialogue_text, print_f1
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from medkg.core.quarantine import Quarantine
from medkg.extract.context.chinese_dialogue import (
    BUCKETS,
    STATUSES,
    StatusModel,
    hashed_features,
)
from medkg.extract.corpora.chinese import read_cmdd
from medkg.extract.dialogue_turns import turns_of

STRENGTH = 0.05  # how far weights are let from zero (C), chosen by the five folds
CARD = """# Chinese dialogues: present, absent, uncertain (`medkg_chinese`)

A logistic regression over {buckets:,} hashed features of a mention
(`extract/context/chinese_dialogue.py`). Made by `python benchmarks/train_chinese_dialogue.py DATA
OUT` from the training part of CMDD (ChineseBLUE, Apache-2.0): {mentions:,} symptoms of
{dialogues:,} dialogues between paediatricians and parents. Figures are in
`docs/benchmarks/chinese.md`.

Limits: written consultations about children; each line has to say who speaks. Not a medical device.
"""


def main() -> None:
    """Train, print the figures of the folds, and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    begun = time.monotonic()
    features, statuses, dialogues = examples(arguments.data / "chinese" / "cmdd" / "train.jsonl.gz")
    pairs: Counter[tuple[str, str]] = Counter()
    for rest, fold in GroupKFold(5).split(features, statuses, dialogues):
        model = learn(features[rest], statuses[rest])
        scores = features[fold] @ model.weights + model.intercepts
        likeliest = [STATUSES[number] for number in scores.argmax(axis=1)]
        pairs.update(zip(map(str, statuses[fold]), likeliest, strict=True))
    print_f1(pairs)
    counts = {"mentions": len(statuses), "dialogues": len(set(dialogues.tolist()))}
    card = CARD.format(buckets=BUCKETS, **counts)
    learn(features, statuses).save(arguments.out, counts, card)
    print(f"{time.monotonic() - begun:.0f} s")


def examples(path: Path) -> tuple[csr_matrix, NDArray[np.str_], NDArray[np.int64]]:
    """Features (mentions, buckets), statuses and the dialogue of each mention."""
    rows, columns, statuses, dialogues = [], [], [], []
    for number, document in enumerate(read_cmdd(path, Quarantine())):
        text, places = dialogue_text(document)
        for mention, buckets in zip(
            document.mentions, hashed_features(text, turns_of(text), places), strict=True
        ):
            rows += [len(statuses)] * len(buckets)
            columns += buckets.tolist()
            statuses.append(document.fields["statuses"][mention.key])
            dialogues.append(number)
    ones = np.ones(len(rows), dtype=np.float32)
    matrix = csr_matrix((ones, (rows, columns)), shape=(len(statuses), BUCKETS))
    return matrix, np.array(statuses), np.array(dialogues)


def learn(features: csr_matrix, statuses: NDArray[np.str_]) -> StatusModel:
    """The regression of the statuses."""
    regression = LogisticRegression(C=STRENGTH, max_iter=500).fit(features, statuses)
    order = [list(regression.classes_).index(status) for status in STATUSES]
    return StatusModel(
        regression.coef_[order].T.astype(np.float32),
        regression.intercept_[order].astype(np.float32),
    )


if __name__ == "__main__":
    main()
