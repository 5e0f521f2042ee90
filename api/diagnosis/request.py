"""A diagnosis as it is requested, on the command line or in Python, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, cast

import polars as pl

from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.diagnosis.examined import findings_of_examinations, read_recording
from medkg.diagnosis.findings import (
    NO_FINDING,
    Finding,
    NoteReading,
    kept_findings,
    read_findings,
    read_note,
    resolve_findings,
    review_findings,
    typed_phenotypes,
)
from medkg.diagnosis.patients import PatientFindings, read_phenopackets
from medkg.diagnosis.ranking import PatientDiagnosis, diagnose_patients, why_none_is_ranked
from medkg.extract.demographics import Demographics, merged
from medkg.graph.look_up import about_chinese_names

if TYPE_CHECKING:
    from medkg.mining.diagnosis.circumstances import Circumstances
    from medkg.mining.diagnosis.explain import ExplanationRow
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.diagnosis.phenotypes import Typed


@dataclass(frozen=True)
class DiagnosisRequest:
    """What is known of a patient, where it is written, and how the diagnoses are wanted.

    Either `symptoms` are given, or one of `note`, `phenopacket` and `findings_from`, to which
    `symptoms` and `absent` then add. `labs`, `ecg`, `eeg`, `image` and `audio` go alone, together,
    with `symptoms` or with `note`.

    Attributes:
        symptoms: identifiers or names of phenotypes that are seen.
        absent: those that were looked for and not found; they count before what is read.
        note: a clinical note, read for phenotypes.
        labs: laboratory results of one patient (`medkg.read_labs` says in what form).
        ecg: an electrocardiogram, or a folder of them (`medkg.read_ecg`).
        eeg: an electroencephalogram, or a folder of them (`medkg.read_eeg`), read by `eeg_model`.
        eeg_model: a folder of `medkg train eeg`; none ships.
        image: a picture of an examination, or a folder of them (`medkg.read_images`). What a model
            sees counts with its probability.
        codes: a TOML file of codes for the labels of models of `ecg`, `eeg` and `image`, beside and
            before those that ship.
        rate: samples a second of `ecg` and `eeg` in CSV files without a column `time`.
        audio: a recording of what is said of the patient (`medkg.transcribe`), read as a note is.
        phenopacket: a GA4GH phenopacket, or a folder or archive of them.
        findings_from: a table of findings that a person has corrected (`write_findings`).
        genes: candidate genes, by symbol or identifier.
        onset: of the disease: a term of HPO's onsets ("Childhood onset") or an age ("P3Y").
        sex: "female" or "male".
        age: in years.
        demographics: whether the sex and the age that a note states count where `sex` and `age`
            aren't given.
        prevalence: whether common diseases go before rare ones that fit as well; by default of all
            but phenopackets, which are published for being rare.
        coverage: probability with which the disease is in the set of `open_set`, between 0 and 1;
            by default 0.9.
        top: number of diagnoses.
        explain: whether each phenotype's weight, frequency and sources are wanted.
        patient: what the patient is called; by default the name of the file, or "patient". A
            phenopacket has its own identifier.
        single: whether several patients are refused, as they are with `genes`, `onset`, `sex`,
            `age` and `explain`.

    Raises:
        DataError: not exactly one origin of phenotypes, or a number that is out of its range.

    Example:
        >>> medkg.DiagnosisRequest(symptoms=["Fever"], absent=["Cough"], sex="female").top
        10
    """

    symptoms: Sequence[str] = ()
    absent: Sequence[str] = ()
    note: Path | None = None
    labs: Path | None = None
    ecg: Path | None = None
    eeg: Path | None = None
    eeg_model: Path | None = None
    image: Path | None = None
    codes: Path | None = None
    rate: float | None = None
    audio: Path | None = None
    phenopacket: Path | None = None
    findings_from: Path | None = None
    genes: Sequence[str] = ()
    onset: str | None = None
    sex: str | None = None
    age: float | None = None
    demographics: bool = True
    prevalence: bool | None = None
    coverage: float | None = None
    top: int = 10
    explain: bool = False
    patient: str | None = None
    single: bool = False

    def __post_init__(self) -> None:
        for name in ("symptoms", "absent", "genes"):
            if isinstance(value := getattr(self, name), str):
                raise TypeError(f"{name} is a list: [{value!r}]")
        origins = (self.note, self.phenopacket, self.findings_from)
        number = sum(origin is not None for origin in origins)
        if self.examined and (self.phenopacket or self.findings_from) is not None:
            raise DataError(
                "--labs, --ecg, --eeg, --image and --audio go alone, together, with --symptom and"
                " --absent, or with --note"
            )
        if (self.eeg is None) != (self.eeg_model is None):
            raise DataError(
                "--eeg and --eeg-model go together: no model of electroencephalograms ships"
                " (medkg train eeg makes one)"
            )
        if self.codes is not None and not any((self.ecg, self.eeg, self.image)):
            raise DataError("--codes goes with --ecg, --eeg or --image")
        if self.rate is not None and not any((self.ecg, self.eeg)):
            raise DataError("--rate goes with --ecg or --eeg")
        if number > 1 or (number == 0 and not self.symptoms and not self.examined):
            raise DataError(
                "give --symptom, --labs, --ecg, --eeg, --image, --audio, or one of --note,"
                " --phenopacket and --findings-from (--symptom and --absent then add to it)"
            )
        if self.coverage is not None and not 0 < self.coverage < 1:
            raise DataError(f"--coverage is between 0 and 1, not {self.coverage:g}")
        if self.top < 1:
            raise DataError(f"--top is at least 1, not {self.top}")

    @property
    def typed(self) -> Typed:
        """The phenotypes that a person typed: seen, and absent."""
        return self.symptoms, self.absent

    @property
    def examined(self) -> bool:
        """Whether there are examinations to read."""
        return any(path is not None for path in self.examinations)

    @property
    def examinations(self) -> tuple[Path | None, ...]:
        """The files of examinations; None for a kind that there is none of."""
        return self.labs, self.ecg, self.eeg, self.image, self.audio

    @property
    def counts_prevalence(self) -> bool:
        """Whether it counts how common diseases are."""
        return self.phenopacket is None if self.prevalence is None else self.prevalence

    @property
    def circumstances(self) -> Circumstances:
        """What is given beside phenotypes; a note may state more, see `RequestedPatients`."""
        from medkg.mining.diagnosis.circumstances import Circumstances

        return Circumstances(
            tuple(self.genes), self.onset, self.sex, self.age, self.counts_prevalence
        )

    @property
    def of_one_patient(self) -> bool:
        """Whether it asks for what is given of one patient alone."""
        of_patient = replace(self.circumstances, prevalence=False)
        return self.single or self.explain or bool(of_patient)


@dataclass(frozen=True)
class RequestedPatients:
    """The patients of a request, as they are read.

    Attributes:
        patients: those with their findings.
        circumstances: what is known beside phenotypes, given or stated in the note.
        note_findings: what was read in the note and examinations, if there were any.
    """

    patients: Sequence[PatientFindings]
    circumstances: Circumstances
    note_findings: pl.DataFrame | None = None


class CaseReport(PatientDiagnosis):
    """A patient's result as `medkg diagnose --json` prints it."""

    written_as: str | None
    read: NotRequired[list[Finding]]
    explanation: NotRequired[list[ExplanationRow]]


