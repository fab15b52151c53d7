import os
import sys
from pathlib import Path

import pytest

from detectors import licence
from detectors.errors import BackendMissing, ModelError
from detectors.licence import import_ultralytics, show_licence


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra were there: any module will do."""
    monkeypatch.setattr(licence, "find_spec", lambda _: "found")
    monkeypatch.setitem(sys.modules, "ultralytics", sys)
    for name in ("YOLO_OFFLINE", "YOLO_AUTOINSTALL"):
        monkeypatch.setenv(name, "as it was")


@pytest.mark.usefixtures("installed")
def test_before_its_licence_was_shown_ultralytics_does_not_start(tmp_path: Path) -> None:
    for cache in (None, tmp_path):
        with pytest.raises(ModelError, match=r"AGPL-3\.0: see what that asks of you with 'vedette-models licence'"):
            import_ultralytics(cache)


@pytest.mark.usefixtures("installed")
def test_once_it_was_shown_ultralytics_starts_cut_off_from_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = show_licence(tmp_path / "cache")
    assert "AGPL-3.0" in text
    assert "https://www.gnu.org/licenses/agpl-3.0.html" in text
    assert import_ultralytics(tmp_path / "cache") is sys
    assert {name: os.environ[name] for name in ("YOLO_OFFLINE", "YOLO_AUTOINSTALL")} == {
        "YOLO_OFFLINE": "1",
        "YOLO_AUTOINSTALL": "false",
    }


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licence, "find_spec", lambda _: None)
    with pytest.raises(BackendMissing, match=r"install vedette\[ultralytics\]"):
        import_ultralytics(tmp_path)


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match=r"file/ultralytics-licence-shown\.txt: File exists"):
        show_licence(tmp_path / "file")
