"""Options and option values that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli import language

if TYPE_CHECKING:
    from medkg.extract.document_form import Texts

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.")]
OutGraph = Annotated[Path, typer.Option("--out", help="Graph folder to write.")]
Encoder = Annotated[
    str | None, typer.Option(help="A Hugging Face encoder by name or folder, such as BioBERT's.")
]
Lora = Annotated[
    int | None,
    typer.Option(
        min=1, help="Train LoRA of this rank in place of a Hugging Face encoder's weights."
    ),
]
LabelKinds = Annotated[
    list[str] | None,
    typer.Option(help="LABEL=KIND: the kind that a label of your corpus stands for; repeatable."),
]


def _names_too(wanted: str | None) -> str | None:
    """Where all is printed in another language, names are shown in it too."""
    return language.current() if wanted is None and language.current() != "en" else wanted


Language = Annotated[
    str | None,
    typer.Option(
        callback=_names_too, help="Show names in this language where there are: zh, Chinese."
    ),
]
Top = Annotated[int, typer.Option(min=1, help="How many to show.")]


def _sex(text: str) -> str:
    """F and M are short for female and male; what is neither, the models refuse."""
    return {"f": "female", "m": "male"}.get(text.lower(), text.lower())


Sex = Annotated[str | None, typer.Option(parser=_sex, help="female or male; F or M.")]
Age = Annotated[float | None, typer.Option(help="In years.")]
Config = Annotated[Path | None, typer.Option(help="A TOML file of settings; options go before it.")]


def _print_settings(wanted: bool) -> None:
    if wanted:
        from medkg.gnn.settings import TABLES, to_toml

        typer.echo(to_toml({name: table() for name, table in TABLES.items()}), nl=False)
        raise typer.Exit


PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config",
        is_eager=True,
        callback=_print_settings,
        help="Print all settings with what they do, as such a file, and end.",
    ),
]
Sibling = Annotated[
    Path | None,
    typer.Option(
        help="Train on what is held out too, and state the figures of this model, which was trained"
        " in the same way without it (mentions: of the bilstm)."
    ),
]
Names = Annotated[
    list[Path] | None,
    typer.Option(
        help="Names come from this annotated text or graph folder; may be given again. Default:"
        " what extract links to."
    ),
]
ReadingModel = Annotated[
    str | None, typer.Option("--model", help="A recogniser's folder or name; default: medkg's.")
]
RelationsModel = Annotated[
    Path | None,
    typer.Option("--relations-model", help="A relation model's folder; default: medkg's."),
]

Papers = Annotated[
    bool,
    typer.Option(
        "--papers", help="All plain texts are papers, without a patient; else their form tells."
    ),
]
Notes = Annotated[
    bool, typer.Option("--notes", help="All plain texts are notes, each about one patient.")
]


def texts_of(papers: bool, notes: bool) -> Texts:
    """How plain texts are to be read, by `--papers` and `--notes`.

    Raises:
        typer.BadParameter: both were given.
    """
    if papers and notes:
        raise typer.BadParameter("give --papers or --notes, or neither: then their form tells")
    if papers:
        return "papers"
    return "notes" if notes else "auto"


def name_and_value(text: str) -> tuple[str, str]:
    """An option's value of the form name=value, split.

    Raises:
        typer.BadParameter: it has no equals sign.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text!r}: write name=value")
    return name, value


def values_by_name(option: str, given: list[str] | None) -> dict[str, str]:
    """The values of an option of the form name=value that is given as often as needed, by name.

    Raises:
        typer.BadParameter: one has no equals sign, or a name was given twice.
    """
    values: dict[str, str] = {}
    for name, value in map(name_and_value, given or ()):
        if name in values:
            raise typer.BadParameter(f"{option} {name} was given twice; it takes one value")
        values[name] = value
    return values


def label_kinds(options: list[str] | None) -> dict[str, str | None]:
    """The kind of each corpus label, of `--label LABEL=KIND`; None for a label to leave out.

    Raises:
        DataError: an option of another form.
    """
    from medkg.core.errors import DataError

    kinds: dict[str, str | None] = {}
    for text in options or []:
        label, separator, kind = text.rpartition("=")
        if not separator or not label:
            raise DataError(f"--label {text}: give LABEL=KIND, or LABEL= to leave a label out")
        kinds[label] = kind or None
    return kinds


def given_options(**options: Any) -> dict[str, Any]:
    """The options that were given on the command line: those that are not None."""
    return {name: value for name, value in options.items() if value is not None}
