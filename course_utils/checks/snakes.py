"""The exercises of lesson 06: snakes and level sets."""

import numpy as np

from course_utils.checks.framework import Exercise, Mistake, Property, small_images

# ---------------------------------------------------------------------------------------- inner energy


def inner_energy(points, alpha, beta):
    ahead, behind = np.roll(points, -1, axis=0), np.roll(points, 1, axis=0)
    stretch = ((ahead - points) ** 2).sum()
    bend = ((ahead - 2 * points + behind) ** 2).sum()
    return float(alpha * stretch + beta * bend) / 2


def _open_chain(points, alpha, beta):
    stretch, bend = (np.diff(points, n, axis=0) for n in (1, 2))
    return float(alpha * (stretch**2).sum() + beta * (bend**2).sum()) / 2


def _no_half(points, alpha, beta):
    return 2 * inner_energy(points, alpha, beta)


def _weights_swapped(points, alpha, beta):
    return inner_energy(points, beta, alpha)


def _lengths(points, alpha, beta):
    ahead, behind = np.roll(points, -1, axis=0), np.roll(points, 1, axis=0)
    stretch = np.hypot(*(ahead - points).T).sum()
    bend = np.hypot(*(ahead - 2 * points + behind).T).sum()
    return float(alpha * stretch + beta * bend) / 2


def _bend_is_slope(points, alpha, beta):
    ahead, behind = np.roll(points, -1, axis=0), np.roll(points, 1, axis=0)
    return float(alpha * ((ahead - points) ** 2).sum() + beta * ((ahead - behind) ** 2).sum()) / 2


def _bend_adds(points, alpha, beta):
    ahead, behind = np.roll(points, -1, axis=0), np.roll(points, 1, axis=0)
    return float(alpha * ((ahead - points) ** 2).sum() + beta * ((ahead + behind - points) ** 2).sum()) / 2


def _flat_roll(points, alpha, beta):
    ahead, behind = np.roll(points, -1), np.roll(points, 1)
    stretch = ((ahead - points) ** 2).sum()
    return float(alpha * stretch + beta * ((ahead - 2 * points + behind) ** 2).sum()) / 2


def _no_beta(points, alpha, beta):
    return inner_energy(points, alpha, 0.0)


def _half_of_one(points, alpha, beta):
    return inner_energy(points, alpha, 2 * beta)


def _half_of_the_other(points, alpha, beta):
    return inner_energy(points, 2 * alpha, beta)


def _mean_for_sum(points, alpha, beta):
    return inner_energy(points, alpha, beta) / (2 * len(points))


def _mean_over_points(points, alpha, beta):
    return inner_energy(points, alpha, beta) / len(points)


def _one_column(column):
    return lambda points, alpha, beta: inner_energy(points[:, [column]], alpha, beta)


def _sum_then_square(points, alpha, beta):
    ahead, behind = np.roll(points, -1, axis=0), np.roll(points, 1, axis=0)
    stretch, bend = (ahead - points).sum() ** 2, (ahead - 2 * points + behind).sum() ** 2
    return float(alpha * stretch + beta * bend) / 2


ARROW = np.array([[0, 0], [0, 6], [6, 6], [2, 4]])


def _contours(rng):
    return [(rng.integers(0, 9, (n, 2)), *rng.integers(0, 5, 2) / 4) for n in (3, 4, 5, 6, 7, 8)]


INNER_ENERGY = Exercise(
    slug="inner-energy",
    lesson="06",
    title="The energy of the inside of a snake",
    minutes=5,
    points=2,
    hints=(
        "Row i of `ahead` is p[i + 1], row i of `behind` is p[i − 1]. Which difference of these arrays holds all "
        "the p[i + 1] − p[i] at once, and which the second differences?",
        "The squared length of a row is the sum of its squared entries, so the sum over all points is the sum over "
        "the whole array of squares.",
        "`stretch = ((ahead - points) ** 2).sum()`; the bend is the same with `ahead - 2 * points + behind`.",
    ),
    reference=inner_energy,
    properties=(
        Property("is right for the arrow of the worked example, with α alone", [(ARROW, 0.5, 0.0)]),
        Property("is right for the arrow with β alone", [(ARROW, 0.0, 0.5)]),
        Property("is right for other contours", _contours, weight=2),
        Property("is 0 where all points lie in one place", [(np.full((5, 2), 3.0), 1.0, 1.0)], weight=0.2),
    ),
    mistakes=(
        Mistake(
            "open chain",
            _open_chain,
            "Your chain is open: the piece from the last point back to the first is missing. Of n points a "
            "closed contour "
            "has n stretches and n bends.",
        ),
        Mistake("no half", _no_half, "The factor ½ in front of the sum is missing."),
        Mistake(
            "weights swapped",
            _weights_swapped,
            "α and β have changed places: α weighs the differences of neighbours, β the second differences.",
        ),
        Mistake(
            "lengths for squares",
            _lengths,
            "You add lengths. The energy adds *squared* lengths: that is what makes its derivative linear in "
            "the points.",
        ),
        Mistake(
            "slope for bend",
            _bend_is_slope,
            "Your bend is p[i + 1] − p[i − 1], which is a slope over two steps. On a straight line a bend is "
            "zero: subtract "
            "the point itself twice.",
        ),
        Mistake(
            "one times the middle",
            _bend_adds,
            "In the bend the middle point counts twice: 1, −2, 1. As it is, a straight line would bend.",
        ),
        Mistake("β forgotten", _no_beta, "There is no bending in your energy: the term with β is missing."),
        Mistake(
            "half of one term",
            _half_of_one,
            "Only one of your two sums is halved: the ½ stands before both, (α · stretch + β · bend) / 2.",
        ),
        Mistake(
            "half of the other term",
            _half_of_the_other,
            "Your term with α is twice too large: the ½ stands before both sums, and each side of the contour counts "
            "once.",
        ),
        *[
            Mistake(name, wrong, "You take means. The energy *adds* over the points (and over y and x).")
            for name, wrong in (
                ("means for sums", _mean_for_sum),
                ("mean over the points", _mean_over_points),
            )
        ],
        *[
            Mistake(
                f"{name} alone",
                _one_column(column),
                "One of the two columns is missing: a squared length is dy² + dx².",
            )
            for column, name in enumerate("yx")
        ],
        Mistake(
            "squared after the sum",
            _sum_then_square,
            "You add first and square then: round a closed contour the differences add up to 0. Square each, then add.",
        ),
        Mistake(
            "rolled without an axis",
            _flat_roll,
            "`np.roll` without `axis=0` rolls the flattened array, so y meets x. Roll the rows.",
        ),
    ),
)

