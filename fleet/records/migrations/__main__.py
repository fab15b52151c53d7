"""`python -m fleet.records.migrations WORDS`: a new version with what changed in the tables since the last."""

import sys

from fleet.records.migrations.running import upgrade, write_version
from fleet.records.schema import newest_version
from fleet.records.sqlite import in_memory


def main(words: str) -> None:
    """On tables made by all versions so far."""
    with in_memory().begin() as connection:
        upgrade(connection)
        path = write_version(connection, f"{int(newest_version()) + 1:04}", words)
    print(path)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
