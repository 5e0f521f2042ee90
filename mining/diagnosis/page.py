"""A diagnosis as one self-contained HTML page: a patient's phenotypes by diseases, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import cast

import polars as pl

from ...core.atomic import atomic_file
from ...core.html_page import fill_template
from ...graph.identifiers import name_key_of
from ...graph.kg import KnowledgeGraph
from .explain import ExplanationRow
from .model import Diagnosis
from .series import series_members, series_name

_LABEL, _CELL, _ROW = 290, 62, 27  # widths of a phenotype's name and of a cell, height of a row
_HEAD, _BAR = 150, 34  # heights of the diseases' names, and of their probabilities
_LONGEST = 38  # characters of a name that are drawn; the whole is shown when one points at it
_FULL_SUPPORT = 6.0  # the support, a natural logarithm, whose colour is full
_FOR, _AGAINST = "42,127,98", "209,73,91"
_SIGNS = {"exact": "●", "narrower": "▲", "broader": "▼", "near": "◇"}


def page(rows: pl.DataFrame, why: pl.DataFrame, model: str, kg: KnowledgeGraph) -> str:
    """The HTML of a page.

    Args:
        rows: of `DiagnosisModel.diagnose`.
        why: of `DiagnosisModel.explain`, of the first of these diseases.
        model: the model's name, as shown.
        kg: of which the sources are named.
    """
    diseases = why.unique("disease", keep="first", maintain_order=True)["disease"].to_list()
    diagnoses = cast(list[Diagnosis], rows.to_dicts())
    shown = [row for row in diagnoses if row["disease"] in diseases]
    lines = cast(list[ExplanationRow], why.to_dicts())
    facts = [
        f"The {len(shown)} most probable diseases by the model {model}. A probability is among the"
        " diseases of the graph, of which the true one may be none.",
        "A cell's number and colour: how far the phenotype supports the disease against the mean of"
        " all diseases, as a log-likelihood ratio beside the other phenotypes; green for, red"
        " against. In brackets, below: what it weighs between the diseases that are probable by the"
        " rest. ● the disease is known for it, ▲ for a broader one, ▼ for a narrower one, ◇ for one"
        " near, ✕ it is known for it and the patient was found not to have it.",
    ]
    sources = "; ".join(f"{s.name} {s.release}: {s.licence}" for s in kg.sources)
    foot = (
        f"For research, not for care. This page loads nothing and sends nothing. Sources: {sources}"
    )
    blocks = {
        "TITLE": "Diagnosis: phenotypes by diseases",
        "FACTS": "\n".join(f"<p>{escape(fact)}</p>" for fact in facts),
        "PICTURE": matrix(shown, lines),
        "CARDS": "\n".join(_cards(shown, lines)),
        "FOOT": escape(foot),
    }
    return fill_template(str(__package__), "diagnosis.html", **blocks)


def write_page(
    rows: pl.DataFrame, why: pl.DataFrame, path: Path | str, model: str, kg: KnowledgeGraph
) -> None:
    """Write `page` to a file that only its owner may read: it is of a patient."""
    text = page(rows, why, model, kg)
    with atomic_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def matrix(shown: Sequence[Diagnosis], lines: Sequence[ExplanationRow]) -> str:
    """The picture: an SVG with a row for each phenotype (then for each excluded one, and each of
    the circumstances) and a column for each disease."""
    places: dict[tuple[str, str], str] = {}
    cells: dict[tuple[tuple[str, str], str], ExplanationRow] = {}
    for line in lines:
        if line["part"] == "missing":
            continue
        denied = line["part"] in ("against", "absent")
        circumstance = line["part"] == "circumstance"
        kind = "circumstance" if circumstance else "excluded" if denied else "present"
        # A gene's line says of each disease whether it is associated with it.
        label = line["phenotype_name"].partition(":")[0] if circumstance else line["phenotype_name"]
        place = (kind, line["phenotype"] or label)
        places.setdefault(place, f"no {label}" if denied else label)
        cells[place, line["disease"]] = line
    order = sorted(
        places,
        key=lambda p: (("present", "excluded", "circumstance").index(p[0]), -_heaviest(p, cells)),
    )
    width = _LABEL + _CELL * len(shown) + 150
    top = _HEAD + _BAR
    height = top + _ROW * len(order) + 12
    shapes = [
        f'<svg role="img" aria-label="Phenotypes by diseases" viewBox="0 0 {width} {height}"'
        f' style="width:{width}px">'
    ]
    for column, row in enumerate(shown):
        x = _LABEL + _CELL * column
        shapes.append(
            f'<g transform="translate({x + _CELL / 2 + 4},{_HEAD - 8}) rotate(-38)">'
            f"<title>{escape(row['name'])} {escape(row['disease'])}</title>"
            f'<text class="head">{row["rank"]} {escape(_short(row["name"], 30))}</text></g>'
        )
        full = _CELL - 10
        shapes.append(
            f'<rect class="bar" x="{x + 5}" y="{_HEAD}" width="{full}" height="9"/>'
            f'<rect class="fill" x="{x + 5}" y="{_HEAD}" height="9"'
            f' width="{full * row["probability"]:.1f}"/>'
            f'<text class="p" x="{x + _CELL / 2}" y="{_HEAD + 24}">{_percent(row["probability"])}'
            "</text>"
        )
    for number, place in enumerate(order):
        y = top + _ROW * number
        shapes.append(
            f"<g><title>{escape(places[place])} {escape(place[1])}</title>"
            f'<text class="{place[0]}" x="{_LABEL - 8}" y="{y + 18}">'
            f"{escape(_short(places[place], _LONGEST))}</text></g>"
        )
        for column, row in enumerate(shown):
            if (place, row["disease"]) in cells:
                cell = cells[place, row["disease"]]
                shapes.append(_cell(cell, _LABEL + _CELL * column, y))
    return "\n".join([*shapes, "</svg>"])


def _heaviest(
    place: tuple[str, str], cells: Mapping[tuple[tuple[str, str], str], ExplanationRow]
) -> float:
    return max(abs(line["support"] or 0.0) for (of, _), line in cells.items() if of == place)


def _cell(line: ExplanationRow, x: float, y: float) -> str:
    support, weight = line["support"] or 0.0, line["weight"] or 0.0
    colour = _FOR if support > 0 else _AGAINST
    strength = min(abs(support) / _FULL_SUPPORT, 1) * 0.75
    sign = "✕" if line["part"] == "against" else _SIGNS.get(line["match"] or "", "")
    about = (
        f"{line['phenotype_name']} in {line['disease_name']}: support {signed(support, 2)},"
        f" weight {signed(weight, 2)}; {_evidence_text(line)}"
    )
    return (
        f"<g><title>{escape(about)}</title>"
        f'<rect class="cell" x="{x + 1}" y="{y + 1}" width="{_CELL - 2}" height="{_ROW - 2}"'
        f' style="fill:rgba({colour},{strength:.2f})"/>'
        f'<text class="sign" x="{x + 13}" y="{y + 18}">{sign}</text>'
        f'<text class="support" x="{x + _CELL - 6}" y="{y + 18}">{signed(support)}</text></g>'
    )


def _evidence_text(line: ExplanationRow) -> str:
    """What is known of a phenotype in a disease, in words."""
    if line["part"] == "circumstance":
        return str(line["phenotype_name"])
    if line["part"] in ("unexpected", "absent"):
        common = f"; both are {line['by_name']}" if line["match"] == "near" else ""
        return f"the disease isn't known for it{common}"
    phrases = ["known for it"]
    if line["match"] in ("broader", "narrower"):
        other = {"broader": "narrower", "narrower": "broader"}[line["match"]]
        phrases = [f"known for the {other} {line['by_name']}"]
    if line["frequency"] is not None:
        patients = f" ({line['patients']})" if line["patients"] else ""
        phrases.append(f"{line['frequency']:.0%} of patients{patients}")
    phrases += [text for text in (line["onset"], line["sex"]) if text]
    phrases += [", ".join(line["references"] or line["sources"] or ())]
    return "; ".join(filter(None, phrases))


def _cards(shown: Sequence[Diagnosis], lines: Sequence[ExplanationRow]) -> Iterator[str]:
    """The diseases' cards; those of one series in a group that opens and closes."""
    by_disease = {row["disease"]: row for row in shown}
    members = series_members({each: name_key_of(row["name"]) for each, row in by_disease.items()})
    for row in shown:
        of_one = members.get(row["disease"])
        if of_one is None:
            yield _card(row, lines)
        elif of_one[0] == row["disease"]:
            name = series_name([by_disease[each]["name"] for each in of_one])
            cards = "\n".join(_card(by_disease[each], lines) for each in of_one)
            yield (
                f"<details open><summary>{escape(name)}: {len(of_one)} entries</summary>\n"
                f'<div class="types">\n{cards}</div></details>'
            )


