"""The command that ranks diseases for a patient."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medkg.cli.app import app
from medkg.cli.language import message, words
from medkg.cli.models import open_diagnosis_model
from medkg.cli.options import Age, Json, Language, Sex, Top
from medkg.cli.output import print_set_aside, write_as_on_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from medkg.diagnosis import (
        DiagnosisRequest,
        DiagnosisResult,
        PatientFindings,
        RequestedPatients,
    )
    from medkg.extract.demographics import Demographics
    from medkg.mining.diagnosis.model import DiagnosisModel


@app.command(
    epilog="Example: medkg diagnose models/diagnosis --symptom Arachnodactyly"
    " --symptom 'Ectopia lentis'"
)
def diagnose(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train diagnosis).")],
    symptom: Annotated[
        list[str] | None,
        typer.Option(help="One that is seen, alone or beside what is read: identifier or name."),
    ] = None,
    absent: Annotated[
        list[str] | None,
        typer.Option(help="One that was looked for and not found; counts before what is read."),
    ] = None,
    note: Annotated[Path | None, typer.Option(help="A clinical note, read for phenotypes.")] = None,
    labs: Annotated[
        Path | None, typer.Option(help="Laboratory results (FHIR, OMOP, CSV), beside --note too.")
    ] = None,
    ecg: Annotated[
        Path | None, typer.Option(help="An electrocardiogram (WFDB, EDF, CSV), or a folder.")
    ] = None,
    eeg: Annotated[
        Path | None,
        typer.Option(help="An electroencephalogram (EDF, BDF, WFDB, CSV), or a folder."),
    ] = None,
    eeg_model: Annotated[
        Path | None, typer.Option(help="Of --eeg: a folder of train eeg; none ships.")
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="A chest radiograph (PNG, JPEG, BMP, TIFF, DICOM), or a folder."),
    ] = None,
    codes: Annotated[
        Path | None,
        typer.Option(help="A TOML file of your own codes for labels of --ecg, --eeg and --image."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Samples a second of --ecg and --eeg in CSV without a column time."),
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="A recording (WAV) of what is said, read as a note is.")
    ] = None,
    phenopacket: Annotated[
        Path | None, typer.Option(help="A GA4GH phenopacket, or a folder or tar archive of them.")
    ] = None,
    findings_from: Annotated[
        Path | None, typer.Option(help="Findings of --findings, as you corrected them.")
    ] = None,
    findings: Annotated[
        Path | None, typer.Option(help="Write what was read in files here (TSV), to be edited.")
    ] = None,
    correct: Annotated[
        bool, typer.Option("--review", help="Go through what was read in files, one by one.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Be asked for what would narrow the list most.")
    ] = False,
    gene: Annotated[
        list[str] | None, typer.Option(help="A candidate gene: raises diseases it is tied to.")
    ] = None,
    onset: Annotated[
        str | None, typer.Option(help="Of the disease: an HPO term (Childhood onset) or age (P3Y).")
    ] = None,
    sex: Sex = None,
    age: Age = None,
    demographics: Annotated[
        bool,
        typer.Option(help="Sex and age that a note states count, but never with --into."),
    ] = True,
    prevalence: Annotated[
        bool | None,
        typer.Option(
            help="Common diseases go first among those that fit; by default of all but"
            " --phenopacket, and never with --into."
        ),
    ] = None,
    explained: Annotated[
        bool, typer.Option("--explain", help="Show each phenotype's weight, frequency, sources.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="Picture to write (HTML): phenotypes by diseases.")
    ] = None,
    fhir: Annotated[
        Path | None, typer.Option(help="Bundle of HL7 FHIR R4 to write (JSON), of one patient.")
    ] = None,
    into: Annotated[
        str | None, typer.Option(help="Write patient and diagnoses to this server too.")
    ] = None,
    pseudonyms: Annotated[
        str | None,
        typer.Option(help="Of --into: a secret (16-64 characters) or @FILE; default: at random."),
    ] = None,
    called: Annotated[
        str | None,
        typer.Option("--as", help="Of --pseudonyms: the patient's identifier in the source."),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="How surely the disease is in the set that is given. [default: 0.9]"),
    ] = None,
    top: Top = 10,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    names: Language = None,
    as_json: Json = False,
) -> None:
    """Rank diseases for phenotypes, a note or phenopackets. For research, not for care."""
    from medkg.core.errors import DataError
    from medkg.diagnosis import DiagnosisRequest

    try:
        request = DiagnosisRequest(
            symptoms=symptom or (),
            absent=absent or (),
            note=note,
            labs=labs,
            ecg=ecg,
            eeg=eeg,
            eeg_model=eeg_model,
            image=image,
            codes=codes,
            rate=rate,
            audio=audio,
            phenopacket=phenopacket,
            findings_from=findings_from,
            genes=gene or (),
            onset=onset,
            sex=sex,
            age=age,
            demographics=demographics and into is None,
            prevalence=False if into is not None and prevalence is None else prevalence,
            coverage=coverage,
            top=top,
            explain=explained or page is not None,
            patient=called,
            single=ask or fhir is not None,
        )
    except DataError as error:
        raise typer.BadParameter(str(error)) from None
    output = _Output(
        findings=findings,
        review=correct,
        ask=ask,
        explain=explained,
        page=page,
        fhir=fhir,
        into=into,
        pseudonyms=pseudonyms,
        as_json=as_json,
    )
    output.check(request)
    _diagnose(open_diagnosis_model(model, graph, names), request, output)


@dataclass(frozen=True)
class _Output:
    """What a diagnosis asks at the terminal, prints and writes; see the options' help."""

    findings: Path | None
    review: bool
    ask: bool
    explain: bool
    page: Path | None
    fhir: Path | None
    into: str | None
    pseudonyms: str | None
    as_json: bool

    def check(self, request: DiagnosisRequest) -> None:
        """Refuse options that don't go together.

        Raises:
            typer.BadParameter: as above.
            DataError: a dialogue is wanted where there is no terminal.
        """
        from medkg.core.errors import DataError

        if self.findings and any(request.typed):
            raise typer.BadParameter("--findings writes what was read; add to the table itself")
        if (self.findings or self.review) and request.note is None and not request.examined:
            raise typer.BadParameter(
                "--findings and --review go with --note, --labs, --ecg, --eeg, --image and --audio"
            )
        if self.into is not None and request.circumstances:
            raise typer.BadParameter("--into writes what follows from phenotypes alone")
        self._check_pseudonyms(request)
        if (self.ask or self.review) and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise DataError("--ask and --review need a terminal; leave them out, or use --findings")

    def _check_pseudonyms(self, request: DiagnosisRequest) -> None:
        has_own = request.phenopacket is not None
        if self.pseudonyms is not None and self.into is None:
            raise typer.BadParameter("--pseudonyms goes with --into")
        if request.patient is not None and (self.pseudonyms is None or has_own):
            raise typer.BadParameter(
                "--as goes with --pseudonyms, and with no phenopacket, which has its own identifier"
            )
        if self.pseudonyms is not None and not has_own and not (request.patient or "").strip():
            raise typer.BadParameter(
                "--pseudonyms makes the same pseudonym of the same identifier, and this patient has"
                " none: give with --as the identifier in the source, or leave --pseudonyms out for"
                " one at random"
            )