# --------------------------------------------------------------------------------------- implicit step


def implicit_step(points, force, alpha, beta, step):
    return np.linalg.solve(
        np.eye(len(points)) + step * _matrix(len(points), alpha, beta), points + step * force
    )


def _matrix(count, alpha, beta):
    one = np.eye(count)
    second = 2 * one - np.roll(one, 1, axis=1) - np.roll(one, -1, axis=1)
    return alpha * second + beta * second @ second


def _explicit(points, force, alpha, beta, step):
    return points + step * (force - _matrix(len(points), alpha, beta) @ points)


def _force_unscaled(points, force, alpha, beta, step):
    return np.linalg.solve(np.eye(len(points)) + step * _matrix(len(points), alpha, beta), points + force)


def _matrix_unscaled(points, force, alpha, beta, step):
    return np.linalg.solve(np.eye(len(points)) + _matrix(len(points), alpha, beta), points + step * force)


def _downhill_twice(points, force, alpha, beta, step):
    return np.linalg.solve(
        np.eye(len(points)) + step * _matrix(len(points), alpha, beta), points - step * force
    )


def _wrong_sign_of_matrix(points, force, alpha, beta, step):
    return np.linalg.solve(
        np.eye(len(points)) - step * _matrix(len(points), alpha, beta), points + step * force
    )


def _multiplied(points, force, alpha, beta, step):
    return (np.eye(len(points)) + step * _matrix(len(points), alpha, beta)) @ (points + step * force)


def _open_matrix(points, force, alpha, beta, step):
    count = len(points)
    second = 2 * np.eye(count) - np.eye(count, k=1) - np.eye(count, k=-1)
    matrix = alpha * second + beta * second @ second
    return np.linalg.solve(np.eye(count) + step * matrix, points + step * force)


def _beta_not_squared(points, force, alpha, beta, step):
    return implicit_step(points, force, alpha + beta, 0.0, step)


def _stiff_sign(points, force, alpha, beta, step):
    count = len(points)
    second = 2 * np.eye(count) - np.roll(np.eye(count), 1, axis=1) - np.roll(np.eye(count), -1, axis=1)
    matrix = alpha * second - beta * second @ second
    return np.linalg.solve(np.eye(count) + step * matrix, points + step * force)


def _twice(points, force, alpha, beta, step):
    return implicit_step(points, force, 2 * alpha, 2 * beta, step)


def _system(points, force, step, matrix):
    return np.linalg.solve(np.eye(len(points)) + step * matrix, points + step * force)


def _entrywise_square(points, force, alpha, beta, step):
    second = _matrix(len(points), 1.0, 0.0)
    return _system(points, force, step, alpha * second + beta * second**2)


def _tension_alone(points, force, alpha, beta, step):
    return implicit_step(points, force, alpha, 0.0, step)


def _weights_of_the_matrix_swapped(points, force, alpha, beta, step):
    return implicit_step(points, force, beta, alpha, step)


def _no_force(points, force, alpha, beta, step):
    return implicit_step(points, 0 * force, alpha, beta, step)


def _move_alone(points, force, alpha, beta, step):
    return implicit_step(points, force, alpha, beta, step) - points


def _no_identity(points, force, alpha, beta, step):
    return np.linalg.solve(step * _matrix(len(points), alpha, beta), points + step * force)


def _no_identity_pinv(points, force, alpha, beta, step):
    """The pseudoinverse does not stop at a singular matrix."""
    return np.linalg.pinv(step * _matrix(len(points), alpha, beta)) @ (points + step * force)


def _one_everywhere(points, force, alpha, beta, step):
    return np.linalg.solve(1 + step * _matrix(len(points), alpha, beta), points + step * force)


def _flat_matrix(points, force, alpha, beta, step):
    one = np.eye(len(points))
    second = 2 * one - np.roll(one, 1) - np.roll(one, -1)
    return _system(points, force, step, alpha * second + beta * second @ second)


def _alpha_in_bending(power):
    return lambda points, force, alpha, beta, step: implicit_step(
        points, force, alpha, beta * alpha**power, step
    )


def _force_afterwards(points, force, alpha, beta, step):
    return implicit_step(points, 0 * force, alpha, beta, step) + step * force


def _open_stiffness(points, force, alpha, beta, step):
    """The corners are there for α, but not all of those of β."""
    one = np.eye(len(points))
    beside = np.roll(one, 1, axis=1) + np.roll(one, -1, axis=1)
    beyond = np.eye(len(points), k=2) + np.eye(len(points), k=-2)
    matrix = alpha * (2 * one - beside) + beta * (6 * one - 4 * beside + beyond)
    return _system(points, force, step, matrix)


