"""The wire: golden messages, topics, and what a hostile peer may try."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from contract.codec import content_digest, decode, encode, wire_digest
from contract.commands import Command
from contract.configuration import site_digest
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.events import Stage, derive_message_id
from contract.schema.__main__ import schemas
from contract.site import Site, parse_site
from contract.topics import KEEP_ALIVE_S, MAX_PAYLOAD_BYTES, TOPICS, Direction, parse_address
from tests.conftest import ROOT
from tests.contract.bless import GOLDEN
from tests.contract.factories import envelope, event, one_of_each

EACH = one_of_each()


def load_site(name: str) -> Site:
    path = ROOT / f"deploy/sites/{name}.yaml"
    return parse_site(path.read_text(), source=str(path))


def topic_of(name: str) -> str:
    row = next(t for t in TOPICS if isinstance(EACH[name].body, t.body))
    return row.address(site="demo", node="edge-1")


@pytest.mark.parametrize("name", EACH)
def test_a_golden_message_still_means_the_same(name: str) -> None:
    payload = (GOLDEN / f"{name}.json").read_bytes().strip()
    _, read = decode(topic_of(name), payload)
    assert read == EACH[name], "the wire changed: bump the schema version or run `make bless` and review the diff"
    assert encode(read) == payload


@pytest.mark.parametrize("name", EACH)
def test_a_golden_message_fits_the_published_schema(name: str) -> None:
    schema = json.loads((ROOT / "contract/schema/envelope.json").read_text())
    Draft202012Validator(schema).validate(json.loads((GOLDEN / f"{name}.json").read_text()))


def test_the_committed_schemas_are_fresh() -> None:
    folder = ROOT / "contract/schema"
    committed = {path.name: path.read_text() for path in folder.glob("*.json")}
    assert committed == schemas(), "run `make bless`"


def test_every_row_of_the_topic_table_has_a_golden_message() -> None:
    assert {type(e.body) for e in EACH.values()} == {t.body for t in TOPICS}


def test_a_dead_node_is_told_within_ten_seconds() -> None:
    """SAFETY 18: a broker gives up after 1.5 keep-alives."""
    assert KEEP_ALIVE_S * 1.5 < 10.0
    assert [t.name for t in TOPICS if t.is_last_will] == ["status"]


def test_nothing_the_coordinator_orders_is_retained() -> None:
    """SAFETY 3: a retained command would act on whoever connects next. A wanted configuration is a state, no order."""
    orders = [t for t in TOPICS if t.direction is Direction.COORDINATOR_TO_NODE and t.name != "config/desired"]
    assert [t.name for t in orders] == ["ack", "command"]
    assert not any(t.retain for t in orders)
    assert all(t.expiry_s for t in orders)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"zone": None}, "unset_zone: expected a zone", id="no zone"),
        pytest.param({"camera": "mast"}, "unset_zone: expected no camera", id="a camera too"),
        pytest.param({"before_s": 5}, "unset_zone: expected no seconds", id="seconds of a zone"),
        pytest.param({"verb": "clip", "zone": None, "camera": "mast"}, "clip: expected some seconds", id="no seconds"),
        pytest.param({"verb": "restart_feed", "zone": None}, "restart_feed: expected a camera", id="no camera"),
        pytest.param(
            {"verb": "reload_model", "zone": None, "camera": "mast"},
            "reload_model: expected no camera",
            id="one camera",
        ),
    ],
)
def test_a_command_says_what_its_verb_needs_and_no_more(changes: dict[str, object], says: str) -> None:
    body = EACH["command"].body
    with pytest.raises(ValidationError, match=says):
        Command.model_validate({**body.model_dump(), **changes})


def test_a_configuration_whose_hash_is_another_is_refused() -> None:
    payload = encode(EACH["desired"]).replace(b"rtsp://10.20.0.5", b"rtsp://10.66.6.6")
    with pytest.raises(ContractError, match="configuration 4: expected sha256"):
        decode(topic_of("desired"), payload)


def test_a_site_has_one_digest_however_its_vehicles_are_reached() -> None:
    site = load_site("demo")
    vehicles = tuple(each.model_copy(update={"connection": "udpin:0.0.0.0:1"}) for each in site.vehicles)
    moved = site.zones[0].model_copy(update={"dwell_s": site.zones[0].dwell_s + 1.0})
    assert vehicles
    assert site_digest(site.model_copy(update={"vehicles": vehicles})) == site_digest(site)
    assert site_digest(site.model_copy(update={"zones": (moved, *site.zones[1:])})) != site_digest(site)


@pytest.mark.parametrize("row", TOPICS, ids=lambda t: t.name)
def test_an_address_reads_back(row: object) -> None:
    topic = next(t for t in TOPICS if t is row)
    address = parse_address(topic.address(site="demo", node="edge-1"))
    assert (address.site, address.node, address.topic) == ("demo", "edge-1", topic)


@pytest.mark.parametrize(
    ("topic", "payload", "says"),
    [
        pytest.param("vedette/v2/demo/edge-1/events", b"{}", "expected vedette/v1/SITE/NODE", id="other version"),
        pytest.param("vedette/v1/demo/edge-1/evnts", b"{}", "expected vedette/v1/SITE/NODE", id="unknown row"),
        pytest.param(topic_of("event-start"), b"\xff\x00", "payload: Invalid JSON", id="not JSON"),
        pytest.param(topic_of("event-start"), b"{}", "Field required", id="empty"),
        pytest.param(topic_of("event-start"), b" " * (MAX_PAYLOAD_BYTES + 1), "expected at most", id="too big"),
        pytest.param(topic_of("event-start"), encode(EACH["tracks"]), "expected a events body, got tracks", id="body"),
        pytest.param(
            "vedette/v1/other/edge-1/events", encode(EACH["event-start"]), "expected site 'other'", id="other site"
        ),
        pytest.param(
            "vedette/v1/demo/edge-2/events", encode(EACH["event-start"]), "expected node 'edge-2'", id="other node"
        ),
        pytest.param(
            topic_of("ack"),
            encode(EACH["ack"]).replace(b'"coordinator"', b'"edge-1"'),
            "expected node 'coordinator'",
            id="a node that plays coordinator",
        ),
        pytest.param(
            topic_of("event-start"),
            encode(EACH["event-start"]).replace(b'"boot":3', b'"boot":3,"extra":1'),
            "Extra inputs",
            id="unknown key",
        ),
        pytest.param(
            topic_of("event-start"),
            encode(EACH["event-start"]).replace(b"52.0001234", b"NaN"),
            "lat_deg",
            id="NaN latitude",
        ),
    ],
)
def test_what_is_not_in_the_contract_is_refused_in_one_line(topic: str, payload: bytes, says: str) -> None:
    with pytest.raises(ContractError, match=says) as caught:
        decode(topic, payload)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_crash_the_codec(payload: bytes) -> None:
    with pytest.raises(ContractError):
        decode(topic_of("event-start"), payload)


@pytest.mark.parametrize("digest", [content_digest, wire_digest])
def test_a_redelivery_has_the_same_digest_and_a_changed_message_has_not(digest: Callable[[bytes], str]) -> None:
    """SAFETY 17: ids never swallow."""
    first = envelope(event(), sequence=12)
    again = first.model_copy(update={"sent_at_us": first.sent_at_us + 90_000_000, "hops_us": {"outbox": 7}})
    forged = Envelope.model_validate({**first.model_dump(), "captured_at_us": first.captured_at_us + 1})
    assert digest(encode(again)) == digest(encode(first))
    assert digest(encode(forged)) != digest(encode(first))


def test_each_stage_of_an_event_has_its_own_message_id() -> None:
    stages = [event(), event(stage=Stage.UPDATE, revision=1), event(stage=Stage.END, revision=2)]
    assert len({derive_message_id(e) for e in stages}) == 3
    assert len({e.event_id for e in stages}) == 1
