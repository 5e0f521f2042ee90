"""What is said in recordings, written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine

if TYPE_CHECKING:
    from medkg.signals.speech.recognise import Transcript

__all__ = ["transcribe", "write_transcripts"]


def transcribe(
    paths: Sequence[Path | str] | Path | str,
    *,
    model: Path | str | None = None,
    quarantine: Quarantine | None = None,
) -> list[Transcript]:
    """Write down what is said in recordings.

    Args:
        paths: one or several WAV files, or folders of them; brought to 16,000 samples a second.
        model: a folder of a Hugging Face model of speech recognition, such as Whisper's; by
            default pocketsphinx with the English model of its wheel (extra `speech`).
        quarantine: gets files that can't be read, or in which no speech is heard. Without one, the
            first such is an error.

    Returns:
        A transcript of each recording: its `text`, a line for each stretch of speech.

    Raises:
        DataError: without a quarantine, a file can't be read; nothing could be read.
        ModelError: the model can't be loaded.

    Example:
        >>> import numpy as np
        >>> from scipy.io import wavfile
        >>> wavfile.write("visit.wav", 16_000, np.zeros(16_000, np.int16))
        >>> medkg.transcribe("visit.wav")
        Traceback (most recent call last):
        medkg.core.errors.DataError: visit.wav: has no speech: it is silent
    """
    from medkg.signals.speech.recognise import transcribe_files

    files = [paths] if isinstance(paths, str | Path) else paths
    transcripts = transcribe_files(files, model=model, quarantine=quarantine)
    if not transcripts:
        if quarantine:
            first = quarantine.rows[0]
            raise DataError(first.reason, path=first.path)
        raise DataError("no recording (.wav) is there")
    return transcripts


def write_transcripts(transcripts: Sequence[Transcript], folder: Path | str) -> list[Path]:
    """Write each transcript to a text file that only its owner may read; their paths.

    A transcript is called as its recording is; of several that are called the same, the later ones
    get a number.
    """
    from medkg.core.atomic import atomic_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for each in transcripts:
        file, number = folder / f"{each.file.stem}.txt", 2
        while file in files:
            file, number = folder / f"{each.file.stem}-{number}.txt", number + 1
        with atomic_file(file) as draft:
            draft.write_text(each.text + "\n", encoding="utf-8")
        files.append(file)
    return files
