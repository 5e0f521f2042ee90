"""The command that ranks diseases for a patient."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import app
from medkg.cli.models import open_diagnosis_model
from medkg.cli.options import Json, Sex, Top
from medkg.cli.output import print_set_aside

if TYPE_CHECKING:
    import polars as pl

    from medkg.diagnose import Patient
    from medkg.mining.diagnosis.circumstances import Circumstances
    from medkg.mining.diagnosis.model import DiagnosisModel


@app.command(
    epilog="Example: medkg diagnose models/diagnosis --symptom Seizure --symptom HP:0001252"
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
    phenopacket: Annotated[
        Path | None, typer.Option(help="A GA4GH phenopacket, or a folder or tar archive of them.")
    ] = None,
    findings_from: Annotated[
        Path | None, typer.Option(help="Findings of --findings, as you corrected them.")
    ] = None,
    findings: Annotated[
        Path | None, typer.Option(help="Of --note: write what was read here (TSV), to be edited.")
    ] = None,
    correct: Annotated[
        bool, typer.Option("--review", help="Of --note: go through what was read, one by one.")
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
    explained: Annotated[
        bool, typer.Option("--explain", help="Show each phenotype's weight, frequency, sources.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="Picture to write (HTML): phenotypes by diseases.")
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
    as_json: Json = False,
) -> None:
    """Rank diseases for phenotypes, a note or phenopackets. For research, not for care."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.errors import DataError, ModelError
    from medkg.core.quarantine import Quarantine
    from medkg.diagnose import (
        NO_FINDING,
        Patient,
        diagnose_all,
        kept,
        of_texts,
        patients_of,
        read_findings,
    )
    from medkg.mining.diagnosis.circumstances import Circumstances

    origins = sum(origin is not None for origin in (note, phenopacket, findings_from))
    typed = (symptom or (), absent or ())
    if origins > 1 or (origins == 0 and not symptom):
        raise typer.BadParameter(
            "give --symptom, or one of --note, --phenopacket and --findings-from (--symptom and"
            " --absent then add to it)"
        )
    if findings and any(typed):
        raise typer.BadParameter("--findings writes what was read; add to the table itself")
    if (findings or correct) and note is None:
        raise typer.BadParameter("--findings and --review go with --note")
    given = Circumstances(tuple(gene or ()), onset, sex)
    if into is not None and given:
        raise typer.BadParameter("--into writes what follows from phenotypes alone")
    if pseudonyms is not None and into is None:
        raise typer.BadParameter("--pseudonyms goes with --into")
    if called is not None and (pseudonyms is None or phenopacket is not None):
        raise typer.BadParameter(
            "--as goes with --pseudonyms, and with no phenopacket, which has its own identifier"
        )
    if pseudonyms is not None and phenopacket is None and not (called or "").strip():
        raise typer.BadParameter(
            "--pseudonyms makes the same pseudonym of the same identifier, and this patient has"
            " none: give with --as the identifier in the source, or leave --pseudonyms out for one"
            " at random"
        )
    if coverage is not None and not 0 < coverage < 1:
        raise typer.BadParameter(f"--coverage is between 0 and 1, not {coverage:g}")
    if (ask or correct) and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise DataError("--ask and --review need a terminal; leave them out, or use --findings")
    loaded = open_diagnosis_model(model, graph)
    if coverage is not None and loaded.open_set is None:
        raise ModelError(
            f"{model}: gives no set for --coverage: it is no ranker, its graph has too few diseases"
            " and it too few known patients (medkg train diagnosis --cases), or it is used with"
            " another graph; leave --coverage out"
        )
    quarantine = Quarantine()
    read: list[dict[str, Any]] = []
    if phenopacket is not None:
        patients = patients_of(phenopacket, loaded.kg, quarantine, typed)
        if len(patients) > 1 and (ask or given or explained or page):
            raise DataError(
                f"has {len(patients)} patients: --ask, --gene, --onset, --sex, --explain and --page"
                " are for one",
                path=phenopacket,
            )
    else:
        if note is not None:
            table = _read_note(loaded, note, correct)
            if findings is not None:
                return _write_findings(table, findings, note, as_json)
            # What nothing was found in is for the eyes of who has the note (a letter's head).
            read = table.filter(pl.col("context") != NO_FINDING).to_dicts()
            if not as_json:
                show.findings(table)
            found = kept(table, loaded.kg, typed)
        elif findings_from is not None:
            found = read_findings(findings_from, loaded.kg, typed)
        else:
            found = of_texts(loaded.kg, *typed)
        origin = note or findings_from
        own = called or ("patient" if origin is None else origin.stem)
        patients = [Patient(own.strip(), found)]
    if ask:
        patients = [_asked(loaded, patients[0], given, top)]
    results = diagnose_all(
        loaded, patients, quarantine, top=top, circumstances=given, coverage=coverage
    )
    print_set_aside(quarantine)
    if not results:
        raise DataError("no phenotype is left that the model knows")
    ranked = {result["patient"] for result in results}
    usable = [patient for patient in patients if patient.id in ranked]
    written = _into_graph(loaded, usable, into, pseudonyms, top) if into is not None else None
    for case in results:
        case["written_as"] = None if written is None else written[case["patient"]]
    if note is not None:
        results[0]["read"] = read
    if explained or page is not None:  # of one patient
        why = loaded.explain(
            results[0]["present"],
            results[0]["excluded"],
            diseases=[row["disease"] for row in results[0]["diagnoses"]],
            circumstances=given,
        )
        results[0]["explanation"] = why.to_dicts()
    if page is not None:
        from medkg.mining.diagnosis.model import diagnoses_frame
        from medkg.mining.diagnosis.page import write_page

        rows = diagnoses_frame(results[0]["diagnoses"])
        write_page(rows, why, page, loaded.name, loaded.kg)
    if as_json:
        return show.as_json(
            {"cases": results, "set_aside": [row.__dict__ for row in quarantine.rows]}
        )
    if len(patients) > 1:
        return show.cases(results)
    show.diagnosis(results[0], loaded.names)
    if explained:
        show.explanation(why)
    if page is not None:
        show.out.print(f"{page}: phenotypes by diseases", markup=False)
    return None