@dataclass(frozen=True)
class DiagnosisResult:
    """The diagnoses of the patients of a request.

    Attributes:
        cases: the result of each patient of whom the model knows a phenotype.
        patients: the findings of these.
        note_findings: what was read in the note and in examinations, if there were any, without
            the sentences in which nothing was found.
        explanation: of one patient, where it was requested: see `DiagnosisModel.explain`.
    """

    cases: list[PatientDiagnosis]
    patients: list[PatientFindings]
    note_findings: pl.DataFrame | None = None
    explanation: pl.DataFrame | None = None

    def reports(self, pseudonyms: Mapping[str, str] | None = None) -> list[CaseReport]:
        """The results as plain values, for JSON.

        Args:
            pseudonyms: what each patient is called in the graph that they were written to.
        """
        reports = [
            CaseReport(
                patient=case["patient"],
                present=case["present"],
                excluded=case["excluded"],
                uncertain=case["uncertain"],
                notes=case["notes"],
                known=case["known"],
                known_rank=case["known_rank"],
                diagnoses=case["diagnoses"],
                series=case["series"],
                open_set=case["open_set"],
                written_as=None if pseudonyms is None else pseudonyms[case["patient"]],
            )
            for case in self.cases
        ]
        if self.note_findings is not None:
            reports[0]["read"] = cast(list[Finding], self.note_findings.to_dicts())
        if self.explanation is not None:
            rows = cast("list[ExplanationRow]", self.explanation.to_dicts())
            reports[0]["explanation"] = rows
        return reports


