"""The classifier of slides: a network, its calibrations and operating points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....core.calibration import Calibration
from ....core.errors import ModelError
from ....core.model_folder import WEIGHTS, given_config, read_config, save_files
from ....core.tensors import load_tensors, save_tensors
from ...codes import Code
from ...finding import Finding
from .network import SlideNetwork, judge_slide
from .tiles import Slide

KIND = "slides"
_FIELDS = {
    "version": str,
    "procedure": str,
    "classes": list,
    "tile": int,
    "calibrations": dict,
    "thresholds": dict,
}


@dataclass(frozen=True)
class SlideClassifier:
    """Classifies slides of one kind.

    Attributes:
        calibrations: by class but the first, of slides that a network had not seen.
        thresholds: by class but the first, the probability from which it is present.
        config: what the folder says: `procedure`, `classes`, `tile` (its side in pixels).
    """

    network: SlideNetwork
    calibrations: Mapping[str, Calibration]
    thresholds: Mapping[str, float]
    config: Mapping[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; the first is that of slides without a finding."""
        return tuple(self.config["classes"])

    def findings_of(self, slide: Slide, codes: Mapping[str, Code]) -> list[Finding]:
        """A finding for each class but the first; its place is the tile with the most attention."""
        odds, attention = judge_slide(self.network, slide.tiles)
        x, y = slide.places[int(attention.argmax())]
        region = (
            f"the tile at x {x:.2f}–{x + slide.share[0]:.2f}, y {y:.2f}–{y + slide.share[1]:.2f},"
            f" {attention.max():.2f} of the attention to {len(attention)} tiles"
        )
        findings = []
        for k, name in enumerate(self.classes[1:], 1):
            p = float(self.calibrations[name].probability(odds[k : k + 1], np.ones(1))[0])
            findings.append(
                Finding(
                    code=codes[name].code,
                    name=codes[name].name,
                    probability=p,
                    present=p >= self.thresholds[name],
                    procedure=str(self.config["procedure"]),
                    source=f"medkg slides {self.config['version']}",
                    region=region,
                    file=slide.file,
                    checksum=slide.checksum,
                    remarks=(slide.remark,) if slide.remark else (),
                )
            )
        return findings

    def save(self, path: Path | str, card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        tensors = self.network.state_dict()
        config = {
            **self.config,
            "calibrations": {name: c.to_dict() for name, c in self.calibrations.items()},
            "thresholds": dict(self.thresholds),
        }
        save_files(path, KIND, config, card, lambda folder: save_tensors(tensors, folder / WEIGHTS))

    @classmethod
    def open(cls, path: Path | str) -> SlideClassifier:
        """Read a model's folder.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = Path(path)
        config = read_config(folder, KIND, _FIELDS)
        try:
            network = SlideNetwork(len(config["classes"]))
            network.load_state_dict(load_tensors(folder / WEIGHTS))
            calibrations = {
                name: Calibration.from_dict(values)
                for name, values in config.pop("calibrations").items()
            }
            least = config.pop("thresholds")
            thresholds = {name: float(least[name]) for name in calibrations}
        except (KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"{folder}: is damaged ({error}); train the model anew") from error
        return cls(network.eval(), calibrations, thresholds, given_config(config))
