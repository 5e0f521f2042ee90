"""New molecules as one self-contained HTML page with pictures: no script in it."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ....core.atomic import atomic_file
from ..screen_page import molecules_page, picture
from .generate import GeneratedMolecule, Generation

IDEAS = "These are ideas: whether one can be made, or does anything, is not known."


def page(made: Generation, title: str) -> str:
    """The HTML of a page of generated molecules: picture, nearest ligand, drug-likeness.

    Args:
        title: what they were written for.
    """
    counts = made.counts
    fell_out = ", ".join(
        f"{count:,} {name.replace('_', ' ')}"
        for name, count in counts.items()
        if count and name not in ("written", "kept")
    )
    facts = [
        f"{len(made.molecules):,} new molecules, the best and most diverse of {counts['kept']:,}"
        f" that passed the filters; of {counts['written']:,} texts fell out: {fell_out or 'none'}.",
        IDEAS,
    ]
    foot = (
        "Similarity: Tanimoto of Morgan fingerprints with the nearest molecule that guided; it was"
        " what was sought, and is no test. SA: synthetic accessibility, 1 (looks easy) to 10."
        " For research, not for care. This page loads nothing and sends nothing."
    )
    return molecules_page(title, facts, map(_card, made.molecules), foot)


def write_page(made: Generation, path: Path | str, title: str) -> None:
    """Write `page` to a file."""
    text = page(made, title)
    with atomic_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _card(row: GeneratedMolecule) -> str:
    numbers = {
        "QED": f"{row['qed']:.2f}",
        "SA": f"{row['sa']:.1f}",
        "weight": f"{row['weight']:.0f}",
        "logP": f"{row['logp']:.1f}",
        "TPSA": f"{row['polar_area']:.0f}",
        "donors": row["donors"],
        "acceptors": row["acceptors"],
        "Lipinski": f"{row['lipinski']} broken" if row["lipinski"] else "kept",
    }
    score = "" if row["score"] is None else f", score {row['score']:.2f}"
    return "\n".join(
        [
            "<article>",
            f"<h2><b>{row['rank']}</b>generated</h2>",
            picture(row["smiles"]),
            f'<div><span class="big">{row["similarity"]:.2f}</span>'
            f' <span class="soft">similarity to {escape(row["nearest"])}{score}</span></div>',
            "<dl>" + "".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in numbers.items()) + "</dl>",
            f"<code>{escape(row['smiles'])}</code>",
            "</article>",
        ]
    )
