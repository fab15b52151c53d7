"""The fusion benchmark in a short form: the picture knows who is who better than any camera."""

from sim.benchmarks.figures import Spread
from sim.benchmarks.fusion import Accuracy, FusionFigures, batch_times_us, judged_crossing


def test_the_picture_is_nearer_and_keeps_who_is_who_longer_than_each_camera() -> None:
    judged = judged_crossing(3, length_s=12.0, people=4)
    fused = judged.pop("fused")
    for alone in judged.values():
        assert (fused.idf1 or 0.0) > (alone.idf1 or 0.0)
        assert (fused.error_m.p50 or 9.0) < (alone.error_m.p50 or 0.0)


def test_what_is_missed_is_named() -> None:
    good, bad = Accuracy(0.9, 0.9, 3, 0.2, 0.5), Accuracy(0.5, 0.5, 30, 0.4, 0.9)
    fast, slow = Spread(50, 40.0, 50.0, 60.0, 60.0), Spread(50, 140.0, 150.0, 160.0, 160.0)
    assert FusionFigures(1, {"fused": good, "west": bad}, fast).missed == []
    assert FusionFigures(1, {"fused": bad, "west": good}, slow).missed == [
        "IDF1 of the site tracks: expected at least 0.8, got 0.500",
        "error of the site tracks: expected less than of any camera alone, got 0.4 m",
        "a batch: expected p50 of at most 100 ms, got 140.0",
    ]


def test_two_hundred_tracks_are_timed() -> None:
    assert len(batch_times_us(batches=1)) == 1
