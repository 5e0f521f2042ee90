"""Relations between the mentions of a sentence: the model and the component `medkg_relations`.

One encoder of pairs, a head for each task of `pairs.TASKS`. The encoder that ships is a BiLSTM over
blinded sentences with position embeddings (Zeng et al. 2014), pooled in pieces (Zeng et al. 2015)
and by attention (Zhou et al. 2016), beside a linear model over words; any encoder of transformers
takes its place, with typed markers around the pair (Zhou and Chen 2021).
Disease–HAS_SYMPTOM–Symptom has no corpus and is decided by rules (`symptom_rules`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch
from torch import Tensor, nn

from ..graph.errors import ModelError
from . import linker as _linker  # noqa: F401 (registers what it sets on spans)
from .context import relation_context
from .distant import association
from .folder import load_weights, open_folder, save_folder
from .pairs import TASKS, Entity, Pair, placeholder
from .rules import drug_rule, symptom_rule
from .vectors import word_form

SHIPPED = Path(__file__).parent / "model" / "relations"
MODEL = "medkg_relations"
# Of the config what `save` writes itself.
_OWN = ("model", "schema", "encoder", "tasks", "temperatures", "thresholds", "checksums")
_BATCH = 4096  # words of a batch when predicting, padding included
_FAR = 40  # positions further away count as this far
PLACEHOLDERS = tuple(
    placeholder(role, kind)
    for role in ("head ", "tail ", "")
    for kind in ("Disease", "Drug", "Target", "Procedure")
)


class PairBiLSTM(nn.Module):
    """Pairs → features, shape (pairs, width).

    A word is its vector (unknown ones share the vector of their last three letters' bucket) and two
    position embeddings; the features are the states at head and tail, the maxima before, between
    and after them, and the attention's mean.
    """

    BUCKETS = 200
    PLACES = 16
    HIDDEN = 100

    def __init__(self, words: Sequence[str], vector: int = 100) -> None:
        super().__init__()
        self.words = list(words)
        self._index = {word: place for place, word in enumerate(self.words, start=1)}
        self.embedding = nn.Embedding(1 + len(self.words) + self.BUCKETS, vector, padding_idx=0)
        self.positions = nn.Embedding(2 * _FAR + 1, self.PLACES)
        self.lstm = nn.LSTM(
            vector + 2 * self.PLACES, self.HIDDEN, batch_first=True, bidirectional=True
        )
        self.attention = nn.Linear(2 * self.HIDDEN, 1)
        self.dropout = nn.Dropout(0.4)
        self.width = 12 * self.HIDDEN

    def forward(self, pairs: Sequence[Pair]) -> Tensor:
        blinded = [pair.blinded() for pair in pairs]
        longest = max(len(words) for words, _, _ in blinded)
        device = self.embedding.weight.device
        ids = torch.zeros(len(pairs), longest, dtype=torch.long)
        for row, (words, _, _) in enumerate(blinded):
            ids[row, : len(words)] = torch.tensor([self._id(word) for word in words])
        ids = ids.to(device)
        mask = ids > 0
        places = torch.arange(longest, device=device)
        head = torch.tensor([h for _, h, _ in blinded], device=device)[:, None]
        tail = torch.tensor([t for _, _, t in blinded], device=device)[:, None]
        inputs = torch.cat(
            [
                self.embedding(ids),
                self.positions((places - head).clamp(-_FAR, _FAR) + _FAR),
                self.positions((places - tail).clamp(-_FAR, _FAR) + _FAR),
            ],
            dim=2,
        )
        lengths = mask.sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(inputs), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=longest
        )
        first, last = torch.minimum(head, tail), torch.maximum(head, tail)
        parts = [mask & (places <= first), (places >= first) & (places <= last)]
        parts.append(mask & (places >= last))
        pooled = [states.masked_fill(~part[:, :, None], -1e4).amax(1) for part in parts]
        weights = self.attention(torch.tanh(states)).squeeze(2).masked_fill(~mask, -1e4).softmax(1)
        rows = torch.arange(len(pairs), device=device)
        features = torch.cat(
            [
                states[rows, head[:, 0]],
                states[rows, tail[:, 0]],
                *pooled,
                (weights[:, :, None] * states).sum(1),
            ],
            dim=1,
        )
        dropped: Tensor = self.dropout(features)
        return dropped

    def _id(self, word: str) -> int:
        form = word_form(word)
        known: int | None = self._index.get(form)
        if known is not None:
            return known
        # The same for every process, which Python's own hash is not.
        bucket: int = sum(ord(letter) * 31**place for place, letter in enumerate(form[-3:]))
        return 1 + len(self.words) + bucket % self.BUCKETS


class PairTransformer(nn.Module):
    """Pairs → features, shape (pairs, 2 × hidden size): the states of the two markers."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = 2 * int(encoder.width)  # type: ignore[arg-type]  # nn.Module's are untyped

    def forward(self, pairs: Sequence[Pair]) -> Tensor:
        marked = [pair.marked() for pair in pairs]
        states: Tensor = self.encoder([words for words, _, _ in marked])
        rows = torch.arange(len(pairs), device=states.device)
        heads = torch.tensor([head for _, head, _ in marked], device=states.device)
        tails = torch.tensor([tail for _, _, tail in marked], device=states.device)
        return torch.cat([states[rows, heads], states[rows, tails]], dim=1)


class Linear(nn.Module):
    """Softmax regression over `Pair.features`, hashed; pairs → logits of a task."""

    SIZE = 1 << 15

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.weights = nn.EmbeddingBag(self.SIZE, labels, mode="sum")
        self.bias = nn.Parameter(torch.zeros(labels))
        nn.init.zeros_(self.weights.weight)

    @classmethod
    def places(cls, pair: Pair) -> list[int]:
        """Where a pair's features lie; each weighs one over the root of their number."""
        return sorted({crc32(feature.encode()) % cls.SIZE for feature in pair.features()})

    def forward(self, pairs: Sequence[Pair]) -> Tensor:
        places = [self.places(pair) for pair in pairs]
        weights = torch.tensor([len(row) ** -0.5 for row in places for _ in row])
        starts = torch.tensor([0, *(len(row) for row in places[:-1])]).cumsum(0)
        device = self.bias.device
        ids = torch.tensor([place for row in places for place in row]).to(device)
        logits: Tensor = self.weights(ids, starts.to(device), weights.to(device)) + self.bias
        return logits


class RelationModel(nn.Module):
    """An encoder of pairs with a layer and a softmax for each task, and beside it a linear model.

    The probabilities are the mean of both (the linear one is left out beside a transformer).
    `temperatures` divide a task's logits, so that its probabilities are calibrated; `thresholds`
    are the probabilities of some relation from which on a task asserts one.
    """

    LAYER = 128

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        width = int(encoder.width)  # type: ignore[arg-type]  # nn.Module's attributes are untyped
        self.layers = nn.ModuleDict(
            {
                task: nn.Sequential(
                    nn.Linear(width, self.LAYER), nn.Tanh(), nn.Linear(self.LAYER, len(labels))
                )
                for task, labels in TASKS.items()
            }
        )
        self.linear = nn.ModuleDict(
            {task: Linear(len(labels)) for task, labels in TASKS.items()}
            if isinstance(encoder, PairBiLSTM)
            else {}
        )
        self.temperatures = dict.fromkeys(TASKS, 1.0)
        self.thresholds = dict.fromkeys(TASKS, 0.5)
        self.about: dict[str, Any] = {}
        self.card = ""

    def forward(self, pairs: Sequence[Pair], task: str) -> Tensor:
        """The encoder's logits, shape (pairs, labels of the task)."""
        logits: Tensor = self.layers[task](self.encoder(pairs))
        return logits

    @torch.inference_mode()
    def predict(
        self, pairs: Sequence[Pair], tasks: Sequence[str], *, calibrated: bool = True
    ) -> dict[str, Tensor]:
        """For each task the probabilities of its labels, shape (pairs, labels), on the CPU."""
        self.eval()
        results = {task: torch.zeros(len(pairs), len(TASKS[task])) for task in tasks}
        order = sorted(range(len(pairs)), key=lambda n: len(pairs[n].words))
        while order:
            longest = len(pairs[order[-1]].words)
            batch = [order.pop() for _ in range(min(len(order), max(1, _BATCH // longest)))]
            features = self.encoder([pairs[n] for n in batch])
            for task in tasks:
                probabilities = self.layers[task](features).float().softmax(1)
                if task in self.linear:
                    linear = self.linear[task]([pairs[n] for n in batch]).float().softmax(1)
                    probabilities = (probabilities + linear) / 2
                if calibrated:
                    logits = probabilities.clamp_min(1e-9).log() / self.temperatures[task]
                    probabilities = logits.softmax(1)
                results[task][batch] = probabilities.cpu()
        return results

    def save(self, folder: Path, about: Mapping[str, Any], card: str) -> None:
        """Write the model's folder: config, card, half-precision weights, the encoder's needs.

        `about` (training data, licence, seed, figures, …) goes into the config as it is.
        """
        bilstm = isinstance(self.encoder, PairBiLSTM)
        config = {
            "model": MODEL,
            "encoder": "bilstm" if bilstm else "transformer",
            "tasks": {task: list(labels) for task, labels in TASKS.items()},
            "temperatures": self.temperatures,
            "thresholds": self.thresholds,
            **about,
        }
        save_folder(folder, self, config, card, self._write_encoder)

    def _write_encoder(self, draft: Path) -> None:
        if isinstance(self.encoder, PairBiLSTM):
            text = json.dumps(self.encoder.words, ensure_ascii=False)
            (draft / "words.json").write_text(text, encoding="utf-8")
        else:
            self.encoder.encoder.save_description(draft / "encoder")  # type: ignore[operator, union-attr]  # to mypy a Module or a Tensor

    @classmethod
    def load(cls, folder: Path | None = None, device: str | None = None) -> RelationModel:
        """Read a model's folder (default: the shipped one); nothing in it is unpickled.

        Raises:
            ModelError: the folder is missing, damaged, or of another kind or schema version.
        """
        folder = SHIPPED if folder is None else Path(folder)
        config = open_folder(folder, MODEL, {"temperatures": dict, "thresholds": dict})
        if config.get("tasks") != {task: list(labels) for task, labels in TASKS.items()}:
            raise ModelError(f"{folder}: is of other relations than this version's; train it again")
        if config["encoder"] == "bilstm":
            words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
            encoder: nn.Module = PairBiLSTM(words)
        else:
            # transformers takes seconds to import, and only these models need it.
            from .transformer_ner import TransformerEncoder

            encoder = PairTransformer(TransformerEncoder.from_description(folder / "encoder"))
        model = cls(encoder)
        load_weights(folder, model)
        model.temperatures, model.thresholds = config["temperatures"], config["thresholds"]
        card = folder / "CARD.md"
        model.card = card.read_text(encoding="utf-8") if card.is_file() else ""
        model.about = {name: value for name, value in config.items() if name not in _OWN}
        return model.to(device or "cpu").eval()


@dataclass(frozen=True)
class FoundRelation:
    """A relation that a sentence states, with its context and what qualifies it."""

    head: Span
    relation: str
    tail: Span
    head_id: str | None  # of the node, None where the mention has none
    tail_id: str | None
    probability: float
    qualifiers: Mapping[str, str]
    context: Mapping[str, str]


# What a task's labels are in the graph; the others (prevents) are no relation there.
_RELATIONS = {"causes": "CAUSES", "treats": "TREATS", "contraindicated": "CONTRAINDICATED_FOR"}
SYMPTOM_THRESHOLD = 0.5


def create_relations(
    nlp: Language, name: str, model: str | None, device: str | None
) -> RelationsComponent:
    """Component from a model's folder (null: the shipped one)."""
    return RelationsComponent(RelationModel.load(None if model is None else Path(model), device))


Language.factory(
    "medkg_relations", default_config={"model": None, "device": None}, func=create_relations
)


class RelationsComponent:
    """Sets `doc._.relations`: what the sentences say about pairs of `doc.spans["mentions"]`."""

    def __init__(self, model: RelationModel) -> None:
        self.model = model
        if not Doc.has_extension("relations"):
            Doc.set_extension("relations", default=())

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Annotate many documents; the pairs of `batch_size` documents go through together."""
        for docs in minibatch(stream, batch_size):
            pairs = [(n, *pair) for n, doc in enumerate(docs) for pair in candidates(doc)]
            found: list[list[FoundRelation]] = [[] for _ in docs]
            drug_target = [p for p in pairs if p[1].label_ == "Drug" and p[2].label_ == "Target"]
            drug_condition = [
                p for p in pairs if p[1].label_ == "Drug" and p[2].label_ in ("Disease", "Symptom")
            ]
            targets = self.model.predict([p[3] for p in drug_target], ["targets"])["targets"]
            for (n, head, tail, _), row in zip(drug_target, targets.tolist(), strict=True):
                some = 1 - row[0]
                if some >= self.model.thresholds["targets"]:
                    label = max(range(1, len(row)), key=row.__getitem__)
                    action = {"action": TASKS["targets"][label]}
                    found[n].append(_relation(head, "TARGETS", tail, some, action))
            both = self.model.predict([p[3] for p in drug_condition], ["causes", "treats"])
            rows = zip(
                drug_condition, both["causes"].tolist(), both["treats"].tolist(), strict=True
            )
            for (n, head, tail, pair), causes, treats in rows:
                rule = drug_rule(pair)
                best = (
                    self._drug_condition(causes, treats)
                    if rule is None
                    else (rule.precision, rule.relation)
                )
                # A drug treats diseases; that it relieves a symptom has no relation of its own.
                if best is not None and (best[1] == "CAUSES" or _may_be(tail, "Disease")):
                    found[n].append(_relation(head, best[1], tail, best[0], {}))
            for n, head, tail, pair in pairs:
                said = association(pair) if is_condition_target(head, tail) else None
                if said is not None:
                    relation = _relation(head, "ASSOCIATED_WITH", tail, said.probability, {})
                    if said.denied:
                        relation = replace(
                            relation, context={**relation.context, "polarity": "negated"}
                        )
                    found[n].append(relation)
                if _may_be(head, "Disease") and _may_be(tail, "Symptom"):
                    rule = symptom_rule(pair)
                    if rule is not None and rule.precision >= SYMPTOM_THRESHOLD:
                        found[n].append(_relation(head, "HAS_SYMPTOM", tail, rule.precision, {}))
            for doc, relations in zip(docs, found, strict=True):
                doc._.relations = tuple(
                    sorted(relations, key=lambda r: (r.head.start, r.tail.start, r.relation))
                )
                yield doc

    def _drug_condition(self, causes: list[float], treats: list[float]) -> tuple[float, str] | None:
        """The likelier of what a drug does to a condition, among what reaches its threshold.

        And is likelier than not: the thresholds are those of best F1 on abstracts.
        """
        options = []
        if causes[1] >= max(0.5, self.model.thresholds["causes"]):
            options.append((causes[1], "CAUSES"))
        label = max(range(len(treats)), key=treats.__getitem__)
        name = TASKS["treats"][label]
        if 1 - treats[0] >= max(0.5, self.model.thresholds["treats"]) and name in _RELATIONS:
            options.append((treats[label], _RELATIONS[name]))
        return max(options, default=None)

    def to_disk(self, path: Any, **_: Any) -> None:
        """Save the model under `path`."""
        self.model.save(Path(path), self.model.about, self.model.card)

    def from_disk(self, path: Any, **_: Any) -> RelationsComponent:
        """Load the model from `path`."""
        self.model = RelationModel.load(Path(path))
        return self


def _relation(
    head: Span, relation: str, tail: Span, probability: float, qualifiers: dict[str, str]
) -> FoundRelation:
    heads = {"HAS_SYMPTOM": "Disease", "ASSOCIATED_WITH": head.label_}
    kinds = {
        "TARGETS": "Target",
        "ASSOCIATED_WITH": "Target",
        "CAUSES": tail.label_,
        "HAS_SYMPTOM": "Symptom",
    }
    head_id = _node(head, heads.get(relation, "Drug"))
    tail_id = _node(tail, kinds.get(relation, "Disease"))
    context = relation_context(head, tail)
    return FoundRelation(head, relation, tail, head_id, tail_id, probability, qualifiers, context)


def _may_be(mention: Span, kind: str) -> bool:
    """Whether a mention, or a node of the same name as its own, is of this kind."""
    twin = mention._.twin
    return bool(mention.label_ == kind or (twin is not None and twin.kind == kind))


def _node(mention: Span, kind: str) -> str | None:
    """The identifier of a mention's node of this kind."""
    identifier: str | None = mention._.identifier
    if mention.label_ != kind:
        identifier = mention._.twin.identifier
    return identifier


def _may_be_related(head: Span, tail: Span) -> bool:
    if head.label_ == "Drug":
        return tail.label_ in ("Target", "Disease", "Symptom")
    if is_condition_target(head, tail):
        return True
    return head is not tail and _may_be(head, "Disease") and _may_be(tail, "Symptom")


def is_condition_target(head: Span, tail: Span) -> bool:
    """Whether it is asked what a disease or symptom has to do with a gene."""
    return head.label_ in ("Disease", "Symptom") and tail.label_ == "Target"


def candidates(doc: Doc) -> Iterator[tuple[Span, Span, Pair]]:
    """Pairs of mentions of one sentence whose kinds a relation may join."""
    by_sentence: dict[int, list[Span]] = {}
    for mention in doc.spans.get("mentions", []):
        by_sentence.setdefault(mention.sent.start, []).append(mention)
    for mentions in by_sentence.values():
        if len(mentions) < 2:
            continue
        sentence = mentions[0].sent
        places = [token.i for token in sentence if not token.is_space]
        index = {place: n for n, place in enumerate(places)}
        words = tuple(doc[place].text for place in places)
        entities = [
            Entity(index[mention.start], index[mention.end - 1] + 1, mention.label_)
            if mention.start in index and mention.end - 1 in index
            else None
            for mention in mentions
        ]
        for head, first in zip(mentions, entities, strict=True):
            for tail, second in zip(mentions, entities, strict=True):
                if first is None or second is None or not _may_be_related(head, tail):
                    continue
                apart = max(first.start, second.start) - min(first.end, second.end)
                if not 0 <= apart <= _REACH:
                    continue
                if head.label_ != "Drug" and tail.label_ != "Target":
                    # As what the relation takes them, where a name is of both kinds.
                    pair = replace(first, kind="Disease"), replace(second, kind="Symptom")
                else:
                    pair = first, second
                others = [e for e in entities if e is not None and e not in (first, second)]
                yield head, tail, _window(words, *pair, others)


# Words between two mentions that may be related, and kept around them.
_REACH = 80
_AROUND = 60


def _window(words: tuple[str, ...], head: Entity, tail: Entity, others: Sequence[Entity]) -> Pair:
    """The pair with the words around it: some texts have no full stop for pages."""
    start = max(0, min(head.start, tail.start) - _AROUND)
    end = max(head.end, tail.end) + _AROUND
    moved = [
        replace(entity, start=entity.start - start, end=entity.end - start)
        for entity in (head, tail, *others)
        if start <= entity.start and entity.end <= end
    ]
    return Pair(words[start:end], moved[0], moved[1], tuple(moved[2:]))
