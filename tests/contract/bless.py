"""Rewrite the golden messages: `python -m tests.contract.bless` (part of `make bless`); review the diff."""

from pathlib import Path

from contract.codec import encode
from tests.contract.factories import one_of_each

GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    for name, envelope in one_of_each().items():
        (GOLDEN / f"{name}.json").write_bytes(encode(envelope) + b"\n")


if __name__ == "__main__":
    main()
