"""Level sets: a region given by the sign of a function, so that its outline may split, merge and vanish.

The insight: do not move the curve, move a surface φ, and call inside what lies above zero. A curve that shrinks, grows
or follows a force is then one update of φ at each pixel, and no one has to look after points or topology.
Chan–Vese compares the means of the two sides, so it needs no edges; the geodesic contour seeks edges, as a snake does;
the morphological ones do the same with erosions and dilations of a mask, without φ and without a time step.

φ > 0 is inside. Where a start is asked, a mask does as well as a φ. Taught in lesson 06.
"""

import math
from typing import NamedTuple

import numpy as np

from course_utils.classic.filters import check_count, check_number, check_positive, grey, grey_range
from course_utils.kernel import by_rows, kernel


class LevelSet(NamedTuple):
    """Where a level set came to rest, and its energy on the way.

    phi: float64 (H, W); energies: float64 (T + 1,), of the start and after each of the T steps.
    """

    phi: np.ndarray
    energies: np.ndarray

    @property
    def mask(self):
        """Bool (H, W), where phi is above zero."""
        return self.phi > 0


def checkerboard(shape, side=5):
    """Bool mask (H, W), a start without prejudice: squares of that side, the first of them outside."""
    height, width = _shape(shape)
    check_count("side", side, 1)
    return ((np.arange(height)[:, None] // side + np.arange(width) // side) % 2).astype(bool)


def waves(shape, half_period=5):
    """float64 (H, W), the usual start of Chan–Vese, a soft checkerboard: sin(πy / p) · sin(πx / p)."""
    height, width = _shape(shape)
    check_positive("half_period", half_period)
    down, right = [np.sin(np.arange(side) * (np.pi / half_period)) for side in (height, width)]
    return down[:, None] * right


def disk_mask(shape, centre=None, radius=None):
    """Bool mask (H, W), less than ``radius`` from ``centre`` (y, x); None: in the middle, 3/8 of the shorter side."""
    height, width = _shape(shape)
    y, x = (height // 2, width // 2) if centre is None else centre
    radius = 3 / 8 * min(height, width) if radius is None else radius
    check_positive("radius", radius)
    return np.hypot(np.arange(height)[:, None] - y, np.arange(width) - x) < radius


def signed_distance(phi):
    """The distance of each pixel to the outline where phi changes sign, positive inside: |∇| = 1 everywhere.

    A level set that moves becomes too steep here and too flat there; this makes a new one with the same outline
    (reinitialisation), by fast sweeping:

    1. In a pixel with a neighbour of the other sign: |phi| / |∇phi|, where it would be zero if phi went on straight. As
       both sides are divided by nearly the same, the outline hardly moves. Of the three differences in each direction
       the steepest counts, for phi may have kinks.
    2. Elsewhere d solves |∇d| = 1 by upwind differences: from the lesser neighbour a in x and b in y,
       (d − a)² + (d − b)² = 1, or d = min(a, b) + 1 where that is less. Sweep over the image from each of its four
       corners, using new values at once, until nothing changes: each sweep carries the distance along all directions of
       its quarter.

    Parameters: phi (H, W), a mask (its outline lies midway between pixels) or any real dtype.
    Returns: float64 (H, W); H + W with phi's sign where nothing changes sign. The outline moves by less than a tenth of
    a pixel for a smooth phi; the distance is too long by up to some 0.5 · log(distance) pixels on the diagonals.
    Raises TypeError or ValueError for a bad image. Cost: a few times four passes.

    Reference: Zhao, A fast sweeping method for eikonal equations, Mathematics of Computation 74, 2005,
    doi:10.1090/S0025-5718-04-01678-3. Lesson 06.
    """
    values = _phi(phi, "phi")
    distance = np.full(values.shape, float(sum(values.shape)))
    fixed = np.zeros(values.shape, bool)
    _start_distance(values, distance, fixed)
    if fixed.any():
        while any([_sweep(distance, fixed, dy, dx) for dy in (1, -1) for dx in (1, -1)]):
            pass
    return np.where(values > 0, distance, -distance)


@kernel
def _start_distance(phi, distance, fixed):
    height, width = phi.shape
    for y in range(height):
        for x in range(width):
            here, inside = phi[y, x], phi[y, x] > 0
            left, right = phi[y, max(x - 1, 0)], phi[y, min(x + 1, width - 1)]
            up, down = phi[max(y - 1, 0), x], phi[min(y + 1, height - 1), x]
            if (left > 0) != inside or (right > 0) != inside or (up > 0) != inside or (down > 0) != inside:
                slope_x = max(abs(right - here), abs(here - left), abs(right - left) / 2)
                slope_y = max(abs(down - here), abs(here - up), abs(down - up) / 2)
                distance[y, x] = abs(here) / math.sqrt(slope_x * slope_x + slope_y * slope_y)
                fixed[y, x] = True


@kernel
def _sweep(distance, fixed, dy, dx):
    """One pass in the order of dy and dx; whether anything became shorter."""
    height, width = distance.shape
    shorter = False
    for j in range(height):
        y = j if dy > 0 else height - 1 - j
        for i in range(width):
            x = i if dx > 0 else width - 1 - i
            if fixed[y, x]:
                continue
            a = min(distance[y, max(x - 1, 0)], distance[y, min(x + 1, width - 1)])
            b = min(distance[max(y - 1, 0), x], distance[min(y + 1, height - 1), x])
            d = min(a, b) + 1
            if abs(a - b) < 1:
                d = (a + b + math.sqrt(2 - (a - b) ** 2)) / 2
            if d < distance[y, x] - 1e-9:
                distance[y, x], shorter = d, True
    return shorter


def chan_vese(
    image, start=None, *, mu=0.25, inside=1.0, outside=1.0, step=math.pi / 2, steps=500, tolerance=1e-3
):
    """Part an image in two regions, each as even as can be, with a short outline: contours without edges.

    The energy, with c₁ and c₂ the means of the image inside and outside, H a smooth step from 0 to 1 and δ its slope::

        E = μ Σ δ(φ) |∇φ|  +  λ₁ Σ H(φ) (image − c₁)²  +  λ₂ Σ (1 − H(φ)) (image − c₂)²

    1. The means, for φ as it is.
    2. Each pixel compares: a pixel more like the inside's mean than the outside's rises, the other sinks.
    3. The outline tightens: φ moves towards a mean of its four neighbours, weighted by 1 / |∇φ| at the sides between;
       φ itself is taken at the new time, so the step may be large.
    4. Both at the speed step · δ(φ): all pixels may change sides, so holes and islands may be born anywhere.

    Parameters: image (H, W), any real dtype, first stretched to [0, 1] so that mu means the same for all; start, a φ
    (H, W), None for ``waves``, or a mask (then its signed distance, scaled to [−1, 1] so that δ is felt everywhere);
    mu, weight of the outline's length, at least 0; inside, outside: λ₁, λ₂, above 0; step, above 0; steps, at most;
    tolerance: stop when φ has changed by no more, root mean square.
    Returns: LevelSet(phi, energies): ``.mask`` is the answer (which of the two sides is inside depends on the start;
    of a constant image, where there are no two sides, it means nothing), the energies are ``chan_vese_energy`` at each
    step. Ten steps from the φ that ten have left are twenty.
    Raises TypeError or ValueError for bad arguments. Cost: about 60 operations a pixel and step.

    φ is that of scikit-image's ``chan_vese`` with dt = step / π and the same mu; it writes δ without its 1 / π, and so
    counts the length π times in the energies that it reports, but not in its steps.

    Reference: Chan & Vese, Active contours without edges, IEEE Transactions on Image Processing 10, 2001,
    doi:10.1109/83.902291; the scheme: Getreuer, Chan–Vese segmentation, Image Processing On Line 2, 2012,
    doi:10.5201/ipol.2012.g-cv. Lesson 06.
    """
    pixels = _stretched(image)
    phi = waves(pixels.shape) if start is None else _start(start, pixels.shape)
    if np.asarray(start).dtype == bool:
        phi /= np.abs(phi).max()
    weights = _weights(mu, inside, outside)
    check_positive("step", step)
    check_count("steps", steps)
    check_number("tolerance", tolerance, 0)
    new, sums, energies = np.empty_like(phi), np.empty((len(phi), 8)), []
    change = math.inf
    while True:
        by_rows(_measure, phi.shape, pixels, phi, sums)
        total = sums.sum(axis=0)
        energies.append(_two_means(total, phi.size, weights))
        if len(energies) > steps or change <= tolerance:
            return LevelSet(phi, np.array(energies))
        count, amount, all_pixels, whole = total[0], total[1], phi.size, total[7]
        means = amount / max(count, 1), (whole - amount) / max(all_pixels - count, 1)
        changes = np.empty(len(phi))
        by_rows(_chan_vese, phi.shape, pixels, phi, means, weights, float(step), new, changes)
        change = math.sqrt(changes.sum() / phi.size)
        phi, new = new, phi


@kernel
def _chan_vese(first, last, image, phi, means, weights, step, new, changes):
    height, width = phi.shape
    mu, inside, outside = weights
    for y in range(first, last):
        above, row, below = phi[max(y - 1, 0)], phi[y], phi[min(y + 1, height - 1)]
        total = 0.0
        for x in range(width):
            here, up, down = row[x], above[x], below[x]
            left, right = row[max(x - 1, 0)], row[min(x + 1, width - 1)]
            slope_x, slope_y = (right - left) / 2, (down - up) / 2
            to_right, to_left = _evenness(right - here, slope_y), _evenness(here - left, slope_y)
            to_down, to_up = _evenness(down - here, slope_x), _evenness(here - up, slope_x)
            around = right * to_right + left * to_left + down * to_down + up * to_up
            from_inside, from_outside = image[y, x] - means[0], image[y, x] - means[1]
            fit = outside * from_outside * from_outside - inside * from_inside * from_inside
            speed = step / (math.pi * (1 + here * here))
            moved = (here + speed * (mu * around + fit)) / (
                1 + speed * mu * (to_right + to_left + to_down + to_up)
            )
            new[y, x] = moved
            total += (moved - here) ** 2
        changes[y] = total


@kernel
def _evenness(across, along):
    """1 / |∇φ| at a side of a pixel, from the slopes across it and along it; finite where φ is level."""
    return 1 / math.sqrt(1e-16 + across * across + along * along)


def chan_vese_energy(image, phi, *, mu=0.25, inside=1.0, outside=1.0):
    """The energy of ``chan_vese`` for any φ, with the means that suit it best.

    H(φ) = ½ + arctan(φ) / π and δ(φ) = 1 / (π (1 + φ²)), so it depends on how steep φ is, and a mask has no energy of
    its own: compare functions that were made alike, or their ``signed_distance``.
    Parameters as for ``chan_vese``, phi (H, W). Returns: float. Cost: one pass.
    """
    pixels = _stretched(image)
    phi = _start(phi, pixels.shape)
    sums = np.empty((len(phi), 8))
    by_rows(_measure, phi.shape, pixels, phi, sums)
    return _two_means(sums.sum(axis=0), phi.size, _weights(mu, inside, outside))


@kernel
def _measure(first, last, image, phi, sums):
    """Of each row: pixels and sum inside; ΣH, ΣH·I, ΣH·I²; the length; ΣI², ΣI."""
    height, width = phi.shape
    for y in range(first, last):
        above, row, below = phi[max(y - 1, 0)], phi[y], phi[min(y + 1, height - 1)]
        count = amount = h = h_value = h_square = length = square = whole = 0.0
        for x in range(width):
            value, here = image[y, x], row[x]
            step = 0.5 + math.atan(here) / math.pi
            slope_x = (row[min(x + 1, width - 1)] - row[max(x - 1, 0)]) / 2
            slope_y = (below[x] - above[x]) / 2
            length += math.sqrt(slope_x * slope_x + slope_y * slope_y) / (math.pi * (1 + here * here))
            count += here > 0
            amount += value * (here > 0)
            h += step
            h_value += step * value
            h_square += step * value * value
            square += value * value
            whole += value
        sums[y] = count, amount, h, h_value, h_square, length, square, whole


def _two_means(sums, pixels, weights):
    """The energy from the sums: Σ H (I − c)² = ΣH·I² − (ΣH·I)² / ΣH for the mean c = ΣH·I / ΣH."""
    _, _, h, h_value, h_square, length, square, whole = sums
    mu, inside, outside = weights
    rest = pixels - h
    fit_inside = h_square - h_value**2 / max(h, 1e-300)
    fit_outside = square - h_square - (whole - h_value) ** 2 / max(rest, 1e-300)
    return mu * length + inside * max(fit_inside, 0.0) + outside * max(fit_outside, 0.0)


def edge_stopping(image, alpha=100.0, sigma=5.0):
    """A map near 1 where the image is even and near 0 on its edges: 1 / √(1 + α |∇(G_σ ∗ image)|).

    A contour that moves at this speed slows down at edges. The slope of a blurred image is one convolution with the
    slope of the Gaussian; it is a product of a line of weights in y and one in x, as the Gaussian is:

    1. For each row: the weighted sums of the rows above and below, once to blur, once for the slope.
    2. Along the row: the blurred line's slope is the one in x; the slope line, blurred, the one in y.

    Parameters: image (H, W), any real dtype, alpha, at least 0, for values in [0, 1]; sigma, pixels, above 0.
    Beyond the border the outermost pixel repeats. Returns: float64 (H, W) in (0, 1], equal to scikit-image's
    ``inverse_gaussian_gradient``. Raises TypeError or ValueError for bad arguments. Cost: 32σ operations a pixel.

    Reference: Caselles, Kimmel & Sapiro, Geodesic active contours, International Journal of Computer Vision 22, 1997,
    doi:10.1023/A:1007979827043. Lesson 06.
    """
    pixels = grey(image).astype(np.float64)
    check_number("alpha", alpha, 0)
    check_positive("sigma", sigma)
    offsets = np.arange(int(4 * sigma + 0.5) + 1)
    blur = np.exp(-0.5 * (offsets / sigma) ** 2)
    blur /= 2 * blur.sum() - 1
    slope = blur * offsets / sigma**2
    stopping = np.empty(pixels.shape)
    by_rows(_edge_stopping, pixels.shape, pixels, blur, slope, float(alpha), stopping)
    return stopping


@kernel
def _edge_stopping(first, last, image, blur, slope, alpha, stopping):
    height, width = image.shape
    radius = blur.size - 1
    smooth, steep = np.empty(width + 2 * radius), np.empty(width + 2 * radius)  # with room for the border
    in_x, in_y = np.empty(width), np.empty(width)
    for y in range(first, last):
        inner_smooth, inner_steep = smooth[radius : radius + width], steep[radius : radius + width]
        for x in range(width):
            inner_smooth[x], inner_steep[x] = blur[0] * image[y, x], 0.0
        for k in range(1, radius + 1):
            above, below = image[max(y - k, 0)], image[min(y + k, height - 1)]
            _add(above, below, blur[k], 1.0, inner_smooth)
            _add(above, below, slope[k], -1.0, inner_steep)
        for line in (smooth, steep):
            line[:radius], line[radius + width :] = line[radius], line[radius + width - 1]
        for x in range(width):
            in_x[x], in_y[x] = 0.0, blur[0] * steep[radius + x]
        for k in range(1, radius + 1):
            _add(smooth[radius - k :], smooth[radius + k :], slope[k], -1.0, in_x)
            _add(steep[radius - k :], steep[radius + k :], blur[k], 1.0, in_y)
        for x in range(width):
            stopping[y, x] = 1 / math.sqrt(1 + alpha * math.sqrt(in_x[x] * in_x[x] + in_y[x] * in_y[x]))


@kernel
def _add(before, after, weight, sign, out):
    """Add weight · (after + sign · before): a pair at equal distance, of a line or of rows."""
    for x in range(out.size):
        out[x] += weight * (after[x] + sign * before[x])


def geodesic_contour(speed, start, *, balloon=0.0, step=None, steps=500, renew=50):
    """Shorten a contour in a world where edges cost nothing: it comes to rest along them, and may split and merge.

    The contour's length, each piece counted by ``speed`` g (small on edges), is the energy. Going down it, and pushed
    by a balloon c where there is no edge to feel::

        ∂φ/∂t = g |∇φ| (κ + c) + ∇g · ∇φ,   κ the curvature div(∇φ / |∇φ|)

    1. The curvature term smooths along the contour: central differences.
    2. The balloon term moves it along its normal: differences from the side that it comes from (Osher & Sethian).
    3. The last term draws it into the valleys of g: differences from the side that it comes from.
    4. Add ``step`` times the three. After every ``renew`` steps make φ a ``signed_distance`` again.

    With g = 1 and no balloon it is curvature flow: a circle of radius r shrinks as √(r² − 2t), t in steps · step.

    Parameters: speed g (H, W), at least 0, for example ``edge_stopping(image)``; start, a mask or a φ (H, W), with some
    of both sides (of one side only it has no outline, and stays so); balloon, outwards where positive; step, at most
    ``stable_step(speed, balloon)``, which None stands for; steps; renew, at least 1.
    Returns: LevelSet(phi, energies); the length is measured in a band 1.5 pixels to either side of the outline, to some
    per cent. The balloon has no term in it.
    Raises TypeError or ValueError for bad arguments, ValueError for a step that is too large.
    Cost: about 60 operations a pixel and step, and a few sweeps every ``renew`` steps.

    Reference: Caselles, Kimmel & Sapiro, Geodesic active contours, International Journal of Computer Vision 22, 1997,
    doi:10.1023/A:1007979827043; upwind differences: Osher & Sethian, Fronts propagating with curvature-dependent
    speed, Journal of Computational Physics 79, 1988, doi:10.1016/0021-9991(88)90002-2. Lesson 06.
    """
    speed = _speed(speed)
    phi = signed_distance(_start(start, speed.shape))
    largest = stable_step(speed, balloon)
    step = largest if step is None else step
    check_positive("step", step)
    if step > largest:
        raise ValueError(
            f"step is {step:g}, but steps above {largest:g} are unstable for this speed and balloon; "
            "leave it out to take the largest"
        )
    check_count("steps", steps)
    check_count("renew", renew, 1)
    slope = _slopes(speed)
    new, energies, lengths = np.empty_like(phi), [], np.empty(len(phi))
    for t in range(steps + 1):
        by_rows(_geodesic, phi.shape, speed, slope, phi, float(balloon), float(step), new, lengths)
        energies.append(lengths.sum())
        if t < steps:
            phi, new = new, phi
            if (t + 1) % renew == 0:
                phi = signed_distance(phi)
    return LevelSet(phi, np.array(energies))


@kernel
def _geodesic(first, last, speed, slope, phi, balloon, step, new, lengths):
    height, width = phi.shape
    for y in range(first, last):
        above, row, below = phi[max(y - 1, 0)], phi[y], phi[min(y + 1, height - 1)]
        total = 0.0
        for x in range(width):
            west, east = max(x - 1, 0), min(x + 1, width - 1)
            here, g = row[x], speed[y, x]
            back_x, ahead_x, back_y, ahead_y = (
                here - row[west],
                row[east] - here,
                here - above[x],
                below[x] - here,
            )
            in_x, in_y = (back_x + ahead_x) / 2, (back_y + ahead_y) / 2
            square = in_x * in_x + in_y * in_y
            cross = (below[east] - below[west] - above[east] + above[west]) / 4
            bend = (
                (ahead_x - back_x) * in_y * in_y - 2 * in_x * in_y * cross + (ahead_y - back_y) * in_x * in_x
            )
            # g |∇φ| κ; where φ is level, as on a hilltop, it tends to half the Laplacian
            change = g * (bend + 1e-4 * (ahead_x - back_x + ahead_y - back_y) / 2) / (square + 1e-4)
            change += balloon * g * _upwind(back_x, ahead_x, back_y, ahead_y, balloon > 0)
            change += slope[1, y, x] * (ahead_x if slope[1, y, x] > 0 else back_x)
            change += slope[0, y, x] * (ahead_y if slope[0, y, x] > 0 else back_y)
            new[y, x] = here + step * change
            away = abs(here) / math.sqrt(square + 1e-12)  # pixels to the outline
            if away < 1.5:
                total += g * (1 + math.cos(away * math.pi / 1.5)) / 3
        lengths[y] = total


@kernel
def _upwind(back_x, ahead_x, back_y, ahead_y, outwards):
    """|∇φ| from the differences towards the side that a contour moving out (or in) comes from."""
    if not outwards:
        back_x, ahead_x, back_y, ahead_y = -back_x, -ahead_x, -back_y, -ahead_y
    falls_x, rises_x = min(back_x, 0.0), max(ahead_x, 0.0)
    falls_y, rises_y = min(back_y, 0.0), max(ahead_y, 0.0)
    return math.sqrt(falls_x * falls_x + rises_x * rises_x + falls_y * falls_y + rises_y * rises_y)


def stable_step(speed, balloon=0.0):
    """The largest step of ``geodesic_contour``: in it, no pixel's new value outweighs its neighbours' old ones.

    1 / max(4g + √2 |c| g + |∂g/∂x| + |∂g/∂y|): diffusion at rate g and motion at those speeds reach the next pixel.
    """
    speed = _speed(speed)
    check_number("balloon", balloon, -math.inf)
    down, right = _slopes(speed)
    fastest = (speed * (4 + math.sqrt(2) * abs(balloon)) + abs(down) + abs(right)).max()
    return 1 / max(float(fastest), 1e-12)


def morphological_chan_vese(image, start=None, *, steps=100, smoothing=1, inside=1.0, outside=1.0, first=0):
    """Chan–Vese with a mask alone: pixels at the outline join the nearer mean, then the outline is smoothed.

    A small step of curvature flow is, in the limit, a median-like operator: the largest over four short lines of the
    least on each line (SI), and the other way round (IS). So no φ, no time step, no reinitialisation.

    1. The means inside and outside.
    2. A pixel beside the outline (its two neighbours in x, or in y, differ) goes where
       λ₁ (image − c₁)² and λ₂ (image − c₂)² send it.
    3. Smooth ``smoothing`` times, alternately SI after IS and IS after SI, lines of three pixels in four directions.

    Parameters: image (H, W), any real dtype; start, a mask or φ, None for ``checkerboard``; steps; smoothing, at least
    0, times a step; inside, outside: λ₁, λ₂, above 0; first, the smoothings done before, for whoever goes on from an
    earlier mask: ten steps, and ten more with first = 10 · smoothing, are twenty.
    Returns: bool (H, W). Raises TypeError or ValueError for bad arguments. Cost: about 30 operations a pixel and step.

    Equal to scikit-image's ``morphological_chan_vese`` in the first call of a process: there the alternation is shared
    by all calls, so that one with an odd number of smoothings changes what the next one returns. Outside the image
    counts as outside, as there.

    Reference: Márquez-Neila, Baumela & Alvarez, A morphological approach to curvature-based evolution of curves and
    surfaces, IEEE Transactions on Pattern Analysis and Machine Intelligence 36, 2014, doi:10.1109/TPAMI.2013.106.
    Lesson 06.
    """
    pixels = grey(image)
    mask = _framed(checkerboard(pixels.shape) if start is None else _start(start, pixels.shape) > 0)
    weights = _weights(0, inside, outside)[1:]
    _schedule(steps, smoothing, first)
    spare, sums = np.zeros_like(mask), np.empty((len(pixels), 3))
    for t in range(steps):
        by_rows(_side_sums, pixels.shape, pixels, mask, sums)
        count, within, without = sums.sum(axis=0)
        # 1e-8 is scikit-image's guard against an empty side; kept, so that ties fall alike
        means = within / (count + 1e-8), without / (pixels.size - count + 1e-8)
        _repeat_border(mask)
        by_rows(_join_nearer_mean, pixels.shape, pixels, mask, means, weights, spare)
        mask, spare = spare, mask
        mask, spare = _smooth(mask, spare, first + t * smoothing, smoothing)
    return mask[1:-1, 1:-1].astype(bool)


@kernel
def _side_sums(first, last, image, mask, sums):
    """Of each row: pixels inside, their sum, the sum of the others."""
    for y in range(first, last):
        row, inside = image[y], mask[y + 1, 1:]
        count = within = without = 0.0
        for x in range(row.size):
            count += inside[x]
            within += row[x] * inside[x]
            without += row[x] * (1 - inside[x])
        sums[y] = count, within, without


@kernel
def _join_nearer_mean(first, last, image, mask, means, weights, out):
    for y in range(first, last):
        row, above, here, below, result = image[y], mask[y], mask[y + 1], mask[y + 2], out[y + 1]
        for x in range(row.size):
            pull = weights[0] * (row[x] - means[0]) ** 2 - weights[1] * (row[x] - means[1]) ** 2
            at_outline = (above[x + 1] ^ below[x + 1]) | (here[x] ^ here[x + 2])
            side = (pull < 0) | ((pull == 0) & (here[x + 1] == 1))
            result[x + 1] = side if at_outline else here[x + 1]


def morphological_geodesic(
    speed, start=None, *, steps=100, smoothing=1, threshold=None, balloon=0.0, first=0
):
    """The geodesic contour with a mask alone: dilate or erode for the balloon, follow the slope, smooth.

    1. Where ``speed`` · |balloon| is above the threshold, that is away from edges, dilate by a 3 × 3 square (erode,
       for a negative balloon).
    2. A pixel at the outline goes inside or outside as ∇speed · ∇mask is positive or negative: into the valley.
    3. Smooth as ``morphological_chan_vese`` does.

    Parameters: speed (H, W), small on edges, see ``edge_stopping``; start, a mask or φ, None for ``disk_mask``; steps;
    smoothing; threshold, None for the speed that 40 % of the pixels are below; balloon, its sign and, with the
    threshold, its reach; first, as for ``morphological_chan_vese``.
    Returns: bool (H, W), equal to scikit-image's ``morphological_geodesic_active_contour`` as there.
    Raises TypeError or ValueError for bad arguments. Cost: about 40 operations a pixel and step.

    Reference: Márquez-Neila, Baumela & Alvarez, as there. Lesson 06.
    """
    speed = grey(speed, "speed").astype(np.float64)
    mask = _framed(disk_mask(speed.shape) if start is None else _start(start, speed.shape) > 0)
    threshold = np.percentile(speed, 40) if threshold is None else threshold
    check_number("threshold", threshold, -math.inf)
    check_number("balloon", balloon, -math.inf)
    _schedule(steps, smoothing, first)
    slope, spare = _slopes(speed), np.zeros_like(mask)
    for t in range(steps):
        if balloon:
            by_rows(_blow, speed.shape, speed > threshold / abs(balloon), mask, balloon > 0, spare)
            mask, spare = spare, mask
        _repeat_border(mask)
        by_rows(_follow_slope, speed.shape, slope, mask, spare)
        mask, spare = spare, mask
        mask, spare = _smooth(mask, spare, first + t * smoothing, smoothing)
    return mask[1:-1, 1:-1].astype(bool)


@kernel
def _blow(first, last, free, mask, outwards, out):
    for y in range(first, last):
        above, here, below, result = mask[y], mask[y + 1], mask[y + 2], out[y + 1]
        for x in range(free.shape[1]):
            if not free[y, x]:
                blown = here[x + 1]
            elif outwards:
                blown = above[x] | above[x + 1] | above[x + 2] | here[x] | here[x + 1]
                blown |= here[x + 2] | below[x] | below[x + 1] | below[x + 2]
            else:
                blown = above[x] & above[x + 1] & above[x + 2] & here[x] & here[x + 1]
                blown &= here[x + 2] & below[x] & below[x + 1] & below[x + 2]
            result[x + 1] = blown


@kernel
def _follow_slope(first, last, slope, mask, out):
    height, width = slope.shape[1:]
    for y in range(first, last):
        above, here, below, result = mask[y], mask[y + 1], mask[y + 2], out[y + 1]
        half_y = 1.0 if y == 0 or y == height - 1 else 0.5  # differences are one-sided at the border
        for x in range(width):
            result[x + 1] = here[x + 1]
            if above[x + 1] != below[x + 1] or here[x] != here[x + 2]:
                half_x = 1.0 if x == 0 or x == width - 1 else 0.5
                down = half_y * (np.float64(below[x + 1]) - np.float64(above[x + 1]))
                right = half_x * (np.float64(here[x + 2]) - np.float64(here[x]))
                pull = slope[0, y, x] * down + slope[1, y, x] * right
                if pull != 0:
                    result[x + 1] = pull > 0


def _smooth(mask, spare, done, times):
    """Alternate SI∘IS and IS∘SI on framed masks; (the smoothed one, a spare one)."""
    shape = mask.shape[0] - 2, mask.shape[1] - 2
    for n in range(done, done + times):
        for largest_of_least in (n % 2 == 1, n % 2 == 0):  # IS first, or SI first
            _clear_border(mask)
            by_rows(_lines, shape, mask, largest_of_least, spare)
            mask, spare = spare, mask
    return mask, spare


@kernel
def _lines(first, last, mask, largest_of_least, out):
    for y in range(first, last):
        above, here, below, result = mask[y], mask[y + 1], mask[y + 2], out[y + 1]
        flip = np.uint8(0 if largest_of_least else 1)  # least of largest is the same of the complement
        for x in range(here.size - 2):
            rows = (above[x + 1] ^ flip) & (below[x + 1] ^ flip)
            columns = (here[x] ^ flip) & (here[x + 2] ^ flip)
            falling = (above[x] ^ flip) & (below[x + 2] ^ flip)
            rising = (above[x + 2] ^ flip) & (below[x] ^ flip)
            result[x + 1] = ((here[x + 1] ^ flip) & (rows | columns | falling | rising)) ^ flip


def _framed(mask):
    """uint8 (H + 2, W + 2): the mask in a frame one pixel wide, of 0."""
    return np.pad(mask, 1).view(np.uint8)


def _clear_border(framed):
    framed[0] = framed[-1] = framed[:, 0] = framed[:, -1] = 0


def _repeat_border(framed):
    """Let the frame repeat the image's outermost pixels, so that a difference across them is one-sided."""
    framed[0], framed[-1] = framed[1], framed[-2]
    framed[:, 0], framed[:, -1] = framed[:, 1], framed[:, -2]


def _slopes(values):
    """Central differences (2, H, W) down and right; one-sided at the border, 0 along a side of one pixel."""
    parts = [
        np.gradient(values, axis=axis) if size > 1 else np.zeros_like(values)
        for axis, size in enumerate(values.shape)
    ]
    return np.stack(parts)


def _stretched(image):
    """float64 image with its least value at 0 and its greatest at 1; all 0 if it is constant."""
    pixels, least, greatest = grey_range(image)
    if pixels.dtype == np.uint8:
        least, greatest = pixels.min(), pixels.max()
    span = float(greatest) - float(least)
    return (pixels.astype(np.float64) - float(least)) / (span if span > 0 else 1.0)


def _start(start, shape):
    """φ, float64 of that shape: a mask's signed distance, or a φ as it is, copied."""
    if np.asarray(start).dtype == bool:
        start = signed_distance(start)
    phi = _phi(start, "start")
    if phi.shape != shape:
        raise ValueError(f"start must have the image's shape {shape}, but has shape {phi.shape}")
    return phi


def _phi(values, name):
    """float64 copy; of a mask, ±½, so that its outline lies midway between pixels."""
    array = grey(values, name)
    return array - 0.5 if np.asarray(values).dtype == bool else array.astype(np.float64)


def _speed(speed):
    array, least, _ = grey_range(speed, "speed")
    if least < 0:
        raise ValueError(f"speed must not be negative, but its least value is {least}")
    return array.astype(np.float64)


def _weights(mu, inside, outside):
    check_number("mu", mu, 0)
    check_positive("inside", inside)
    check_positive("outside", outside)
    return float(mu), float(inside), float(outside)


def _schedule(steps, smoothing, first):
    for name, value in (("steps", steps), ("smoothing", smoothing), ("first", first)):
        check_count(name, value)


def _shape(shape):
    if len(shape) != 2 or not all(isinstance(side, int | np.integer) and side > 0 for side in shape):
        raise ValueError(f"shape must be two whole numbers (H, W) above 0, not {shape!r}")
    return shape
