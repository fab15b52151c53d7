"""The console's files: every path that is neither API nor asset is the page, and its headers stay."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from fleet.api.app import _Console


@pytest.fixture
def browser(tmp_path: Path) -> TestClient:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>Vedette</title>")
    (tmp_path / "assets" / "index-1.js").write_text("1;")
    app = FastAPI()
    app.mount("/", _Console(directory=tmp_path, html=True))
    return TestClient(app)


@pytest.mark.parametrize("path", ["/", "/vehicles", "/incident/3f0c", "/index.html"])
def test_every_page_is_the_index_unframed_and_never_cached(browser: TestClient, path: str) -> None:
    answer = browser.get(path)

    assert (answer.status_code, answer.text) == (200, "<title>Vedette</title>")
    assert (answer.headers["X-Frame-Options"], answer.headers["Cache-Control"]) == ("DENY", "no-cache")
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "object-src 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert not any(rule.startswith("script-src") for rule in policy)  # what default-src says, no inline script


def test_an_asset_is_itself_and_may_be_kept(browser: TestClient) -> None:
    answer = browser.get("/assets/index-1.js")

    assert (answer.text, answer.headers["X-Content-Type-Options"]) == ("1;", "nosniff")
    assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize("path", ["/assets/index-0.js", "/api/v1/nothing"])
def test_what_is_gone_or_no_api_is_not_found_and_no_page(browser: TestClient, path: str) -> None:
    assert browser.get(path).status_code == 404
