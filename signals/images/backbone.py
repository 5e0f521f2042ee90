"""Networks of torchvision, MONAI and transformers in the place of medkg's own.

What is taken of a network is the part that gives its last maps; pooling and the layer of classes
are ours, so that training, operating points and the place in a picture are as with medkg's own.
"""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from logging import ERROR
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ...core.atomic import sha256
from ...core.errors import DataError, ModelError
from ...core.tensors import load_tensors
from .network import PictureNetwork

_TORCHVISION, _TRANSFORMERS, _MONAI = "torchvision", "transformers", "monai"
_OF_MONAI = "monai:"  # before the name of one of its networks
_MODEL_FILES = (".json", ".safetensors")  # that transformers read of a folder
_HUB = "hf:"  # so that no mistyped path is looked for there
# Those of MONAI that classify pictures; others cut them into parts, or make them.
MONAI_NETWORKS = (
    *(f"DenseNet{n}" for n in (121, 169, 201, 264)),
    *(f"resnet{n}" for n in (10, 18, 34, 50, 101, 152, 200)),
    *("SENet154", "SEResNet50", "SEResNet101", "SEResNet152", "SEResNext50", "SEResNext101"),
    *(f"efficientnet-b{n}" for n in range(8)),
)
_TRIED = 224  # pixels of the picture by which a network's last maps are found
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)
Description = Mapping[str, Any]


@dataclass(frozen=True)
class Backbone:
    """A network to begin from, as a user names it.

    Attributes:
        name: of a network of torchvision, such as resnet18, or of MONAI, such as
            monai:DenseNet121; a folder of transformers; or a model on the Hugging Face hub, such as
            hf:microsoft/resnet-18, which is fetched.
        weights: a file of the weights of a network of torchvision; without one they are random.
    """

    name: str
    weights: Path | None = None

    @property
    def trained(self) -> bool:
        """Whether its weights are not random."""
        return self.weights is not None or self._of_transformers

    @property
    def _of_monai(self) -> bool:
        return self.name.startswith(_OF_MONAI)

    @property
    def _of_transformers(self) -> bool:
        return self.name.startswith(_HUB) or Path(self.name).is_dir()

    def network(self, n_classes: int, side: int) -> PictureNetwork:
        """The network with its first weights.

        Args:
            side: of the pictures that it is to read, in pixels.

        Raises:
            DataError: there is no such network, its weights don't fit, or it can't read them.
        """
        if self._of_monai:
            if self.weights is not None:
                raise DataError("--weights are of a network of torchvision, not of MONAI")
            body = _monai_body(self.name.removeprefix(_OF_MONAI))
        elif not self._of_transformers:
            body = _torchvision_body(self.name, self.weights)
        elif self.weights is None:
            body = _pretrained_body(self.name.removeprefix(_HUB))
        else:
            raise DataError("--weights are of a network of torchvision; a folder has its own")
        return _with_classes(body, n_classes, side)

    def description(self) -> dict[str, Any]:
        """What `described_network` makes the network of anew, as JSON can hold it."""
        if self._of_monai:
            return {"library": _MONAI, "name": self.name.removeprefix(_OF_MONAI)}
        if not self._of_transformers:
            return {"library": _TORCHVISION, "name": self.name}
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(
            self.name.removeprefix(_HUB), trust_remote_code=False
        ).to_dict()
        config.pop("_name_or_path", None)  # where it lies is nobody else's business
        folder = Path(self.name)
        name = folder.name if folder.is_dir() else self.name
        return {"library": _TRANSFORMERS, "name": name, "config": config}

    def fingerprint(self) -> list[str | None]:
        """By which another backbone is told from this one: also by its files."""
        if (folder := Path(self.name)).is_dir():
            files = sorted(f for f in folder.iterdir() if f.suffix in _MODEL_FILES)
            return [*(f"{file.name} {sha256(file)}" for file in files)]
        return [self.name, sha256(self.weights) if self.weights else None]


def described_network(description: Description | None, n_classes: int, side: int) -> PictureNetwork:
    """The network of a description, its weights random; None: medkg's own.

    Raises:
        ModelError: this version of the library doesn't know it.
    """
    if description is None:
        return PictureNetwork(n_classes)
    try:
        if description["library"] == _TORCHVISION:
            return _with_classes(_torchvision_body(description["name"], None), n_classes, side)
        if description["library"] == _MONAI:
            return _with_classes(_monai_body(description["name"]), n_classes, side)
        from transformers import AutoConfig, AutoModel

        config = AutoConfig.for_model(**description["config"])
        body = _TransformersBody(AutoModel.from_config(config))  # type: ignore[no-untyped-call]
        return _with_classes(body, n_classes, side)
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the backbone can't be made here ({error})") from error


def _with_classes(body: nn.Module, n_classes: int, side: int) -> PictureNetwork:
    try:
        with torch.no_grad():
            width = body.eval()(torch.zeros(1, 1, side, side)).shape[1]
    except (AssertionError, RuntimeError, ValueError) as error:
        raise DataError(
            f"the backbone can't read pictures of {side} pixels ({error}); give another --side"
        ) from error
    return PictureNetwork(n_classes, body, width)


