"""Fit the classifiers of documents of a relation model anew, its models of sentences as they are.

    python benchmarks/train_documents.py CORPORA MODEL --out MEASURED
    python benchmarks/train_documents.py CORPORA MODEL --out OUT --sibling MEASURED

`medkg train relations` trains all of a model. Its models of sentences are measured with a
recogniser that never saw their development parts, which takes hours to train; the classifiers of
documents take minutes. The first command fits them on BC5CDR and on BioRED's training part, and
measures them on BioRED's development part, which no other part of the model has seen; the second
one fits them on BioRED's development part too, and states the first one's figures.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from medkg.core.model_folder import read_config
from medkg.core.quarantine import Quarantine
from medkg.core.threads import one_thread
from medkg.extract.corpora.biored import load_biored
from medkg.extract.relations.calibrate import calibrate
from medkg.extract.relations.evaluate import facts_calibration, score_facts
from medkg.extract.relations.evaluate_facts import annotated_facts
from medkg.extract.relations.model import MODEL, RelationModel
from medkg.extract.relations.train import card, load_training_data
from medkg.extract.relations.train_documents import fit_cdr, fit_facts
from medkg.extract.training_overlap import TEXT_HASHES_FIELD, text_hashes


def train(corpora: Path, folder: Path, out: Path, sibling: Path | None, seed: int = 0) -> None:
    """Fit the classifiers, measure them, and write the model's folder."""
    torch.manual_seed(seed)
    quarantine = Quarantine()
    data = load_training_data(corpora, quarantine, divided=False)
    biored = load_biored(corpora, quarantine)
    documents = [*biored.train, *(biored.development if sibling else [])]
    model = RelationModel.load(folder)
    thresholds = dict(model.linear_thresholds)
    with one_thread():
        causes = [pair for pair in data.pairs if pair.task == "causes"]
        cdr = fit_cdr(model, causes, data.cdr, seed)
        facts = fit_facts(model, documents, cdr, seed)
    calibrate(model, [], cdr, facts)
    model.linear_thresholds = thresholds
    of_documents = set(map(id, data.facts))  # which the models of sentences have not seen
    of_sentences = [document for document in data.documents if id(document) not in of_documents]
    about: dict[str, Any] = {
        **model.about,
        "trained_on": ["bc5cdr", "biored", "chemprot", "roam"],
        "documents": len(documents),
        "documents_sibling": sibling and read_config(sibling, MODEL, {})["sha256"],
        TEXT_HASHES_FIELD: text_hashes([*of_sentences, *documents]),
    }
    if sibling is None:
        gold = annotated_facts(biored.development, Quarantine(), corpora)
        scores = score_facts(model, biored.development, gold)
        about["development"] |= {
            name: {method: asdict(score) for method, score in methods.items()}
            for name, methods in scores.items()
        }
        about["calibration"] |= facts_calibration(model, biored.development, gold)
    else:
        measured = read_config(sibling, MODEL, {"development": dict, "calibration": dict})
        about |= {name: measured[name] for name in ("development", "calibration")}
    model.save(out, about, card(about).text())


def main() -> None:
    """Train by the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sibling", type=Path)
    given = parser.parse_args()
    train(given.corpora, given.model, given.out, given.sibling)


if __name__ == "__main__":
    main()