def _chains(rng):
    return [
        (
            rng.integers(0, 20, (n, 2)).astype(float),
            rng.normal(size=(n, 2)).round(2),
            *rng.choice([0.1, 0.2, 0.5, 1.0], 2),
            float(rng.choice([0.2, 0.5, 2.0])),
        )
        for n in (5, 5, 6, 7, 9, 12)
    ]


_RING = np.array([[0, 4], [3, 3], [4, 0], [3, -3], [0, -4], [-3, -3], [-4, 0], [-3, 3.0]])

IMPLICIT_STEP = Exercise(
    slug="implicit-step",
    lesson="06",
    title="One semi-implicit step",
    minutes=12,
    points=4,
    hints=(
        "Three things: the matrix A, the system I + step · A, and `np.linalg.solve` with points + step · "
        "force on the right.",
        "With `one = np.eye(n)`, `D = 2 * one - np.roll(one, 1, axis=1) - np.roll(one, -1, axis=1)` is the "
        "matrix of α = 1. "
        "Bending is the same operation twice: `D @ D`.",
        "`np.linalg.solve(np.eye(n) + step * (alpha * D + beta * D @ D), points + step * force)`",
    ),
    reference=implicit_step,
    properties=(
        Property("is right for a small ring without force", [(_RING, np.zeros((8, 2)), 0.5, 0.0, 0.25)]),
        Property("is right for the ring with a force and with β", [(_RING, _RING[::-1] / 4, 0.25, 0.5, 0.5)]),
        Property("is right for other contours", _chains, weight=2),
        Property(
            "moves points freely when α and β are 0", [(_RING, np.ones((8, 2)), 0.0, 0.0, 2.0)], weight=0.5
        ),
        Property("is right at a step of a thousand", [(_RING, np.zeros((8, 2)), 0.5, 0.5, 1000.0)]),
    ),
    mistakes=(
        Mistake(
            "explicit",
            _explicit,
            "That is the *explicit* step: the stiffness is taken at the old points. Ask for it at the new "
            "ones: a linear "
            "system, with the old points and the force on its right-hand side.",
        ),
        Mistake(
            "force not scaled",
            _force_unscaled,
            "The force is not multiplied by the step; the stiffness is.",
        ),
        Mistake(
            "matrix not scaled",
            _matrix_unscaled,
            "The matrix is not multiplied by the step: it should be I + step · A.",
        ),
        Mistake(
            "against the force",
            _downhill_twice,
            "Your points go against the force. `force` points downhill already (it is −∇P): add it.",
        ),
        Mistake(
            "minus A",
            _wrong_sign_of_matrix,
            "You solve with I − step · A: then the rubber band pushes its points apart. Bring the new points "
            "to one side of "
            "q = p + step · (F − A q) once more.",
        ),
        Mistake(
            "multiplied",
            _multiplied,
            "You multiply by I + step · A. The new points are what this matrix has to be multiplied by to "
            "give the old: solve.",
        ),
        Mistake(
            "open matrix",
            _open_matrix,
            "The corners of your matrix are empty: first and last point are not joined. `np.roll` of the "
            "unit matrix goes round "
            "the corner, `np.eye(n, k=1)` does not.",
        ),
        Mistake(
            "twice the stiffness",
            _twice,
            "Your stiffness is twice too large: the ½ of the energy has gone into its derivative already, as "
            "A = α (2, −1, −1) shows.",
        ),
        Mistake(
            "half the stiffness",
            lambda points, force, alpha, beta, step: implicit_step(points, force, alpha / 2, beta / 2, step),
            "Your stiffness is half of what it should be: deriving a square gives a 2, which uses up the energy's ½.",
        ),
        Mistake(
            "squares of entries",
            _entrywise_square,
            "`D**2` squares the entries one by one. Bending twice is the matrix *product* of D with itself.",
        ),
        Mistake(
            "β forgotten", _tension_alone, "There is no stiffness in your system: the matrix of β is missing."
        ),
        Mistake(
            "α and β swapped",
            _weights_of_the_matrix_swapped,
            "α and β have changed places: α weighs the matrix of first differences, β its product with itself.",
        ),
        Mistake(
            "force ignored", _no_force, "Your points do not feel the force: it stands on the right-hand side."
        ),
        Mistake(
            "only the move",
            _move_alone,
            "You return how far the points move. Asked for are the new points themselves.",
        ),
        *[
            Mistake(
                name,
                wrong,
                "The I is missing in I + step · A. Without it the matrix is singular: moving all points alike costs "
                "no energy.",
            )
            for name, wrong in (
                ("no identity", _no_identity),
                ("no identity, pseudoinverse", _no_identity_pinv),
            )
        ],
        Mistake(
            "one in every entry",
            _one_everywhere,
            "`1 + step * A` adds one to *every* entry. The unit matrix has ones on its diagonal only.",
        ),
        Mistake(
            "rolled without an axis",
            _flat_matrix,
            "Your matrix is that of an open chain: no corners, and a 1 for the first and the last 2. `np.roll` without "
            "an axis makes it so, for it rolls the flattened matrix: say `axis=1`.",
        ),
        Mistake(
            "force after solving",
            _force_afterwards,
            "You add the force after solving. It stands on the right-hand side, so that the stiffness spreads it, too.",
        ),
        *[
            Mistake(
                name,
                _alpha_in_bending(power),
                "α has got into the matrix of β. Bending is the product of the plain matrix (2, −1, −1) with itself.",
            )
            for power, name in ((1, "α in one factor"), (2, "α in both factors"))
        ],
        Mistake(
            "corners for α alone",
            _open_stiffness,
            "The corners are right for α, but those of β are empty: bending goes round the end, too, over two points.",
        ),
        Mistake(
            "stiffness like tension",
            _beta_not_squared,
            "β has the matrix of α here. Bending is a *second* difference: its matrix is the product of that "
            "matrix with itself.",
        ),
        Mistake(
            "sign of β",
            _stiff_sign,
            "The bending has the wrong sign: with β alone your matrix has negative eigenvalues and wiggles grow.",
        ),
    ),
)

