"""What somebody looks like decides between answers that motion and ground allow, and makes none of its own."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from contract.labels import Label
from detectors.detections import Detections, FloatArray
from detectors.errors import InferenceError
from detectors.frame import ImageBgr
from edge.perception.appearance import RETRY_US, Appearance, Crop
from edge.perception.track import Track
from edge.perception.tracking import Tracker

PERIOD_US = 100_000
HEIGHT_PX = 80.0
RED, BLUE = (10, 20, 240), (240, 20, 10)
Colour = tuple[int, int, int]
People = Mapping[float, Colour]  # where their centres are, and what they wear


class Colours:
    """A model that knows people by the colour of the middle of their crop."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False

    def crop(self, image_bgr: ImageBgr, xyxy_px: Sequence[float]) -> Crop:
        x, y = (xyxy_px[0] + xyxy_px[2]) / 2, (xyxy_px[1] + xyxy_px[3]) / 2
        return np.array(image_bgr[int(y), int(x)], np.uint8)

    def embed(self, crop: Crop) -> FloatArray:
        self.asked += 1
        if self.fails:
            raise InferenceError("the device is gone")
        vector = crop.astype(np.float32)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


class Scene:
    """A wall with people before it, one frame after the other."""

    def __init__(self, model: Colours | None, *, per_s_max: int = 10) -> None:
        self.appearance = None if model is None else Appearance(model, per_s_max=per_s_max)
        self.tracker = Tracker(labels=(Label.PERSON,), frame_size_px=(640, 480), appearance=self.appearance)
        self.at_us = 0

    def show(self, people: People) -> list[Track]:
        image = np.zeros((480, 640, 3), np.uint8)
        boxes = []
        for x, colour in people.items():
            left, right = x - HEIGHT_PX / 6, x + HEIGHT_PX / 6
            image[160:240, int(left) : int(right)] = colour
            boxes.append((left, 160.0, right, 240.0))
        count = len(boxes)
        found = Detections(
            np.array(boxes, np.float32).reshape(count, 4), np.full(count, 0.9, np.float32), np.zeros(count, np.int32)
        )
        tracks = self.tracker.update(found, captured_at_us=self.at_us, image_bgr=image)
        self.at_us += PERIOD_US
        return tracks

    def show_often(self, people: People, *, frames: int) -> list[Track]:
        for _ in range(frames - 1):
            self.show(people)
        return self.show(people)


def places(tracks: Sequence[Track]) -> dict[int, float]:
    """Centres of the boxes, px, by number."""
    return {track.track_id: round((track.xyxy_px[0] + track.xyxy_px[2]) / 2) for track in tracks}


def cross_behind_a_pillar(scene: Scene) -> dict[int, float]:
    """Red (1) stands left of a pillar and blue (2) right of it; both step behind it and come out on the other side."""
    scene.show_often({200.0: RED, 300.0: BLUE}, frames=12)
    scene.show_often({}, frames=12)
    return places(scene.show({200.0: BLUE, 300.0: RED}))


def test_two_who_cross_behind_a_pillar_keep_their_numbers_by_their_looks() -> None:
    assert cross_behind_a_pillar(Scene(Colours())) == {1: 300, 2: 200}


def test_without_looks_the_same_two_swap() -> None:
    assert cross_behind_a_pillar(Scene(None)) == {1: 200, 2: 300}


def test_two_who_look_the_same_are_told_apart_by_motion_as_ever() -> None:
    scene = Scene(Colours())
    scene.show_often({200.0: RED, 300.0: RED}, frames=12)
    scene.show_often({}, frames=12)
    assert places(scene.show({200.0: RED, 300.0: RED})) == {1: 200, 2: 300}


def test_who_looks_alike_and_is_out_of_reach_is_somebody_else() -> None:
    scene = Scene(Colours())
    scene.show_often({100.0: RED}, frames=12)
    scene.show_often({}, frames=5)
    assert places(scene.show({500.0: RED})) == {1: 100, 2: 500}


def test_who_comes_out_where_another_one_hid_and_looks_quite_different_is_somebody_else() -> None:
    scene = Scene(Colours())
    scene.show_often({100.0: RED}, frames=12)
    scene.show_often({}, frames=5)
    assert places(scene.show({100.0: BLUE})) == {1: 100, 2: 100}


def test_where_nobody_was_hidden_nobody_is_asked() -> None:
    model = Colours()
    Scene(model).show_often({100.0: RED, 300.0: BLUE}, frames=40)
    assert model.asked == 0


def test_a_model_that_fails_costs_nothing_but_its_word() -> None:
    model = Colours()
    model.fails = True
    scene = Scene(model)

    numbers = cross_behind_a_pillar(scene)

    assert numbers == cross_behind_a_pillar(Scene(None))
    assert scene.appearance is not None
    assert scene.appearance.fault == "the device is gone"
    assert (model.asked, scene.appearance.counts.faults) == (1, 1)  # and it is left alone for a while


def test_after_a_while_it_is_asked_again_and_the_fault_is_over() -> None:
    model = Colours()
    model.fails = True
    scene = Scene(model)
    cross_behind_a_pillar(scene)
    assert scene.appearance is not None

    model.fails = False
    scene.at_us += RETRY_US
    scene.show({})  # the two of before are lost
    scene.show_often({100.0: RED}, frames=12)
    scene.show_often({}, frames=5)
    scene.show({100.0: RED})

    assert scene.appearance.fault == ""


def test_no_more_crops_are_looked_at_than_the_cap_allows() -> None:
    """Two hidden persons with 2 views each and two boxes: with room for five, one person and both boxes are known."""
    model = Colours()
    scene = Scene(model, per_s_max=5)

    cross_behind_a_pillar(scene)

    assert scene.appearance is not None
    assert scene.appearance.counts.asked == model.asked <= 5
    assert scene.appearance.counts.capped > 0


def test_looks_are_forgotten_with_the_track() -> None:
    scene = Scene(Colours())
    scene.show_often({100.0: RED}, frames=12)
    assert scene.appearance is not None
    assert scene.appearance._persons.keys() == {1}

    scene.at_us += 4_000_000
    scene.show({})

    assert not scene.appearance._persons
    assert not scene.appearance._seen
    assert scene.appearance._image is None


def test_nobody_is_remembered_when_the_feed_is_gone() -> None:
    scene = Scene(Colours())
    scene.show_often({100.0: RED}, frames=12)
    assert scene.appearance is not None

    scene.appearance.forget()
    scene.show_often({}, frames=5)

    assert not scene.appearance._persons
    assert places(scene.show({100.0: BLUE})) == {1: 100}  # nobody knows what he looked like: motion decides


def test_the_same_frames_give_the_same_numbers_twice() -> None:
    assert cross_behind_a_pillar(Scene(Colours(), per_s_max=5)) == cross_behind_a_pillar(Scene(Colours(), per_s_max=5))


@pytest.mark.parametrize("has_picture", [True, False])
def test_a_tracker_that_was_not_told_to_look_never_does(has_picture: bool) -> None:
    scene = Scene(None)
    image = np.zeros((480, 640, 3), np.uint8) if has_picture else None
    scene.tracker.update(Detections.none(), captured_at_us=0, image_bgr=image)
    assert scene.tracker.appearance is None