def _read_note(model: DiagnosisModel, note: Path, correct: bool) -> pl.DataFrame:
    """The findings of a note, as a person corrected them if asked for."""
    from medkg.cli import show
    from medkg.diagnose import findings_in_note, reviewed

    found = findings_in_note(note, model.kg)
    return reviewed(found, model.kg, show.ask_of_finding) if correct else found


def _write_findings(found: pl.DataFrame, path: Path, note: Path, as_json: bool) -> None:
    from medkg.cli import show
    from medkg.diagnose import write_findings

    write_findings(found, path)
    if as_json:
        return show.as_json({"written": str(path), "findings": found.height})
    return show.out.print(
        f"{path}: {found.height} findings of {note.name}; correct the column keep (yes, no, drop)"
        " or phenotype, then medkg diagnose MODEL --findings-from it",
        markup=False,
    )


def _asked(model: DiagnosisModel, patient: Patient, given: Circumstances, top: int) -> Patient:
    from dataclasses import replace

    from medkg.cli import show
    from medkg.diagnose import dialogue

    findings = dialogue(model, patient.findings, show.ask_for, top=top, circumstances=given)
    return replace(patient, findings=findings)


def _into_graph(
    model: DiagnosisModel, patients: list[Patient], uri: str, key: str | None, top: int
) -> dict[str, str]:
    """Write patients to a server; what each is called there, by its own identifier."""
    from medkg.access import connect
    from medkg.cli import show
    from medkg.diagnose import as_graph, pseudonym

    named = {pseudonym(key, patient.id): patient for patient in patients}
    with connect(uri) as connection:
        written = connection.write(as_graph(named, model, top))
    show.err.print(f"{uri}: {written}", markup=False)
    return {patient.id: identifier for identifier, patient in named.items()}
