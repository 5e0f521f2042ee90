"""The site in a browser, as somebody uses it who writes no code."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="NOT RUN: the site; install the extra web")

from medkg.web.run import running_site
from medkg.web.site import Site
from tests.browser import browsed, needs_browser


@needs_browser
def test_somebody_logs_in_searches_reads_and_diagnoses(site: Site, tmp_path: Path) -> None:
    models = {"diagnosis": site.diagnosis, "treatment": site.treatment}
    with (
        running_site(site.store, **models) as served,
        browsed(f"http://127.0.0.1:{served.port}/", tmp_path) as page,
    ):
        page.wait("document.querySelector('[name=token]')")
        page.type("[name=token]", served.tokens.by_account["reader"])
        page.follow("main button")
        page.type("#q", "imatinib")
        page.follow("form.search button")
        page.follow("main li a")
        assert "TARGETS" in page.text("body").upper()
        assert "KIT" in page.text("body")
        page.follow("nav a[href='/diagnosis']")
        page.type("#present", "HP:0000011")
        page.follow("button.main")
        assert "What to ask next" in page.text("body")
        assert "HP:" not in page.script("location.href")
        page.follow("button[name=answer]")
        assert page.script("document.querySelector('#present').value").count("HP:") == 2
        page.follow("form.account button")
        assert page.script("location.pathname") == "/login"
