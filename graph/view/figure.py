"""The Bokeh figure on which a view's page draws: empty renderers, which the page's script fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.extras import explained_imports

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure

_INK = "#1f2933"


@explained_imports()
def library() -> str:
    """The script of BokehJS, which goes into the page, so that it needs no network."""
    from bokeh.resources import INLINE

    return "\n".join(INLINE.js_raw[:1])


@explained_imports()
def figure_item() -> dict[str, Any]:
    """The figure as JSON for `Bokeh.embed.embed_item`.

    The columns of its sources are filled by `view.js`, which also decides what is drawn and moves
    it: nothing here has a tool or a callback, so that the page needs no rights to evaluate text as
    code.
    """
    from bokeh.embed import json_item
    from bokeh.models import Range1d
    from bokeh.plotting import figure

    plot = figure(
        name="plot",
        sizing_mode="stretch_both",
        tools=[],
        toolbar_location=None,
        x_range=Range1d(start=-1, end=1),
        y_range=Range1d(start=-1, end=1),
        outline_line_color=None,
        min_border=0,
    )
    plot.axis.visible = False
    plot.grid.visible = False
    # What comes later lies on top.
    _add_edges(plot)
    _add_nodes(plot)
    _add_text(plot, "relations", "9px", "#52606d")
    _add_text(plot, "labels", "12px", _INK)
    return dict(json_item(plot))


def _source(name: str, *columns: str) -> ColumnDataSource:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({column: [] for column in columns}, name=name)


def _add_edges(plot: figure) -> None:
    """Lines, dashed where they are predictions, with the heads of arrows."""
    for name, dash in (("edges", "solid"), ("predicted", "dashed")):
        plot.segment(
            "x0",
            "y0",
            "x1",
            "y1",
            source=_source(name, "x0", "y0", "x1", "y1", "colour", "width", "alpha"),
            line_color="colour",
            line_width="width",
            line_alpha="alpha",
            line_dash=dash,
        )
    plot.scatter(
        "x",
        "y",
        marker="triangle",
        size=6,
        angle="angle",
        source=_source("arrows", "x", "y", "angle", "colour", "alpha"),
        fill_color="colour",
        fill_alpha="alpha",
        line_color=None,
    )


def _add_nodes(plot: figure) -> None:
    plot.scatter(
        "x",
        "y",
        marker="shape",
        size="size",
        source=_source("nodes", "x", "y", "shape", "size", "colour", "alpha", "line", "width"),
        fill_color="colour",
        fill_alpha="alpha",
        line_color="line",
        line_alpha="alpha",
        line_width="width",
    )


def _add_text(plot: figure, name: str, size: str, colour: str) -> None:
    from bokeh.core.properties import field, value
    from bokeh.models import Text

    glyph = Text(
        x="x",
        y="y",
        text="text",
        y_offset="offset",
        text_align="center",
        text_baseline="middle",
        text_font=value("system-ui, sans-serif"),
        text_font_size=value(size),
        text_font_style=field("weight"),
        text_color=colour,
        background_fill_color="white",
        background_fill_alpha=0.75,
    )
    # On a canvas of their own: other labels don't have the edges drawn anew.
    plot.add_glyph(_source(name, "x", "y", "text", "offset", "weight"), glyph, level="overlay")
