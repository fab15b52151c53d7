"""The coordinator's configuration: one YAML file, secrets from the environment.

Relative paths count from the folder of the file. Anything but loopback needs TLS (and, for the API, sign-in): that is
checked here, so that nothing starts in the open (SAFETY 22).
"""

import os
import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import Field, model_validator

from contract.documents import parse_document
from contract.errors import DocumentError
from contract.frozen import Frozen, Identifier
from contract.site import Site, parse_site
from fleet.broker_settings import BrokerSettings, is_loopback
from fleet.decision.sop_document import ProcedureBook, parse_procedures
from fleet.errors import SetUpError
from fleet.flight.mavlink_signing import parse_key
from fleet.foreign import ForeignTopic
from fleet.history.files import HistoryRoom
from fleet.notify.receiver import Receiver
from fleet.records.archive import ArchiveRoom
from fleet.records.news import NewsEvent
from fleet.records.people import SessionLimits
from fleet.records.postgres import Database, parse_database_url
from fleet.surroundings import ConsoleSettings

MIN_SECRET_LETTERS = 32  # of `openssl rand -hex 16`


class HttpSettings(Frozen):
    """The API and the console. Port 0 takes any free one and prints it."""

    host: Annotated[str, Field(description="address to listen on; beyond loopback with tls and sign_in only")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Field(ge=0, le=65535, description="TCP port")] = 8080
    tls_cert: Annotated[Path | None, Field(description="PEM certificate of the server")] = None
    tls_key: Annotated[Path | None, Field(description="PEM key of the server")] = None
    sign_in: Annotated[bool, Field(description="people sign in; false: everybody on this machine is let in")] = False
    session_h: Annotated[float, Field(gt=0, le=168, description="h from sign-in to signing in again")] = 12.0
    idle_min: Annotated[
        float, Field(gt=0, le=1440, description="min without a page open and without a request; then signed out")
    ] = 60.0

    @model_validator(mode="after")
    def _is_loopback_or_closed(self) -> "HttpSettings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("expected both of tls_cert and tls_key, or neither")
        if not is_loopback(self.host) and (self.tls_cert is None or not self.sign_in):
            raise ValueError(f"an API on '{self.host}' needs tls_cert, tls_key and sign_in; only loopback goes open")
        return self


class StoreSettings(Frozen):
    """Where records are kept: a SQLite file under data_dir, or PostgreSQL."""

    url: Annotated[
        str | None,
        Field(
            description="postgresql://USER@HOST:PORT/DATABASE, or for a socket postgresql://USER@/DATABASE?host=DIR; "
            "none: fleet.db under data_dir"
        ),
    ] = None
    password_file: Annotated[Path | None, Field(description="file with the password on its first line")] = None
    password_env: Annotated[str | None, Field(description="environment variable that holds the password")] = None
    ca_file: Annotated[
        Path | None,
        Field(description="PEM file with the database's authority; anything but loopback or a socket needs it"),
    ] = None

    @model_validator(mode="after")
    def _is_near_or_tls(self) -> "StoreSettings":
        if self.url is None:
            if self.password_file or self.password_env or self.ca_file:
                raise ValueError("expected a url beside password_file, password_env and ca_file")
            return self
        url = parse_database_url(self.url)
        if self.password_file is not None and self.password_env is not None:
            raise ValueError("expected one of password_file and password_env")
        if url.host is not None and not is_loopback(url.host) and self.ca_file is None:
            raise ValueError(f"a database at '{url.host}' needs ca_file; only loopback or a socket goes without")
        return self


class EvidenceSettings(Frozen):
    """What is kept of the files that nodes send: clips, pictures, sightings."""

    folder: Annotated[Path | None, Field(description="where they lie; none: evidence under data_dir")] = None
    keep_days: Annotated[float, Field(gt=0, le=3650, description="days since a file came; older ones go")] = 90.0
    keep_gb: Annotated[float, Field(gt=0, description="GB in all; least important and oldest goes first")] = 100.0
    leave_free_gb: Annotated[float, Field(ge=0.05, description="GB of the disk left to all else")] = 2.0
    largest_mb: Annotated[
        float, Field(gt=0, le=100_000, description="MB of one file; larger ones stay at their node")
    ] = 2000.0


