"""GET routes of what a console shows around the site's plan."""

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse

from contract.frozen import Frozen
from contract.geo import GeoPoint
from fleet.api.parts import Parts
from fleet.errors import NotFound
from fleet.records.auth import Role
from fleet.surroundings import OtherSite, media_type_of

PHOTO = "/surroundings/orthophoto"


class PhotoView(Frozen):
    """corners: of the picture, from its top left clockwise."""

    url: str
    corners: tuple[GeoPoint, ...]


class SurroundingsView(Frozen):
    orthophoto: PhotoView | None
    other_sites: tuple[OtherSite, ...]


def surroundings_routes(parts: Parts) -> APIRouter:
    router = APIRouter(dependencies=[Depends(parts.guard.requires(Role.VIEWER))])
    console = parts.console
    photo = console.orthophoto
    media_type = None if photo is None else media_type_of(photo)

    @router.get("/surroundings", summary="The ground under the plan, and other sites")
    async def get_surroundings() -> SurroundingsView:
        view = None if photo is None else PhotoView(url=f"/api/v1{PHOTO}", corners=photo.corners)
        return SurroundingsView(orthophoto=view, other_sites=console.other_sites)

    @router.get(PHOTO, response_class=FileResponse, summary="The photograph of the ground")
    async def get_orthophoto() -> FileResponse:
        if photo is None or not photo.file.is_file():
            raise NotFound("orthophoto: there is none")
        return FileResponse(photo.file, media_type=media_type)

    return router
