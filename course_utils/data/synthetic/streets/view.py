"""The view of a street: the camera, what its rays have met, and the shapes that several things are made of."""

import numpy as np
from scipy import ndimage

TOWN_CLASSES = ("sky", "road", "building", "tree", "car", "person", "pole", "window")
SKY, ROAD, BUILDING, TREE, CAR, PERSON, POLE, WINDOW = range(8)

FINE = 2  # rays across a pixel, each way


class View:
    """A camera at height ``height`` (m), ``x`` metres right of the middle of the road, looking along the street.

    It keeps verticals vertical, so a ray's horizontal direction (``dx``, ``dz``) is that of its column and its rise
    ``dy`` that of its row, all per metre along the optical axis.
    """

    def __init__(self, size, rng):
        self.rows, self.columns = FINE * size[0], FINE * size[1]
        self.half_road = rng.uniform(3.0, 4.6)
        self.half_street = self.half_road + rng.uniform(2.0, 3.4)
        self.x = rng.uniform(-0.9, 0.9) * (self.half_road - 0.8)
        self.height = rng.uniform(1.45, 2.1)
        turn = float(np.clip(rng.normal(-0.03 * self.x, 0.07), -0.2, 0.2))
        self.focal = rng.uniform(0.88, 1.05) * self.columns
        self.horizon = rng.uniform(0.44, 0.54) * self.rows
        u = (np.arange(self.columns, dtype=np.float32) + 0.5 - self.columns / 2) / self.focal
        self.dx = (u * np.cos(turn) + np.sin(turn)).astype(np.float32)
        self.dz = (np.cos(turn) - u * np.sin(turn)).astype(np.float32)
        self.dy = ((self.horizon - np.arange(self.rows, dtype=np.float32) - 0.5) / self.focal).astype(
            np.float32
        )
        self.sin, self.cos = float(np.sin(turn)), float(np.cos(turn))

    def seen(self, x, z):
        """Depth along the axis (m) and column of a place (x, z)."""
        x = x - self.x
        depth = z * self.cos + x * self.sin
        return depth, self.columns / 2 + self.focal * (x * self.cos - z * self.sin) / np.maximum(depth, 1e-3)

    def row(self, y, depth):
        return self.horizon - self.focal * (y - self.height) / depth

    def window(self, x, z, wide, low, high):
        """Slices of the rays that may hit something upright around (x, z); None when it is out of sight."""
        depth, column = self.seen(x, z)
        if depth < 1.5:
            return None
        near = max(depth - wide, 1)
        reach = self.focal * wide / near + 2
        top, bottom = min(self.row(high, d) for d in (near, depth + wide)), self.row(low, near)
        rows = slice(*np.clip([int(top) - 1, int(bottom) + 3], 0, self.rows))
        columns = slice(*np.clip([int(column - reach), int(column + reach) + 2], 0, self.columns))
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


class Canvas:
    """Light (R, C, 3), class and depth (R, C) of what each ray has met so far."""

    def __init__(self, view):
        self.light = np.zeros((view.rows, view.columns, 3), np.float32)
        self.classes = np.full((view.rows, view.columns), SKY, np.uint8)
        self.depth = np.full((view.rows, view.columns), np.inf, np.float32)

    def visible(self, window, depth, mask):
        """Where the rays of a window meet a surface before anything drawn so far."""
        return mask & (depth < self.depth[window])

    def paint(self, window, depth, mask, light, kind):
        """Paint a surface where it is visible; light (h, w, 3) or (n, 3), one for each visible ray."""
        self.depth[window][mask] = np.broadcast_to(depth, mask.shape)[mask]
        self.light[window][mask] = (
            light if np.ndim(light) < 3 else np.broadcast_to(light, (*mask.shape, 3))[mask]
        )
        self.classes[window][mask] = kind if np.ndim(kind) == 0 else np.broadcast_to(kind, mask.shape)[mask]

    def majority(self):
        """int32 labels (H, W): the class of most rays of a pixel, of the nearest where two classes have two each."""
        h, w = self.classes.shape[0] // FINE, self.classes.shape[1] // FINE

        def rays(plane):
            return plane.reshape(h, FINE, w, FINE).transpose(0, 2, 1, 3).reshape(h, w, FINE**2)

        classes, nearness = rays(self.classes), 1 / (1 + rays(self.depth))
        labels = classes[..., 0].astype(np.int32)
        mixed = (classes != classes[..., :1]).any(axis=-1)
        votes = (classes[mixed][..., None] == np.arange(8)).astype(np.float32)
        score = votes.sum(axis=1) + 0.5 * (votes * nearness[mixed][..., None]).max(axis=1)
        labels[mixed] = np.argmax(score, axis=-1)
        return labels


class Grain:
    """Noise that a surface carries: tiles of mean 0 and deviation 1, looked up by place."""

    def __init__(self, rng):
        white = rng.standard_normal((4, 256, 256)).astype(np.float32)
        self.tiles = {0: white[0]}
        for number, sigma in enumerate((1.5, 4, 12), 1):
            soft = ndimage.gaussian_filter(white[number], sigma, mode="wrap")
            self.tiles[sigma] = soft / soft.std()

    def at(self, sigma, a, b):
        """Noise whose grains are about ``2 * sigma`` cells wide, at cells (a, b)."""
        return self.tiles[sigma][np.asarray(a).astype(np.int32) & 255, np.asarray(b).astype(np.int32) & 255]


def upright_board(canvas, view, x, z, wide, low, high):
    """A board at (x, z) that faces the camera: window, depth, metres to the right (1, w), height (h, 1); or None."""
    window = view.window(x, z, wide, low, high)
    if window is None:
        return None
    depth, column = view.seen(x, z)
    p = (np.arange(window[1].start, window[1].stop, dtype=np.float32) + 0.5 - column) * (depth / view.focal)
    return (
        window,
        np.float32(depth),
        p[None].astype(np.float32),
        view.height + view.dy[window[0], None] * np.float32(depth),
    )


def draw_rod(plane, p, y, segment, radius):
    """Draw a rod into a plane (h, w): its roundness, 1 in the middle and near 0 at the rim."""
    x0, y0, x1, y1 = segment
    columns = slice(*np.searchsorted(p, [min(x0, x1) - radius, max(x0, x1) + radius]))
    rows = slice(*np.searchsorted(-y, [-max(y0, y1) - radius, -min(y0, y1) + radius]))
    if columns.start == columns.stop or rows.start == rows.stop:
        return
    ax, ay, lx, ly = p[None, columns] - x0, y[rows, None] - y0, x1 - x0, y1 - y0
    share = np.clip((ax * lx + ay * ly) / (lx * lx + ly * ly + 1e-9), 0, 1)
    square = ((ax - share * lx) ** 2 + (ay - share * ly) ** 2) / radius**2
    np.maximum(
        plane[rows, columns],
        np.sqrt(np.maximum(1 - square, 0)) + 1e-3 * (square < 1),
        out=plane[rows, columns],
    )


def of_rays(part, seen):
    """The values that belong to the rays in a mask: (n,), of anything that broadcasts to its shape."""
    return np.broadcast_to(part, seen.shape)[seen]
