"""A site as people send it: an object or YAML text, judged by the contract's model, every fault with its place.

What comes is from somebody who signed in, and still bounded: its size, and how often YAML may repeat itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from contract.documents import parse_document
from contract.errors import DocumentError
from contract.site import Site

MAX_TEXT_LETTERS = 512_000  # a site with 10 000 vertices is 600 kB; what people draw is a tenth of it
MAX_ALIASES = 50  # *name repeats &name: a few lines could stand for billions
MOST_FAULTS = 100  # told at once


@dataclass(frozen=True, slots=True)
class Fault:
    """place: keys with dots between, items by their id; empty: the document as a whole."""

    place: str
    what: str

    @property
    def line(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what


def refuse_bombs(text: str, *, source: str, most_letters: int = MAX_TEXT_LETTERS) -> None:
    """Raises DocumentError for YAML that is too long or repeats itself too often."""
    if len(text) > most_letters:
        raise DocumentError(f"{source}: expected at most {most_letters} letters, got {len(text)}")
    if "*" not in text:
        return
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        return  # said better by whoever reads it
    if aliases > MAX_ALIASES:
        raise DocumentError(f"{source}: expected at most {MAX_ALIASES} aliases (*name), got {aliases}")


def read_text_of_site(text: str) -> tuple[Site | None, tuple[Fault, ...]]:
    """A site from YAML text, or what is wrong first with its line."""
    try:
        refuse_bombs(text, source="line")
        return parse_document(text, Site, source="line"), ()
    except DocumentError as err:
        return None, (Fault("", str(err)),)


def read_object(data: Mapping[str, object]) -> tuple[Site | None, tuple[Fault, ...]]:
    """A site from an object, or everything that is wrong with it."""
    try:
        return Site.model_validate(data), ()
    except ValidationError as err:
        return None, tuple(
            Fault(place_in(data, each["loc"]), _words(each["type"], each["msg"], each["input"]))
            for each in err.errors(include_url=False)[:MOST_FAULTS]
        )


def text_of(site: Site) -> str:
    """YAML that reads as this site again; what is as the contract has it is left out."""
    data = site.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def place_in(data: object, path: Sequence[int | str]) -> str:
    """`zones.'north-fence'.polygon.2.lat_deg` of a path of pydantic's; tags of unions are passed over."""
    names: list[str] = []
    here = data
    for part in path:
        if isinstance(here, Mapping):
            if part not in here and part != path[-1]:
                continue
            here = here.get(part)
            names.append(str(part))
        elif isinstance(here, Sequence) and not isinstance(here, str) and isinstance(part, int) and part < len(here):
            here = here[part]
            named = here.get("id") if isinstance(here, Mapping) else None
            names.append(f"'{named}'" if isinstance(named, str) else str(part))
    return ".".join(names)


def _words(kind: str, message: str, given: object) -> str:
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "required, but missing"
    words = message.removeprefix("Value error, ").replace("\n", " ")
    return f"{words}, got {given!r}"[:300] if isinstance(given, str | int | float | bool) else words[:300]
