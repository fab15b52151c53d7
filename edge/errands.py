"""Which part of a node does what a command asks for."""

from collections.abc import Callable

from contract.commands import DONE_WITHIN_S, Verb
from edge.footage.evidence import Footage
from edge.footage.on_order import Order
from edge.link.commands import CarryOut, Errand
from edge.posts import Posts
from edge.remote import Remote


def errands_of(posts: Posts, footage: Footage | None, remote: Remote | None) -> dict[Verb, CarryOut]:
    """`footage` None: it keeps no evidence; `remote` None: nothing of it is changed from afar."""
    found: dict[Verb, CarryOut] = {
        Verb.SET_ZONE: _at_once(posts.set_zone),
        Verb.UNSET_ZONE: _at_once(posts.unset_zone),
    }
    if footage is not None:
        found |= {Verb.SNAPSHOT: _picture(footage), Verb.CLIP: _clip(footage)}
    if remote is not None:
        found |= {Verb.RESTART_FEED: remote.carry_out, Verb.RELOAD_MODEL: remote.carry_out}
    return found


def _at_once(say: Callable[[str], None]) -> CarryOut:
    def carry_out(errand: Errand) -> None:
        assert errand.command.zone is not None
        say(errand.command.zone)
        errand.done()

    return carry_out


def _picture(footage: Footage) -> CarryOut:
    def carry_out(errand: Errand) -> None:
        assert errand.command.camera is not None
        footage.take_picture(errand.command.camera, _order(errand), within_s=DONE_WITHIN_S[Verb.SNAPSHOT])

    return carry_out


def _clip(footage: Footage) -> CarryOut:
    def carry_out(errand: Errand) -> None:
        command = errand.command
        assert command.camera is not None
        footage.take_clip(command.camera, _order(errand), before_s=command.before_s, after_s=command.after_s)

    return carry_out


def _order(errand: Errand) -> Order:
    return Order(errand.command.command_id, errand.trace_id, errand.done)
