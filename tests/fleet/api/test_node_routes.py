"""A node's configuration and its commands: wanted by an administrator, judged by the node, told to everybody."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from contract.bus import BusMessage
from contract.codec import decode
from contract.commands import Command, Reply
from contract.configuration import ConfigurationRefused, DesiredConfiguration, ReportedConfiguration, site_digest
from contract.topics import COMMAND, DESIRED
from tests.fleet.api.conftest import make_client, make_people
from tests.fleet.messages import NOW_US, make_envelope, make_site, make_status
from tests.fleet.office import Office

ROUTE = "/api/v1/nodes/gate-1/configuration"
COMMANDS = "/api/v1/nodes/gate-1/commands"
SETTINGS = {"feeds": [{"camera": "cam-north", "url": "rtsp://10.20.0.5/1", "origin": "live"}]}
OURS = site_digest(make_site())


def wanted(office: Office) -> DesiredConfiguration:
    """As last published."""
    bodies = [decode(each.topic, each.payload)[1].body for each in office.said if each.topic.endswith(DESIRED.name)]
    assert isinstance(bodies[-1], DesiredConfiguration)
    return bodies[-1]


def report(office: Office, *, refused: str | None = None, **changes: Any) -> None:
    """The node says that it runs what was wanted last, or why it does not."""
    desired = wanted(office)
    why = None
    if refused is not None:
        why = ConfigurationRefused(version=desired.version, reason=refused, at_us=NOW_US)
    values: dict[str, Any] = {"version": desired.version, "sha256": desired.sha256, "site_sha256": OURS}
    office.hear(make_envelope(ReportedConfiguration(**{**values, "since_us": NOW_US, "refused": why, **changes})))


def put(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.put(ROUTE, json={"by": "ada", **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def troubles(office: Office) -> list[str]:
    return [each.title for each in office.fleet.ingest.incidents.values() if (each.subject or "").startswith("config:")]


def test_a_configuration_is_published_with_the_site_and_comes_back(client: TestClient, office: Office) -> None:
    answer = put(client, settings=SETTINGS)
    assert (answer["is_waited_for"], [each["by"] for each in answer["versions"]]) == (True, ["ada"])
    message = next(each for each in office.said if each.topic == "vedette/v1/yard/gate-1/config/desired")
    assert (message.retain, message.expiry_s) == (True, None)
    assert (wanted(office).version, wanted(office).settings) == (1, SETTINGS)
    assert wanted(office).site["zones"][0]["id"] == "north-fence"
    report(office)
    seen = client.get(ROUTE).json()
    assert (seen["reported"]["version"], seen["is_waited_for"]) == (1, False)
    node = next(each for each in client.get("/api/v1/nodes").json() if each["id"] == "gate-1")
    assert node["configuration"] == {
        "desired_version": 1,
        "reported_version": 1,
        "is_waited_for": False,
        "refused": None,
    }
    assert client.get("/api/v1/audit").json()[0]["act"] == "configure"


def test_it_is_said_again_until_the_node_reports_it(client: TestClient, office: Office) -> None:
    put(client, settings=SETTINGS)
    office.said.clear()
    office.pass_time(11)
    assert wanted(office).version == 1
    report(office)
    office.said.clear()
    office.pass_time(11)
    assert not [each for each in office.said if each.topic.endswith(DESIRED.name)]


def test_an_earlier_version_comes_back_as_a_new_one(client: TestClient, office: Office) -> None:
    put(client, settings=SETTINGS)
    put(client, settings={"feeds": []})
    answer = put(client, again=1)
    assert (answer["desired"]["version"], answer["desired"]["settings"]) == (3, SETTINGS)
    assert [each["version"] for each in answer["versions"]] == [3, 2, 1]
    assert client.put(ROUTE, json={"by": "ada", "again": 9}).status_code == 404


def test_versions_go_on_where_the_store_is_a_new_one(client: TestClient, office: Office) -> None:
    put(client, settings=SETTINGS)
    report(office, version=41)
    assert put(client, settings=SETTINGS)["desired"]["version"] == 42


def test_what_a_node_refuses_is_a_trouble_until_it_takes_another(client: TestClient, office: Office) -> None:
    office.hear(make_envelope(make_status()))
    put(client, settings=SETTINGS)
    report(office, version=None, sha256=None, refused="model 'x': nobody added it")
    office.pass_time(1)
    assert troubles(office) == ["node gate-1: refuses configuration 1: model 'x': nobody added it"]
    put(client, settings=SETTINGS)
    report(office)
    office.pass_time(1)
    assert troubles(office) == []


def test_a_node_that_never_reports_is_a_trouble_after_a_while(client: TestClient, office: Office) -> None:
    put(client, settings=SETTINGS)
    office.hear(make_envelope(make_status()))
    office.pass_time(119)
    assert troubles(office) == []
    office.pass_time(2)
    assert troubles(office) == ["node gate-1: has not reported configuration 1"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"site_sha256": "0" * 64}, "node gate-1: works on another site file than the coordinator"),
        ({"remark": "the node runs its own file"}, "node gate-1: the node runs its own file"),
    ],
)
def test_what_else_a_person_should_know_is_a_trouble(
    client: TestClient, office: Office, changes: dict[str, str], says: str
) -> None:
    office.hear(make_envelope(make_status()))
    put(client, settings=SETTINGS)
    report(office, **changes)
    office.pass_time(1)
    assert troubles(office) == [says]


def test_a_site_drawn_anew_reaches_the_node_as_a_new_version(client: TestClient, office: Office) -> None:
    put(client, settings=SETTINGS)
    configurations = office.fleet.coordinator.configurations
    site = make_site()
    configurations._site = site.model_copy(update={"zones": site.zones[1:]})
    configurations.load()
    assert (wanted(office).version, wanted(office).settings) == (2, SETTINGS)
    assert [zone["id"] for zone in wanted(office).site["zones"]] == ["middle"]
    assert client.get(ROUTE).json()["versions"][0]["by"] == "coordinator"


def test_what_does_not_fit_a_message_is_refused(client: TestClient) -> None:
    answer = client.put(ROUTE, json={"by": "ada", "settings": {"feeds": ["é" * 50_000]}})
    assert answer.status_code in (409, 413)
    assert client.put(ROUTE, json={"by": "ada"}).status_code == 422


def test_roles_of_a_node(office: Office) -> None:
    client = make_client(office, make_people(office))

    def status(role: str, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        headers = {"Authorization": f"Bearer {role[0]}-token"}
        return client.request(method, path, json=body, headers=headers).status_code

    assert [status(role, "GET", ROUTE) for role in ("viewer", "admin")] == [200, 200]
    body = {"settings": SETTINGS}
    assert [status(role, "PUT", ROUTE, body) for role in ("operator", "pilot", "admin")] == [403, 403, 200]
    restart = {"verb": "restart_feed", "camera": "cam-north"}
    office.answers.append(lambda message: reply(office, message))
    assert [status(role, "POST", COMMANDS, restart) for role in ("operator", "admin")] == [403, 200]
    assert status("operator", "POST", COMMANDS, {"verb": "snapshot", "camera": "cam-north"}) == 200
    assert status("admin", "POST", "/api/v1/incidents/11111111-1111-4111-8111-111111111111/dispatch", {}) == 403


def reply(office: Office, message: BusMessage, *, reason: str = "") -> None:
    """What the node says at once to a command."""
    if message.topic.endswith(f"/{COMMAND.name}"):
        command = decode(message.topic, message.payload)[1].body
        assert isinstance(command, Command)
        files = () if reason else ("ab" * 32,)
        answer = Reply(command_id=command.command_id, done=not reason, reason=reason, files=files)
        office.hear(make_envelope(answer, node="gate-2"), make_envelope(answer, sent_at_us=NOW_US + 1))


def test_a_command_is_answered_when_the_node_has_replied(client: TestClient, office: Office) -> None:
    office.answers.append(lambda message: reply(office, message))
    body = {"by": "ada", "verb": "clip", "camera": "cam-north", "before_s": 5, "after_s": 3}
    answer = client.post(COMMANDS, json=body)
    assert (answer.status_code, answer.json()["files"]) == (200, ["ab" * 32])
    (command,) = office.said_on(COMMAND.name)
    assert isinstance(command, Command)
    assert (command.camera, command.before_s, command.after_s, command.by) == ("cam-north", 5, 3, "ada")
    assert command.expires_at_us == office.clock.wall_us() + 30_000_000
    assert client.get("/api/v1/audit").json()[0]["act"] == "clip"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"verb": "snapshot", "camera": "cam-north"}, 409, "node 'gate-1': no room for evidence"),
        ({"verb": "snapshot", "camera": "cam-south"}, 404, "expected a camera of it (cam-north)"),
        ({"verb": "clip", "camera": "cam-north"}, 409, "clip: expected some seconds"),
        ({"verb": "fly", "camera": "cam-north"}, 422, "body.verb"),
    ],
)
def test_what_a_node_cannot_do_is_one_line(
    client: TestClient, office: Office, body: dict[str, str], status: int, says: str
) -> None:
    office.answers.append(lambda message: reply(office, message, reason="no room for evidence"))
    answer = client.post(COMMANDS, json={"by": "ada", **body})
    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_a_node_that_does_not_reply_is_told_in_one_line(
    client: TestClient, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.node_orders.ON_THE_WAY_S", -9.95)
    answer = client.post(COMMANDS, json={"by": "ada", "verb": "snapshot", "camera": "cam-north"})
    assert (answer.status_code, answer.json()["title"]) == (504, "no answer")
    assert answer.json()["detail"] == "node 'gate-1': no reply to snapshot within 0.05 s"