def diagnose(
    model: DiagnosisModel, request: DiagnosisRequest, *, quarantine: Quarantine | None = None
) -> DiagnosisResult:
    """Rank diseases for what is known of a patient, or of several. For research, not for care.

    Args:
        quarantine: gets the patients and files that can't be used, with the reason. Without one,
            the notes of each case have the reasons.

    Raises:
        DataError: the request's file can't be used, or nothing of it is known to the model.
        MissingError: a phenotype or gene that was typed is not in the graph.
        ModelError: a coverage is requested of a model that gives no sets.
        TypeError: a model's folder in place of the model, or symptoms in place of a request.

    Example:
        >>> model = medkg.train_diagnosis(medkg.load("common"), model="resnik")
        >>> request = medkg.DiagnosisRequest(symptoms=["Polyuria", "Polydipsia", "Weight loss"])
        >>> medkg.diagnose(model, request).cases[0]["diagnoses"][0]["name"]
        'type 2 diabetes mellitus'
    """
    if isinstance(model, str | Path):
        raise TypeError(f"model is a model, not its folder: medkg.load_model({str(model)!r})")
    if not isinstance(request, DiagnosisRequest):
        raise TypeError("request is a medkg.DiagnosisRequest(symptoms=[…]), or one of a note, …")
    set_aside = Quarantine() if quarantine is None else quarantine
    check_coverage(model, request)
    requested = read_requested(model, request, set_aside)
    result = diagnose_requested(model, request, requested, set_aside)
    if quarantine is None:  # the result has to say what nobody else is told
        reasons = [f"set aside: {why} ({n:,})" for why, n in set_aside.counts().items()]
        for case in result.cases:
            case["notes"] = [*case["notes"], *reasons]
    return result


def check_coverage(model: DiagnosisModel, request: DiagnosisRequest) -> None:
    """Refuse a coverage that the model can't give.

    Raises:
        ModelError: a coverage is requested of a model that gives no sets.
    """
    if request.coverage is not None and model.open_set is None:
        raise ModelError(
            f"{model.name} gives no set for --coverage: it is no ranker, its graph has too few"
            " diseases and it too few known patients (medkg train diagnosis --cases), or it is used"
            " with another graph; leave --coverage out"
        )


def read_files(
    model: DiagnosisModel,
    request: DiagnosisRequest,
    quarantine: Quarantine,
    review: Callable[[Finding, str], str] | None = None,
    remarks: list[str] | None = None,
) -> NoteReading | None:
    """What is read in a request's note and examinations, in one table; None where it has neither.

    Args:
        quarantine: gets the files and results that can't be used, with the reason.
        review: lets a person correct them one by one; see `review_findings`.
        remarks: gets what was changed in reading examinations.

    Raises:
        DataError: a file gives nothing.
    """
    tables = []
    stated = []
    if request.note is not None:
        reading = read_note(Path(request.note), model.kg)
        tables.append(reading.findings)
        stated.append(reading.demographics)
    if request.audio is not None:
        reading = read_recording(Path(request.audio), model.kg, remarks)
        tables.append(reading.findings)
        stated.append(reading.demographics)
    if request.examined:
        shown = findings_of_examinations(
            model.kg,
            quarantine,
            labs=request.labs,
            ecg=request.ecg,
            eeg=request.eeg,
            eeg_model=request.eeg_model,
            image=request.image,
            codes=request.codes,
            rate=request.rate,
            age=_age_of(request, merged(stated)),
            alone=request.note is None and request.audio is None and not any(request.typed),
            remarks=remarks,
        )
        tables.append(shown)
    if not tables:
        return None
    table = pl.concat(tables)
    return NoteReading(
        table if review is None else review_findings(table, model.kg, review),
        merged(stated),
    )


