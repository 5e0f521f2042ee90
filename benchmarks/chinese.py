"""Chinese: names, context, links and whole notes (mentions: `medkg train ner` prints figures).

    python benchmarks/chinese.py names DATA OUT      the graph of names that the recogniser learns
    python benchmarks/chinese.py context DATA        present, absent, uncertain in CMDD
    python benchmarks/chinese.py phrases             the context of mentions in 105 sentences
    python benchmarks/chinese.py linking             200 names of CMDD to HPO
    python benchmarks/chinese.py notes               what is read in ten notes
    python benchmarks/chinese.py relations           what sixty sentences state of their mentions
    python benchmarks/chinese.py identifiers         what identifies somebody in twenty notes
    python benchmarks/chinese.py statements DATA     what cMedQANER's state, 100 to be judged

DATA is the folder of data: `chinese/cmedqa-ner`, `chinese/cmdd` and, for names, `chinese/thuocl`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from deidentification.score import JudgedNote, figures, judge
from deidentification.spans import MarkedNote
from deidentification.spans import Span as Marked
from spacy.tokens import Doc, Span

import medkg
from medkg.core.quarantine import Quarantine
from medkg.extract.chinese import Chinese, sentence_starts
from medkg.extract.corpora.chinese import read_cmdd, read_cmedqaner
from medkg.extract.corpora.document import Document
from medkg.extract.deidentify import find_identifiers
from medkg.extract.lay_names import with_lay_names
from medkg.extract.linking.chinese import ChineseNames
from medkg.extract.relations.chinese import chinese_relations
from medkg.extract.sentences import sentence_of
from medkg.extract.tokens import blank
from medkg.graph.frames import EVIDENCE, Source, empty
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.languages import names_in
from medkg.loaders.sources import load
from medkg.loaders.text_tables import read_table

NOTES = Path(__file__).parent / "data" / "chinese_notes.jsonl"
TERMS = Path(__file__).parent / "data" / "cmdd_terms.tsv"
SENTENCES = Path(__file__).parent / "data" / "chinese_relations.tsv"
IDENTIFIERS = Path(__file__).parent / "data" / "chinese_identifiers.tsv"
CONTEXTS = Path(__file__).parent / "data" / "chinese_context.tsv"
LABELS = {
    "N": ("polarity", "negated"),
    "U": ("certainty", "possible"),
    "Y": ("certainty", "hypothetical"),
    "F": ("experiencer", "family"),
    "O": ("experiencer", "other"),
    "H": ("temporality", "historical"),
}
KINDS = {"D": "Disease", "S": "Symptom", "M": "Drug"}


def names(data: Path, out: Path) -> None:
    """Write the graph of names: HPO, starter set and common diseases in Chinese, THUOCL's words."""
    lines = (data / "chinese" / "thuocl" / "THUOCL_medical.txt").read_text("utf-8").split("\n")
    words = sorted({line.split()[0] for line in lines if line.strip()})
    # Of what kind a word is the list doesn't say: a kind that is none of a mention's.
    nodes = pl.DataFrame(
        {
            "id": [f"medkg:thuocl-{n}" for n in range(len(words))],
            "kind": "Anatomy",
            "name": words,
        }
    )
    source = Source("thuocl", "1.0", "MIT", "https://github.com/thunlp/THUOCL")
    thuocl = KnowledgeGraph.build(nodes, empty(EVIDENCE).drop("id", "edge"), [source])
    graphs = [load(name, language="zh") for name in ("hpo", "starter", "common")]
    medkg.merge(*graphs, thuocl).save(out)


def linking() -> None:
    """Print how many of the 200 names get a right term: by official labels, and by the linker."""
    rows = read_table(TERMS, ["name", "terms"], Quarantine())
    terminology = medkg.default_terminology()
    phenotypes = pl.col("id").str.starts_with("HP:")
    nodes = terminology.nodes.filter(phenotypes)
    labels = {name: id_ for id_, name in names_in("zh", nodes).items()}
    everyday = with_lay_names(terminology).nodes.filter(phenotypes)
    without, full = ChineseNames(nodes), ChineseNames(everyday)
    hits = Counter[str]()
    for name, terms in rows.select("name", "terms").iter_rows():
        right = terms.split("|")
        hits["equal to an official label"] += labels.get(name) in right
        hits["linker without everyday names"] += _first(without, name) in right
        hits["linker"] += _first(full, name) in right
    for what, n in hits.items():
        print(f"{what}: {n}/{rows.height} = {n / rows.height:.3f}")


