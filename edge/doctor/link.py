"""The ways to the coordinator: do broker and coordinator answer, are certificates valid, is this node let in?"""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from contract.clock import Clock
from edge.doctor.certificate import validity, validity_of_file
from edge.doctor.finding import Finding, ok, warning, wrong
from edge.errors import SetUpError
from edge.link.coordinator import Coordinator
from edge.link.uplink import Broker

ANSWER_S = 5.0
RENEW_DAYS = 30
NO_FILE = "/api/v1/evidence/" + "0" * 64  # that nobody ever kept


def look_at_broker(broker: Broker, *, client_id: str, clock: Clock) -> Iterator[Finding]:
    """In the order in which a connection is made; what follows a failure is not asked. Not under the node's own
    `client_id`: a broker would end the session of one that runs."""
    where = f"{broker.host}:{broker.port}"
    now = datetime.fromtimestamp(clock.wall_us() / 1e6, tz=timezone.utc)
    for name, path in (("authority", broker.ca), ("own certificate", broker.certificate)):
        if path is not None:
            yield _dates_of_file(name, Path(path), now)
    try:
        context = broker.tls_context()
    except SetUpError as err:
        yield wrong("broker", str(err), "make certificates with deploy/provision.sh and name them in the configuration")
        return
    try:
        der = _reach(broker, context)
    except ssl.SSLCertVerificationError as err:
        yield wrong("broker", f"{where}: {err.verify_message}", "does it name this host, and is ca its authority?")
        return
    except OSError as err:
        reason = err.strerror or str(err) or "no answer"
        yield wrong("broker", f"{where}: {reason}", "is it running, is the address right, is a firewall between?")
        return
    yield ok("broker", f"{where} answers{' over TLS' if context is not None else ''}")
    if der is not None:
        yield _dates("broker's certificate", validity(der), now)
    yield _log_in(broker, context, client_id)


def look_at_coordinator(coordinator: Coordinator) -> Finding:
    """Asks for a file that nobody has, as this node does before it sends one."""
    try:
        with coordinator.client() as http:
            answer = http.head(NO_FILE)
    except SetUpError as err:
        return wrong("coordinator", str(err), "see coordinator.tls in docs/configuration.md")
    except httpx.HTTPError as err:
        hint = "is it running, is the address right, is tls.ca its authority?"
        return wrong("coordinator", f"{coordinator.url}: {str(err) or type(err).__name__}", hint)
    if answer.status_code in (401, 403):
        hint = "vedette-fleet node add NODE prints a new token, for the variable that coordinator.token_env names"
        return wrong("coordinator", f"{coordinator.url} does not take this node's token", hint)
    if answer.status_code != 404:
        hint = "is it Vedette's coordinator, of this version?"
        return wrong("coordinator", f"{coordinator.url}: expected answer 404, got {answer.status_code}", hint)
    return ok("coordinator", f"{coordinator.url} takes this node's evidence")


def _reach(broker: Broker, context: ssl.SSLContext | None) -> bytes | None:
    """The broker's certificate, with TLS. Raises OSError, of which SSLError is one."""
    with socket.create_connection((broker.host, broker.port), timeout=ANSWER_S) as connection:
        if context is None:
            return None
        with context.wrap_socket(connection, server_hostname=broker.host) as secured:
            return secured.getpeercert(binary_form=True)


def _log_in(broker: Broker, context: ssl.SSLContext | None, client_id: str) -> Finding:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
    )
    client.connect_timeout = ANSWER_S
    if context is not None:
        client.tls_set_context(context)
    if broker.user is not None:
        client.username_pw_set(broker.user, broker.password)
    answered, reasons = threading.Event(), list[ReasonCode]()

    def on_connect(_c: Any, _u: Any, _flags: Any, reason: ReasonCode, _p: Any) -> None:
        reasons.append(reason)
        answered.set()

    client.on_connect = on_connect
    client.on_disconnect = lambda *_: answered.set()
    hint = "the user and password, or the certificate's name in the broker's access list"
    try:
        client.connect(broker.host, broker.port, keepalive=10, clean_start=True)
        client.loop_start()
        answered.wait(ANSWER_S)
    except (OSError, ValueError) as err:
        return wrong("login", str(err), hint)
    finally:
        client.disconnect()
        client.loop_stop()
    if not reasons:
        return wrong("login", "the broker closed the connection or gave no MQTT 5 answer", hint)
    if reasons[0].is_failure:
        return wrong("login", str(reasons[0]), hint)
    return ok("login", f"as {broker.user or ('the certificate' if broker.certificate else 'anybody')}")


def _dates_of_file(name: str, path: Path, now: datetime) -> Finding:
    try:
        dates = validity_of_file(path)
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or "expected a PEM certificate"
        return wrong(name, f"{path}: {reason}", "make certificates with deploy/provision.sh")
    return _dates(name, dates, now)


def _dates(name: str, dates: tuple[datetime, datetime], now: datetime) -> Finding:
    first, last = dates
    said = f"valid from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if now < first:
        return wrong(name, said, "it is not valid yet: is the clock right?")
    if now > last:
        return wrong(name, said, "it has expired: make a new one with deploy/provision.sh")
    if last - now < timedelta(days=RENEW_DAYS):
        return warning(name, said, f"it expires in {(last - now).days} days: make a new one with deploy/provision.sh")
    return ok(name, said)
