"""The Typer applications that commands are registered on: `medkg`, and its groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption
from typer.models import CommandInfo

from medkg.cli import language

app = typer.Typer(
    name="medkg",
    help="Clinical text and curated sources to one evidence-backed graph, mined and explained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train = typer.Typer(no_args_is_help=True, help="Train a model; the same command resumes it.")
evaluate = typer.Typer(no_args_is_help=True, help="The standard figures, baselines beside them.")
review = typer.Typer(no_args_is_help=True, help="Let a person correct what was read.")
app.add_typer(review, name="review", rich_help_panel="Read sources and texts")
for _name, _group in (("train", train), ("evaluate", evaluate)):
    app.add_typer(_group, name=_name, rich_help_panel="Models")


class OneValueCommand(TyperCommand):
    """A command that refuses an option given twice where it takes one value.

    Of these the last would count, and the others be dropped without a word: of two notes one.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # Typer names no type of it
        """The arguments that are left when the options are read."""
        if ctx.resilient_parsing:  # of completion, which mustn't fail
            return super().parse_args(ctx, args)
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for number, option in enumerate(given):
            if not isinstance(option, TyperOption) or option.multiple or option.is_flag:
                continue
            if option in given[:number]:
                raise typer.BadParameter("is given twice, and takes one value", ctx, option)
        return super().parse_args(ctx, args)


def refuse_repetitions() -> None:
    """Make all commands refuse what `OneValueCommand` does."""
    groups = (group.typer_instance for group in app.registered_groups)
    for each in (app, *(group for group in groups if group is not None)):
        for command in each.registered_commands:
            command.cls = OneValueCommand


def list_by_topic(topics: Mapping[str, str]) -> None:
    """List commands under the topics of the modules that they are in, in the order of `topics`."""
    modules = list(topics)
    # Some modules import others, so that commands aren't registered in this order.
    app.registered_commands.sort(key=lambda command: modules.index(_module_of(command)))
    for command in app.registered_commands:
        command.rich_help_panel = topics[_module_of(command)]


def _module_of(command: CommandInfo) -> str:
    return str(getattr(command.callback, "__module__", ""))


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"medkg {version('medkg')}")
        raise typer.Exit


@app.callback()
def _before_any_command(
    lang: Annotated[
        language.Language,
        typer.Option(
            envvar="MEDKG_LANG",
            help="Language of what is printed, with names of entities: en, or zh, Chinese.",
        ),
    ] = "en",
    version: Annotated[  # noqa: ARG001 (its callback prints it)
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and end."
        ),
    ] = False,
) -> None:
    language.use(lang)
