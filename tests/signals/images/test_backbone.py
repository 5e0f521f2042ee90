"""Networks of torchvision and transformers in the place of medkg's own: tiny, and not trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.models import get_model
from typer.testing import CliRunner

from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.model_folder import write_config
from medkg.examinations import image_findings
from medkg.signals.images.backbone import Backbone, described_network
from medkg.signals.images.model import ImageClassifier
from medkg.signals.images.network import activation_map

from .made import film, write_png

SMALL = "shufflenet_v2_x0_5"
SPOT = (0.3, 0.72)
SIDE = 32


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    rng = np.random.default_rng(0)
    for name in ("normal", "spot"):
        (folder / name).mkdir()
        for number in range(20):
            spot = (float(rng.choice([0.3, 0.7])), float(rng.uniform(0.25, 0.75)))
            pixels = film(rng, side=SIDE, spot=spot if name == "spot" else None)
            write_png(folder / name / f"{number}.png", pixels)
    return folder


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("codes") / "codes.toml"
    file.write_text('[spot]\ncode = "HP:0032177"\nname = "Pulmonary nodule"\n')
    return file


def tiny_resnet(folder: Path) -> Path:
    """A model of transformers that classifies pictures, a few thousand weights."""
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(0)
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=5
    )
    ResNetForImageClassification(config).save_pretrained(folder)
    return folder


def tiny_vit(folder: Path) -> Path:
    """A transformer over 16 patches of 32 × 32 pixels."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=SIDE,
        patch_size=8,
    )
    ViTModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "side", "maps"),
    [
        ("resnet18", 64, (512, 2, 2)),
        ("inception_v3", 96, (2048, 1, 1)),
        ("densenet121", 64, (1024, 2, 2)),
        ("mobilenet_v3_small", 64, (576, 2, 2)),
        (SMALL, 64, (1024, 2, 2)),
    ],
)
def test_what_is_taken_of_torchvision_are_the_last_maps(
    name: str, side: int, maps: tuple[int, int, int]
) -> None:
    network = Backbone(name).network(3, side)
    pictures = torch.rand(2, side, side)
    network.train()
    assert network(pictures).shape == (2, 3)
    network.eval()
    assert network.maps(pictures).shape == (2, *maps)
    again = described_network(Backbone(name).description(), 3, side)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(pictures), network(pictures))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "maps"),
    [
        ("monai:DenseNet121", (1024, 2, 2)),
        ("monai:resnet10", (512, 4, 4)),
        ("monai:SEResNet50", (2048, 2, 2)),
        ("monai:efficientnet-b0", (1280, 2, 2)),
    ],
)
def test_what_is_taken_of_monai_are_the_last_maps(name: str, maps: tuple[int, int, int]) -> None:
    network = Backbone(name).network(3, 64)
    pictures = torch.rand(2, 64, 64)
    network.train()
    torch.autograd.backward(network(pictures).sum())
    assert any(each.grad is not None for each in network.body.parameters())
    network.eval()
    assert network.maps(pictures).shape == (2, *maps)
    again = described_network(Backbone(name).description(), 3, 64)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(pictures), network(pictures))
    assert activation_map(network, pictures[0].numpy(), 1).shape == (64, 64)


def test_what_is_no_network_of_monai_that_classifies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no network UNet of MONAI among those that classify"):
        Backbone("monai:UNet").network(2, SIDE)
    with pytest.raises(DataError, match="of torchvision, not of MONAI"):
        Backbone("monai:resnet10", tmp_path / "w.safetensors").network(2, SIDE)


@pytest.mark.parametrize(("make", "maps"), [(tiny_resnet, (16, 4, 4)), (tiny_vit, (16, 4, 4))])
def test_what_is_taken_of_transformers_is_the_last_state(
    make: Any, maps: tuple[int, int, int], tmp_path: Path
) -> None:
    folder = str(make(tmp_path / "model"))
    network = Backbone(folder).network(2, SIDE).eval()
    same = Backbone(folder).network(2, SIDE)
    pictures = torch.rand(2, SIDE, SIDE)
    assert network.maps(pictures).shape == (2, *maps)
    assert torch.equal(same.eval().maps(pictures), network.maps(pictures))  # weights of the folder
    description = json.loads(json.dumps(Backbone(folder).description()))
    assert description["name"] == "model"
    again = described_network(description, 2, SIDE)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(pictures), network(pictures))


def test_the_map_of_a_transformer_is_where_its_patches_are(tmp_path: Path) -> None:
    network = Backbone(str(tiny_vit(tmp_path / "vit"))).network(2, SIDE).eval()
    seen = torch.zeros(1, SIDE, SIDE)
    seen[:, 8:16, 24:32] = 1  # the patch of the second row and last column
    with torch.no_grad():
        embedded = network.body.network.embeddings(seen[:, None].expand(-1, 3, -1, -1))
        plain = network.body.network.embeddings(torch.zeros(1, 3, SIDE, SIDE))
    changed = (embedded - plain).abs().sum(-1)[0, 1:].reshape(4, 4)
    assert changed.argmax() == 7
    heat = activation_map(network, seen[0].numpy(), 1)
    assert heat.shape == (SIDE, SIDE)


