"""The best of a screened library as one self-contained HTML page with pictures: no script in it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from ...core.atomic import atomic_file
from ...core.html_page import fill_template
from .nearest_ligands import NO_LIGAND, UNLIKE
from .screen import ScreenedMolecule, ScreeningResult


def page(result: ScreeningResult, library: str, model: str) -> str:
    """The HTML of a page of the best molecules: picture, probability, nearest known ligand,
    drug-likeness.

    Args:
        library: its name, as shown.
        model: the name of the model.
    """
    counts, stated = result.counts, result.probability
    title = f"{library} for {result.target_name} ({result.target})"
    facts = [
        f"The best {len(result.rows):,} of {counts['ranked']:,} molecules;"
        f" {counts['duplicates']:,} duplicates counted once, {counts['invalid']:,} set aside.",
        f"Ranked by {model}, by structure alone. A probability is {stated.meaning}; of a drug's"
        f" first 100 targets {stated.calibration.base_rate:.2g} are. Of a library that is no list"
        " of drugs, fewer: go by the order.",
        *([unlike_sentence(result)] if result.unlike else []),
    ]
    foot = (
        "Known ligand, nearest: Tanimoto similarity of Morgan fingerprints. Series: molecules alike"
        " (0.6 and more) to the best one of them. PAINS: substructures that disturb many assays."
        " For research, not for care. This page loads nothing and sends nothing."
    )
    return molecules_page(title, facts, map(_card, result.rows), foot)


def molecules_page(title: str, facts: Iterable[str], cards: Iterable[str], foot: str) -> str:
    """The HTML of a page of molecules.

    Args:
        facts: a paragraph each, above the cards.
        cards: HTML, one for each molecule; all else is plain text.
    """
    blocks = {
        "TITLE": escape(title),
        "FACTS": "\n".join(f"<p>{escape(fact)}</p>" for fact in facts),
        "CARDS": "\n".join(cards),
        "FOOT": escape(foot),
    }
    return fill_template(str(__package__), "screen.html", **blocks)


def unlike_sentence(result: ScreeningResult) -> str:
    """How many of the best molecules are unlike all known ligands, and what that means."""
    return (
        f"{result.unlike:,} of these {len(result.rows):,} have a similarity below {UNLIKE} to every"
        " known ligand: of such molecules little can be told by structure."
    )


def write_page(result: ScreeningResult, path: Path | str, library: str, model: str) -> None:
    """Write `page` to a file."""
    text = page(result, library, model)
    with atomic_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _card(row: ScreenedMolecule) -> str:
    numbers = {
        "QED": f"{row['qed']:.2f}",
        "weight": f"{row['weight']:.0f}",
        "logP": f"{row['logp']:.1f}",
        "TPSA": f"{row['polar_area']:.0f}",
        "donors": row["donors"],
        "acceptors": row["acceptors"],
        "rotatable": row["rotatable"],
        "Lipinski": f"{row['lipinski']} broken" if row["lipinski"] else "kept",
    }
    tags = [("good", "known ligand")] if row["known"] else []
    if row["series"] != row["rank"]:
        tags.append(("", f"series of {row['series']}"))
    if row["largest_similarity"] < UNLIKE:
        tags.append(("warn", "unlike all known ligands"))
    tags += [("warn", f"PAINS {name}") for name in row["alerts"]]
    nearest = NO_LIGAND
    if row["nearest_name"] is not None:
        nearest = (
            f"nearest known: {row['nearest_name']} ({row['nearest_id']}),"
            f" {row['nearest_similarity']:.2f}, {', '.join(row['nearest_sources'])}"
        )
    return "\n".join(
        [
            "<article>",
            f"<h2><b>{row['rank']}</b>{escape(row['name'])}</h2>",
            picture(row["smiles"]),
            f'<div><span class="big">{row["probability"]:.3f}</span>'
            f' <span class="soft">probability, score {row["score"]:.2f},'
            f" line {row['line']}</span></div>",
            f'<div class="soft">{escape(nearest)}</div>',
            "".join(f'<span class="tag {kind}">{escape(text)}</span>' for kind, text in tags),
            "<dl>" + "".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in numbers.items()) + "</dl>",
            f"<code>{escape(row['smiles'])}</code>",
            "</article>",
        ]
    )


def picture(smiles: str) -> str:
    """A drawing of a molecule, as an SVG element."""
    drawer = rdMolDraw2D.MolDraw2DSVG(280, 190)
    drawer.drawOptions().clearBackground = False
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.MolFromSmiles(smiles))
    drawer.FinishDrawing()
    drawn = str(drawer.GetDrawingText())
    # Without the XML declaration, which has no place within a page.
    return drawn[drawn.index("<svg") :].replace(
        "<svg ", f'<svg role="img" aria-label="{escape(smiles)}" ', 1
    )