# ----------------------------------------------------------------------------------------- region force


def region_force(image, phi):
    inside = phi > 0
    c1, c2 = _mean(image[inside]), _mean(image[~inside])
    return (image - c2) ** 2 - (image - c1) ** 2


def _mean(values):
    return float(values.mean()) if values.size else 0.0


def _sides_swapped(image, phi):
    return -region_force(image, phi)


def _absolute(image, phi):
    inside = phi > 0
    return np.abs(image - _mean(image[~inside])) - np.abs(image - _mean(image[inside]))


def _outline_only(image, phi):
    """Only pixels with a neighbour of the other sign move."""
    inside = np.pad(phi > 0, 1, mode="edge")
    centre = inside[1:-1, 1:-1]
    beside = [inside[:-2, 1:-1], inside[2:, 1:-1], inside[1:-1, :-2], inside[1:-1, 2:]]
    return np.where(np.any([side != centre for side in beside], axis=0), region_force(image, phi), 0.0)


def _edge_force(image, phi):
    """Steepness, as a snake would have it."""
    slopes = [np.gradient(image, axis=a) if image.shape[a] > 1 else np.zeros(image.shape) for a in (0, 1)]
    return slopes[0] ** 2 + slopes[1] ** 2


def _mean_of_all(image, phi):
    inside = phi > 0
    return (image - image.mean()) ** 2 - (image - _mean(image[inside])) ** 2


def _zero_is_inside(image, phi):
    inside = phi >= 0
    return (image - _mean(image[~inside])) ** 2 - (image - _mean(image[inside])) ** 2


def _weighted_by_phi(image, phi):
    inside = np.maximum(phi, 0)
    outside = np.maximum(-phi, 0)
    c1, c2 = ((image * w).sum() / w.sum() if w.sum() else 0.0 for w in (inside, outside))
    return (image - c2) ** 2 - (image - c1) ** 2


def _product_means(image, phi):
    inside = phi > 0
    c1, c2 = (image * inside).mean(), (image * ~inside).mean()
    return (image - c2) ** 2 - (image - c1) ** 2


def _nan_side(image, phi):
    inside = phi > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        c1, c2 = image[inside].sum() / inside.sum(), image[~inside].sum() / (~inside).sum()
    return (image - c2) ** 2 - (image - c1) ** 2


def _one_side_safe(checked):
    """The mean of an empty side is 0 for one side only: checked is 1 for the inside, 0 for the outside."""

    def region_force(image, phi):
        sides = [image[phi <= 0], image[phi > 0]]
        means = [_mean(side) if side.size or k == checked else np.nan for k, side in enumerate(sides)]
        return (image - means[0]) ** 2 - (image - means[1]) ** 2

    return region_force


def _no_force_without_both(image, phi):
    return np.nan_to_num(_nan_side(image, phi))


def _zero_on_neither_side(image, phi):
    return (image - _mean(image[phi < 0])) ** 2 - (image - _mean(image[phi > 0])) ** 2


def _whole_means(image, phi):
    c1, c2 = int(_mean(image[phi > 0])), int(_mean(image[phi <= 0]))
    return (image - c2) ** 2 - (image - c1) ** 2


_ROW = np.array([[9.0, 8, 2, 1, 2, 7]]), np.array([[1.0, 2, 0.5, -1, -2, -3]])
_SQUARE = np.array([[0.1, 0.2, 0.9], [0.2, 0.8, 0.7], [0.1, 0.3, 0.2], [0.6, 0.1, 0.0]])


def _levels(rng):
    return [(image, rng.integers(-3, 4, image.shape).astype(float)) for image in small_images(rng, 10, 6, 9)]


def _with_delta(image, phi):
    return region_force(image, phi) / (np.pi * (1 + phi**2))


