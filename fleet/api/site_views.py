"""Bodies of the site's versions, of drafts and of what is imported and exported."""

from typing import Annotated

from pydantic import Field, model_validator

from contract.frozen import Frozen, Sha256, TimeUs
from contract.site import Site
from fleet.api.models import By, JsonObject
from fleet.site_changes import Change, How
from fleet.site_document import MAX_TEXT_LETTERS, Fault
from fleet.site_versions import Draft, Standing, Verdict, VersionHead, VersionKind

Reason = Annotated[str, Field(min_length=3, max_length=500, description="why, for who reads it in a year")]
YamlText = Annotated[str, Field(max_length=MAX_TEXT_LETTERS)]


class FaultView(Frozen):
    """place: keys with dots between, items by their id; empty: the document as a whole."""

    place: str
    what: str


class ChangeView(Frozen):
    kind: str
    id: str
    how: How
    words: str


class SiteVersionView(Frozen):
    """standing: in_force counts now; waits_for_next_start is in the site file and counts from then on."""

    number: int
    sha256: Sha256
    standing: Standing
    kind: VersionKind
    by: str
    at_us: TimeUs
    why: str
    based_on: int | None
    chosen_by: str | None
    chosen_at_us: TimeUs | None
    began_at_us: TimeUs | None


class SiteVersions(Frozen):
    """in_force: null where the coordinator was started without a site file. remark: what a person should know."""

    in_force: int | None
    waiting: int | None
    remark: str
    versions: tuple[SiteVersionView, ...]


class SiteVersionDetail(Frozen):
    """text: the site file as it was written; site: what it says, null where today's software cannot read it."""

    version: SiteVersionView
    text: str
    site: Site | None


class SiteDraft(Frozen):
    """One of site and text. based_on: the version it was drawn from."""

    site: JsonObject | None = None
    text: YamlText | None = None
    based_on: Annotated[int | None, Field(ge=1)] = None

    @model_validator(mode="after")
    def _is_said_once(self) -> "SiteDraft":
        if (self.site is None) == (self.text is None):
            raise ValueError("expected one of site and text")
        return self

    def draft(self) -> Draft:
        return Draft(text=self.text, data=self.site, based_on=self.based_on)


class SiteProposal(By, SiteDraft):
    why: Reason


class SiteOrder(By):
    """To put a version to work, or an older one again."""

    why: Reason


class SiteVerdict(Frozen):
    """would_start: a coordinator with these settings would start with it. changes: against the version in force."""

    would_start: bool
    faults: tuple[FaultView, ...]
    changes: tuple[ChangeView, ...]
    remarks: tuple[str, ...]


class SiteChanges(Frozen):
    number: int
    against: int
    changes: tuple[ChangeView, ...]


class SiteOrdered(Frozen):
    """what: in words, with the moment from which it counts."""

    what: str
    version: SiteVersionView


class GeoJsonImport(Frozen):
    """Shapes to be read into a site document."""

    site: JsonObject
    geojson: JsonObject


class SiteImported(Frozen):
    """The document with them; nothing is kept. verdict: of the whole."""

    site: JsonObject
    taken: tuple[str, ...]
    faults: tuple[FaultView, ...]
    verdict: SiteVerdict


def fault_view(fault: Fault) -> FaultView:
    return FaultView(place=fault.place, what=fault.what)


def change_view(change: Change) -> ChangeView:
    return ChangeView(kind=change.kind, id=change.id, how=change.how, words=change.words)


def verdict_view(verdict: Verdict) -> SiteVerdict:
    return SiteVerdict(
        would_start=not verdict.faults,
        faults=tuple(fault_view(each) for each in verdict.faults),
        changes=tuple(change_view(each) for each in verdict.changes),
        remarks=verdict.remarks,
    )


def version_view(version: VersionHead, standing: Standing) -> SiteVersionView:
    return SiteVersionView(
        number=version.number,
        sha256=version.sha256,
        standing=standing,
        kind=version.kind,
        by=version.by,
        at_us=version.at_us,
        why=version.why,
        based_on=version.based_on,
        chosen_by=version.chosen_by,
        chosen_at_us=version.chosen_at_us,
        began_at_us=version.began_at_us,
    )
