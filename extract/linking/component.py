"""The spaCy component that links mentions to a graph's nodes (`medkg_linker`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
from spacy.language import Language
from spacy.tokens import Doc, Span

from ...core.errors import ModelError
from ...graph.kg import KnowledgeGraph
from .. import short_forms as _short_forms  # noqa: F401 (registers `stands_for`)
from ..abbreviations import abbreviations_of
from ..context.attributes import DEFAULTS
from ..mentions.neighbours import gene_name
from ..tokens import StatelessComponent, text_of
from .chinese import LinkerByScript
from .conditions import CONDITIONS, Conditions, Meaning, spelling
from .coordination import names_of_one_beginning, names_of_one_head
from .gene_products import product_of, protein_of
from .linker import Linker
from .links import EntityLink, EntityLinker, LinkQuery, link_query, long_forms_of
from .ties import LIKELY


@Language.factory(
    "medkg_linker",
    default_config={"threshold": None, "linker": None},
    requires=["doc.spans"],
)
def create_linker(
    nlp: Language,
    name: str,
    threshold: float | None,
    linker: str | None,
) -> LinkerComponent:
    """The factory of `LinkerComponent`; give it its names with `use`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return LinkerComponent(threshold, linker)


# What linking sets; registered on import, since relations read it of unlinked mentions too.
_SET = {"identifier": None, "link_score": 0.0, "twin": None, "read_as": None}
for _attribute, _default in _SET.items():
    if not Span.has_extension(_attribute):
        Span.set_extension(_attribute, default=_default)


