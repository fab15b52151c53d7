"""Where the broker is and how it is spoken to; a module of its own, as the broker link needs no other settings."""

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from contract.frozen import Frozen


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class BrokerTls(Frozen):
    """Certificates for the broker; a client certificate where the broker asks for one."""

    ca_file: Annotated[Path, Field(description="PEM file with the broker's authority")]
    cert_file: Annotated[Path | None, Field(description="PEM certificate of the coordinator")] = None
    key_file: Annotated[Path | None, Field(description="PEM key of the coordinator")] = None


class BrokerSettings(Frozen):
    """The MQTT 5 broker."""

    host: Annotated[str, Field(description="name or address; anything but loopback needs tls")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535, description="TCP port")] = 1883
    tls: Annotated[BrokerTls | None, Field(description="none: in the clear")] = None
    username: Annotated[str | None, Field(description="where the broker wants one")] = None
    password_env: Annotated[str | None, Field(description="environment variable that holds the password")] = None

    @model_validator(mode="after")
    def _is_loopback_or_tls(self) -> "BrokerSettings":
        if not is_loopback(self.host) and self.tls is None:
            raise ValueError(f"a broker at '{self.host}' needs tls; only loopback goes without")
        return self
