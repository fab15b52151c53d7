"""Routes of the site's versions: what was, what is in force, what waits for the next start; drafts and their verdict.

Judging a draft takes seconds where the site is large: it is done on a thread beside both loops. Nothing here changes
what runs.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from fleet.api.guard import named
from fleet.api.parts import Parts
from fleet.api.site_views import (
    GeoJsonImport,
    SiteChanges,
    SiteDraft,
    SiteImported,
    SiteOrder,
    SiteOrdered,
    SiteProposal,
    SiteVerdict,
    SiteVersionDetail,
    SiteVersions,
    change_view,
    fault_view,
    verdict_view,
    version_view,
)
from fleet.records.auth import Role
from fleet.site_geojson import features_of, merged
from fleet.site_versions import NEXT_START, Draft, SiteVersion

Answer = TypeVar("Answer")
Number = Annotated[int, Query(ge=1)]


async def aside(act: Callable[[], Answer]) -> Answer:
    """On a thread of its own, so that neither loop waits for it."""
    return await anyio.to_thread.run_sync(act)


def site_routes(parts: Parts) -> APIRouter:
    """What can be read, and drafts; and the routes that change something."""
    router = APIRouter()
    versions = parts.versions
    viewer = [Depends(parts.guard.requires(Role.VIEWER))]
    supervisor = [Depends(parts.guard.requires(Role.SUPERVISOR))]

    @router.get("/site/versions", dependencies=viewer)
    async def get_site_versions() -> SiteVersions:
        """Newest first: who changed it, when and why, which one counts now and which from the next start on."""

        def listed() -> SiteVersions:
            waiting = versions.waiting()
            found = [version_view(each, versions.standing(each, waiting.number)) for each in versions.listed()]
            return SiteVersions(
                in_force=versions.in_force, waiting=waiting.number, remark=waiting.remark, versions=tuple(found)
            )

        return await aside(listed)

    @router.get("/site/versions/{number}", dependencies=viewer)
    async def get_site_version(number: int) -> SiteVersionDetail:
        def read() -> SiteVersionDetail:
            version = versions.get(number)
            standing = versions.standing(version, versions.waiting().number)
            site, _, text = Draft(text=version.text).read()
            return SiteVersionDetail(version=version_view(version, standing), text=text, site=site)

        return await aside(read)

    @router.get("/site/versions/{number}/check", dependencies=viewer)
    async def check_site_version(number: int) -> SiteVerdict:
        """What a start would say of it, and what it changes against the version in force."""
        return await aside(lambda: verdict_view(versions.check_version(number)))

    @router.get("/site/versions/{number}/changes", dependencies=viewer)
    async def get_site_changes(number: int, against: Number) -> SiteChanges:
        """What it changes against another version, in words."""
        said = await aside(lambda: versions.compared(number, against=against))
        return SiteChanges(number=number, against=against, changes=tuple(change_view(each) for each in said))

    @router.get("/site/versions/{number}/geojson", dependencies=viewer)
    async def get_site_geojson(number: int) -> JSONResponse:
        """Zones, lines, fences, no-fly areas, buildings, docks, rally points, cameras and patrols (RFC 7946)."""
        found = await aside(lambda: features_of(versions.get(number).site()))
        named_so = f'attachment; filename="site-version-{number}.geojson"'
        headers = {"Content-Disposition": named_so}
        return JSONResponse(found, media_type="application/geo+json", headers=headers)

    @router.post("/site/check", dependencies=supervisor)
    async def check_site_draft(body: SiteDraft) -> SiteVerdict:
        """The same of a draft that is kept nowhere."""
        return await aside(lambda: verdict_view(versions.check(body.draft())))

    @router.post("/site/import", dependencies=supervisor)
    async def import_geojson(body: GeoJsonImport) -> SiteImported:
        """A document with the shapes of GeoJSON; it is kept nowhere until somebody proposes it."""

        def read() -> SiteImported:
            document, taken, faults = merged(body.site, body.geojson)
            return SiteImported(
                site=document,
                taken=taken,
                faults=tuple(fault_view(each) for each in faults),
                verdict=verdict_view(versions.check(Draft(data=document))),
            )

        return await aside(read)

    router.include_router(_changing_routes(parts))
    return router


def _changing_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    versions, core = parts.versions, parts.core
    supervisor = [Depends(parts.guard.requires(Role.SUPERVISOR))]
    admin = [Depends(parts.guard.requires(Role.ADMIN))]

    def ordered(version: SiteVersion, what: str) -> SiteOrdered:
        standing = versions.standing(version, versions.waiting().number)
        return SiteOrdered(what=what, version=version_view(version, standing))

    @router.post("/site/versions", dependencies=supervisor)
    async def propose_site(request: Request, body: SiteProposal) -> SiteOrdered:
        """A new version; it changes nothing until an administrator puts it to work."""
        by = named(request, body)
        drawn = await aside(lambda: versions.drawn(body.draft()))
        version = await core(lambda: versions.propose(drawn, why=body.why, by=by))
        return await aside(lambda: ordered(version, f"version {version.number} proposed; it changes nothing yet"))

    @router.post("/site/versions/{number}/put-to-work", dependencies=admin)
    async def put_site_to_work(request: Request, number: int, body: SiteOrder) -> SiteOrdered:
        """Writes the site file. It counts from the coordinator's next start; what runs and flies stays as it is."""
        by = named(request, body)
        fit = await aside(lambda: versions.fit(number))
        version = await core(lambda: versions.put_to_work(fit, why=body.why, by=by))
        return await aside(lambda: ordered(version, f"version {number} is in the site file: {NEXT_START}"))

    @router.post("/site/versions/{number}/roll-back", dependencies=admin)
    async def roll_site_back(request: Request, number: int, body: SiteOrder) -> SiteOrdered:
        """An older version as a new one, put to work: it counts from the coordinator's next start."""
        by = named(request, body)
        fit = await aside(lambda: versions.fit(number))
        version = await core(lambda: versions.roll_back(fit, why=body.why, by=by))
        what = f"version {number} is in the site file again, as version {version.number}: {NEXT_START}"
        return await aside(lambda: ordered(version, what))

    return router