def _diagnose(model: DiagnosisModel, request: DiagnosisRequest, output: _Output) -> None:
    """Read the patients, complete the findings at the terminal, diagnose, print and write."""
    from medkg.access import existing_server
    from medkg.cli import show
    from medkg.cli.show_diagnosis import ask_about_finding, print_cases, print_findings
    from medkg.core.quarantine import Quarantine
    from medkg.diagnosis import check_coverage, diagnose_requested, read_files, read_requested

    check_coverage(model, request)
    review = ask_about_finding if output.review else None
    quarantine = Quarantine()
    if output.findings is not None:
        remarks: list[str] = []
        reading = read_files(model, request, quarantine, review, remarks)
        assert reading is not None  # of `check`
        if request.demographics and reading.demographics:
            remarks.append(_options_of(reading.demographics))
        for remark in remarks:
            show.err.print(message(remark), soft_wrap=True)
        print_set_aside(quarantine)
        return _write_findings(reading.findings, output.findings, remarks, output.as_json)
    if output.into is not None:
        existing_server(output.into)
    requested = read_requested(model, request, quarantine, review=review)
    if requested.note_findings is not None and not output.as_json:
        print_findings(requested.note_findings)
    if output.ask:
        requested = _ask(model, request, requested)
    try:
        result = diagnose_requested(model, request, requested, quarantine)
    finally:
        print_set_aside(quarantine)
    pseudonyms = _into_graph(model, result.patients, request.top, output)
    if output.page is not None:
        _write_page(model, result, output.page)
    if output.fhir is not None:
        _write_fhir(model, result, pseudonyms, output.fhir)
    if output.as_json:
        set_aside = [row.__dict__ for row in quarantine.rows]
        return show.as_json({"cases": result.reports(pseudonyms), "set_aside": set_aside})
    if len(requested.patients) > 1:
        return print_cases(result.reports(pseudonyms))
    return _print_one(model, request, result, pseudonyms, output)


