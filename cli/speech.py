"""The command that writes down what is said in recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import app
from medkg.cli.options import Json
from medkg.cli.output import print_set_aside


@app.command(epilog="Example: medkg transcribe visits/ --model models/whisper --out transcripts")
def transcribe(
    paths: Annotated[list[Path], typer.Argument(help="WAV files, or folders of them.")],
    model: Annotated[
        Path | None,
        typer.Option(
            help="A folder of a Hugging Face model, such as Whisper's. [default: pocketsphinx]"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the transcripts; what is there is replaced.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write down what is said in recordings, for extract and diagnose --note."""
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.speech import transcribe as hear
    from medkg.speech import write_transcripts

    quarantine = Quarantine()
    transcripts = hear(paths, model=model, quarantine=quarantine)
    for each in transcripts:
        for remark in each.remarks:
            show.err.print(f"{each.file.name}: {remark}", soft_wrap=True)
    files = [] if out is None else write_transcripts(transcripts, out)
    if as_json:
        rows = [{**each.__dict__, "file": str(each.file)} for each in transcripts]
        set_aside = [row.__dict__ for row in quarantine.rows]
        written = [str(file) for file in files]
        return show.as_json({"transcripts": rows, "written": written, "set_aside": set_aside})
    for each in transcripts if out is None else ():
        show.out.print(f"{each.file.name} ({each.seconds:.0f} s, {each.model})", soft_wrap=True)
        show.out.print(each.text, soft_wrap=True, markup=False)
    for file in files:
        show.out.print(str(file), soft_wrap=True, markup=False)
    return print_set_aside(quarantine)