class LinkerComponent(StatelessComponent):
    """Links every span in `mentions`: `span._.identifier` (or None), `span._.link_score`, label.

    `span._.twin` links to the same condition as a node of the other kind, if there is one: asthma
    is a disease and, in HPO, a phenotype. Which of the two a mention is says `conditions`, whatever
    relation it stands in; a name is one node wherever in a document it stands. `span._.read_as` is
    the kind that the words in this place make likeliest.

    An abbreviation that the document spells out is linked as what it stands for. The label of a
    linked span becomes the kind of its node.

    Args:
        threshold: least probability of a link; None: the linker's own, but at least `LIKELY`, as a
            graph gets only links that are likelier right than wrong.
        linker: `scispacy_linker:umls` (or mesh, rxnorm, go, hpo) for scispaCy's; None: medkg's.
    """

    def __init__(self, threshold: float | None = None, linker: str | None = None) -> None:
        if linker is not None and not linker.startswith("scispacy_linker:"):
            raise ModelError(f"no linker {linker!r}; give scispacy_linker:umls, or none")
        self.threshold = threshold
        # (spaCy sets `name` on its components.)
        self._chosen = linker
        self.linker: EntityLinker | None = None
        self._conditions: Conditions | None = None
        self._receptors: frozenset[str] = frozenset()

    def use(self, terminology: KnowledgeGraph) -> LinkerComponent:
        """Take the names, or for scispaCy's linker the identifiers, of this graph."""
        if self._chosen is None:
            self.linker = LinkerByScript(terminology, Linker(terminology, self.threshold))
        else:
            # scispaCy is optional, and slow to import.
            from .scispacy_linker import PREFIX, ScispacyLinker

            name = self._chosen.removeprefix(PREFIX)
            self.linker = ScispacyLinker(terminology, name, self.threshold)
        self._conditions = Conditions(terminology)
        self._receptors = _receptors(terminology)
        return self

    def __call__(self, doc: Doc) -> Doc:
        if self.linker is None or self._conditions is None:
            raise ModelError('medkg_linker has no names: get_pipe("medkg_linker").use(graph)')
        mentions = list(doc.spans.get("mentions", []))
        least = self._least
        candidates = self.linker.in_document(_queries(doc, mentions))
        taken = {token for mention in mentions for token in range(mention.start, mention.end)}
        read: list[tuple[Span, Meaning | None]] = []
        for mention, of_mention in zip(mentions, candidates, strict=True):
            links = [link for link in of_mention if link.score >= least]
            links = links or self._of_symbol(mention, least) or self._of_protein(mention, least)
            # "Hand, foot and mouth disease" is a name of its own.
            is_name = bool(links) and spelling(links[0].name) == spelling(mention.text)
            parts = self._parts(mention, taken, least, is_name=is_name)
            read += [
                (part, self._conditions.meaning(of_part))
                for part, of_part in parts or [(mention, links)]
            ]
        linked = list(_as_one(read))
        _link_long_forms(doc, linked)
        doc.spans["mentions"] = linked
        return doc

    def linked(self, doc: Doc, mentions: Sequence[Span]) -> list[Span]:
        """The mentions that are linked by all of their words, whatever their parts may be."""
        assert self.linker is not None
        candidates = self.linker.in_document(_queries(doc, mentions))
        return [
            mention
            for mention, links in zip(mentions, candidates, strict=True)
            if any(link.score >= self._least for link in links)
        ]

    @property
    def _least(self) -> float:
        """The probability from which on a link is taken."""
        assert self.linker is not None
        own = self.linker.threshold
        return max(LIKELY, own) if self.threshold is None else own

    def _of_symbol(self, mention: Span, least: float) -> list[EntityLink]:
        """The links of the symbol in "EGFR kinase", which is no name as a whole."""
        assert self.linker is not None
        product = product_of(mention.text) if mention.label_ == "Target" else None
        if product is None:
            return []
        (links,) = self.linker.in_document([LinkQuery(product.symbol, "Target")])
        if product.is_acting:
            (drugs,) = self.linker.in_document([LinkQuery(product.symbol, "Drug")])
            if any(spelling(drug.name) == spelling(product.symbol) for drug in drugs):
                return []
        return [
            link
            for link in links
            if link.score >= least
            and (not product.is_receptor or link.identifier in self._receptors)
        ]

    def _of_protein(self, mention: Span, least: float) -> list[EntityLink]:
        """The links of the protein in "dystrophin gene", where a target has exactly this name."""
        assert self.linker is not None
        protein = protein_of(mention.text) if mention.label_ == "Target" else None
        if protein is None:
            return []
        (links,) = self.linker.in_document([LinkQuery(protein, "Target")])
        is_name = [link for link in links if spelling(link.name) == spelling(protein)]
        return [link for link in is_name if link.score >= least]

    def _parts(
        self, mention: Span, taken: set[int], least: float, *, is_name: bool
    ) -> list[tuple[Span, list[EntityLink]]]:
        """The findings that a mention joins, with their links; none if it is a single one.

        "Breast and ovarian cancer" are two, if both link to nodes of their own; so are "big liver
        and spleen", of which the recogniser may find the first alone. Each has its own words.

        Args:
            taken: the tokens of all mentions.
            is_name: whether all of the mention is the name of the node that it links to.
        """
        assert self.linker is not None
        doc, text = mention.doc, mention.text
        if mention.label_ not in ("Disease", "Symptom") or mention._.stands_for:
            return []
        options = [names_of_one_beginning(_with_next_word(mention, taken))]
        if not is_name:
            # "Type 1 and type 2 diabetes mellitus" share two words.
            options += [names_of_one_head(text), names_of_one_head(text, 2)]
            options += [names_of_one_beginning(text)]
        for names in filter(None, options):
            queries = [LinkQuery(" ".join(x.name.split()), mention.label_) for x in names]
            parts = []
            for name, of_name in zip(names, self.linker.in_document(queries), strict=True):
                likely = [link for link in of_name if link.score >= least]
                is_within = name.end <= len(text)
                # What no recogniser found has to be a name, and not only like one.
                if likely and (is_within or spelling(likely[0].name) == spelling(name.name)):
                    start = mention.start_char + name.start
                    span = doc.char_span(start, mention.start_char + name.end)
                    assert span is not None  # since names begin and end with words
                    parts.append((_copy(mention, span.start, span.end, mention.label_), likely))
            if len({of_part[0].identifier for _, of_part in parts}) > 1:
                _tell_parts(mention, [part for part, _ in parts])
                return parts
        return []


def _tell_parts(mention: Span, parts: Sequence[Span]) -> None:
    """What is known of a mention by where it starts is known of its parts."""
    doc = mention.doc
    if Doc.has_extension("lasting") and mention.start in doc._.lasting:
        doc._.lasting |= {part.start for part in parts}
    if Doc.has_extension("reactions"):
        drugs = {drug for drug, condition in doc._.reactions if condition == mention.start}
        doc._.reactions |= {(drug, part.start) for drug in drugs for part in parts}