REGION_FORCE = Exercise(
    slug="region-force",
    lesson="06",
    title="Repair the region force",
    minutes=7,
    points=3,
    hints=(
        "Try it on the row of the worked example, 9 8 2 1 2 7. Which means do you expect, and which does the "
        "colleague have?",
        "`(image * within).mean()` divides by the number of *all* pixels. And which sign has the force on a "
        "pixel that is like "
        "the inside?",
        "Take `image[within].mean()` and `image[~within].mean()`, and the distance to the *outside's* mean first.",
    ),
    reference=region_force,
    properties=(
        Property("is right on the row of the worked example", [_ROW]),
        Property("is right on other pictures", _levels, weight=2),
        Property(
            "moves a pixel far from the outline, too",
            [(_SQUARE, np.array([[5.0, 4, 3], [4, 3, 2], [3, 2, 1], [2, 1, -1]]))],
        ),
        Property(
            "takes φ = 0 for outside", [(np.array([[0.2, 0.4, 0.9]]), np.array([[-1.0, 0, 1]]))], weight=0.5
        ),
        Property(
            "is right where one side is empty",
            [
                (np.array([[0.2, 0.4]]), np.array([[1.0, 2]])),
                (np.array([[0.2, 0.4]]), np.array([[-1.0, -2]])),
            ],
            weight=0.5,
        ),
    ),
    mistakes=(
        Mistake(
            "sides swapped",
            _sides_swapped,
            "The sign is turned round: a pixel that is like the inside should be *lifted* (positive), for "
            "inside is where φ > 0.",
        ),
        Mistake(
            "means of the product",
            _product_means,
            "Your means are too small: `(image * within).mean()` counts the other side as zeros and divides "
            "by all pixels.",
        ),
        Mistake(
            "only the outline",
            _outline_only,
            "You moved only the pixels beside the outline. In Chan–Vese every pixel compares itself with the "
            "two means, wherever "
            "it lies: that is how a new part can be born.",
            throughout=True,
        ),
        Mistake(
            "an edge force",
            _edge_force,
            "That is the steepness of the picture. Chan–Vese needs no edges: it asks which of the two means "
            "a pixel is nearer to.",
        ),
        Mistake(
            "absolute values",
            _absolute,
            "You compare distances; the energy is made of *squared* distances, and its derivative has their "
            "difference.",
        ),
        Mistake(
            "mean of all",
            _mean_of_all,
            "One of your means is that of the whole picture. Each side has its own.",
        ),
        Mistake(
            "weighted by phi",
            _weighted_by_phi,
            "You weight the pixels by the height of φ. Only its sign says where a pixel belongs; each counts once.",
        ),
        Mistake(
            "δ multiplied in",
            _with_delta,
            "You multiplied by δ(φ). This function is the force of the regions alone; δ comes later.",
        ),
        Mistake("zero inside", _zero_is_inside, "Where φ is 0 a pixel is outside: inside is φ > 0."),
        Mistake(
            "empty side",
            _nan_side,
            "There is a nan: the mean of an empty side is 0 / 0. The contract asks for 0 then.",
        ),
        *[
            Mistake(
                f"empty {name} alone handled",
                _one_side_safe(checked),
                "One empty side is handled, the mean of the other is still 0 / 0: ask `within.any()` *and* "
                "`(~within).any()`.",
            )
            for checked, name in enumerate(("outside", "inside"))
        ],
        Mistake(
            "no force without both sides",
            _no_force_without_both,
            "Where one side is empty your force is 0 everywhere. It is the *mean* of the empty side that counts as 0; "
            "the other side has its own, and the pixels are compared as ever.",
        ),
        Mistake(
            "zero on neither side",
            _zero_on_neither_side,
            "Pixels where φ is 0 are in neither of your means. Outside is all that is not inside: `~within`.",
        ),
        Mistake(
            "whole numbers",
            _whole_means,
            "Your means are whole numbers: what comes after the point is cut off. Leave out the `int`.",
            throughout=True,
        ),
    ),
)

# ------------------------------------------------------------------------------------------- split


def split(points, near, gap):
    count = len(points)
    parts = np.zeros(count, int)
    best, cut = near, None
    for i in range(count):
        for j in range(i + gap, min(count, i + count - gap + 1)):
            distance = np.hypot(*(points[i] - points[j]))
            if distance < best:
                best, cut = distance, (i, j)
    if cut:
        parts[cut[0] : cut[1]] = 1
    return parts


def _splitter(distance=lambda d: np.hypot(*d), cyclic=True, first=False, after=0, at_most=False):
    """A wrong `split` with another distance, no look round the corner, the first pair for the nearest, shifted cuts."""

    def split(points, near, gap):
        count = len(points)
        parts, best, cut = np.zeros(count, int), near, None
        for i in range(count):
            for j in range(i + gap, min(count, i + count - gap + 1) if cyclic else count):
                length = distance(points[i] - points[j])
                if (length <= best if at_most else length < best) and not (first and cut):
                    best, cut = length, (i, j)
        if cut:
            parts[cut[0] + after : cut[1] + after] = 1
        return parts

    return split


def _pairs(chosen, cut=slice):
    """A wrong `split` that takes other pairs: chosen(i, j, n, gap) says which."""

    def split(points, near, gap):
        n = len(points)
        parts, best, at = np.zeros(n, int), near, None
        for i in range(n):
            for j in range(i + 1, n):
                if chosen(i, j, n, gap) and (d := np.hypot(*(points[i] - points[j]))) < best:
                    best, at = d, (i, j)
        if at:
            parts[cut(*at)] = 1
        return parts

    return split


def _chosen_by(distance):
    """A wrong `split` that finds the nearest pair by another distance, and compares the straight one with near."""

    def split(points, near, gap):
        n = len(points)
        parts = np.zeros(n, int)
        pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if _far(i, j, n, gap)]
        if pairs:
            i, j = min(pairs, key=lambda pair: distance(points[pair[0]] - points[pair[1]]))
            parts[i:j] = np.hypot(*(points[i] - points[j])) < near
        return parts

    return split


def _city_block(difference):
    return np.abs(difference).sum()


def _chessboard(difference):
    return np.abs(difference).max()


def _far(i, j, n, gap):
    return j - i >= gap and n - (j - i) >= gap


def _fixed(gap):
    return lambda points, near, _: split(points, near, gap)


def _two_and_one(points, near, gap):
    parts = split(points, near, gap)
    return 2 - parts if parts.any() else parts


def _crashes_without_pairs(points, near, gap):
    n = len(points)
    pairs = [
        (np.hypot(*(points[i] - points[j])), i, j)
        for i in range(n)
        for j in range(n)
        if i < j and _far(i, j, n, gap)
    ]
    best, i, j = min(pairs)
    parts = np.zeros(n, int)
    if best < near:
        parts[i:j] = 1
    return parts


def _never(points, near, gap):
    return np.zeros(len(points), int)


def _both_ends(points, near, gap):
    parts = split(points, near, gap)
    if parts.any():
        parts[np.flatnonzero(parts)[-1] + 1] = 1
    return parts


def _ignores_near(points, near, gap):
    return split(points, np.inf, gap)


def _other_part(points, near, gap):
    parts = split(points, near, gap)
    return 1 - parts if parts.any() else parts


