"""The picture of the site at work: what nodes tell goes into the fusion, with our own vehicles; site tracks are told.

It adds to what the gate keeps clear of and takes nothing away: persons of single cameras stay in `PeopleSeen`.
"""

import math
import uuid
from collections.abc import Iterable

from contract.clock import Clock
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.events import Sighting, Tracks
from contract.geo import GroundFix, LocalFrame, PointEnu
from contract.labels import Label
from contract.site import Site
from fleet.flight.vehicle import Vehicle, VehicleState
from fleet.live import LiveFeed
from fleet.metrics import Metrics
from fleet.picture.fusion import Fusion
from fleet.picture.incidents import Incident
from fleet.picture.ingest import age_at_arrival_s
from fleet.picture.observation import Known, Look, Observation
from fleet.picture.site_track import SiteTrack, SiteTrackState, worst_sigma
from fleet.picture.thing import Fused

TOLD_EACH_US = 200_000  # of one site track
OLDEST_S = 10.0  # a sight that is older is not of now
UNSURE_M = 25.0  # one standard deviation, from which on a fix is no place
VEHICLE_SIGMA_M = 1.0  # the foot of its box is not where its receiver is
RECEIVER_SIGMA_M = 2.0  # of a receiver that does not say
IN_THE_AIR_M = 2.0
OUR_LABELS = frozenset(Label) - {Label.PERSON}  # what a vehicle of ours may be taken for, by what is told of it
KNOWN_FRESH_US = 2_000_000


