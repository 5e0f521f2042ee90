"""What a patient's examinations show, as rows beside what is read in a note."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from medkg.core.errors import DataError, NothingReadError
from medkg.core.quarantine import Quarantine
from medkg.diagnosis.findings import FINDINGS, NoteReader, NoteReading
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.phenotypes import Phenotypes

if TYPE_CHECKING:
    from medkg.diagnosis.findings import Finding
    from medkg.signals.finding import Finding as Shown


_UNNAMED = "?"  # stands for a patient whom a file does not name
_LEAST = 0.05  # probability below which what was looked for isn't seen, and changes no diagnosis
_LISTED = 5  # patients that a message names


def findings_of_examinations(
    kg: KnowledgeGraph,
    quarantine: Quarantine,
    *,
    labs: Path | None = None,
    ecg: Path | None = None,
    eeg: Path | None = None,
    eeg_model: Path | None = None,
    image: Path | None = None,
    codes: Path | None = None,
    rate: float | None = None,
    age: float | None = None,
    alone: bool = True,
    remarks: list[str] | None = None,
) -> pl.DataFrame:
    """What a patient's examinations show, as a table as `findings_in_note`'s.

    `keep` is yes or no where a rule says so for certain, maybe where a model gives a probability,
    and drop where that is below .05 or the graph has no such phenotype. `text` is the value, or the
    place in the examination, `context` the kind of examination, and `sentence` the file and what
    says so.

    Args:
        labs: laboratory results of one patient.
        ecg, eeg, image: a file, or a folder of them.
        eeg_model: a folder of `medkg train eeg`, which `eeg` needs.
        codes: a TOML file of codes for the models' labels, before those that ship.
        rate: samples a second of recordings in CSV files without a column `time`.
        age: of the patient, in years; None: an adult.
        alone: whether nothing else is known of the patient, so that one has to give something.
        quarantine: gets the files that can't be read and the results of which nothing can be said.
        remarks: gets what was changed in reading, such as another sampling rate.

    Raises:
        DataError: a path has no examination, `alone` none gives anything, or laboratory results
            are of several patients.
    """
    from medkg.examinations import ecg_findings, eeg_findings, image_findings

    options: dict[str, Any] = {"codes": codes, "quarantine": quarantine, "remarks": remarks}
    kinds: list[tuple[Path | None, Callable[[Path], Iterable[Shown]]]] = [
        (labs, partial(_of_labs, quarantine=quarantine)),
        (ecg, partial(ecg_findings, rate=rate, age=age, **options)),
        (eeg, partial(eeg_findings, model=str(eeg_model), rate=rate, **options)),
        (image, partial(image_findings, **options)),
    ]
    shown: list[Shown] = []
    problem: NothingReadError | None = None
    for path, read in kinds:
        if path is None:
            continue
        try:
            shown += read(path)
        except NothingReadError as error:  # set aside with its reason: what else is known counts
            problem = problem or error
    if problem is not None and alone and not shown:
        raise problem
    names = Phenotypes(kg).names
    return pl.DataFrame([_row(each, names.get(each.code)) for each in shown], schema=FINDINGS)


def read_recording(path: Path, kg: KnowledgeGraph, remarks: list[str] | None = None) -> NoteReading:
    """What is said in a recording: its transcript is read as a note is.

    Args:
        remarks: gets what was changed in reading the recording.

    Raises:
        DataError: it can't be read, or no speech is heard in it.
    """
    from medkg.speech import transcribe

    transcripts = transcribe(path)
    if len(transcripts) != 1:
        problem = f"has {len(transcripts)} recordings, and one is read at a time"
        raise DataError(problem, path=path)
    if remarks is not None:
        remarks += [f"{path.name}: {remark}" for remark in transcripts[0].remarks]
        remarks.append(f"{path.name}: is written down by {transcripts[0].model}")
    return NoteReader(kg).read(transcripts[0].text)


def _of_labs(path: Path, quarantine: Quarantine) -> Iterable[Shown]:
    from medkg.laboratory import lab_findings

    by_patient = lab_findings(path, patient=None, unnamed=_UNNAMED, quarantine=quarantine)
    if len(by_patient) > 1 and by_patient.pop(_UNNAMED, None) is not None:
        reason = "no patient: the file names one elsewhere, and it may be another's"
        quarantine.add(reason, path=path)
    if len(by_patient) > 1:
        listed = ", ".join(sorted(by_patient)[:_LISTED])
        more = ", …" if len(by_patient) > _LISTED else ""
        problem = (
            f"has {len(by_patient)} patients, and one is diagnosed at a time: keep the rows of one"
            f" ({listed}{more})"
        )
        raise DataError(problem, path=path)
    return next(iter(by_patient.values()))


def _row(shown: Shown, name: str | None) -> Finding:
    """One finding as a row.

    Args:
        name: of its phenotype in the graph; None where the graph hasn't it.
    """
    certain = shown.excluded or (shown.present and shown.probability == 1)
    keep = "no" if shown.excluded else "yes" if certain else "maybe"
    if name is None or (keep == "maybe" and shown.probability < _LEAST):
        keep = "drop"
    return {
        "keep": keep,
        "phenotype": "" if name is None else shown.code,
        "name": shown.name if name is None else name,
        "text": shown.region,
        "context": shown.procedure,
        "start": 0,
        "end": 0,
        "sentence": f"{Path(shown.file).name}, by {shown.source}",
        "probability": None if certain else shown.probability,
    }
