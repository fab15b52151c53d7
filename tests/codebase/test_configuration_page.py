"""docs/configuration.md says what the models say, docs/safety/limits.md what gate and monitor judge by."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return _loaded("configuration")


def _loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(name).name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_operational_limits_are_those_of_the_code() -> None:
    written = (ROOT / "docs" / "safety" / "limits.md").read_text(encoding="utf-8")

    assert written == _loaded("safety/limits").page(), "run 'make bless'"
    assert "| to a tracked person, passing | 10 m, and the same | 12 (site, 5 or more) m, and the same |" in written
    assert "| 4.7 (development) | copter and rover |" in written


def test_the_page_is_up_to_date(generator: ModuleType) -> None:
    written = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert written == generator.page(), "run 'make bless'"


def test_a_field_stands_there_with_its_range_its_default_and_its_words(generator: ModuleType) -> None:
    page = generator.page()

    assert (
        "| `dwell_s` | number, at least 0, at most 60 | `0.5` | inside this long before an intrusion starts |" in page
    )
    assert '| `severity` | `low`, `medium`, `high` | `"high"` | how loudly its alarms ask for a person |' in page
    assert "| `broker` | BrokerSettings | as below |" in page
    assert page.count("### BrokerSettings") == 2  # the node's and the coordinator's are not the same