class SitePicture:
    """For the coordinator's loop."""

    def __init__(
        self, site: Site, *, clock: Clock, vehicles: Iterable[Vehicle], live: LiveFeed, metrics: Metrics
    ) -> None:
        self._clock, self._vehicles, self._live, self._metrics = clock, tuple(vehicles), live, metrics
        self._frame, self._ground_amsl_m = site.local_frame(), site.origin.ground_amsl_m
        self._cameras = {camera.id: camera.pose for camera in site.cameras}
        self.fusion = Fusion()
        self._looks: list[Look] = []
        self._staff: dict[str, Known] = {}
        self._told_us: dict[uuid.UUID, int] = {}
        self._explained_us = 0

    def hear(self, envelope: Envelope, tracks: Tracks, *, wall_us: int) -> None:
        """One camera's tracks; fused with all that came together."""
        age_s = age_at_arrival_s(envelope, wall_us)
        if age_s is None or age_s > OLDEST_S:
            self._metrics.not_fused.labels(reason="from the future" if age_s is None else "too old").inc()
            return
        if tracks.camera not in self._cameras:
            self._metrics.not_fused.labels(reason="not a camera of this site").inc()
            return
        seen, unplaced = [], []
        for sighting in tracks.sightings:
            observation = self._observation(sighting)
            if observation is None:
                unplaced.append(str(sighting.track))
            else:
                seen.append(observation)
        look = Look(
            source=tracks.camera,
            at_us=envelope.captured_at_us,
            origin=envelope.origin,
            observations=tuple(seen),
            unplaced=tuple(unplaced),
            boot=envelope.boot,
        )
        self.take(look)

    def take(self, look: Look) -> None:
        """What any other sensor tells."""
        self._looks.append(look)

    def know(self, person: Known) -> None:
        """Where one of the staff says he is."""
        self._staff[person.id] = person

    def fuse(self) -> None:
        """All that was heard since, and tell what changed."""
        if not self._looks:
            return
        looks, self._looks, now_us = self._looks, [], self._clock.monotonic_us()
        changed = self.fusion.take(looks, now_us=now_us)
        if now_us - self._explained_us >= TOLD_EACH_US:
            self._explained_us = now_us
            self.fusion.explain(self._known(now_us))
        for reason, number in self.fusion.refused.items():
            self._metrics.not_fused.labels(reason=reason).inc(number)
        self.fusion.refused.clear()
        self._tell(changed, now_us)

    def forget(self) -> None:
        """Once a second: what nobody sees any more coasts, and ends."""
        now_us = self._clock.monotonic_us()
        ended = self.fusion.forget(now_us=now_us)
        quiet = [each for each in self.fusion.tracks(now_us=now_us) if each.state is SiteTrackState.COASTING]
        self._tell([*ended, *quiet], now_us)

    def sources_of(self, incident: Incident) -> tuple[str, ...]:
        """Cameras and sensors that see whom the incident is about."""
        wanted = set(incident.site_tracks)
        found = [each for each in self.site_tracks() if each.site_track_id in wanted] if wanted else []
        return tuple(sorted({seen.source for each in found for seen in each.evidence}))

    def site_tracks(self) -> tuple[SiteTrack, ...]:
        now_us = self._clock.monotonic_us()
        return tuple(told(each, self._frame) for each in self.fusion.tracks(now_us=now_us))

    def _tell(self, changed: Iterable[Fused], now_us: int) -> None:
        for each in changed:
            is_over = each.state is SiteTrackState.ENDED
            last_us = self._told_us.get(each.id)
            if not is_over and last_us is not None and now_us - last_us < TOLD_EACH_US:
                continue
            self._live.publish("site_track", told(each, self._frame))
            if is_over:
                self._told_us.pop(each.id, None)
            else:
                self._told_us[each.id] = now_us

    def _observation(self, sighting: Sighting) -> Observation | None:
        """None: nobody knows where it is."""
        fix = sighting.ground
        if fix is None or fix.sigma_m > UNSURE_M:
            return None
        point = self._frame.to_enu(fix.point)
        try:
            return Observation(
                track=str(sighting.track),
                east_m=point.east_m,
                north_m=point.north_m,
                var_east_m2=fix.var_east_m2,
                cov_east_north_m2=fix.cov_east_north_m2,
                var_north_m2=fix.var_north_m2,
                label=sighting.label,
                score=sighting.score,
            )
        except ContractError:
            self._metrics.not_fused.labels(reason="a place that cannot be").inc()
            return None

    # Our own

    def _known(self, now_us: int) -> list[Known]:
        wall_us = self._clock.wall_us()
        staff = [each for each in self._staff.values() if abs(wall_us - each.at_us) <= KNOWN_FRESH_US]
        vehicles = [vehicle.state for vehicle in self._vehicles]
        return [*staff, *(each for state in vehicles for each in self._places(state, now_us=now_us, wall_us=wall_us))]

    def _places(self, state: VehicleState, *, now_us: int, wall_us: int) -> list[Known]:
        """Where it is; of one in the air, where each fixed camera would take it to stand."""
        if state.position is None or state.position_at_us is None or now_us - state.position_at_us > KNOWN_FRESH_US:
            return []
        place, at_us = self._frame.to_enu(state.position), wall_us - (now_us - state.position_at_us)
        sigma_m = math.hypot(state.gnss_sigma_m or RECEIVER_SIGMA_M, VEHICLE_SIGMA_M)
        if not state.kind.flies or (state.above_home_m or 0.0) < IN_THE_AIR_M:
            return [Known(state.vehicle_id, at_us, place.east_m, place.north_m, sigma_m, OUR_LABELS)]
        if state.amsl_m is None:
            return []
        up_m = state.amsl_m - self._ground_amsl_m
        known = []
        for camera, eye in self._cameras.items():
            if (
                eye is not None and up_m < eye.up_m
            ):  # else it is at the horizon or above, and no box of it meets the ground
                reach = eye.up_m / (eye.up_m - up_m)
                known.append(
                    Known(
                        state.vehicle_id,
                        at_us,
                        eye.east_m + reach * (place.east_m - eye.east_m),
                        eye.north_m + reach * (place.north_m - eye.north_m),
                        sigma_m * reach,
                        OUR_LABELS,
                        frozenset({camera}),
                    )
                )
        return known


def told(fused: Fused, frame: LocalFrame) -> SiteTrack:
    """As the API says it."""
    mean, covariance = fused.motion.mean.tolist(), fused.motion.covariance.tolist()
    point, _ = frame.to_geo(PointEnu(mean[0], mean[1]))
    return SiteTrack(
        site_track_id=fused.id,
        state=fused.state,
        origin=fused.origin,
        at_us=fused.motion.at_us,
        first_seen_us=fused.first_seen_us,
        ground=GroundFix(
            point=point,
            var_east_m2=covariance[0][0],
            cov_east_north_m2=covariance[0][1],
            var_north_m2=covariance[1][1],
        ),
        velocity_east_m_s=mean[2],
        velocity_north_m_s=mean[3],
        velocity_sigma_m_s=worst_sigma(covariance[2][2], covariance[2][3], covariance[3][3]),
        label=fused.label,
        votes=fused.votes,
        evidence=fused.evidence,
        explained_by=fused.explained_by,
        merged_into=fused.merged_into,
    )
