"""A node's token says which node it is and nothing else."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet.__main__ import app
from fleet.errors import SetUpError
from fleet.records import reads
from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from fleet.records.store import Store, open_store
from tests.fleet.messages import SITE_TEXT

SECRET = "a-token-of-gate-1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE_TEXT)
    path = tmp_path / "fleet.yaml"
    path.write_text("site_file: site.yaml\ndata_dir: data\n")
    return path


def said(config: Path, *words: str, code: int = 0) -> str:
    """What `vedette-fleet node WORDS` says."""
    verb, *rest = words
    result = CliRunner().invoke(app, ["node", verb, str(config), *rest])
    assert result.exit_code == code
    return result.stdout if code == 0 else result.stderr


def acts(store: Store) -> list[tuple[str, str]]:
    with store.reading() as connection:
        return [(row["act"], row["subject"]) for row in reads.audit(connection)]


def test_a_token_is_shown_once_and_only_its_hash_is_stored(config: Path) -> None:
    token = said(config, "add", "gate-1").removeprefix("token: ").strip()
    folder = config.parent / "data"

    assert len(token) >= 43
    assert all(token.encode() not in path.read_bytes() for path in folder.iterdir())
    assert said(config, "list").startswith("gate-1  since 20")
    with open_store(folder / "fleet.db") as store:
        credentials = NodeCredentials(store)
        assert [credentials.node_of(each) for each in (token, token[:-1], "")] == ["gate-1", None, None]
        assert acts(store) == [("add node credential", "gate-1")]


def test_a_running_coordinator_follows_at_once(config: Path) -> None:
    said(config, "add", "gate-1", "--sha256", digest_of(SECRET))
    with open_store(config.parent / "data" / "fleet.db") as store:
        assert NodeCredentials(store).node_of(SECRET) == "gate-1"
        assert said(config, "remove", "gate-1") == "node 'gate-1' is let in no more\n"
        assert NodeCredentials(store).node_of(SECRET) is None
        assert acts(store) == [("remove node credential", "gate-1"), ("add node credential", "gate-1")]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(("add", "gate-9"), "expected a node or sensor of site 'yard' (", id="no node of the site"),
        pytest.param(("add", "gate-1"), "node 'gate-1' has a token; remove it first", id="it has one"),
        pytest.param(("add", "gate-2", "--sha256", digest_of(SECRET)), "is node 'gate-1's", id="another's token"),
        pytest.param(("add", "gate-2", "--sha256", SECRET), "expected the sha256 of a token", id="no hash"),
        pytest.param(("remove", "gate-2"), "node 'gate-2' has no token", id="it has none"),
    ],
)
def test_what_cannot_be_is_one_line(config: Path, words: tuple[str, ...], reason: str) -> None:
    said(config, "add", "gate-1", "--sha256", digest_of(SECRET))
    line = said(config, *words, code=78)
    assert reason in line
    assert (line.count("\n"), SECRET in line) == (1, False)


def test_nodes_that_are_there_already_stay_when_one_is_refused() -> None:
    with open_store(None) as store:
        credentials = NodeCredentials(store)
        credentials.add("gate-1", digest_of(SECRET), by="Ada", at_us=5)
        with pytest.raises(SetUpError):
            credentials.add("gate-2", digest_of(SECRET), by="Ada", at_us=6)
        assert credentials.listed() == [("gate-1", 5)]
