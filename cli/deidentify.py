"""The command that takes out of texts what identifies patients."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medkg.cli.app import app
from medkg.cli.options import Json, Notes, Papers, texts_of
from medkg.cli.output import print_set_aside

if TYPE_CHECKING:
    from medkg.extract.deidentify.run import Summary


class _Style(StrEnum):
    surrogates = "surrogates"
    tags = "tags"


@app.command(epilog="Example: medkg deidentify notes/ --out private/notes")
def deidentify(
    paths: Annotated[
        list[str],
        typer.Argument(help="Texts, as for extract: files, folders, FILE.csv:ID,TEXT."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the copies.")],
    style: Annotated[
        _Style, typer.Option("--with", help="What takes an identifier's place.")
    ] = _Style.surrogates,
    key: Annotated[
        Path | None,
        typer.Option(help="File of the secret that surrogates are drawn by; default: OUT.key."),
    ] = None,
    papers: Papers = False,
    notes: Notes = False,
    as_json: Json = False,
) -> None:
    """Copy texts without what identifies patients: names, places, dates, numbers.

    What was replaced is in OUT.review.html, for a person to look through: no program finds all. A
    run that was interrupted goes on where it stopped when the same command is given again.
    """
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.extract.deidentify.keys import key_file_of
    from medkg.extract.deidentify.review import review_files
    from medkg.texts import deidentify as write_copies

    quarantine = Quarantine()
    texts = texts_of(papers, notes)
    summary = write_copies(
        paths, out, style=style.value, key_file=key, texts=texts, quarantine=quarantine
    )
    print_set_aside(quarantine)
    page, table = review_files(out)
    secret = key or key_file_of(out)
    report = {
        "written": str(out),
        "review": str(page),
        "table": str(table),
        "key": str(secret),
        **summary.as_dict(),
        "set_aside": quarantine.counts(),
    }
    if as_json:
        show.as_json(report)
    else:
        _print_summary(summary, out, page, secret)


def _print_summary(summary: Summary, out: Path, page: Path, secret: Path) -> None:
    from medkg.cli import show

    plural = "" if summary.documents == 1 else "s"
    resumed = f", {summary.resumed:,} taken over from an earlier run" if summary.resumed else ""
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in summary.kinds.most_common())
    show.out.print(
        f"{out}: {summary.documents:,} document{plural}{resumed}, {summary.words:,} words,"
        f" {summary.kinds.total():,} identifiers replaced: {kinds}",
        soft_wrap=True,
    )
    show.out.print(
        f"look through {page}, least sure first, and some of the texts: what was missed is in no"
        f" list. It and {secret} hold or lead to what was taken out; keep them apart.",
        soft_wrap=True,
    )
