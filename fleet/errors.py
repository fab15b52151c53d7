"""What the caller does next, in the class.

FleetError
    StoreError       the store did not take it: do not acknowledge, do not act, retry
    Refused          a person asked for what may not be: say why (HTTP 409)
    NotFound         no such thing (HTTP 404)
    Late             a node did not answer in time (HTTP 504)
    NotPossible      there is no plan as it was asked for (exit code 1)
    SetUpError       configuration of this machine is wrong: stop (exit code 78)
"""


class FleetError(Exception):
    """Anything the coordinator knows how to answer."""


class StoreError(FleetError):
    """Not durable."""


class Refused(FleetError):
    """A rule says no; the text is the reason."""


class NotFound(FleetError):
    """Nothing goes by that id."""


class Late(FleetError):
    """Nobody knows whether it was done."""


class NotPossible(FleetError):
    """The text says what would be."""


class SetUpError(FleetError):
    """Shown as one line; the process ends."""
