"""Run the notebooks, and write them with their outputs to docs/notebooks.

    python .ci/notebooks.py                                  # all, with Hetionet's stand-in
    python .ci/notebooks.py hetionet --set 'folder="DATA/hetionet"'

What a notebook shows as a page of its own (a drawing, an annotated text) is not copied.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from PIL import Image  # comes with matplotlib

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "notebooks"
MOST_SECONDS = 1500  # for a cell
_COLOURS = 128  # of a figure: with a third of the room, and all of the palette kept


def execute(path: Path, folder: Path, settings: Sequence[str] = ()) -> NotebookNode:
    """Run a notebook from top to bottom, as a user would.

    Args:
        folder: in which it runs.
        settings: as of `with_settings`.
    """
    notebook = with_settings(path, settings)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=MOST_SECONDS, resources=resources).execute()
    return notebook


def with_settings(path: Path, settings: Sequence[str]) -> NotebookNode:
    """A notebook with assignments, such as `seed=1`, after the cell tagged `parameters`."""
    notebook = nbformat.read(path, as_version=4)
    if settings:
        cells = notebook.cells
        place = next(
            n for n, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", ())
        )
        cells.insert(place + 1, new_code_cell("\n".join(settings), metadata={"tags": ["settings"]}))
    return notebook


def write_page(notebook: NotebookNode, name: str) -> None:
    """Write an executed notebook as Markdown, its figures beside it."""
    PAGES.mkdir(exist_ok=True)
    for old in PAGES.glob(f"{name}-*.png"):
        old.unlink()
    lines: list[str] = []
    for number, cell in enumerate(notebook.cells):
        if "settings" in cell.metadata.get("tags", ()):
            continue
        if cell.cell_type == "markdown":
            lines += [cell.source, ""]
            continue
        lines += ["```python", cell.source, "```", ""]
        for output in _joined(cell.outputs):
            lines += _shown(output, PAGES / f"{name}-{number:02}.png")
    title, *rest = lines
    heading, _, text = title.partition("\n")
    source = f"The notebook is `notebooks/{name}.ipynb`; this is what it printed."
    page = "\n".join([heading, "", source, text, *rest])
    (PAGES / f"{name}.md").write_text(page.rstrip() + "\n", encoding="utf-8")


def _joined(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """The outputs of a cell, with what was printed bit by bit in one."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else NotebookNode()
        if output.output_type == "stream" and output.name == last.get("name"):
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _shown(output: NotebookNode, picture: Path) -> Iterator[str]:
    """The lines of Markdown that show an output of a cell."""
    if output.output_type == "stream":
        if output.name == "stdout":
            yield from ["```text", output.text.rstrip(), "```", ""]
        return
    data = output.get("data", {})
    text = data.get("text/plain", "")
    if "image/png" in data:
        with Image.open(BytesIO(base64.b64decode(data["image/png"]))) as image:
            image.convert("RGB").quantize(_COLOURS).save(picture, optimize=True)
        yield from [f"![Figure]({picture.name})", ""]
    elif "text/html" in data and not text.startswith("shape:"):
        yield from ["*Drawn in the notebook.*", ""]
    elif text:
        yield from ["```text", text, "```", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of notebooks; all of them if none is given")
    parser.add_argument("--set", action="append", default=[], help="a parameter: NAME=VALUE")
    options = parser.parse_args()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if not options.names or path.stem in options.names:
            with tempfile.TemporaryDirectory() as folder:
                write_page(execute(path, Path(folder), options.set), path.stem)


if __name__ == "__main__":
    main()
