"""What Prometheus reads of vehicles."""

from dataclasses import replace

from fleet.metrics import Metrics
from tests.conftest import ManualClock
from tests.fleet.flight.flown import FlownVehicle
from tests.fleet.flight.stage import drone_on_pad


def test_the_links_of_vehicles_are_told_and_what_is_unknown_is_nan() -> None:
    clock = ManualClock()
    vehicle = FlownVehicle(replace(drone_on_pad(), link_loss_frac=0.25), clock)
    metrics = Metrics()
    metrics.watch(vehicle, clock)
    clock.advance(1.5)
    lines = metrics.exposition().decode().splitlines()
    assert 'vedette_vehicle_link_age_seconds{vehicle="drone"} 1.5' in lines
    assert 'vedette_vehicle_link_loss_ratio{vehicle="drone"} 0.25' in lines
    assert 'vedette_vehicle_round_trip_seconds{vehicle="drone"} NaN' in lines