class _TorchvisionBody(nn.Module):
    """(n, 1, side, side) → the last maps of a network of torchvision, (n, channels, h, w)."""

    def __init__(self, network: nn.Module):
        super().__init__()
        from torchvision.models.feature_extraction import create_feature_extractor

        node = _last_maps(network)
        self.network = create_feature_extractor(network, {node: "maps"}, suppress_diff_warning=True)

    def forward(self, pictures: Tensor) -> Tensor:
        """The last maps of grey pictures, which are read as three equal channels."""
        return _as_maps(self.network(pictures.expand(-1, 3, -1, -1))["maps"])


class _MonaiBody(nn.Module):
    """(n, 1, side, side) → the last maps of a network of MONAI, (n, channels, h, w)."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self._maps: Tensor | None = None
        network.get_submodule(_last_maps(network)).register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self._maps = output

    def forward(self, pictures: Tensor) -> Tensor:
        """The last maps of grey pictures, which are read as three equal channels."""
        self.network(pictures.expand(-1, 3, -1, -1))
        maps, self._maps = self._maps, None
        assert maps is not None  # the hook has run
        return _as_maps(maps)


class _TransformersBody(nn.Module):
    """(n, 1, side, side) → the last hidden state of a model of transformers, as maps."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """The last maps of grey pictures, which are read as equal channels."""
        n_channels = int(getattr(self.network.config, "num_channels", 3))
        state = self.network(pixel_values=pictures.expand(-1, n_channels, -1, -1))
        return _as_maps(state.last_hidden_state)


def _as_maps(state: Tensor) -> Tensor:
    """Maps as they are; (n, tokens, channels) as a square of maps, without the tokens before it."""
    if state.ndim == 4:
        return state
    side = math.isqrt(state.shape[1])
    squares = state[:, -(side**2) :].transpose(1, 2)
    return squares.reshape(len(state), -1, side, side)


def _last_maps(network: nn.Module) -> str:
    """The name of the last module that gives maps, or tokens, of more than one place."""
    names: list[str] = []

    def hook(name: str) -> Any:
        def note(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and _has_places(output.shape):
                names.append(name)

        return note

    handles = [
        module.register_forward_hook(hook(name)) for name, module in network.named_modules() if name
    ]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, _TRIED, _TRIED))
    for handle in handles:
        handle.remove()
    return names[-1]


def _has_places(shape: Sequence[int]) -> bool:
    return (len(shape) == 4 and min(shape[2:]) > 1) or (len(shape) == 3 and shape[1] > 1)


def _torchvision_body(name: str, weights: Path | None) -> nn.Module:
    from torchvision import models
    from torchvision.models import get_model, list_models

    known = list_models(module=models)
    if name not in known:
        raise DataError(
            f"there is no network {name} in torchvision, and no folder: such as"
            f" {', '.join(n for n in ('resnet18', 'densenet121', 'inception_v3') if n in known)},"
            " or the folder of a model of transformers"
        )
    network = get_model(name, weights=None, **_own_options(name))
    if weights is not None:
        _load(network, weights, name)
    return _TorchvisionBody(network)


def _monai_body(name: str) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that MONAI imports, on import
        from monai.networks import nets

    if name not in MONAI_NETWORKS:
        raise DataError(
            f"there is no network {name} of MONAI among those that classify pictures:"
            f" {', '.join(MONAI_NETWORKS)}"
        )
    if name.startswith("efficientnet"):
        made = nets.EfficientNetBN(name, pretrained=False, spatial_dims=2, in_channels=3)
    else:
        channels = "n_input_channels" if name.startswith("resnet") else "in_channels"
        classes = "out_channels" if name.startswith("DenseNet") else "num_classes"
        options = {"spatial_dims": 2, channels: 3, classes: 2}
        made = getattr(nets, name)(pretrained=False, **options)
    return _MonaiBody(made)


def _own_options(name: str) -> dict[str, Any]:
    """Inception's weights are drawn by a slow method unless it is told not to."""
    return {"init_weights": False} if name in ("googlenet", "inception_v3") else {}


def _load(network: nn.Module, file: Path, name: str) -> None:
    if not file.is_file():
        raise DataError("there is no such file of weights", path=file)
    if file.suffix != ".safetensors":
        raise DataError(
            "are no .safetensors; write them so: safetensors.torch.save_file(torch.load(FILE,"
            " weights_only=True), NEW)",
            path=file,
        )
    try:
        network.load_state_dict(load_tensors(file))
    except _UNREADABLE as error:
        reason = textwrap.shorten(str(error), 200, placeholder=" …")
        raise DataError(f"are no weights of {name} ({reason})", path=file) from error


def _pretrained_body(name: str) -> nn.Module:
    from transformers import AutoModel
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)  # what is missing is looked at below
    try:
        network, report = AutoModel.from_pretrained(
            name, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except _UNREADABLE as error:
        raise DataError(
            f"{name}: is no model that transformers can load here; give a local folder with"
            " config.json and model.safetensors, or hf: and a name while the hub can be reached"
        ) from error
    finally:
        logging.set_verbosity(before)
    if missing := sorted(k for k in report["missing_keys"] if not k.startswith("pooler.")):
        raise DataError(f"{name}: lacks weights, such as {missing[0]}")
    if network.main_input_name != "pixel_values":
        raise DataError(f"{name}: reads no pictures, but {network.main_input_name}")
    return _TransformersBody(network)
