"""What a site is made of: the store, the models, and whoever visits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import polars as pl

from medkg.access import Connection
from medkg.core.errors import MedkgError, MissingError
from medkg.diagnosis import NoteReader
from medkg.entities import holds_patients

from .accounts import Account, Sessions, Tokens

if TYPE_CHECKING:
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.links.model import LinkModel
    from medkg.mining.treatment.model import TreatmentModel

_DEFAULT_PORT = 80  # of http
_WAITING_SECONDS = 60.0
_MOST_WAITING = 8


class NotAllowedError(MedkgError):
    """What an account may not do."""


class BusyError(MedkgError):
    """More requests wait for a model than can be answered soon."""


class Turns:
    """One use of a model at a time; a few may wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MOST_WAITING)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn.

        Raises:
            BusyError: too many wait, or it takes too long.
        """
        if not self._places.acquire(blocking=False):
            raise BusyError("many are asking; try again in a minute")
        try:
            if not self._lock.acquire(timeout=_WAITING_SECONDS):
                raise BusyError("what others asked takes long; try again in a minute")
            try:
                yield
            finally:
                self._lock.release()
        finally:
            self._places.release()


@dataclass
class Site:
    """A site over a store.

    Attributes:
        port: where it listens on 127.0.0.1.
        language: of the pages' words, "en" or "zh".
        diagnosis, treatment, links: models, where there are some.
        turns: in which models are used.
    """

    store: Connection
    port: int
    diagnosis: DiagnosisModel | None = None
    treatment: TreatmentModel | None = None
    links: LinkModel | None = None
    language: str = "en"
    tokens: Tokens = field(default_factory=Tokens)
    sessions: Sessions = field(default_factory=Sessions)
    turns: Turns = field(default_factory=Turns)

    @property
    def hosts(self) -> tuple[str, ...]:
        """What this site is called: of the default port, browsers send the name alone."""
        names = ("127.0.0.1", "localhost")
        with_port = tuple(f"{name}:{self.port}" for name in names)
        return (*names, *with_port) if self.port == _DEFAULT_PORT else with_port

    @property
    def cookie(self) -> str:
        """The name of its cookie: browsers tell ports apart by no other means."""
        return f"medkg_{self.port}"

    @cached_property
    def notes(self) -> NoteReader:
        """What reads pasted notes."""
        return NoteReader(self.diagnosing().kg)

    def diagnosing(self) -> DiagnosisModel:
        """The model of diagnosis.

        Raises:
            MissingError: the site has none.
        """
        if self.diagnosis is None:
            raise MissingError("there is no model: medkg serve SERVER --ui --diagnosis MODEL")
        return self.diagnosis

    def treating(self) -> TreatmentModel:
        """The model of treatment.

        Raises:
            MissingError: the site has none.
        """
        if self.treatment is None:
            raise MissingError("there is no model: medkg serve SERVER --ui --treatment MODEL")
        return self.treatment

    def explaining(self) -> LinkModel:
        """The model that explains hypotheses.

        Raises:
            MissingError: the site has none.
        """
        if self.links is None:
            raise MissingError("there is no model: medkg serve SERVER --ui --links MODEL")
        return self.links


@lru_cache(maxsize=2)  # a site's models
def _was_read(graph: KnowledgeGraph) -> bool:
    """Whether any evidence of a graph has a document or a sentence."""
    read = pl.any_horizontal(pl.col("document", "sentence").is_not_null())
    return not graph.scan("evidence").filter(read).head(1).collect().is_empty()


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is logged in."""

    site: Site
    account: Account

    @cached_property
    def store(self) -> Connection:
        """The store, with what is asked recorded under the account's name."""
        return self.site.store.acting_for(f"site {self.account.name}")

    @cached_property
    def private(self) -> bool:
        """Whether everything that the store holds may be seen."""
        return self.account.sees_patients or not holds_patients(self.site.store)

    def must_see_all(self) -> None:
        """Refuse what can't be answered without patients.

        Raises:
            NotAllowedError: the account may not see them, and there are some.
        """
        if not self.private:
            raise NotAllowedError(
                "this graph holds patients or documents, which a query may read: the account"
                f" {self.account.name!r} may not ask it"
            )

    def must_see_sentences(self) -> None:
        """Refuse what cites sentences of whatever a model's graph was made of.

        Raises:
            NotAllowedError: the account may not see them.
        """
        if not self.account.sees_patients:
            raise NotAllowedError(
                f"an explanation cites sentences, which the account {self.account.name!r} may not"
                " see"
            )

    def must_see_texts_of(self, graph: KnowledgeGraph) -> None:
        """Refuse what a model tells of its graph's facts where some were read in texts.

        Raises:
            NotAllowedError: the account may not see them, and there are some.
        """
        if not self.account.sees_patients and _was_read(graph):
            raise NotAllowedError(
                "the model's graph holds what was read in documents, which the account"
                f" {self.account.name!r} may not see"
            )

    def must_write(self) -> None:
        """Refuse what changes the graph.

        Raises:
            NotAllowedError: the account may only read.
        """
        if not self.account.may_write:
            raise NotAllowedError(f"the account {self.account.name!r} may not change the graph")
