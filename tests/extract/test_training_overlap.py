"""What a model says it was trained on."""

from __future__ import annotations

import json
from pathlib import Path

from medkg.extract.corpora.document import Document
from medkg.extract.training_overlap import TEXT_HASHES_FIELD, documents_trained_on, text_hashes

ONE, OTHER = Document("1", "Aspirin relieved\nthe pain."), Document("2", "Nothing did.")


def folder(path: Path, **config: object) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def test_a_text_is_known_again_whatever_its_spaces_and_identifier(tmp_path: Path) -> None:
    model = folder(tmp_path / "model", **{TEXT_HASHES_FIELD: text_hashes([ONE, ONE])})
    again = Document("9", "aspirin relieved the PAIN")
    assert documents_trained_on([model], [again, OTHER]) == 1
    assert documents_trained_on([model], []) == 0


def test_several_models_know_what_either_does(tmp_path: Path) -> None:
    models = [
        folder(tmp_path / "a", **{TEXT_HASHES_FIELD: text_hashes([ONE])}),
        folder(tmp_path / "b", **{TEXT_HASHES_FIELD: text_hashes([OTHER])}),
        folder(tmp_path / "silent"),
    ]
    assert documents_trained_on(models, [ONE, OTHER]) == 2
    assert documents_trained_on(models[1:], [ONE, OTHER]) == 1


def test_a_model_that_learnt_from_nothing_knows_nothing(tmp_path: Path) -> None:
    assert (
        documents_trained_on(
            [folder(tmp_path / "model", **{TEXT_HASHES_FIELD: text_hashes([])})], [ONE]
        )
        == 0
    )


def test_who_does_not_say_is_not_taken_to_know_nothing(tmp_path: Path) -> None:
    assert documents_trained_on([folder(tmp_path / "silent"), tmp_path / "nowhere"], [ONE]) is None
