"""The site in a browser, as somebody uses it who writes no code."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="NOT RUN: the site; install the extra web")

from medkg.web.run import running_site
from medkg.web.site import Site
from tests.browser import needs_browser
from tests.browsing import Browser


@needs_browser
def test_somebody_logs_in_searches_reads_and_diagnoses(site: Site) -> None:
    models = {"diagnosis": site.diagnosis, "treatment": site.treatment}
    with running_site(site.store, **models) as served, Browser() as browser:
        browser.open(f"http://127.0.0.1:{served.port}/")
        browser.type("[name=token]", served.tokens.by_account["reader"])
        browser.click("main button")
        browser.type("#q", "imatinib")
        browser.click("form.search button")
        browser.click("main li a")
        assert "TARGETS" in browser.text().upper()
        assert "KIT" in browser.text()
        browser.click("nav a[href='/diagnosis']")
        browser.type("#present", "HP:0000011")
        browser.click("button.main")
        assert "What to ask next" in browser.text()
        assert "HP:" not in browser.run("location.href")
        browser.click("button[name=answer]")
        assert browser.run("document.querySelector('#present').value").count("HP:") == 2
        browser.click("form.account button")
        assert browser.run("location.pathname") == "/login"