def _card(row: Diagnosis, lines: Sequence[ExplanationRow]) -> str:
    own = [line for line in lines if line["disease"] == row["disease"]]
    titles = {
        "matching": "speaks for it, as the disease is known for it",
        "unexpected": "unexpected",
        "against": "looked for and not found, though the disease shows it",
        "circumstance": "beside phenotypes",
        "missing": "often seen with it, and not told of this patient",
    }
    html = [
        f"<article><h2><b>{row['rank']}</b>{escape(row['name'])}</h2>",
        f'<div><span class="big">{_percent(row["probability"])}</span>'
        f' <span class="soft">{escape(row["disease"])}</span></div>',
    ]
    for part, title in titles.items():
        items = [line for line in own if line["part"] == part]
        if items:
            html.append(f"<h3>{title}</h3><ul>{''.join(map(_item, items))}</ul>")
    return "\n".join([*html, "</article>"])


def _item(line: ExplanationRow) -> str:
    figures = ""
    if line["support"] is not None and line["weight"] is not None:
        figures = f"<b>{signed(line['support'])}</b> ({signed(line['weight'])}) "
    evidence = ""
    if line["part"] != "circumstance":
        evidence = f'<span class="soft">{escape(_evidence_text(line))}</span>'
    return f"<li>{figures}{escape(line['phenotype_name'])} {evidence}</li>"


def signed(figure: float, digits: int = 1) -> str:
    """A support or weight as it is shown; 0 without a sign where it rounds to that."""
    text = f"{figure:+.{digits}f}"
    return text if float(text) else "0"


def _percent(probability: float) -> str:
    return f"{probability:.1%}" if probability >= 0.001 else "&lt; 0.1%"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
