"""`vedette-fleet webhook test` against a real HTTP server on loopback."""

import hashlib
import hmac
import json
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet.__main__ import app
from tests.conftest import need
from tests.fleet.messages import SITE_TEXT
from tests.fleet.notify.server import Listener, listening

SECRET = "0123456789abcdef0123456789abcdef"


def config(folder: Path, listener: Listener, more: str = "") -> Path:
    (folder / "site.yaml").write_text(SITE_TEXT)
    (folder / "secret").write_text(f"{SECRET}\n")
    path = folder / "fleet.yaml"
    hook = f"{{name: desk, url: '{listener.url}', secret_file: secret, timeout_s: 30{more}}}"
    path.write_text(f"site_file: site.yaml\ndata_dir: data\nwebhooks: [{hook}]\n")
    return path


def said(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["webhook", "test", *words])
    return result.exit_code, result.stdout + result.stderr


def test_one_message_is_sent_signed_and_nothing_else_is_touched(tmp_path: Path) -> None:
    with listening([200]) as listener:
        assert said(str(config(tmp_path, listener)), "desk") == (0, "webhook 'desk': taken: HTTP 200\n")
    (told,) = listener.told
    body = json.loads(told.body)
    assert (body["event"], body["site"], told.headers["Vedette-Event"]) == ("test", "yard", "test")
    whole = told.headers["Vedette-Timestamp"].encode() + b"." + told.body
    assert told.headers["Vedette-Signature"] == "v1=" + hmac.new(SECRET.encode(), whole, hashlib.sha256).hexdigest()
    assert not (tmp_path / "data").exists()


def test_over_tls_only_the_authority_that_is_named_is_believed(tmp_path: Path) -> None:
    need(shutil.which("openssl"), "openssl")
    key, cert = tmp_path / "tls.key", tmp_path / "tls.crt"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=desk"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*make.split(), *names], check=True, capture_output=True, timeout=60)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    with listening(tls=tls) as listener:
        code, line = said(str(config(tmp_path, listener)), "desk")
        assert (code, "CERTIFICATE_VERIFY_FAILED" in line, listener.told) == (1, True, [])
        path = config(tmp_path, listener, ", ca_file: tls.crt")
        assert said(str(path), "desk") == (0, "webhook 'desk': taken: HTTP 204\n")


@pytest.mark.parametrize("status", [302, 401, 404, 422, 500])
def test_a_receiver_that_does_not_take_it_is_one_line_and_exit_code_1(tmp_path: Path, status: int) -> None:
    with listening([status]) as listener:
        code, line = said(str(config(tmp_path, listener)), "desk")
    assert (code, line) == (1, f"vedette-fleet: webhook 'desk': not taken: HTTP {status}\n")
    assert len(listener.told) == 1


def test_a_receiver_that_is_not_there_is_one_line_without_its_secret(tmp_path: Path) -> None:
    with listening() as listener:
        path = config(tmp_path, listener)
    code, line = said(str(path), "desk")
    assert (code, line.count("\n"), "ConnectError" in line) == (1, 1, True)
    assert SECRET not in line
    assert "as-good-as-a-password" not in line


def test_a_name_that_nobody_has_is_wrong_configuration(tmp_path: Path) -> None:
    path = config(tmp_path, Listener([]))
    (tmp_path / "site.yaml").write_text(SITE_TEXT)
    path.write_text(path.read_text().replace("http://127.0.0.1:0", "http://127.0.0.1:9"))
    assert said(str(path), "nobody") == (
        78,
        "vedette-fleet: webhooks: expected a receiver of this file (desk), got 'nobody'\n",
    )