class HistorySettings(Frozen):
    """What the map showed, kept for Replay: in `history` under data_dir, a file an hour."""

    keep_days: Annotated[float, Field(gt=0, le=3650, description="days; older hours go")] = 30.0
    keep_gb: Annotated[float, Field(ge=0.01, description="GB in all; the oldest hour goes first")] = 5.0
    leave_free_gb: Annotated[
        float,
        Field(ge=0.0, description="GB of the disk left to all else; with less nothing is recorded, and that is shown"),
    ] = 1.0


class WebhookSettings(Frozen):
    """Somebody who is told what happens, by signed HTTP requests."""

    name: Annotated[Identifier, Field(description="of the receiver, in logs and figures")]
    url: Annotated[str, Field(max_length=2000, description="https://...; http only to loopback")]
    events: Annotated[tuple[NewsEvent, ...], Field(min_length=1, description="what it wants to hear of")] = tuple(
        NewsEvent
    )
    secret_file: Annotated[Path | None, Field(description="file with the secret on its first line")] = None
    secret_env: Annotated[str | None, Field(description="environment variable that holds the secret")] = None
    ca_file: Annotated[
        Path | None, Field(description="PEM file with the receiver's authority; none: the public ones")
    ] = None
    keep_h: Annotated[float, Field(gt=0, le=168, description="h; what could not be told for so long is given up")] = 24
    timeout_s: Annotated[float, Field(ge=0.1, le=60, description="s until the whole answer")] = 10.0

    @model_validator(mode="after")
    def _is_loopback_or_https(self) -> "WebhookSettings":
        try:
            url = urlsplit(self.url)
            host, _, _ = url.hostname, url.port, httpx.URL(self.url)
        except (ValueError, httpx.InvalidURL) as err:
            raise ValueError(f"webhook '{self.name}': expected a url of https://HOST/...") from err
        if url.scheme not in ("http", "https") or not host or not self.url.isascii() or not self.url.isprintable():
            raise ValueError(f"webhook '{self.name}': expected a url of https://HOST/...")
        if url.username is not None or url.password is not None or url.fragment:
            raise ValueError(f"webhook '{self.name}': expected a url without a name, a password and #")
        if url.scheme == "http" and not is_loopback(host):
            raise ValueError(f"webhook '{self.name}': expected https; only loopback goes without")
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError(f"webhook '{self.name}': expected one of secret_file and secret_env")
        return self


class FleetSettings(Frozen):
    """Everything the coordinator is told from outside."""

    site_file: Annotated[Path, Field(description="the site file")]
    data_dir: Annotated[Path, Field(description="folder for the store, captures and logs; made when missing")]
    procedures_file: Annotated[
        Path | None,
        Field(description="standard operating procedures; none: an intrusion sends a vehicle, nothing else is done"),
    ] = None
    broker: BrokerSettings = BrokerSettings()
    http: HttpSettings = HttpSettings()
    store: StoreSettings = StoreSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    history: HistorySettings = HistorySettings()
    console: ConsoleSettings = ConsoleSettings()
    sensors: Annotated[
        tuple[ForeignTopic, ...],
        Field(description="topics of devices that publish JSON of their own; see docs/sensors.md"),
    ] = ()
    system_id: Annotated[
        int, Field(ge=1, le=250, description="ours on MAVLink; 255 is everybody else's ground station")
    ] = 245
    connections: Annotated[
        dict[Identifier, str], Field(description="vehicle to its connection here, in place of the site file's")
    ] = {}  # noqa: RUF012 - pydantic copies it
    signing_keys: Annotated[
        dict[Identifier, str],
        Field(description="vehicle to the environment variable with its MAVLink 2 key, 64 hexadecimal digits"),
    ] = {}  # noqa: RUF012 - pydantic copies it
    forward: Annotated[
        tuple[str, ...],
        Field(description="udpout:HOST:PORT of who hears what vehicles say: a ground station, a node under a camera"),
    ] = ()

    dock_tokens: Annotated[
        dict[Identifier, str],
        Field(description="dock to the environment variable with the bearer token that its bridge wants"),
    ] = {}  # noqa: RUF012 - pydantic copies it

    webhooks: Annotated[tuple[WebhookSettings, ...], Field(description="who is told what happens")] = ()

    @model_validator(mode="after")
    def _names_webhooks_once(self) -> "FleetSettings":
        names = [each.name for each in self.webhooks]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"webhooks: expected each name once, got '{twice}' twice")
        return self

    @property
    def evidence_folder(self) -> Path:
        return self.evidence.folder or self.data_dir / "evidence"

    @property
    def history_folder(self) -> Path:
        return self.data_dir / "history"

    @property
    def store_file(self) -> Path:
        return self.data_dir / "fleet.db"


