"""What patients and plain notes call a phenotype or a drug, beside the names of ontologies."""

from __future__ import annotations

from functools import cache
from importlib import resources

import polars as pl

from ..graph.identifiers import name_key, name_key_of
from ..graph.kg import KnowledgeGraph
from ..graph.languages import name_property

_TABLE = "data/lay_names.tsv"
_CHINESE = "data/lay_names_zh.tsv"
_OWNERS = ("the", "his", "her", "my", "their")
_SIDES = ("", "right", "left")
_PAIN = ("pain in the {} {}", "painful {} {}")
_SWELLING = ("swollen {} {}", "swelling of the {} {}")
_PARTS = (
    "ankle|arm|back|bladder|bone|breast|buttock|calf|ear|elbow|eye|eyelid|finger|flank|foot|forearm"
    "|groin|hand|heel|hip|jaw|joint|knee|leg|limb|lip|muscle|neck|shoulder|testicle|throat|thumb"
    "|toe|tongue|wrist"
)
# What the words of a phrase are as well, whoever says it, and when.
_OTHER_WORDS = {
    "cannot": ("can't", "can not", "could not", "couldn't", "unable to"),
    "does not": ("doesn't", "do not", "don't", "did not", "didn't"),
    "himself": ("herself", "myself", "themselves"),
    "herself": ("himself", "myself", "themselves"),
}
# A finite verb that a phrase begins with, and its other forms.
_VERBS = {
    forms[0]: forms[1:]
    for forms in map(
        str.split,
        """arches arched arching
        bites bit biting bite
        bleeds bled bleeding
        bruises bruised bruising
        bumps bumped bumping
        burns burned burning
        chokes choked choking
        climbs climbed climbing
        coughs coughed coughing
        craves craved craving
        dislocates dislocated
        drops dropped dropping
        falls fell falling
        feeds fed feeding
        feels felt feeling feel
        flaps flapped flapping
        forgets forgot forgetting
        gets got getting get
        grinds grinding
        hears heard hearing
        laughs laughed laughing
        loses lost losing lose
        moves moved moving
        passes passed passing
        repeats repeated repeating
        sees saw seeing
        sleeps slept sleeping sleep
        slurs slurred slurring
        snores snored snoring
        staggers staggered
        startles startled startling
        sweats sweated sweating sweat
        tires tired tiring tire
        urinates urinated urinating urinate
        vomits vomited vomiting
        wakes woke waking wake
        walks walked walking walk
        wets wet wetting
        wrings wringing""".splitlines(),
    )
}


@cache
def lay_names(file: str = _TABLE) -> pl.DataFrame:
    """Phenotypes and drugs (`id`) and the lay names known of each (`words`, a list)."""
    table = resources.files("medkg.extract").joinpath(file).read_bytes()
    rows = pl.read_csv(table, separator="\t", comment_prefix="#", quote_char=None)
    return rows.select("id", pl.col("words").str.split("; "))


def wordings(phrase: str) -> list[str]:
    """A phrase and its other wordings: another's ("the eyes", "her eyes"), and of another time.

    Verbs are taken for such only where more words follow.
    """
    words = phrase.split(" ")
    variants = [phrase]
    if owners := set(words[1:]) & set(_OWNERS):
        variants = [
            " ".join([words[0], *(owner if word in owners else word for word in words[1:])])
            for owner in _OWNERS
        ]
    for usual, others in _OTHER_WORDS.items():
        variants += [
            f" {variant} ".replace(f" {usual} ", f" {other} ").strip()
            for variant in variants
            if f" {usual} " in f" {variant} "
            for other in others
        ]
    verb, _, rest = phrase.partition(" ")
    if rest:
        of_verb = _VERBS.get(verb, ())
        variants += [
            " ".join([form, variant.partition(" ")[2]]) for variant in variants for form in of_verb
        ]
    return list(dict.fromkeys([phrase, *variants]))


@cache
def all_wordings() -> pl.DataFrame:
    """Phenotypes and drugs (`id`) and all wordings of their lay names (`words`, a list).

    A wording that the table has of another term is that one's.
    """
    listed = lay_names().explode("words")
    owner = {name_key_of(words): id_ for id_, words in listed.iter_rows()}
    rows = [
        (id_, wording)
        for id_, words in listed.iter_rows()
        for wording in wordings(words)
        if owner.setdefault(name_key_of(wording), id_) == id_
    ]
    table = pl.DataFrame(rows, schema=["id", "words"], orient="row").unique(maintain_order=True)
    return table.group_by("id", maintain_order=True).agg("words")


def of_parts(nodes: pl.DataFrame) -> pl.DataFrame:
    """Phenotypes (`id`) that are a part's pain or swelling, and other wordings of them (`words`).

    "Pain in the right flank" is flank pain, on either side, and "swollen left knee" knee swelling;
    not what is a name of the graph already.

    Args:
        nodes: of a graph, `id`, `kind`, `name` and `synonyms`.
    """
    names = nodes.filter(kind="Symptom").select(
        "id", name=pl.concat_list(pl.concat_list("name"), pl.col("synonyms").fill_null([]))
    )
    names = names.explode("name").drop_nulls()
    keys = name_key(pl.col("name"))
    parts = names.select("id", part=keys.str.extract(rf"^({_PARTS}) (?:pain|swelling)$"), key=keys)
    taken = set(parts["key"]) | {name_key_of(words) for words in all_wordings()["words"].explode()}
    rows: dict[str, str] = {}
    for id_, part, key in parts.drop_nulls("part").sort("id").iter_rows():
        forms = _PAIN if key.endswith("pain") else _SWELLING
        for words in (form.format(side, part) for form in forms for side in _SIDES):
            if name_key_of(words) not in taken:
                rows.setdefault(" ".join(words.split()), id_)
    table = pl.DataFrame(
        [*rows.items()], schema=dict.fromkeys(("words", "id"), pl.String), orient="row"
    )
    return table.group_by("id", maintain_order=True).agg("words")


def with_lay_names(terminology: KnowledgeGraph) -> KnowledgeGraph:
    """The graph with lay names as further synonyms of its phenotypes and drugs.

    Chinese ones too, of those that have a Chinese name.
    """
    nodes = terminology.nodes
    is_chinese = pl.col("properties").str.contains(f'"{name_property("zh")}"', literal=True)
    chinese = nodes.filter(is_chinese)
    parts = of_parts(nodes)
    for rows, names in ((nodes, all_wordings()), (nodes, parts), (chinese, lay_names(_CHINESE))):
        more = rows.select("id").join(names, on="id")
        more = nodes.join(more, on="id").select(
            "id", synonyms=pl.concat_list(pl.col("synonyms").fill_null([]), "words")
        )
        nodes = nodes.update(more, on="id")
    return terminology.with_frames(nodes=nodes)
