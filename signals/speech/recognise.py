"""Speech recognition: pocketsphinx, whose wheel brings its model, or any model of transformers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...core.errors import DataError, ModelError
from ...core.extras import explained_imports
from ...core.progress import track
from ...core.quarantine import Quarantine
from ..files import files_under
from .recording import RATE, Speech, read_recording

SUFFIXES = (".wav", ".wave")
_CHUNK = 30  # seconds that a model of transformers hears at a time


@dataclass(frozen=True)
class Transcript:
    """What is heard in a recording.

    Attributes:
        file: the recording.
        text: what is said; a line for each stretch of speech.
        seconds: of the recording.
        model: what heard it.
        remarks: what was changed in reading.
    """

    file: Path
    text: str
    seconds: float
    model: str
    remarks: tuple[str, ...]


class Recogniser(Protocol):
    """Hears what is said in a recording.

    Attributes:
        name: of the model, with its version.
        remarks: what a reader of its transcripts should know.
    """

    name: str
    remarks: tuple[str, ...]

    def lines(self, speech: Speech) -> list[str]:
        """What is said, stretch by stretch."""


class Sphinx:
    """pocketsphinx with the English model of its wheel (Huggins-Daines et al. 2006)."""

    def __init__(self) -> None:
        import pocketsphinx

        self.name = f"pocketsphinx {version('pocketsphinx')}"
        self.remarks: tuple[str, ...] = (
            "pocketsphinx mishears much: read the transcript before it is used, or give a model"
            " such as Whisper's (--model)",
        )
        self._decoder: Any = pocketsphinx.Decoder(samprate=float(RATE), loglevel="FATAL")
        self._segments: Any = pocketsphinx.Segmenter

    def lines(self, speech: Speech) -> list[str]:
        """What is said, stretch by stretch between pauses."""
        sound = (speech.samples * 32767).astype("<i2").tobytes()
        heard = []
        for segment in self._segments(sample_rate=RATE).segment(io.BytesIO(sound)):
            self._decoder.start_utt()
            self._decoder.process_raw(segment.pcm, full_utt=True)
            self._decoder.end_utt()
            hypothesis = self._decoder.hyp()
            if hypothesis is not None and hypothesis.hypstr:
                heard.append(hypothesis.hypstr)
        return heard


class TransformersRecogniser:
    """A model of speech recognition by its folder: Whisper (Radford et al. 2023), wav2vec 2.0, …"""

    def __init__(self, path: Path | str) -> None:
        from transformers import pipeline

        self.name = Path(path).name
        self.remarks: tuple[str, ...] = ()
        if not Path(path).is_dir():  # or transformers would look for it on the hub
            raise ModelError(f"{path}: is no model of speech recognition: there is no such folder")
        try:
            self._pipeline: Any = pipeline(
                "automatic-speech-recognition", model=str(path), chunk_length_s=_CHUNK
            )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"{path}: is no model of speech recognition that transformers can load; give a"
                " folder such as Whisper's with config, tokenizer and weights (safetensors)"
            ) from error

    def lines(self, speech: Speech) -> list[str]:
        """What is said, as one line."""
        sound = {"raw": np.array(speech.samples), "sampling_rate": RATE}
        return [self._pipeline(sound)["text"].strip()]


@explained_imports()
def transcribe_files(
    paths: Sequence[Path | str],
    *,
    model: Path | str | None = None,
    quarantine: Quarantine | None = None,
) -> list[Transcript]:
    """The transcripts of recordings.

    Args:
        paths: WAV files, or folders of them.
        model: a folder of a model of transformers; by default pocketsphinx.
        quarantine: gets the files that can't be read, or in which no speech is heard. Without one,
            the first such is an error, and those after it aren't heard.

    Raises:
        DataError: without a quarantine, as above.
        MissingExtraError: what recognises speech isn't installed.
        ModelError: the model can't be loaded.
    """
    recogniser: Recogniser = Sphinx() if model is None else TransformersRecogniser(model)
    transcripts = []
    for path in track(files_under(paths, SUFFIXES), "Recordings"):
        try:
            speech = read_recording(path)
            lines = [line for line in recogniser.lines(speech) if line.strip()]
            if not lines:
                raise DataError("no speech is heard in it", path=path)
        except DataError as error:
            if quarantine is None:
                raise
            quarantine.add(str(error).removeprefix(f"{path}: "), path=path)
            continue
        transcripts.append(
            Transcript(
                path,
                "\n".join(lines),
                speech.seconds,
                recogniser.name,
                (*speech.remarks, *recogniser.remarks),
            )
        )
    return transcripts
