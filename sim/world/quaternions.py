"""Rotations as MuJoCo writes them: unit quaternions w, x, y, z."""

import math

import mujoco
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def product(a: FloatArray, b: FloatArray) -> FloatArray:
    out = np.zeros(4)
    mujoco.mju_mulQuat(out, a, b)
    return out


def turned(quat: FloatArray, vector: FloatArray) -> FloatArray:
    out = np.zeros(3)
    mujoco.mju_rotVecQuat(out, vector, quat)
    return out


def inverse(quat: FloatArray) -> FloatArray:
    out: FloatArray = quat * np.array([1.0, -1.0, -1.0, -1.0])
    return out


def about_x(angle: float) -> FloatArray:
    return np.array([math.cos(angle / 2.0), math.sin(angle / 2.0), 0.0, 0.0])


def about_y(angle: float) -> FloatArray:
    return np.array([math.cos(angle / 2.0), 0.0, math.sin(angle / 2.0), 0.0])


def about_z(angle: float) -> FloatArray:
    return np.array([math.cos(angle / 2.0), 0.0, 0.0, math.sin(angle / 2.0)])


def heading(heading_deg: float) -> FloatArray:
    """Of a body whose own front is +x: clockwise from north."""
    return about_z(math.radians(90.0 - heading_deg))


def shortest(a: FloatArray, b: FloatArray) -> FloatArray:
    """The rotation that takes direction `a` to `b`, the short way; they are never opposite here."""
    quat = np.empty(4)
    quat[0] = 1.0 + float(a @ b)
    mujoco.mju_cross(quat[1:], a, b)
    mujoco.mju_normalize4(quat)
    return quat
