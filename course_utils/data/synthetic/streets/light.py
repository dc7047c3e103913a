"""The light that arrives: sun, sky and lamps, and what houses keep off."""

import numpy as np


class Light:
    """Sun, sky and lamps: what light reaches a place, what a ray into the sky meets. Linear, 1 is bright."""

    def __init__(self, street, k, rng):
        turn, rise = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(22, 62)) * (1 - 0.75 * k.night)
        turn = turn - 0.25 * np.sin(2 * turn)  # towns have more sun in streets that lie along its path
        warm, mood = rng.uniform(0, 1), rng.uniform(-1, 1)
        self.sun_at = np.array(
            [np.cos(rise) * np.sin(turn), np.sin(rise), np.cos(rise) * np.cos(turn)], np.float32
        )
        day, low = (1 - k.night) ** 2.5, 1 - np.clip(rise / 0.7, 0, 1)
        self.night, self.sunshine, self.glow = k.night, k.sunshine, low
        self.sun = 3.8 * k.sunshine * day * np.array([1, 0.95 - 0.2 * low, 0.85 - 0.4 * low])
        clear, grey = np.array([0.62, 0.78, 1.0]), np.array([0.96, 1.0, 1.04]) * (1 + 0.04 * mood)
        cover = grey * (1 - k.sunshine) + clear * k.sunshine
        dark = k.night**2 * np.array([0.030, 0.032, 0.042])
        self.sky = (1.15 - 0.6 * k.sunshine) * day * cover + dark
        self.zenith = (
            day * (grey * 1.1 * (1 - k.sunshine) + np.array([0.16, 0.32, 0.72]) * 1.3 * k.sunshine)
            + 0.35 * dark
        )
        dusk = np.array([1.3, 0.85, 0.55]) * low * k.sunshine
        self.horizon = day * (
            grey * 1.35 * (1 - k.sunshine) + (np.array([1.0, 1.08, 1.15]) * 1.2 + dusk) * k.sunshine
        )
        self.horizon = self.horizon + k.night**2 * np.array([0.11, 0.07, 0.04]) * (0.6 + warm)
        self.lamps = np.array(street.lamps, np.float32).reshape(-1, 3)
        self.lamp = (
            9.0
            * np.clip((k.night - 0.3) / 0.5, 0, 1)
            * np.array([1.0, 0.72 - 0.25 * warm, 0.45 - 0.35 * warm])
        )
        self.wall = 0.3 * self.sky + 0.08 * self.sun + 0.02 * self.lamp
        self.half_street = street.half_street
        self.street = street
        places = np.arange(-60, 200, 0.25)
        self.tops = np.zeros((2, places.size), np.float32)
        for house in street.houses:
            if house.side:
                here = (places >= house.start) & (places <= house.stop)
                ridge = house.height + house.pitched * 0.3 * house.slope * house.depth
                self.tops[(house.side + 1) // 2, here] = ridge

    def sky_at(self, rise):
        """Light (…, 3) of the clear sky where a ray rises by ``rise`` metres a metre."""
        share = np.exp(-3.2 * np.maximum(rise, 0))[..., None].astype(np.float32)
        return (self.zenith + (self.horizon - self.zenith) * share).astype(np.float32)

    def top_of(self, side, z):
        """Height (m) of the houses on a side (-1, 1) at z."""
        return self.tops[
            (int(side) + 1) // 2, np.clip(4 * (z + 60), 0, self.tops.shape[1] - 1).astype(np.int32)
        ]

    def past_houses(self, x, y, z):
        """Share of the sun, 0 … 1, that the houses on its side let through to places on the street."""
        sx, sy, sz = self.sun_at.tolist()
        if not self.sun.any():
            return np.ones(np.broadcast(x, y, z).shape, np.float32)
        side = 1 if sx > 0 else -1
        reach = np.maximum(side * self.half_street - side * x, 0) / max(abs(sx), 1e-3)
        above = y + reach * sy - self.top_of(side, z + reach * sz)
        return np.clip(above / (0.012 * reach + 0.05) + 0.5, 0, 1)

    def on(self, albedo, normal, place, sunlit=1.0, open_to_sky=1.0):
        """Light (n, 3) that leaves a surface: albedo (n, 3); normal and place, three numbers or (n,) each."""
        nx, ny, nz = normal
        x, y, z = place
        facing = np.maximum(nx * self.sun_at[0] + ny * self.sun_at[1] + nz * self.sun_at[2], 0) * sunlit
        above = (0.55 + 0.45 * np.asarray(ny)) * open_to_sky
        lamps = 0.0
        if self.lamp.any():
            for lx, ly, lz in self.lamps.tolist():
                ax, ay, az = lx - x, ly - y, lz - z
                square = ax * ax + ay * ay + az * az + 0.6
                aimed = np.maximum(ay, 0.3) / np.sqrt(square)
                lamps = lamps + np.maximum(nx * ax + ny * ay + nz * az, 0) * aimed / (
                    square * np.sqrt(square)
                )
            lamps = lamps * 1.6
        arriving = (
            np.multiply.outer(np.asarray(above, np.float32), self.sky.astype(np.float32))
            + np.multiply.outer(np.asarray(facing, np.float32), self.sun.astype(np.float32))
            + np.multiply.outer(np.asarray(lamps, np.float32), self.lamp.astype(np.float32))
        )
        bounced = (
            0.12
            * (0.5 - 0.5 * np.asarray(ny, np.float32))[..., None]
            * (self.sky + 0.35 * self.sun).astype(np.float32)
        )
        return np.asarray(albedo, np.float32) * (arriving + bounced)
