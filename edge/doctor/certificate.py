"""How long a certificate is valid: the two dates of its DER form (RFC 5280, 4.1), which ssl keeps to itself."""

import ssl
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

SEQUENCE, VERSION, UTC_TIME, GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


def validity_of_file(path: Path) -> tuple[datetime, datetime]:
    """Of the first certificate in a PEM file. Raises OSError and ValueError."""
    text = path.read_text(encoding="ascii")
    start = text.index("-----BEGIN CERTIFICATE-----")
    end = text.index("-----END CERTIFICATE-----", start) + len("-----END CERTIFICATE-----")
    return validity(ssl.PEM_cert_to_DER_cert(text[start:end]))


def validity(der: bytes) -> tuple[datetime, datetime]:
    """Not before, not after; UTC. Raises ValueError for what is no certificate."""
    (_, certificate), *_ = _parts(der)
    (_, to_be_signed), *_ = _parts(certificate)
    fields = [part for part in _parts(to_be_signed) if part[0] != VERSION]
    if len(fields) < 4 or fields[3][0] != SEQUENCE:  # serial number, algorithm, issuer, validity
        raise ValueError("expected a certificate of X.509")
    dates = [_date(tag, value) for tag, value in _parts(fields[3][1])]
    if len(dates) != 2:
        raise ValueError("expected two dates in a certificate")
    return dates[0], dates[1]


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and value of each element (X.690, 8.1)."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("expected more of a certificate")
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("expected more of a certificate")
        yield tag, data[at : at + length]
        at += length


def _date(tag: int, value: bytes) -> datetime:
    form = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}.get(tag)
    if form is None:
        raise ValueError("expected a date in a certificate")
    return datetime.strptime(value.decode("ascii"), form).replace(tzinfo=timezone.utc)
