"""From light to file: sky, haze, rain, lens, sensor, codec. Arrays in, arrays out; chance is a generator."""

import io
import math
from dataclasses import dataclass
from functools import lru_cache

import av
import cv2
import numpy as np

from contract.site import CameraPose, OpenCvLens
from detectors.frame import ImageBgr
from sim.sight import axes_of
from sim.world.air import CONTRAST_AT_VISIBILITY, SKY_M, FloatArray
from sim.world.paint import TEXTURE_PX, patches

Bgr = tuple[float, float, float]
CLOUD_M = 900.0  # above; a cloud texture spans 4 km


@dataclass(frozen=True, slots=True)
class Air:
    """`weather`: clear, haze, rain or snowfall."""

    weather: str
    visibility_m: float
    haze_bgr: Bgr
    sky_bgr: Bgr  # overhead
    cloud_bgr: Bgr
    clouds_frac: float
    cloud_seed: int


def with_sky(image: FloatArray, away_m: FloatArray, pose: CameraPose, lens: OpenCvLens, air: Air) -> FloatArray:
    """Sky where nothing is, by the direction of each pixel."""
    is_sky = away_m >= SKY_M * 0.5
    if not is_sky.any():
        return image
    right, down, forward = axes_of(pose).astype(np.float32)
    x = ((np.arange(lens.width_px, dtype=np.float32) + 0.5 - lens.cx_px) / lens.fx_px)[None, :, None]
    y = ((np.arange(lens.height_px, dtype=np.float32) + 0.5 - lens.cy_px) / lens.fy_px)[:, None, None]
    ray = x * right + y * down + forward
    up = np.clip(ray[:, :, 2] / np.linalg.norm(ray, axis=2), 0.004, 1.0)
    scale = CLOUD_M / 4_000.0 * TEXTURE_PX / np.clip(ray[:, :, 2], 0.03, None)
    east, north = ((ray[:, :, axis] * scale % TEXTURE_PX).astype(np.float32) for axis in (0, 1))
    field = _cloud_field(air.cloud_seed)
    cloud = np.asarray(cv2.remap(field, east, north, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
    thick = (np.clip((cloud + 2.0 * air.clouds_frac - 1.0) * 2.0 + 0.5, 0.0, 1.0) * np.clip(up * 6.0, 0.0, 1.0))[
        :, :, None
    ]
    low = np.exp(-up * 5.0)[:, :, None]
    blue = low * np.array(air.haze_bgr, np.float32) + (1.0 - low) * np.array(air.sky_bgr, np.float32)
    sky = blue * (1.0 - thick) + thick * np.array(air.cloud_bgr, np.float32) * (0.85 + 0.25 * cloud[:, :, None])
    image[is_sky] = sky[is_sky]
    return image


@lru_cache(maxsize=2)
def _cloud_field(seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.asarray(
        sum(weight * patches(rng, cells) for weight, cells in ((0.55, 8), (0.3, 32), (0.15, 128))), np.float32
    )


def through_air(image: FloatArray, away_m: FloatArray, air: Air) -> FloatArray:
    left = np.exp(np.minimum(away_m, 0.4 * SKY_M) * np.float32(math.log(CONTRAST_AT_VISIBILITY) / air.visibility_m))[
        :, :, None
    ]
    left = np.where((away_m >= 0.5 * SKY_M)[:, :, None], np.maximum(left, min(1.0, air.visibility_m / 3_000.0)), left)
    return np.asarray(image * left + np.array(air.haze_bgr, np.float32) * (1.0 - left), np.float32)


def with_precipitation(image: FloatArray, weather: str, rng: np.random.Generator, *, light: float) -> FloatArray:
    """Streaks of rain or flakes of snow, brighter than what is behind them."""
    height, width = image.shape[:2]
    layer = np.zeros((height, width), np.float32)
    slant = rng.normal(0.0, 0.15)
    for _ in range(int(rng.uniform(150, 700) * width * height / 230_400)):
        x, y, near = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.2, 1.0) ** 2
        if weather == "rain":
            length = (8 + 34 * near) * height / 360
            end = (round(x + slant * length), round(y + length))
            cv2.line(layer, (round(x), round(y)), end, 0.25 + 0.35 * near, 1, cv2.LINE_AA)
        else:
            cv2.circle(layer, (round(x), round(y)), round(0.6 + 2.2 * near), 0.5 + 0.4 * near, -1, cv2.LINE_AA)
    soft = 0.6 * np.asarray(cv2.GaussianBlur(layer, (3, 3), 0.7), np.float32)[:, :, None]
    return np.asarray(image * (1.0 - soft) + soft * light, np.float32)


def flooded(image: FloatArray, away_m: FloatArray, reach_m: float) -> FloatArray:
    """Infrared light beside the lens: monochrome, falling off with the distance and towards the corners."""
    height, width = away_m.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    aside = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2.0
    light = 1.7 * np.exp(-2.2 * aside) / (1.0 + (away_m / reach_m) ** 2) + 0.03
    grey = image.mean(axis=2) * light
    return np.repeat(grey[:, :, None], 3, axis=2)


@dataclass(frozen=True, slots=True)
class Sensor:
    """Of one camera on one day. `mean`: where its exposure control brings the picture, 0 to 255; None: it leaves it."""

    mean: float | None
    gain: float
    white_bgr: Bgr
    gamma: float
    saturation: float
    contrast: float
    vignette: float
    blur_px: float
    sharpen: float
    noise: float  # standard deviation at mid grey, of 255
    codec: str  # h264, mjpeg, none
    quality: float  # 0 best, 1 worst
    is_grey: bool


def chosen_sensor(rng: np.random.Generator, light: str) -> Sensor:
    """More noise the darker it is."""
    is_dark = light in ("night", "ir")
    mean = {
        "day": rng.uniform(85, 150),
        "dusk": rng.uniform(55, 105),
        "night": rng.uniform(34, 90),
        "ir": rng.uniform(45, 105),
    }[light]
    return Sensor(
        mean=float(mean) if rng.uniform() < 0.85 else None,
        gain=float(rng.uniform(0.8, 1.2)),
        white_bgr=_white(rng, spread=0.09 if is_dark else 0.05),
        gamma=float(rng.uniform(0.8, 1.25)),
        saturation=float(np.clip(rng.normal(0.9, 0.22), 0.15, 1.4)) * (0.7 if light == "night" else 1.0),
        contrast=float(rng.uniform(0.75, 1.3)),
        vignette=float(rng.uniform(0.0, 0.35)),
        blur_px=float(abs(rng.normal(0.0, 0.6))),
        sharpen=float(rng.uniform(0.0, 0.9)) if rng.uniform() < 0.45 else 0.0,
        noise=float(rng.gamma(2.0, 1.3) + (rng.uniform(2.0, 9.0) if is_dark else 0.0)),
        codec=str(rng.choice(["h264", "mjpeg", "none"], p=[0.6, 0.28, 0.12])),
        quality=float(rng.beta(1.3, 2.0)),
        is_grey=light == "ir" or rng.uniform() < 0.03,
    )


def _white(rng: np.random.Generator, *, spread: float) -> Bgr:
    """Warm or cold, and a little green or magenta."""
    warm, green = rng.normal(0.0, spread), rng.normal(0.0, 0.3 * spread)
    return 1.0 - warm, 1.0 + green, 1.0 + warm


def sensed(image: FloatArray, sensor: Sensor, rng: np.random.Generator) -> ImageBgr:
    """What the camera gives out, before its codec."""
    height, width = image.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    image = image * (1.0 - sensor.vignette * 0.5 * (x**2 + y**2))[:, :, None]
    if sensor.blur_px > 0.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sensor.blur_px), np.float32)
    gain = sensor.gain if sensor.mean is None else float(np.clip(sensor.mean / max(image.mean(), 1.0), 0.25, 3.0))
    image = image * (gain * np.array(sensor.white_bgr, np.float32))
    image = 255.0 * cv2.pow(np.clip(image / 255.0, 0.0, 1.6), sensor.gamma)
    image = (image - 110.0) * sensor.contrast + 110.0
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (0.0 if sensor.is_grey else sensor.saturation) * (image - grey)
    shot = np.sqrt(np.clip(grey, 10.0, 255.0) / 128.0)
    grain = rng.standard_normal((height, width, 1 if sensor.is_grey else 3), np.float32)
    if sensor.noise > 4.0:  # cameras smooth it: it comes out blotched
        grain = 0.7 * grain + cv2.GaussianBlur(grain, (0, 0), 1.0).reshape(grain.shape)
    image = image + sensor.noise * shot * grain
    if sensor.sharpen:
        image = image + sensor.sharpen * (image - cv2.GaussianBlur(image, (0, 0), 1.2))
    return np.asarray(np.clip(image + 0.5, 0, 255), np.uint8)


def coded(image: ImageBgr, sensor: Sensor) -> ImageBgr:
    """Through the codec and back."""
    if sensor.codec == "mjpeg":
        quality = round(92 - 62 * sensor.quality)
        done, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        assert done
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    if sensor.codec == "h264":
        return _through_h264(image, crf=round(18 + 20 * sensor.quality))
    return image


def _through_h264(image: ImageBgr, *, crf: int) -> ImageBgr:
    """As the second picture of a stream: predicted from one like it, as most are."""
    height, width = image.shape[:2]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "ultrafast", "tune": "zerolatency", "threads": "1"}
        for _ in range(2):
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    buffer.seek(0)
    with av.open(buffer) as back:
        frames = [frame.to_ndarray(format="bgr24") for frame in back.decode(video=0)]
    return np.asarray(frames[-1], np.uint8)


def as_float(image: ImageBgr) -> FloatArray:
    return image.astype(np.float32)