def test_weights_are_of_a_local_file(tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = get_model(SMALL, weights=None)
    file = tmp_path / "weights.safetensors"
    save_file(source.state_dict(), file)
    backbone = Backbone(SMALL, file)
    assert backbone.trained
    network = backbone.network(2, SIDE).eval()
    taken = dict(network.body.named_parameters())["network.conv1.0.weight"]
    assert torch.equal(taken, source.conv1[0].weight)
    assert backbone.fingerprint() != Backbone(SMALL).fingerprint()


def test_a_folder_is_told_by_its_files_and_not_by_its_name(tmp_path: Path) -> None:
    one, other = tiny_resnet(tmp_path / "one"), tmp_path / "other"
    shutil.copytree(one, other)
    assert Backbone(str(one)).fingerprint() == Backbone(str(other)).fingerprint()
    tensors = load_file(other / "model.safetensors")
    next(iter(tensors.values())).add_(1)
    save_file(tensors, other / "model.safetensors", {"format": "pt"})
    assert Backbone(str(one)).fingerprint() != Backbone(str(other)).fingerprint()


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_what_is_no_backbone_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="no network resnet19 in torchvision"):
        Backbone("resnet19").network(2, SIDE)
    with pytest.raises(DataError, match="can't read pictures of 32 pixels"):
        Backbone("inception_v3").network(2, SIDE)
    with pytest.raises(DataError, match="no such file of weights"):
        Backbone(SMALL, tmp_path / "none.pth").network(2, SIDE)
    file = tmp_path / "weights.pth"
    torch.save(Harmful(), file)
    with pytest.raises(DataError, match=r"are no \.safetensors"):
        Backbone(SMALL, file).network(2, SIDE)
    other = tmp_path / "weights.safetensors"
    save_file({"conv1.0.weight": torch.zeros(1)}, other)
    with pytest.raises(DataError, match=f"are no weights of {SMALL}"):
        Backbone(SMALL, other).network(2, SIDE)
    with pytest.raises(DataError, match="no network models/vit in torchvision"):
        Backbone("models/vit").network(2, SIDE)
    assert "run" not in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no model that transformers can load"):
        Backbone(str(tmp_path / "empty")).network(2, SIDE)
    with pytest.raises(DataError, match="a folder has its own"):
        Backbone(str(tmp_path / "empty"), file).network(2, SIDE)
    with pytest.raises(DataError, match="can't read pictures of 48 pixels"):
        Backbone(str(tiny_vit(tmp_path / "vit"))).network(2, 48)


def test_a_folder_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    folder = tiny_vit(tmp_path / "vit")
    tensors = load_file(folder / "model.safetensors")
    del tensors["layernorm.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match=r"lacks weights, such as layernorm\.weight"):
        Backbone(str(folder)).network(2, SIDE)


def test_a_model_of_text_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=10,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
    )
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(DataError, match="reads no pictures, but input_ids"):
        Backbone(str(tmp_path)).network(2, SIDE)


@pytest.mark.slow
def test_a_model_on_a_backbone_is_trained_saved_and_read(
    data: Path, codes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "films"
    backbone = tiny_resnet(tmp_path / "tiny")
    command = ["train", "images", str(data), "--procedure", "chest film", "--side", str(SIDE)]
    options = ["--backbone", str(backbone), "--out", str(out), "--json"]
    ended = CliRunner().invoke(app, [*command, *options])
    assert ended.exit_code == 0, ended.stderr
    for file in backbone.iterdir():
        file.unlink()  # the model stands alone
    config = json.loads((out / "config.json").read_text())
    assert config["backbone"]["library"] == "transformers"
    assert str(tmp_path) not in json.dumps(config)
    assert "tiny of transformers" in (out / "CARD.md").read_text()
    rng = np.random.default_rng(1)
    write_png(tmp_path / "ill.png", film(rng, side=SIDE, spot=SPOT))
    [finding] = image_findings(tmp_path / "ill.png", model=out, codes=codes)
    assert "of the picture" in finding.region
    config["backbone"]["config"]["model_type"] = "no such"
    write_config(out, config)
    with pytest.raises(ModelError, match="the backbone can't be made here"):
        ImageClassifier.open(out)


def test_weights_need_a_network(data: Path, tmp_path: Path) -> None:
    command = ["evaluate", "images", str(data), "--weights", str(tmp_path / "w.pth")]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 2
    assert "--backbone" in ended.stderr