_EIGHT = np.array([[3, 0], [0, 3], [2.6, 6], [0, 9], [3, 12], [6, 9], [3.4, 6], [6, 3]])
_ROUND = np.array([[0, 4], [3, 3], [4, 0], [3, -3], [0, -4], [-3, -3], [-4, 0], [-3, 3.0]])
_CLOSE_ENDS = np.array(
    [[0, 0.1], [0, 3], [3, 6], [6, 3], [6, 0], [3, -3], [0, -0.1]]
)  # first and last are neighbours
# two pinches: the wider one comes first in the row
_THREE = np.array(
    [
        [3, 0],
        [0, 3],
        [2.3, 6],
        [0, 9],
        [2.8, 12],
        [0, 15],
        [3, 18],
        [6, 15],
        [3.2, 12],
        [6, 9],
        [3.7, 6],
        [6, 3],
    ]
)
_SLANT = np.array(
    [[0, 0], [0, 5], [2.4, 6.4], [0, 9], [6, 11], [6, 7], [3.2, 7.2], [6, 4]]
)  # pinch of 1.13, or 1.6 along the axes, or 0.8 along the longer one


def _random_rings(rng):
    """Rings with a waist of random width, turned so that the waist may lie anywhere in the row."""
    cases = []
    for n in (8, 10, 12, 14):
        angle = np.arange(n) / n * 2 * np.pi
        waist = 0.15 + 0.2 * rng.random()
        ring = np.stack([(waist + np.cos(angle) ** 2) * np.sin(angle) * 4, 9 * np.cos(angle)], axis=1)
        ring += rng.normal(0, 0.05, ring.shape)
        cases.append(
            (np.roll(ring, int(rng.integers(n)), axis=0).round(2), float(rng.choice([0.5, 2.0, 3.0])), 3)
        )
    return cases


# the nearest pair of all is 2 steps apart, the next 3, the next 4: so the answer tells which gap was asked for
_SPIKES = np.array(
    [[0, 0], [-4, 4], [0, 0.5], [-4, 9], [-4, 13], [0, 20], [-4, 24], [-4, 28], [-4, 32], [0, 21], [9, 32], [9, 20],
     [3, 9], [9, 12], [9, 8], [3.8, 9], [9, 0]]
)  # fmt: skip
# the waist that is nearest in a straight line is not the one that is nearest along the axes
_CROSS = _THREE.copy()
_CROSS[[2, 10, 4, 8]] = [2.2, 6], [3.8, 6], [2.5, 11.5], [3.5, 12.5]
# … nor the one whose larger coordinate difference is least (0.9 for a distance of 1.27; the nearest is 1.1 apart)
_DIAGONAL = _THREE.copy()
_DIAGONAL[[2, 10, 4, 8]] = [2.45, 6], [3.55, 6], [2.5, 11.6], [3.4, 12.5]
_FIRST = np.roll(_EIGHT, -2, axis=0)  # the waist joins the first point with another
_LAST = np.roll(_EIGHT, 1, axis=0)  # … and the last
_EXACT = np.array([[3, 0], [0, 3], [2, 6], [0, 9], [3, 12], [6, 9], [3, 6], [6, 3]])  # a waist of 1 exactly


def _gaps(rng):
    return [(_SPIKES, 2.0, gap) for gap in (2, 3, 4, 5)] + [(_EIGHT, 1.0, gap) for gap in (1, 4)]


