"""The page of vehicles, held against the vehicle files, the orders and the tests it names."""

import importlib
import re
from typing import get_args

from contract.site import VehicleKind
from fleet.flight.capabilities import Capability, Lack
from fleet.flight.orders import Order
from tests.conftest import ROOT

PAGE = ROOT / "docs/vehicles.md"
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROW_OF = {
    Capability.LAUNCH: "arm and launch",
    Capability.GO_TO: "go to",
    Capability.LOOK: "look",
    Capability.ORBIT: "orbit",
    Capability.PATROL: "patrol",
}


def table() -> list[list[str]]:
    lines = [line.strip().strip("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def lacks_of(kind: VehicleKind) -> tuple[Lack, ...]:
    lacks: tuple[Lack, ...] = importlib.import_module(f"fleet.flight.vehicles.{kind.value}").Driver.lacks
    return lacks


def test_every_kind_has_its_column_and_every_order_its_row() -> None:
    head, *rows = table()
    assert head[2:-2] == [kind.value for kind in VehicleKind]
    assert all(len(row) == len(head) for row in rows)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert named == {order.__name__ for order in get_args(Order)}


def test_every_row_names_tests_that_exist() -> None:
    for row in table()[1:]:
        proofs = PROOF.findall(row[-2])
        assert proofs, f"'{row[0]}': a capability without a test is a promise"
        for path, name in proofs:
            assert f"def {name}(" in (ROOT / path).read_text(), f"'{row[0]}': {path} has no {name}"


def test_what_a_kind_cannot_do_stands_there_in_its_own_words() -> None:
    head, *rows = table()
    said = {
        (kind, row[0]): row[2 + at].removeprefix("cannot: ")
        for row in rows
        for at, kind in enumerate(head[2:-2])
        if row[2 + at].startswith("cannot: ")
    }
    lacking = {(kind.value, ROW_OF[lack.capability]): lack.why for kind in VehicleKind for lack in lacks_of(kind)}
    assert said == lacking