def _options_of(demographics: Demographics) -> str:
    """What tells to give the sex and the age, which the table of findings has no place for."""
    options = [
        *([f"--sex {demographics.sex}"] if demographics.sex else []),
        *([f"--age {demographics.age:.3g}"] if demographics.age is not None else []),
    ]
    return f"the note states sex or age: give {' '.join(options)} with --findings-from"


def _ask(
    model: DiagnosisModel, request: DiagnosisRequest, requested: RequestedPatients
) -> RequestedPatients:
    """The only patient, with what was answered at the terminal."""
    from medkg.cli.show_diagnosis import ask_question
    from medkg.diagnosis import ask_for_phenotypes

    patient = requested.patients[0]
    findings = ask_for_phenotypes(
        model,
        patient.findings,
        ask_question,
        top=request.top,
        circumstances=requested.circumstances,
    )
    return replace(requested, patients=[replace(patient, findings=findings)])


def _print_one(
    model: DiagnosisModel,
    request: DiagnosisRequest,
    result: DiagnosisResult,
    pseudonyms: dict[str, str] | None,
    output: _Output,
) -> None:
    from medkg.cli import show
    from medkg.cli.show_diagnosis import print_diagnosis, print_explanation

    print_diagnosis(result.reports(pseudonyms)[0], model.names)
    if request.counts_prevalence:
        show.out.print(
            words(
                "how common a disease is counts too, as in a clinic; where only rare ones are in"
                " question: --no-prevalence"
            )
        )
    if output.explain and result.explanation is not None:
        print_explanation(result.explanation)
    if output.page is not None:
        show.out.print(words("{path}: phenotypes by diseases", path=output.page))
    if output.fhir is not None:
        show.out.print(
            words("{path}: findings and diagnoses, a bundle of FHIR R4", path=output.fhir),
            soft_wrap=True,
        )


def _write_findings(findings: pl.DataFrame, path: Path, remarks: list[str], as_json: bool) -> None:
    from medkg.cli import show
    from medkg.diagnosis import write_findings

    write_findings(findings, path)
    if as_json:
        written = {"written": str(path), "findings": findings.height, "remarks": remarks}
        return show.as_json(written)
    return show.out.print(
        words(
            "{path}: {findings} findings; correct the column keep (yes, no, maybe, drop) or"
            " phenotype, then medkg diagnose MODEL --findings-from it",
            path=path,
            findings=findings.height,
        ),
        soft_wrap=True,
    )


def _write_page(model: DiagnosisModel, result: DiagnosisResult, path: Path) -> None:
    from medkg.mining.diagnosis.model import diagnoses_frame
    from medkg.mining.diagnosis.page import write_page

    diagnoses = diagnoses_frame(result.cases[0]["diagnoses"])
    if result.explanation is not None:
        write_page(diagnoses, result.explanation, path, model.name, model.kg)


def _write_fhir(
    model: DiagnosisModel, result: DiagnosisResult, pseudonyms: dict[str, str] | None, path: Path
) -> None:
    from medkg.fhir_bundle import diagnosis_bundle, write_bundle

    case = result.cases[0]
    patient = None if pseudonyms is None else pseudonyms[case["patient"]]
    write_bundle(diagnosis_bundle(model, case, patient=patient), path)


def _into_graph(
    model: DiagnosisModel, patients: Sequence[PatientFindings], top: int, output: _Output
) -> dict[str, str] | None:
    """Write patients to a server if asked to; what each is called there, by its own identifier."""
    from medkg.cli import show
    from medkg.core.errors import DataError
    from medkg.diagnosis import patient_graph, pseudonym

    if output.into is None:
        return None
    if any(patient.findings.uncertain for patient in patients):
        raise DataError(
            "--into writes findings that are certain: decide the others with --review, or in the"
            " table of --findings"
        )
    by_pseudonym = {pseudonym(output.pseudonyms, patient.id): patient for patient in patients}
    summary = write_as_on_server(patient_graph(by_pseudonym, model, top), output.into)
    show.err.print(f"{output.into}: {summary}")
    return {patient.id: identifier for identifier, patient in by_pseudonym.items()}