SPLIT_SNAKE = Exercise(
    slug="split-snake",
    lesson="06",
    title="Snake surgery",
    minutes=10,
    points=4,
    hints=(
        "Two loops over i < j, or one table of all distances, `np.hypot(*(points[:, None] - "
        "points[None]).transpose(2, 0, 1))`.",
        "Along the chain it is j − i steps from i to j one way and n − (j − i) the other way round. Both "
        "must be at least `gap`.",
        "Keep the pair with the smallest distance; if it is below `near`, `parts[i:j] = 1`.",
    ),
    reference=split,
    properties=(
        Property("cuts the figure of eight at its waist", [(_EIGHT, 1.0, 3)]),
        Property("leaves a ring without a waist whole", [(_ROUND, 1.0, 3)], weight=0.5),
        Property("knows that the first and the last point are neighbours", [(_CLOSE_ENDS, 1.0, 3)]),
        Property("cuts at the narrowest of two waists", [(_THREE, 2.0, 3)]),
        Property(
            "measures straight through the plane",
            [(_SLANT, 1.3, 3), (_SLANT, 1.0, 3), (_CROSS, 3.0, 3), (_DIAGONAL, 3.0, 3)],
            weight=0.5,
        ),
        Property("asks for as many steps as `gap` says, both ways round", _gaps),
        Property(
            "looks at all points, the first and the last, too",
            [(_FIRST, 1.0, 3), (_LAST, 1.0, 3)],
            weight=0.5,
        ),
        Property("does not cut where the distance equals `near`", [(_EXACT, 1.0, 3)], weight=0.5),
        Property("leaves a ring whole that is too short for any pair", [(_ROUND, 9.0, 5)], weight=0.5),
        Property("is right on other rings", _random_rings),
    ),
    mistakes=(
        Mistake(
            "never splits",
            _never,
            "Your contour always stays in one piece. A snake does not split by itself: it is one chain of "
            "points, and where two "
            "parts of it meet somebody has to cut. That is your function. If it does look for a pair: is the nearest "
            "one a point and itself, or a pair set to 0? Pairs that do not count need the distance `np.inf`.",
            throughout=True,
        ),
        *[
            Mistake(
                name,
                _pairs(chosen),
                "Neighbours along the chain are a pair for you, whatever `gap` is. A pair must be at least `gap` steps "
                "apart both ways round: `and`, not `or`; `min`, not `max`.",
            )
            for name, chosen in (
                ("gap one way or the other", lambda i, j, n, gap: j - i >= gap or n - (j - i) >= gap),
                ("gap the other way only", lambda i, j, n, gap: n - (j - i) >= gap),
            )
        ],
        Mistake(
            "not round the corner",
            _splitter(cyclic=False),
            "You cut between points that are neighbours round the corner: from the last point to the first "
            "it is one step. Ask "
            "for `gap` steps in both directions.",
        ),
        Mistake(
            "distance ignored",
            _ignores_near,
            "You cut even where no two parts of the contour are near each other. Compare the smallest "
            "distance with `near`.",
        ),
        Mistake(
            "gap ignored",
            _fixed(3),
            "Your answer does not change with `gap`: use the argument, not a number.",
            throughout=True,
        ),
        *[
            Mistake(
                f"gap taken for {gap}",
                _fixed(gap),
                "Your answer does not change with `gap`: use the argument, not a number.",
                throughout=True,
            )
            for gap in (2, 4, 5)
        ],
        Mistake(
            "near ignored",
            lambda points, near, gap: split(points, 1.0, gap),
            "Your answer does not change with `near`: use the argument, not a number.",
        ),
        Mistake(
            "more than gap the other way",
            _pairs(lambda i, j, n, gap: j - i >= gap and n - (j - i) > gap),
            "The other way round, n − (j − i), *exactly* `gap` steps count, too: where does your loop over j end?",
        ),
        Mistake(
            "more than gap",
            _pairs(lambda i, j, n, gap: j - i > gap and n - (j - i) > gap),
            "Pairs that are *exactly* `gap` steps apart count, too: at least means ≥.",
        ),
        Mistake(
            "less than gap",
            _pairs(lambda i, j, n, gap: j - i >= gap - 1 and n - (j - i) >= gap - 1),
            "You let pairs pass that are a step too near along the chain: j − i and n − (j − i) must be `gap` or more.",
        ),
        Mistake(
            "gap one way only",
            _pairs(lambda i, j, n, gap: j - i >= gap and n - (j - i) > 1),
            "One way round you ask for `gap` steps, the other way for fewer. Both must be at least `gap`.",
        ),
        Mistake(
            "last point forgotten",
            _pairs(lambda i, j, n, gap: _far(i, j, n, gap) and j < n - 1),
            "The last point is never part of a pair: where does your loop over j end?",
        ),
        Mistake(
            "first point forgotten",
            _pairs(lambda i, j, n, gap: _far(i, j, n, gap) and i > 0),
            "The first point is never part of a pair: rows begin at 0.",
        ),
        Mistake(
            "equal counts as less",
            _splitter(at_most=True),
            "You cut at a distance that equals `near`. Asked for is *less than* `near`.",
        ),
        Mistake(
            "no pair at all",
            _crashes_without_pairs,
            "On a short contour no pair is `gap` steps apart, and your search for the least of no pairs fails. "
            "Then nothing is to be cut.",
        ),
        Mistake(
            "one and two",
            _two_and_one,
            "Your parts are called 1 and 2; the contract calls them 1 and 0.",
        ),
        Mistake(
            "i left out",
            _pairs(_far, cut=lambda i, j: slice(i + 1, j)),
            "Point i belongs to the part with 1, too: points i, …, j − 1.",
        ),
        Mistake(
            "squared distance",
            _splitter(distance=lambda d: (d**2).sum()),
            "You compare the *squared* distance with `near`. Take the root.",
            throughout=True,
        ),
        Mistake(
            "first for nearest",
            _splitter(first=True),
            "You cut at the first pair that is near enough. Asked for is the nearest pair of all.",
        ),
        *[
            Mistake(
                name,
                wrong,
                "You add |dy| and |dx|. The distance is the straight one: the root of the sum of squares.",
            )
            for name, wrong in (
                ("along the axes", _splitter(distance=_city_block)),
                ("chosen along the axes", _chosen_by(_city_block)),
            )
        ],
        *[
            Mistake(
                name,
                wrong,
                "You take the larger of |dy| and |dx|. The distance is the straight one: the root of the sum of "
                "squares.",
            )
            for name, wrong in (
                ("larger of the two", _splitter(distance=_chessboard)),
                ("chosen by the larger of the two", _chosen_by(_chessboard)),
            )
        ],
        Mistake(
            "one point too many",
            _both_ends,
            "Points i, …, j − 1 get 1. You gave it to point j as well, so that one of the two contours has "
            "both sides of the cut.",
        ),
        Mistake(
            "shifted by one",
            _splitter(after=1),
            "Your cut is one point too late: point i belongs to the part with 1, point j does not.",
        ),
        Mistake(
            "parts swapped",
            _other_part,
            "The two parts have each other's number: the points from i up to, not including, j get 1.",
        ),
    ),
)

# --------------------------------------------------------------------------------------- gradient vector flow


