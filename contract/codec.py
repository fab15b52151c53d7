"""Envelopes to bytes and back; whatever comes from the network is hostile until it passed `decode`."""

import hashlib
import json

from pydantic import ValidationError

from contract.envelope import COORDINATOR, Envelope
from contract.errors import ContractError
from contract.topics import MAX_PAYLOAD_BYTES, Address, Direction, parse_address

_STAMPS = ((b'"sent_at_us":', b","), (b'"hops_us":{', b"}"))
_SORTED = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def encode(envelope: Envelope) -> bytes:
    """JSON, UTF-8, quantised; keys in the order of the model, so equal envelopes are equal bytes."""
    return envelope.model_dump_json().encode()


def decode(topic: str, payload: bytes) -> tuple[Address, Envelope]:
    """The message and its address. Raises ContractError when either is not what the topic table promises."""
    address = parse_address(topic)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ContractError(f"{topic}: expected at most {MAX_PAYLOAD_BYTES} bytes, got {len(payload)}")
    try:
        envelope = Envelope.model_validate_json(payload)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise ContractError(f"{topic}: {where}: {first['msg']}") from err
    if not isinstance(envelope.body, address.topic.body):
        raise ContractError(f"{topic}: expected a {address.topic.name} body, got {envelope.body.type}")
    if envelope.site != address.site:
        raise ContractError(f"{topic}: expected site '{address.site}' in the envelope, got '{envelope.site}'")
    sender = address.node if address.topic.direction is Direction.NODE_TO_COORDINATOR else COORDINATOR
    if envelope.node != sender:
        raise ContractError(f"{topic}: expected node '{sender}' in the envelope, got '{envelope.node}'")
    return address, envelope


def wire_digest(payload: bytes) -> str:
    """sha256 of an encoded envelope as it came, but for the moment of sending as `encode` writes it. Equal digests are
    equal contents; unequal ones may be too, where another program wrote the same: `content_digest` then knows."""
    for begin, end in _STAMPS:
        at = payload.find(begin)
        until = payload.find(end, at)
        if 0 <= at < until:
            payload = payload[:at] + payload[until:]
    return hashlib.sha256(payload).hexdigest()


def content_digest(document: str | bytes) -> str:
    """sha256 of what a redelivery must not change, everything but the moment of sending, of an encoded envelope."""
    content = json.loads(document)
    del content["sent_at_us"], content["hops_us"]
    return hashlib.sha256(_SORTED.encode(content).encode()).hexdigest()
