"""The one door to the rendered world: it picks a way to draw without a screen, then loads what draws.

MuJoCo reads MUJOCO_GL once, when it is first imported. So nothing else in sim imports it or `sim.world.world` before
this was asked; a MUJOCO_GL that is already set is left alone.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from typing import TYPE_CHECKING

from sim.scenario import Loaded
from sim.world.errors import WorldError

if TYPE_CHECKING:
    from sim.world.world import World

EGL_PLATFORM_DEVICE = 0x313F  # EGL_EXT_platform_device
MAX_DEVICES = 16


def open_world(loaded: Loaded, *, sizes_px: Sequence[tuple[int, int]], with_shadows: bool = False) -> "World":
    """A world to draw pictures of these sizes (width, height). Use as a context manager.

    Raises WorldError where the extra `sim` or a renderer is missing.
    """
    choose_opengl()
    try:
        from sim.world.world import World  # noqa: PLC0415 - reads MUJOCO_GL
    except ModuleNotFoundError as err:
        raise WorldError(f"{err.name}: rendering needs the extra 'sim' (pip install 'vedette[sim]')") from err
    return World(loaded, sizes_px=sizes_px, with_shadows=with_shadows)


def choose_opengl() -> str:
    """Set MUJOCO_GL to egl, or to osmesa where EGL does not start. Raises WorldError where neither is there."""
    chosen = os.environ.get("MUJOCO_GL", "")
    if chosen or sys.platform != "linux":
        return chosen
    if has_egl():
        chosen = "egl"
    elif find_library("OSMesa"):
        chosen = "osmesa"
    else:
        raise WorldError(
            "rendering: expected EGL or OSMesa (Debian: libegl1 libgl1-mesa-dri, or libosmesa6), got neither"
        )
    os.environ["MUJOCO_GL"] = chosen
    return chosen


def has_egl() -> bool:
    """Whether some device starts an EGL display without a screen, the way MuJoCo will ask for it."""
    name = find_library("EGL")
    if name is None:
        return False
    egl = ctypes.CDLL(name)
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = [ctypes.c_char_p]
    query_at = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_at = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query_at or not display_at:
        return False
    pointers = ctypes.POINTER(ctypes.c_void_p)
    query = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, pointers, ctypes.POINTER(ctypes.c_int))(query_at)
    display_of = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)(display_at)
    egl.eglInitialize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    egl.eglTerminate.argtypes = [ctypes.c_void_p]
    devices, count = (ctypes.c_void_p * MAX_DEVICES)(), ctypes.c_int()
    if not query(MAX_DEVICES, devices, ctypes.byref(count)):
        return False
    for device in devices[: count.value]:
        display = display_of(EGL_PLATFORM_DEVICE, device, None)
        if display and egl.eglInitialize(display, None, None):
            egl.eglTerminate(display)
            return True
    return False
