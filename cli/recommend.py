"""The command that recommends drugs for a disease or a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import app
from medkg.cli.language import words
from medkg.cli.models import open_treatment_model
from medkg.cli.options import Age, Json, Language, Sex, Top
from medkg.cli.output import print_summary


@app.command(
    epilog="Example: medkg recommend models/treatment --disease hypertension --taking warfarin"
)
def recommend(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train treatment).")],
    disease: Annotated[
        list[str] | None, typer.Option(help="To treat: identifier or name; repeatable.")
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option(help="A patient of the graph: diseases, findings, drugs, allergies."),
    ] = None,
    symptom: Annotated[list[str] | None, typer.Option(help="That the patient has.")] = None,
    taking: Annotated[list[str] | None, typer.Option(help="A current drug.")] = None,
    allergic: Annotated[
        list[str] | None,
        typer.Option(help="A drug, or class of drugs, that the patient is allergic to."),
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="Another disease of the patient, not to be treated.")
    ] = None,
    age: Age = None,
    sex: Sex = None,
    pregnant: Annotated[
        bool | None,
        typer.Option("--pregnant/--not-pregnant", help="Default: not known, so not checked."),
    ] = None,
    top: Top = 10,
    into: Annotated[
        str | None, typer.Option(help="Write the diseases' hypotheses to this server too.")
    ] = None,
    fhir: Annotated[
        Path | None, typer.Option(help="Bundle of HL7 FHIR R4 to write: hypotheses and warnings.")
    ] = None,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    names: Language = None,
    as_json: Json = False,
) -> None:
    """Drugs for a disease or a patient, with what speaks against each. For research, not for care.

    Known treatments, hypotheses, and what must not be given, each with its evidence; and what
    could not be checked.
    """
    from medkg.access import existing_server
    from medkg.cli import show
    from medkg.cli.show_recommendation import print_recommendation, write_back

    if into is not None:
        existing_server(into)
    loaded = open_treatment_model(model, graph, names)
    recommendation = loaded.recommend(
        disease or (),
        symptoms=symptom or (),
        taking=taking or (),
        allergic=allergic or (),
        also=also or (),
        age=age,
        sex=sex,
        pregnant=pregnant,
        patient=patient,
        top=top,
    )
    if fhir is not None:
        from medkg.fhir_bundle import recommendation_bundle, write_bundle

        write_bundle(recommendation_bundle(recommendation, patient=patient or "patient"), fhir)
    if as_json:
        show.as_json(recommendation.to_dict())
    else:
        print_recommendation(recommendation)
        if fhir is not None:
            written = words("{path}: hypotheses and warnings, a bundle of FHIR R4", path=fhir)
            show.out.print(written, soft_wrap=True)
    if into is not None:
        changes = write_back(loaded, recommendation, top, into)
        if not as_json:
            print_summary(changes, into, as_json=False)