def flow_step(field, edges, mu, step):
    gradient = np.stack(np.gradient(np.asarray(edges, float)))
    padded = np.pad(field, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    weight = (gradient**2).sum(axis=0)
    return field + step * (mu * (around - 4 * field) - weight * (field - gradient))


def _flow(field, edges, mu, step, *, mode="edge", weight=None, sign=1, pull=True, order=1):
    gradient = np.stack(np.gradient(np.asarray(edges, float)))[::order]
    padded = np.pad(field, ((0, 0), (1, 1), (1, 1)), mode=mode)
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    weight = (gradient**2).sum(axis=0) if weight is None else weight(gradient)
    tether = weight * (field - gradient) if pull else 0
    return field + step * (sign * mu * (around - 4 * field) - tether)


def _variant(**changes):
    return lambda field, edges, mu, step: _flow(field, edges, mu, step, **changes)


def _fields(rng):
    cases = []
    for _ in range(6):
        shape = tuple(rng.integers(2, 6, 2))
        cases.append((rng.normal(size=(2, *shape)).round(2), rng.random(shape).round(2), 0.2, 0.5))
    return cases


_SPOT = np.zeros((3, 5))
_SPOT[1, 1] = 1.0


def _weighted_gradient(edges):
    gradient = np.stack(np.gradient(np.asarray(edges, float)))
    return (gradient**2).sum(axis=0) * gradient


def _rolled(field, edges, mu, step):
    around = sum(np.roll(field, shift, axis) for shift in (1, -1) for axis in (1, 2))
    gradient = np.stack(np.gradient(np.asarray(edges, float)))
    return field + step * (mu * (around - 4 * field) - (gradient**2).sum(axis=0) * (field - gradient))


def _across_components(field, edges, mu, step):
    """A Laplacian over three axes: the other component is a neighbour, too."""
    return flow_step(field, edges, mu, step) + step * mu * (field[::-1] - field)


def _mean_of_neighbours(field, edges, mu, step):
    return flow_step(field, edges, mu / 4, step)


def _everything_times_mu(field, edges, mu, step):
    return flow_step(field, edges, 1.0, step * mu)


def _pushed_away(field, edges, mu, step):
    return 2 * _flow(field, edges, mu, step, pull=False) - flow_step(field, edges, mu, step)


FLOW_STEP = Exercise(
    slug="gradient-vector-flow",
    lesson="06",
    title="Going further: one step of gradient vector flow",
    minutes=15,
    points=4,
    hints=(
        "`np.gradient(edges)` gives (down, right); stacked, they have the shape of `field`.",
        "The four neighbours: pad by one pixel with `mode='edge'`, on the last two axes, and add four slices.",
        "`field + step * (mu * (around - 4 * field) - weight * (field - gradient))`, weight the sum of the "
        "squared gradients.",
    ),
    reference=flow_step,
    properties=(
        Property(
            "lets a force spread to its neighbours",
            [(np.stack([_SPOT, 0 * _SPOT]), np.zeros((3, 5)), 0.2, 0.5)],
        ),
        Property("holds on to the gradient where there is one", [(np.zeros((2, 3, 5)), _SPOT, 0.2, 0.5)]),
        Property("is right on random fields", _fields, weight=2),
        Property(
            "leaves a constant field alone where there are no edges",
            [(np.ones((2, 3, 4)), np.zeros((3, 4)), 0.2, 1.0)],
        ),
    ),
    mistakes=(
        Mistake(
            "no tether",
            _variant(pull=False),
            "Your field only diffuses: in the end it is the same everywhere. The term that holds it to ∇f at "
            "the edges is missing.",
            throughout=True,
        ),
        Mistake(
            "nothing moves",
            lambda field, edges, mu, step: field,
            "You return the field as it came: the increment is missing.",
        ),
        Mistake(
            "increment alone",
            lambda field, edges, mu, step: flow_step(field, edges, mu, step) - field,
            "That is the change. The step adds it to the field.",
        ),
        Mistake(
            "step forgotten",
            lambda field, edges, mu, step: flow_step(field, edges, mu, 1.0),
            "The bracket is not multiplied by `step`.",
        ),
        Mistake(
            "μ forgotten",
            lambda field, edges, mu, step: flow_step(field, edges, 1.0, step),
            "The diffusion is not multiplied by `mu`.",
        ),
        Mistake(
            "μ before the bracket",
            _everything_times_mu,
            "`mu` multiplies the whole bracket. It weighs the diffusion alone, not the pull towards ∇f.",
        ),
        Mistake(
            "mean of the neighbours",
            _mean_of_neighbours,
            "Your Laplacian is a quarter of the one asked for: the *sum* of the four neighbours less four times the "
            "pixel.",
        ),
        Mistake(
            "components mixed",
            _across_components,
            "Your Laplacian mixes the two components: take it of each alone, over rows and columns.",
        ),
        Mistake(
            "no gradient in the tether",
            lambda field, edges, mu, step: (
                flow_step(field, edges, mu, step) - step * _weighted_gradient(edges)
            ),
            "Your field is pulled towards 0 where edges are strong. It is to be held to ∇f: weight times (v − ∇f).",
        ),
        Mistake(
            "sign of the tether",
            _pushed_away,
            "The term with ∇f has the wrong sign: it drives the field away from the gradient.",
        ),
        Mistake(
            "round the border",
            _rolled,
            "`np.roll` takes the neighbours beyond the border from the other side of the picture. Let the outermost "
            "pixels repeat.",
        ),
        Mistake(
            "mirrored border",
            _variant(mode="reflect"),
            "Your border mirrors *without* its outermost pixel (numpy's `reflect`). Beyond it that pixel repeats.",
        ),
        Mistake(
            "weight not squared",
            _variant(weight=lambda g: np.hypot(*g)),
            "The weight is |∇f|², the *squared* length: weak gradients are to count for little.",
        ),
        Mistake(
            "each its own weight",
            _variant(weight=lambda g: g**2),
            "You weight each component by its own square. Both share one weight, |∇f|² = f_y² + f_x².",
        ),
        Mistake(
            "black border",
            _variant(mode="constant"),
            "Beyond the border you take zeros, which eat the field there. Let the outermost pixels repeat.",
        ),
        Mistake(
            "sharpening",
            _variant(sign=-1),
            "The diffusion has the wrong sign: differences to the neighbours grow. Neighbours minus four "
            "times the pixel.",
        ),
        Mistake(
            "components swapped",
            _variant(order=-1),
            "Down and right are swapped in the gradient: `np.gradient` of an image gives the derivative "
            "along rows (down) first.",
        ),
    ),
)

EXERCISES = [INNER_ENERGY, IMPLICIT_STEP, REGION_FORCE, SPLIT_SNAKE, FLOW_STEP]