def _first(names: ChineseNames, text: str) -> str:
    return next((id_ for _, id_, _, _ in names.candidates(text)), "")


def context(data: Path, part: str) -> None:
    """Print F1 of present, absent and uncertain, with the mentions that CMDD annotates given."""
    file = data / "chinese" / "cmdd" / f"{part}.jsonl.gz"
    documents = read_cmdd(file, Quarantine())
    reader = Chinese()
    pairs: Counter[tuple[str, str]] = Counter()
    for document in documents:
        text, places = dialogue_text(document)
        doc = sentences_of(text)
        spans = [
            doc.char_span(start, end, mention.kind, alignment_mode="expand")
            for mention, (start, end) in zip(document.mentions, places, strict=True)
        ]
        doc.spans["mentions"] = [span for span in spans if span is not None]
        reader.find_context(doc)
        for mention, span in zip(document.mentions, spans, strict=True):
            assert span is not None
            pairs[document.fields["statuses"][mention.key], status(span)] += 1
    print_f1(pairs)


def dialogue_text(document: Document) -> tuple[str, list[tuple[int, int]]]:
    """A dialogue of CMDD with the speaker before each line, and where its mentions are in that."""
    marks = [f"{speaker}：" for speaker in document.fields["speakers"]]
    lines = document.text.split("\n")
    text = "\n".join(mark + line for mark, line in zip(marks, lines, strict=True))
    shifts = np.cumsum([len(mark) for mark in marks])
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
    rows = [int(np.searchsorted(starts, m.start, side="right")) - 1 for m in document.mentions]
    places = [
        (m.start + int(shifts[row]), m.end + int(shifts[row]))
        for m, row in zip(document.mentions, rows, strict=True)
    ]
    return text, places


def phrases(misses: bool) -> None:
    """Print the share of mentions whose context is right, and F1 of each value, by half."""
    pairs: dict[str, list[tuple[str, str]]] = {"dev": [], "test": []}
    rows = read_table(CONTEXTS, ["split", "sort", "text"], Quarantine())
    for split, marked in rows.select("split", "text").iter_rows():
        text, places = unmarked(marked)
        doc = sentences_of(text)
        spans = [doc.char_span(a, b, "Symptom", alignment_mode="expand") for _, a, b in places]
        doc.spans["mentions"] = [span for span in spans if span is not None]
        Chinese().find_context(doc)
        read = [label_of(span) for span in doc.spans["mentions"]]
        gold = [label for label, _, _ in places]
        pairs[split] += zip(gold, read, strict=True)
        wrong = [f"{s}: {r}, not {g}" for s, r, g in zip(spans, read, gold, strict=True) if r != g]
        if misses and split == "dev" and wrong:
            print(f"{marked}  {'; '.join(wrong)}")
    for split, labels in pairs.items():
        right = sum(gold == read for gold, read in labels)
        print(f"{split}: {right} of {len(labels)} right ({right / len(labels):.3f})")
        for label in ("P", *LABELS):
            hits = sum(label in gold and label in read for gold, read in labels)
            golds, reads = (sum(label in pair[end] for pair in labels) for end in (0, 1))
            f1 = 2 * hits / max(1, golds + reads)
            print(f"  {label}: {hits} of {golds} found, {reads} given, F1 {f1:.3f}")


def label_of(span: Span) -> str:
    """The context of a mention in the letters of `chinese_context.tsv`.

    What is denied, or of a relative, is so whether once or now.
    """
    values = (letter for letter, (name, value) in LABELS.items() if span._.get(name) == value)
    label = "".join(sorted(values)) or "P"
    return label.replace("H", "") if {"N", "F", "O"} & {*label} else label


def sentences_of(text: str) -> Doc:
    """A text as a document with its sentences."""
    doc = blank().make_doc(text)
    starts = set(sentence_starts(text))
    for token in doc:
        token.is_sent_start = token.i == 0 or token.idx in starts
    return doc


