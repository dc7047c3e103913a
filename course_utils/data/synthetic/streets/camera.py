"""Weather and camera: wet ground, haze, lens, sensor and file."""

import numpy as np
from scipy import fft, ndimage

from course_utils.data.synthetic.streets.view import FINE, ROAD


def rain(canvas, view, wet):
    """Wet ground is darker and mirrors what stands above it, the more the flatter one looks at it."""
    if not wet:
        return
    ground = canvas.classes == ROAD
    rows = np.arange(view.rows)
    above = np.clip((2 * view.horizon - rows).astype(int), 0, view.rows - 1)
    mirror = ndimage.uniform_filter1d(canvas.light, 9 * FINE, axis=0)[above]
    steep = np.maximum(-view.dy, 0)
    share = wet * (0.06 + 0.5 * np.exp(-6 * steep))[:, None, None]
    shown = canvas.light * (1 - 0.45 * wet) * (1 - share) + mirror * share
    canvas.light[ground] = shown[ground]


def photograph(canvas, view, light, k, rng):
    """Haze, glare, exposure, lens, sensor and file: image float64 (H, W, 3), multiples of 1/255."""
    veil = 1 - (1 - k.haze) ** (np.where(np.isinf(canvas.depth), 0, canvas.depth) / 100)
    air = (0.5 * light.horizon + 0.5 * light.sky).astype(np.float32)
    seen = canvas.light + (air - canvas.light) * veil[..., None].astype(np.float32)
    h, w = view.rows // FINE, view.columns // FINE
    seen = np.minimum(seen, 20).reshape(h, FINE, w, FINE, 3).mean(axis=(1, 3))
    scale = view.columns / FINE / 256
    bright = np.maximum(seen - 1.5 * (1.2 - k.night), 0) if k.night > 0.2 else np.maximum(seen - 1.6, 0)
    seen = (
        seen
        + 0.10 * ndimage.gaussian_filter(bright, (2.5 * scale, 2.5 * scale, 0))
        + 0.05 * ndimage.gaussian_filter(bright, (9 * scale, 9 * scale, 0))
    )
    if k.blur:
        seen = ndimage.gaussian_filter(seen, (k.blur, k.blur, 0), truncate=3)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (h, w)), indexing="ij")
    seen = seen * (1 - k.vignetting * (x**2 + y**2) / 2)[..., None]
    # The meter weighs the lower part; nights are left darker than days.
    level = np.exp(np.mean(np.log(seen[h // 4 :] + 1e-3)))
    aim = 0.125 * (1 - k.night) + 0.05 * k.night
    exposed = seen * aim / level * (1 + rng.normal(0, 0.12))
    exposed *= np.exp(rng.normal(0, 0.035, 3))  # white balance
    curve = 1 - np.exp(-1.9 * np.maximum(exposed - 0.01, 0))
    signal = curve ** (1 / 2.2)
    signal = signal + 0.5 * signal * (1 - signal) * (2 * signal - 0.9)  # the camera's contrast
    signal = 0.8 * signal + 0.2 * signal @ np.array(
        [[0.3], [0.59], [0.11]]
    )  # sensors see less colour than eyes
    strength = k.noise * (1 + 1.5 * k.night)
    grain = rng.standard_normal((*signal.shape[:2], 4))
    signal = signal + strength * (0.8 * grain[..., :1] + 0.5 * grain[..., 1:]) * np.sqrt(0.4 + signal)
    if k.compression:
        signal = _compressed(signal, k.compression)
    return np.round(255 * np.clip(signal, 0, 1)).astype(np.float64) / 255


def _compressed(image, strength):
    """Loss in blocks of 8 × 8: fine detail is rounded most, colour more than light, as in JPEG."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    h, w = image.shape[:2]
    padded = np.pad(image @ matrix.T, ((0, -h % 8), (0, -w % 8), (0, 0)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8, 3)
    waves = fft.dctn(blocks, axes=(1, 3), norm="ortho")
    order = np.add.outer(np.arange(8), np.arange(8))[:, None, :, None]
    step = strength * (0.04 + 0.035 * order) * np.array([1, 2, 2])
    blocks = fft.idctn(np.round(waves / step) * step, axes=(1, 3), norm="ortho")
    return blocks.reshape(padded.shape)[:h, :w] @ np.linalg.inv(matrix).T