def load_settings(path: Path) -> FleetSettings:
    """Raises SetUpError with one line."""
    try:
        settings = parse_document(read_text(path), FleetSettings, source=str(path))
    except DocumentError as err:
        raise SetUpError(str(err)) from err
    return resolved(settings, path.parent)


def resolved(settings: FleetSettings, folder: Path) -> FleetSettings:
    """With every path absolute."""

    def absolute(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    http = settings.http.model_copy(
        update={"tls_cert": absolute(settings.http.tls_cert), "tls_key": absolute(settings.http.tls_key)}
    )
    broker = settings.broker
    if broker.tls is not None:
        files = {name: absolute(path) for name, path in broker.tls}
        broker = broker.model_copy(update={"tls": broker.tls.model_copy(update=files)})
    update = {
        "site_file": folder / settings.site_file,
        "procedures_file": None if settings.procedures_file is None else folder / settings.procedures_file,
        "data_dir": folder / settings.data_dir,
        "http": http,
        "store": settings.store.model_copy(
            update={
                "password_file": absolute(settings.store.password_file),
                "ca_file": absolute(settings.store.ca_file),
            }
        ),
        "evidence": settings.evidence.model_copy(update={"folder": absolute(settings.evidence.folder)}),
        "console": _console(settings.console, folder),
        "broker": broker,
        "webhooks": tuple(
            each.model_copy(update={"secret_file": absolute(each.secret_file), "ca_file": absolute(each.ca_file)})
            for each in settings.webhooks
        ),
    }
    return settings.model_copy(update=update)


def _console(console: ConsoleSettings, folder: Path) -> ConsoleSettings:
    photo = console.orthophoto
    if photo is None:
        return console
    return console.model_copy(update={"orthophoto": photo.model_copy(update={"file": folder / photo.file})})


def room_of(evidence: EvidenceSettings) -> ArchiveRoom:
    return ArchiveRoom(
        keep_us=round(evidence.keep_days * 86_400e6),
        max_bytes=round(evidence.keep_gb * 1e9),
        free_bytes=round(evidence.leave_free_gb * 1e9),
        largest_bytes=round(evidence.largest_mb * 1e6),
    )


def history_room_of(history: HistorySettings) -> HistoryRoom:
    return HistoryRoom(
        keep_us=round(history.keep_days * 86_400e6),
        max_bytes=round(history.keep_gb * 1e9),
        free_bytes=round(history.leave_free_gb * 1e9),
    )


def limits_of(http: HttpSettings) -> SessionLimits:
    return SessionLimits(idle_us=round(http.idle_min * 60e6), whole_us=round(http.session_h * 3600e6))


def read_site(path: Path) -> Site:
    """Raises SetUpError with one line."""
    try:
        return parse_site(read_text(path), source=str(path))
    except DocumentError as err:
        raise SetUpError(str(err)) from err


def load_site(settings: FleetSettings) -> Site:
    """The site with this machine's connections. Raises SetUpError with one line."""
    return fitted(read_site(settings.site_file), settings)


def fitted(site: Site, settings: FleetSettings) -> Site:
    """A site with this machine's connections. Raises SetUpError where the two do not go together."""
    for field, given in (("connections", settings.connections), ("signing_keys", settings.signing_keys)):
        unknown = sorted(given.keys() - {vehicle.id for vehicle in site.vehicles})
        if unknown:
            raise SetUpError(f"{field}: expected a vehicle of site '{site.id}', got '{unknown[0]}'")
    unknown = sorted({each.sensor for each in settings.sensors} - {sensor.id for sensor in site.sensors})
    if unknown:
        raise SetUpError(f"sensors: expected a sensor of site '{site.id}', got '{unknown[0]}'")
    topics = [each.topic for each in settings.sensors]
    double = next((topic for topic in topics if topics.count(topic) > 1), None)
    if double is not None:
        raise SetUpError(f"sensors: topic '{double}' stands here twice")
    machines = {dock.id for dock in site.docks if dock.kind is not None}
    unknown = sorted(settings.dock_tokens.keys() - machines)
    if unknown:
        raise SetUpError(f"dock_tokens: expected a dock of site '{site.id}' with a kind, got '{unknown[0]}'")
    if settings.system_id in {vehicle.system_id for vehicle in site.vehicles}:
        raise SetUpError(f"system_id: {settings.system_id} belongs to a vehicle of site '{site.id}'")
    vehicles = tuple(
        vehicle.model_copy(update={"connection": settings.connections.get(vehicle.id, vehicle.connection)})
        for vehicle in site.vehicles
    )
    return site.model_copy(update={"vehicles": vehicles})


def load_procedures(settings: FleetSettings, site: Site) -> ProcedureBook | None:
    """Raises SetUpError with one line."""
    return None if settings.procedures_file is None else read_procedures(settings.procedures_file, site)


def read_procedures(path: Path, site: Site) -> ProcedureBook:
    """Raises SetUpError with one line."""
    try:
        return parse_procedures(read_text(path), source=str(path), site=site)
    except DocumentError as err:
        raise SetUpError(str(err)) from err


def refuse_unfit(site: Site, settings: FleetSettings) -> None:
    """All that a start with another site would refuse: settings, keys, tokens and procedures that do not go with it.
    Raises SetUpError with one line."""
    site = fitted(site, settings)
    load_signing_keys(settings)
    load_dock_tokens(settings)
    load_procedures(settings, site)


def load_store(settings: FleetSettings) -> Path | Database:
    """Where the store is, with its password. Raises SetUpError."""
    store = settings.store
    if store.url is None:
        return settings.store_file
    password = None
    if store.password_file is not None:
        password = read_text(store.password_file).split("\n", 1)[0].strip()
    elif store.password_env is not None:
        password = os.environ.get(store.password_env)
        if password is None:
            raise SetUpError(f"store.password_env: the environment has no {store.password_env}")
    return Database(store.url, password, store.ca_file)


def load_signing_keys(settings: FleetSettings) -> dict[str, bytes]:
    """By vehicle. Raises SetUpError."""
    keys = {}
    for vehicle, name in settings.signing_keys.items():
        if name not in os.environ:
            raise SetUpError(f"signing_keys: '{vehicle}': the environment has no {name}")
        keys[vehicle] = parse_key(os.environ[name], source=f"signing_keys: '{vehicle}': {name}")
    return keys


def load_dock_tokens(settings: FleetSettings) -> dict[str, str]:
    """By dock. Raises SetUpError."""
    tokens = {}
    for dock, name in settings.dock_tokens.items():
        token = os.environ.get(name, "")
        if not token.isascii() or not token.isprintable() or not token:
            raise SetUpError(f"dock_tokens: '{dock}': expected a token of printable letters in {name}")
        tokens[dock] = token
    return tokens


def load_webhooks(settings: FleetSettings) -> tuple[Receiver, ...]:
    """With their secrets. Raises SetUpError."""
    return tuple(
        Receiver(
            name=each.name,
            url=each.url,
            secret=_webhook_secret(each),
            events=frozenset(each.events),
            keep_us=round(each.keep_h * 3600e6),
            timeout_s=each.timeout_s,
            authority=_authority(each),
        )
        for each in settings.webhooks
    )


def _authority(webhook: WebhookSettings) -> ssl.SSLContext | None:
    """Raises SetUpError."""
    if webhook.ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(webhook.ca_file))
    except OSError as err:  # ssl.SSLError too
        reason = err.strerror if type(err) is not ssl.SSLError else "not a PEM file with a certificate"
        raise SetUpError(f"webhooks: '{webhook.name}': ca_file {webhook.ca_file}: {reason}") from err


def _webhook_secret(webhook: WebhookSettings) -> bytes:
    """Raises SetUpError."""
    if webhook.secret_file is not None:
        secret = read_text(webhook.secret_file).split("\n", 1)[0].strip()
    else:
        assert webhook.secret_env is not None
        secret = os.environ.get(webhook.secret_env, "")
    if len(secret) < MIN_SECRET_LETTERS:
        source = webhook.secret_file or webhook.secret_env
        raise SetUpError(
            f"webhooks: '{webhook.name}': expected a secret of at least {MIN_SECRET_LETTERS} letters in {source}, "
            f"got {len(secret)}"
        )
    return secret.encode()


def read_text(path: Path) -> str:
    """Raises SetUpError with one line."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not UTF-8 text"
        raise SetUpError(f"{path}: {reason}") from err