def notes() -> None:
    """Print which phenotypes of ten notes are read, seen and denied, and which too many."""
    terminology = medkg.default_terminology()
    totals: Counter[str] = Counter()
    lines = NOTES.read_text(encoding="utf-8").split("\n")
    with TemporaryDirectory() as folder:
        for row in map(json.loads, filter(None, lines)):
            note = Path(folder) / f"{row['id']}.txt"
            note.write_text(row["text"], encoding="utf-8")
            kg = medkg.read_texts(note, terminology=terminology, texts="notes")
            names = dict(kg.nodes.select("id", "name").iter_rows())
            for what, relation in (("present", "HAS_PHENOTYPE"), ("absent", "LACKS_PHENOTYPE")):
                read = set(kg.edges.filter(relation=relation)["object"])
                gold = set(row[what])
                totals += Counter({f"{what} hits": len(gold & read), f"{what} gold": len(gold)})
                missed = [row[what][id_] for id_ in sorted(gold - read)]
                others = [names[id_] for id_ in sorted(read - gold)]
                print(f"{row['id']}, {what}: missed {missed}; others {others}")
    for what in ("present", "absent"):
        print(f"{what}: {totals[f'{what} hits']} of {totals[f'{what} gold']}")


def relations() -> None:
    """Print precision and recall of the statements of the 60 sentences, their mentions given."""
    counts: Counter[tuple[str, str, str]] = Counter()
    rows = read_table(SENTENCES, ["split", "sort", "text", "states"], Quarantine())
    for split, marked, states in rows.select("split", "text", "states").iter_rows():
        doc, name_of = marked_document(marked)
        read = {
            f"{'-' if relation.context['polarity'] == 'negated' else ''}"
            f"{name_of[relation.head.start]} {relation.relation} {name_of[relation.tail.start]}"
            for relation in chinese_relations(doc)
        }
        gold = {state.strip() for state in (states or "").split(";")} - {""}
        for what, statements in (("hits", gold & read), ("gold", gold), ("read", read)):
            for statement in statements:
                for relation in (statement.split()[1], "all"):
                    counts[split, relation, what] += 1
        for sign, wrong in (("missed", gold - read), ("too many", read - gold)):
            if wrong:
                print(f"{split}: {marked} {sign}: {'; '.join(sorted(wrong))}")
    for split, relation in sorted({key[:2] for key in counts}):
        hits, gold_, read_ = (counts[split, relation, what] for what in ("hits", "gold", "read"))
        print(
            f"{split} {relation}: precision {hits}/{read_}, recall {hits}/{gold_},"
            f" F1 {2 * hits / (gold_ + read_):.3f}"
        )


def identifiers(misses: bool) -> None:
    """Print recall and precision of de-identification, as `deidentification/score.py` counts."""
    judged: dict[str, list[JudgedNote]] = {"dev": [], "test": []}
    rows = read_table(IDENTIFIERS, ["split", "sort", "text"], Quarantine())
    for number, (split, sort, marked) in enumerate(rows.select("split", "sort", "text").rows()):
        text, places = unmarked(marked.replace("\\n", "\n"))
        spans = [Marked(start, end, kind) for kind, start, end in places]
        note = MarkedNote(f"{sort}-{number}", str(number), text, tuple(spans))
        judgement = judge(note, find_identifiers(text))
        judged[split].append(judgement)
        if misses and split == "dev":
            missed = [
                text[i.span.start : i.span.end] for i in judgement.identifiers if not i.covered
            ]
            wrong = [text[f.start : f.end] for f in judgement.finds if not f.right]
            print(f"{note.name}: missed {missed}; wrong {wrong}")
    for split, notes_ in judged.items():
        whole = figures(notes_)
        parts = {"all": whole, **{k: v for k, v in whole["kinds"].items() if v["identifiers"]}}
        for kind, row in parts.items():
            precision = "" if row["precision"] is None else f"{row['precision']:.3f}"
            print(
                f"{split} {kind}: recall {row['recall']:.3f} of {row['identifiers']},"
                f" precision {precision} of {row['finds']}"
            )
        print(
            f"{split}: recall of names {interval(whole['kinds']['NAME'], 'recall')},"
            f" of all {interval(whole, 'recall')}, precision {interval(whole, 'precision')}"
        )


