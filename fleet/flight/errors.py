"""What the caller does next, in the class.

FlightError
    CommandRefused   the vehicle or the gate said no: tell the operator, with the reason
    NoAnswer         nobody answered in time: retry or give the vehicle up
    NotConfirmed     acknowledged, but the vehicle's state never showed it: treat as not done
    LinkDown         there is no link to send on
"""


class FlightError(Exception):
    """An order that was not carried out."""


class CommandRefused(FlightError):
    """Somebody with a say said no."""


class NoAnswer(FlightError):
    """Time-out in our monotonic clock."""


class NotConfirmed(FlightError):
    """An ack alone is not a fact."""


class LinkDown(FlightError):
    """No peer address or socket."""