def _with_next_word(mention: Span, taken: set[int]) -> str:
    """The text of a mention with "and" and one word behind it that is in no mention, if any."""
    doc, end = mention.doc, mention.end
    if end + 1 >= len(doc) or doc[end].lower_ not in ("and", "or"):
        return ""
    if end + 1 in taken or not doc[end + 1].is_alpha or doc[end + 1].is_sent_start:
        return ""
    return str(doc[mention.start : end + 2])


def _as_one(read: Sequence[tuple[Span, Meaning | None]]) -> Iterator[Span]:
    """The mentions with the nodes that they mean, one for each name of a condition.

    The recogniser may call a name a disease here and a symptom there, by which the linker chooses
    among nodes of one name. What is likeliest at one place holds for all.
    """
    names = [" ".join(mention.text.lower().split()) for mention, _ in read]
    likeliest: dict[str, tuple[Meaning | None, float, str]] = {}
    for name, (mention, meaning) in zip(names, read, strict=True):
        if mention.label_ in CONDITIONS:
            # A mention that an annotator gives has no probability.
            score = 1 + meaning.node.score if meaning else float(mention._.probability or 0.0)
            kind = meaning.node.kind if meaning else mention.label_
            if name not in likeliest or likeliest[name][1] < score:
                likeliest[name] = meaning, score, kind
    for name, (mention, meaning) in zip(names, read, strict=True):
        read_as = meaning.read_as if meaning else mention.label_
        if mention.label_ in CONDITIONS:
            meaning, _, kind = likeliest[name]
        else:
            kind = read_as
        yield _linked(mention, meaning, kind, read_as)


def _linked(mention: Span, meaning: Meaning | None, kind: str, read_as: str) -> Span:
    """A mention of this kind, with the node that it means."""
    if kind != mention.label_:
        mention = _copy(mention, mention.start, mention.end, kind)
    mention._.identifier = meaning.node.identifier if meaning else None
    mention._.link_score = meaning.node.score if meaning else 0.0
    mention._.twin = meaning.twin if meaning else None
    mention._.read_as = read_as
    return mention


def _receptors(terminology: KnowledgeGraph) -> frozenset[str]:
    """The targets that some name says to be a receptor."""
    names = pl.concat_list("name", pl.col("synonyms").fill_null([])).list.join(" ")
    targets = terminology.nodes.filter(pl.col("kind") == "Target")
    return frozenset(targets.filter(names.str.contains("(?i)receptor"))["id"])


def _queries(doc: Doc, mentions: Sequence[Span]) -> list[LinkQuery]:
    """What the mentions of a document are looked up as."""
    places = [(m.start_char, m.end_char, m.label_) for m in mentions]
    defined = long_forms_of(text_of(doc), places, abbreviations_of(doc))
    usual = {mention.text: mention._.stands_for for mention in mentions}
    long_forms = {short: long for short, long in usual.items() if long} | defined
    return [
        # What notes write short may be the name of something else, too.
        LinkQuery(mention._.stands_for, mention.label_)
        if mention._.stands_for
        else link_query(_name_of(mention), mention.label_, long_forms)
        for mention in mentions
    ]


def _name_of(mention: Span) -> str:
    return gene_name(mention.text) if mention.label_ == "Target" else mention.text


def _link_long_forms(doc: Doc, mentions: Sequence[Span]) -> None:
    """Give what a document writes short the link of its short form, where it has none itself.

    "Fatty aldehyde dehydrogenase (FALDH)" is one gene, and its alias is known.
    """
    linked = {(m.text, m.label_): m for m in mentions if m._.identifier is not None}
    unlinked: dict[str, list[Span]] = {}
    for mention in mentions:
        if mention._.identifier is None:
            unlinked.setdefault(" ".join(mention.text.lower().split()), []).append(mention)
    text = text_of(doc)
    for short in abbreviations_of(doc) if unlinked else ():
        for mention in unlinked.get(" ".join(text[slice(*short.long)].lower().split()), ()):
            same = linked.get((short.short, mention.label_))
            if same is not None:
                for name in ("identifier", "link_score", "twin"):
                    mention._.set(name, same._.get(name))


def _copy(mention: Span, start: int, end: int, kind: str) -> Span:
    """A mention of another kind, or a part: a span's label can't change, so attributes move."""
    other = Span(mention.doc, start, end, label=kind)
    for name in ("probability", *DEFAULTS, "in_relations", "like"):
        if Span.has_extension(name):
            other._.set(name, mention._.get(name))
    return other