def interval(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.3f} ({low:.3f}–{high:.3f})"


def statements(data: Path, part: str) -> None:
    """Print what is read of cMedQANER's annotated mentions as stated for certain, 100 at random."""
    file = data / "chinese" / "cmedqa-ner" / f"cMedQANER-{part}.txt"
    kinds = {"disease": "Disease", "symptom": "Symptom", "drug": "Drug", "treatment": "Procedure"}
    reader = Chinese()
    lines = []
    for document in read_cmedqaner(file, Quarantine()):
        doc = sentences_of(document.text)
        spans = [
            doc.char_span(m.start, m.end, kinds[m.kind], alignment_mode="expand")
            for m in document.mentions
            if m.kind in kinds
        ]
        doc.spans["mentions"] = [span for span in spans if span is not None]
        reader.find_context(doc)
        lines += [
            f"{r.head.text} {r.relation} {r.tail.text}: {sentence_of(r.head).text.strip()}"
            for r in chinese_relations(doc)
            if r.context["polarity"] == "asserted" and r.context["certainty"] == "certain"
        ]
    print(f"{len(lines)} statements")
    print("\n".join(random.Random(1).sample(lines, min(100, len(lines)))))


def marked_document(marked: str) -> tuple[Doc, dict[int, str]]:
    """A sentence with mentions in brackets ("[D1 name]") as a document, and what each is called.

    Returns:
        The document, its mentions with their context, and their names by their first tokens.
    """
    text, places = unmarked(marked)
    doc = blank().make_doc(text)
    for token in doc:
        token.is_sent_start = token.i == 0
    spans = {
        name: doc.char_span(start, end, KINDS[name[0]], alignment_mode="expand")
        for name, start, end in places
    }
    doc.spans["mentions"] = [span for span in spans.values() if span is not None]
    Chinese().find_context(doc)
    return doc, {span.start: name for name, span in spans.items() if span is not None}


def unmarked(marked: str) -> tuple[str, list[tuple[str, int, int]]]:
    """A text without its brackets ("[NAME 王小明]"), and the marks with their places in it."""
    plain, places, last = "", list[tuple[str, int, int]](), 0
    for match in re.finditer(r"\[(\w+) ([^\]]+)\]", marked):
        plain += marked[last : match.start()]
        places.append((match[1], len(plain), len(plain) + len(match[2])))
        plain += match[2]
        last = match.end()
    return plain + marked[last:], places


def status(span: Span) -> str:
    """CMDD's word for the context of a mention."""
    if span._.polarity == "negated":
        return "absent"
    return "present" if span._.certainty == "certain" else "uncertain"


def print_f1(pairs: Counter[tuple[str, str]]) -> None:
    scores = []
    for name in ("present", "absent", "uncertain"):
        hits = pairs[name, name]
        gold = sum(n for (own, _), n in pairs.items() if own == name)
        given = sum(n for (_, read), n in pairs.items() if read == name)
        f1 = 2 * hits / (gold + given)
        always = 2 * gold / (gold + pairs.total()) if name == "present" else 0.0
        print(f"{name}: F1 {f1:.3f} ({gold} annotated; always present: {always:.3f})")
        scores.append(f1)
    print(f"macro F1 {sum(scores) / 3:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what",
        choices=(
            "names",
            "context",
            "phrases",
            "linking",
            "notes",
            "relations",
            "statements",
            "identifiers",
        ),
    )
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument(
        "--misses", action="store_true", help="of identifiers and phrases, dev alone"
    )
    parser.add_argument("--part", default="dev", help="of CMDD or cMedQANER: train or dev")
    arguments = parser.parse_args()
    if arguments.what == "names":
        names(arguments.data, arguments.out)
    elif arguments.what == "phrases":
        phrases(arguments.misses)
    elif arguments.what == "linking":
        linking()
    elif arguments.what == "notes":
        notes()
    elif arguments.what == "relations":
        relations()
    elif arguments.what == "identifiers":
        identifiers(arguments.misses)
    elif arguments.what == "statements":
        statements(arguments.data, arguments.part)
    elif arguments.what == "context":
        context(arguments.data, arguments.part)


if __name__ == "__main__":
    main()
