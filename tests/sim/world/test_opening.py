"""EGL is preferred, OSMesa steps in, what the user chose is left alone, and what is missing is said in one line."""

import os
import sys

import pytest

from sim.world import opening
from sim.world.errors import WorldError
from sim.world.opening import choose_opengl, open_world
from tests.sim.world.conftest import Load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MuJoCo chooses by itself")


def machine_with(monkeypatch: pytest.MonkeyPatch, *, egl: bool, osmesa: bool) -> None:
    monkeypatch.setenv("MUJOCO_GL", "")
    monkeypatch.setattr(opening, "has_egl", lambda: egl)
    monkeypatch.setattr(opening, "find_library", lambda name: f"lib{name}.so" if osmesa and name == "OSMesa" else None)


@pytest.mark.parametrize(("egl", "osmesa", "chosen"), [(True, True, "egl"), (False, True, "osmesa")])
def test_egl_is_preferred_and_osmesa_is_the_fallback(
    monkeypatch: pytest.MonkeyPatch, egl: bool, osmesa: bool, chosen: str
) -> None:
    machine_with(monkeypatch, egl=egl, osmesa=osmesa)

    assert choose_opengl() == chosen
    assert os.environ["MUJOCO_GL"] == chosen


def test_what_the_user_chose_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, egl=True, osmesa=True)
    monkeypatch.setenv("MUJOCO_GL", "glfw")

    assert choose_opengl() == "glfw"


def test_neither_is_one_line_that_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(monkeypatch, egl=False, osmesa=False)

    with pytest.raises(WorldError) as raised:
        choose_opengl()

    assert str(raised.value) == (
        "rendering: expected EGL or OSMesa (Debian: libegl1 libgl1-mesa-dri, or libosmesa6), got neither"
    )


def test_without_mujoco_it_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch, load: Load) -> None:
    machine_with(monkeypatch, egl=True, osmesa=True)
    monkeypatch.setitem(sys.modules, "mujoco", None)
    for name in [name for name in sys.modules if name.startswith("sim.world.")]:
        if name not in ("sim.world.opening", "sim.world.errors"):
            monkeypatch.delitem(sys.modules, name)

    with pytest.raises(WorldError, match=r"^mujoco: rendering needs the extra 'sim'"):
        open_world(load(), sizes_px=[(640, 360)])
