"""What the demo asks of the coordinator over its own API; a coordinator that is away is None, not an error."""

import httpx

from fleet.api.models import Snapshot, TraceView


class Coordinator:
    """One coordinator at `url`."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self.url = url

    async def is_ready(self) -> bool:
        return await self._get("/readyz") is not None

    async def snapshot(self) -> Snapshot | None:
        text = await self._get("/api/v1/snapshot")
        return None if text is None else Snapshot.model_validate_json(text)

    async def trace(self, trace_id: str) -> TraceView | None:
        text = await self._get(f"/api/v1/traces/{trace_id}")
        return None if text is None else TraceView.model_validate_json(text)

    async def _get(self, path: str) -> str | None:
        try:
            response = await self._http.get(path)
        except httpx.HTTPError:
            return None
        return response.text if response.is_success else None
