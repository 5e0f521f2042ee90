"""A site over a graph with a patient, as a test client asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi", reason="NOT RUN: the site; install the extra web")

from starlette.testclient import TestClient

import medkg
from medkg.access import connect
from medkg.graph.store import audit
from medkg.mining.diagnosis.train import train_diagnosis
from medkg.mining.treatment.train import train_treatment
from medkg.web.app import create_app
from medkg.web.site import Site
from tests.cypher.clinic import clinic
from tests.mining.diagnosis.clinic import clinic as phenotypes
from tests.mining.treatment.pharmacy import pharmacy
from tests.servers import EVERYTHING, change

PORT = 8123
ADDRESS = f"http://127.0.0.1:{PORT}"
FROM_HERE = {"origin": ADDRESS}


@pytest.fixture(scope="module", params=["embedded", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A site over the clinic, on each server in turn, with models of diagnosis and treatment."""
    uri = request.getfixturevalue(f"{request.param}_uri")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(audit.FOLDER, str(tmp_path_factory.mktemp("audit")))
        opened = connect(uri)
    with opened as store:
        store.write(clinic())
        diagnosis = train_diagnosis(phenotypes(), model="naive_bayes")
        treatment = train_treatment(pharmacy(), model="popularity")
        links = medkg.train_links(medkg.load("starter"), model="neighbours")
        yield Site(store, PORT, diagnosis, treatment, links)
        change(store, EVERYTHING)


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    """A client that is not logged in, and follows no redirection."""
    with TestClient(create_app(site), base_url=ADDRESS, follow_redirects=False) as made:
        yield made


def bearer(site: Site, account: str) -> dict[str, str]:
    """The header by which a program says who it is."""
    return {"authorization": f"Bearer {site.tokens.by_account[account]}"}