def read_requested(
    model: DiagnosisModel,
    request: DiagnosisRequest,
    quarantine: Quarantine,
    *,
    review: Callable[[Finding, str], str] | None = None,
) -> RequestedPatients:
    """The patients of a request with their findings: the first half of `diagnose`.

    Args:
        quarantine: gets the patients and files that can't be used, with the reason.
        review: lets a person correct what is read; see `review_findings`.
    """
    kg = model.kg
    typed, notes = typed_phenotypes(kg, request.typed)
    if request.phenopacket is not None:
        patients = read_phenopackets(Path(request.phenopacket), kg, quarantine, typed)
        if len(patients) > 1 and request.of_one_patient:
            raise DataError(
                f"has {len(patients)} patients: --ask, --gene, --onset, --sex, --age, --explain,"
                " --fhir and --page are for one",
                path=request.phenopacket,
            )
        patients = [_with_notes(patient, notes) for patient in patients]
        return RequestedPatients(patients, request.circumstances)
    circumstances, table = request.circumstances, None
    if reading := read_files(model, request, quarantine, review, notes):
        table = reading.findings
        findings = kept_findings(table, kg, typed)
        if request.demographics and (added := _stated(reading.demographics, circumstances)):
            circumstances, note = added
            notes.append(note)
    elif request.findings_from is not None:
        findings = read_findings(Path(request.findings_from), kg, typed)
    else:
        findings = resolve_findings(kg, *typed)
    examined = next((path for path in request.examinations if path is not None), None)
    origin = request.note or request.findings_from or examined
    name = request.patient or ("patient" if origin is None else Path(origin).stem)
    patient = _with_notes(PatientFindings(name.strip(), findings), notes)
    return RequestedPatients([patient], circumstances, table)


_WEEKS, _MONTHS = 365.25 / 7, 12  # of a year


def _age_of(request: DiagnosisRequest, stated: Demographics) -> float | None:
    """The age in years that is given, or that a note states where that counts."""
    return stated.age if request.age is None and request.demographics else request.age


def _in_units(age: float) -> str:
    """An age in years as people say it: in weeks and months where it is a baby's."""
    if age < 2 / _MONTHS:
        return f"{age * _WEEKS:.0f} weeks"
    return f"{age * _MONTHS:.0f} months" if age < 2 else f"{age:.3g} years"


def _stated(
    demographics: Demographics, circumstances: Circumstances
) -> tuple[Circumstances, str] | None:
    """Circumstances with the sex and age that a note states where they aren't given, and a note
    that says so; None where it adds nothing."""
    sex = None if circumstances.sex else demographics.sex
    age = None if circumstances.age is not None else demographics.age
    if sex is None and age is None:
        return None
    values = [*([sex] if sex else []), *([] if age is None else [_in_units(age)])]
    note = (
        f"from the note: {', '.join(values)}"
        " (--sex and --age go before it, --no-demographics leaves it out)"
    )
    known = replace(
        circumstances,
        sex=sex or circumstances.sex,
        age=circumstances.age if age is None else age,
    )
    return known, note


def _with_notes(patient: PatientFindings, notes: Sequence[str]) -> PatientFindings:
    findings = patient.findings
    return replace(patient, findings=replace(findings, notes=(*notes, *findings.notes)))


def diagnose_requested(
    model: DiagnosisModel,
    request: DiagnosisRequest,
    requested: RequestedPatients,
    quarantine: Quarantine,
) -> DiagnosisResult:
    """Rank diseases for the patients of a request: the second half of `diagnose`.

    Args:
        requested: of `read_requested`, perhaps with more findings since (`ask_for_phenotypes`).

    Raises:
        DataError: nothing of any patient is known to the model.
    """
    cases = diagnose_patients(
        model,
        requested.patients,
        quarantine,
        top=request.top,
        circumstances=requested.circumstances,
        coverage=request.coverage,
    )
    table = requested.note_findings
    if not cases:
        sentences = "" if table is None else " ".join(table["sentence"])
        raise DataError(why_none_is_ranked(requested.patients) + about_chinese_names(sentences))
    ranked = {case["patient"] for case in cases}
    return DiagnosisResult(
        cases=cases,
        patients=[patient for patient in requested.patients if patient.id in ranked],
        # Sentences without a finding (a letter's head) are for those who have the note.
        note_findings=None if table is None else table.filter(pl.col("context") != NO_FINDING),
        explanation=(
            _explanation(model, requested.circumstances, cases[0]) if request.explain else None
        ),
    )


def _explanation(
    model: DiagnosisModel, circumstances: Circumstances, case: PatientDiagnosis
) -> pl.DataFrame:
    return model.explain(
        case["present"],
        case["excluded"],
        diseases=[diagnosis["disease"] for diagnosis in case["diagnoses"]],
        circumstances=circumstances,
    )
