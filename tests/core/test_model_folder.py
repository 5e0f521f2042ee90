"""A model folder: what it holds, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from medkg.core.errors import DataError, ModelError
from medkg.core.model_folder import (
    ModelFolder,
    load_weights,
    open_model,
    read_config,
    save_files,
    save_model,
    save_network,
    write_config,
)


def small_model() -> ModelFolder:
    torch.manual_seed(0)
    return ModelFolder(
        kind="links",
        settings={"dim": 4},
        seed=7,
        metrics={"mrr": 0.25},
        split={"test": ["x"]},
        graph={"path": None, "checksum": "0", "sources": []},
        vocabulary={"Drug": ["drugbank:DB1", "drugbank:DB2"]},
        tensors={"a": torch.randn(2, 4), "b": torch.arange(3)},
        card="# A model – with a card\n",
        plots={"plot.svg": "<svg/>\n"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", small_model())
    return tmp_path / "model"


def test_round_trip(folder: Path) -> None:
    expected, opened = small_model(), open_model(folder, "links")
    assert {name: t.tolist() for name, t in opened.tensors.items()} == {
        name: t.tolist() for name, t in expected.tensors.items()
    }
    for field in fields(expected):
        if field.name != "tensors":
            assert getattr(opened, field.name) == getattr(expected, field.name)
    assert {file.name for file in folder.iterdir()} == {
        "weights.safetensors",
        "config.json",
        "vocabulary.json",
        "CARD.md",
        "plot.svg",
    }


def test_the_same_model_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "again", small_model())
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


@pytest.mark.parametrize("name", ["weights.safetensors", "vocabulary.json", "CARD.md", "plot.svg"])
def test_damaged_or_missing_file(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name}: is damaged"):
        open_model(folder, "links")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"{name}: is missing"):
        open_model(folder, "links")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\udcff"])
def test_damaged_config(folder: Path, text: str) -> None:
    (folder / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=r"config\.json: is damaged"):
        open_model(folder, "links")


def test_changed_setting_is_noticed(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["dim"] = 8
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="checksum differs"):
        open_model(folder, "links")


@pytest.mark.parametrize("key", ["model_version", "schema_version"])
def test_other_version(folder: Path, key: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    config[key] = 99
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="train or fetch the model anew"):
        open_model(folder, "links")


def test_other_kind_and_no_folder(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a model for links, not for diagnosis"):
        open_model(folder, "diagnosis")
    with pytest.raises(ModelError, match="holds no model"):
        open_model(tmp_path / "nowhere", "links")
    # One of the text models.
    save_files(tmp_path / "text", "medkg_ner", {"heads": {}}, "# Card", lambda _folder: None)
    with pytest.raises(ModelError, match="is a model for medkg_ner, not for links"):
        open_model(tmp_path / "text", "links")


def test_saving_replaces_a_model_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    save_model(folder, small_model())
    open_model(folder, "links")
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("dear")
    with pytest.raises(DataError, match="other things in it"):
        save_model(other, small_model())
    assert (other / "chapter.txt").read_text() == "dear"
    shutil.rmtree(folder)


def test_pickles_are_never_read(folder: Path) -> None:
    torch.save({"a": torch.zeros(1)}, folder / "weights.safetensors")
    with pytest.raises(ModelError):
        open_model(folder, "links")


def test_a_network_is_kept_in_half_precision_beside_what_its_encoder_needs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)

    def write_encoder(draft: Path) -> None:
        (draft / "encoder").mkdir()
        (draft / "encoder" / "words.json").write_text('["a"]')

    folder = tmp_path / "text"
    save_network(folder, "medkg_ner", network, {"heads": {"a": [1]}}, "# Card", write_encoder)
    config = read_config(folder, "medkg_ner", {"heads": dict})
    assert config["heads"] == {"a": [1]}
    assert set(config["sha256"]) == {
        "CARD.md",
        "config.json",
        "encoder/words.json",
        "weights.safetensors",
    }
    load_weights(folder, other)
    assert torch.equal(other.weight, network.weight.half().float())
    with pytest.raises(ModelError, match="weights don't fit"):
        load_weights(folder, torch.nn.Linear(3, 3))
    with pytest.raises(ModelError, match=r"damaged .its threshold"):
        read_config(folder, "medkg_ner", {"threshold": float})
    (folder / "encoder" / "words.json").write_text("[]")
    with pytest.raises(ModelError, match=r"words\.json: is damaged"):
        read_config(folder, "medkg_ner")


def test_a_changed_config_is_written_with_its_checksum(folder: Path) -> None:
    config = read_config(folder, "links")
    write_config(folder, {**config, "settings": {"dim": 8, 1: "a number as a key"}})
    assert open_model(folder, "links").settings == {"dim": 8, "1": "a number as a key"}
