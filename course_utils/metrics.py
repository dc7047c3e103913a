"""How good is a segmentation? Every score of lesson 01, for masks, classes, instances and clusterings.

The insight: two label images hold a lot of pixels but few *pairs* of numbers. Count once how many pixels
carry each pair (truth, answer), and every score of regions follows from that small table: the confusion
matrix is the table with the classes in order, the contingency table is the same for instances. Only the
scores of boundaries look at the pixels again.

Who scores whom
---------------
The truth comes first: ``score(target, prediction)``. Two annotators are compared by the same functions, one
of them in the role of the truth; IoU, Dice, boundary F, Hausdorff distance, F1 and adjusted Rand are
symmetric, so for these it does not matter which.

Policies, kept by every function below
--------------------------------------
*Ignored pixels.* In class maps the pixels whose **target** is 255 are not counted, whatever was predicted
there. Masks and instance labels have no such value: leave pixels out with ``target[keep], prediction[keep]``,
which every function but the boundary scores takes.

*Background.* In class maps class 0 is a class like any other; `mean_iou` and `mean_dice` leave it out of the
mean when told ``background=False``. In instance labels 0 is no instance. For `adjusted_rand` and
`variation_of_information`, which compare partitions of the image, 0 is a region like any other.

*Empty masks.* Where neither truth nor answer has anything, the answer is perfect: 1.0 for scores, 0.0 for
distances. Where only one of them is empty the score is 0.0 and the distance infinite.

*The frame of the picture* is no boundary: agreement along it earns nothing, see `boundary`. For the boundary
scores a full mask is therefore like an empty one: they are 1.0 (or the distance 0.0) for two equal masks, and
0.0 (infinite) where masks differ and one of them has no boundary.

*Absent classes.* A class that is neither in the truth nor in the answer was not tested: its entry is NaN, and
means leave it out. A class in only one of the two scores 0.0. With no counted pixel at all, every score of a
matrix is NaN.

*Several images.* Pooling the pixels and averaging over images answer different questions, and the numbers
differ (and IoU = D/(2 − D) holds for one image, not for means). All functions of a matrix take a stack
(..., K, K), so that the choice stays visible::

    matrices = np.stack([confusion_matrix(t, p, classes) for t, p in images])
    iou(matrices.sum(axis=0))           # pooled: each pixel weighs the same
    np.nanmean(iou(matrices), axis=0)   # mean over images: each image weighs the same

*Input.* Integers or bool. Floats are refused: a probability is no class until a threshold has made it one.

References
----------
Everingham et al., The PASCAL Visual Object Classes challenge, 2010, doi:10.1007/s11263-009-0275-4.
Maier-Hein, Reinke et al., Metrics reloaded, 2024, doi:10.1038/s41592-023-02151-z.
"""

from typing import NamedTuple

import numpy as np

CHUNK = 1 << 18  # pixels counted at a time: their codes stay in the processor's cache
MAX_CELLS = 1 << 27  # of a dense contingency table: 1 GiB

# --------------------------------------------------------------------------------------------------------
# Classes: one matrix, everything else derived from it
# --------------------------------------------------------------------------------------------------------


def confusion_matrix(target, prediction, classes=2, *, ignore=255):
    """Count the pixels of each true class that were given each class.

    Parameters
    ----------
    target, prediction : int or bool array, any shape, the same for both; values 0 … classes − 1
    classes : int, at least 2
    ignore : int or None
        Pixels whose target has this value are not counted, and may hold any prediction.

    Returns
    -------
    matrix : int64 (K, K), rows the truth, columns the prediction; its sum is the number of counted pixels

    Raises
    ------
    TypeError for floats; ValueError for NaN, shapes that differ or hold no pixel, a value that is no class.

    Examples
    --------
    >>> confusion_matrix([[0, 0, 1], [1, 1, 255]], [[0, 1, 1], [1, 0, 0]])
    array([[1, 1],
           [1, 2]])
    """
    if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 2:
        raise ValueError(f"classes is {classes!r}; expected a whole number, 2 or more (2 for a mask).")
    if ignore is not None and 0 <= ignore < classes:
        raise ValueError(
            f"ignore={ignore} is also one of the classes 0 … {classes - 1}; expected a number that is no class. "
            "Pass ignore=None to count every pixel; mean_iou(matrix, background=False) leaves out class 0."
        )
    pairs = _overlaps(*_label_images(target, prediction))
    counted = np.full(len(pairs.pixels), True) if ignore is None else pairs.target != ignore
    rows, columns, pixels = (part[counted] for part in pairs)
    _check_classes(rows, pixels, "target", classes, ignore)
    _check_classes(columns, pixels, "prediction", classes, None)
    matrix = np.zeros((classes, classes), np.int64)
    matrix[rows, columns] = pixels
    return matrix


def accuracy(matrix):
    """Share of the pixels whose class is right, float64 (...). High wherever one class fills the image."""
    right, truth, _ = _totals(matrix)
    return _ratio(right.sum(-1), truth.sum(-1))


def precision(matrix):
    """Of the pixels given a class, the share that has it, float64 (..., K)."""
    right, truth, given = _totals(matrix)
    return _ratio(right, np.maximum(given, truth > 0))  # in the truth but never given: 0/1, not 0/0


def recall(matrix):
    """Of the pixels that have a class, the share that was given it, float64 (..., K)."""
    right, truth, given = _totals(matrix)
    return _ratio(right, np.maximum(truth, given > 0))


def iou(matrix):
    """Intersection over union of each class, TP / (TP + FP + FN), float64 (..., K). Also: Jaccard index."""
    right, truth, given = _totals(matrix)
    return _ratio(right, truth + given - right)


def dice(matrix):
    """Dice coefficient of each class, 2 TP / (2 TP + FP + FN), float64 (..., K). Also: F1 of the pixels."""
    right, truth, given = _totals(matrix)
    return _ratio(2 * right, truth + given)


def balanced_accuracy(matrix):
    """Mean recall over the classes that are in the truth, float64 (...)."""
    right, truth, _ = _totals(matrix)
    return _mean(_ratio(right, truth), background=True)


def mean_iou(matrix, *, background=True):
    """Mean IoU over the classes in truth or prediction, float64 (...); background=False omits class 0."""
    return _mean(iou(matrix), background)


def mean_dice(matrix, *, background=True):
    """Mean Dice over the classes in truth or prediction, float64 (...); background=False omits class 0."""
    return _mean(dice(matrix), background)


def mask_iou(target, prediction):
    """IoU of the object in two masks of the same shape (bool, or integers 0 and 1), a float in [0, 1]."""
    return _object_score(iou, target, prediction)


def mask_dice(target, prediction):
    """Dice of the object in two masks of the same shape (bool, or integers 0 and 1), a float in [0, 1]."""
    return _object_score(dice, target, prediction)


def _object_score(score, target, prediction):
    matrix = _count_masks(*(mask.ravel() for mask in _masks(target, prediction)))
    return float(score(matrix)[1]) if matrix.sum() > matrix[0, 0] else 1.0


def _totals(matrix):
    """(right, truth, given): the pixels (..., K) on the diagonal, of each row and of each column."""
    matrix = np.asarray(matrix)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(
            f"matrix has shape {matrix.shape}; expected (K, K), as from confusion_matrix, or a stack of them."
        )
    with np.errstate(invalid="ignore"):
        if matrix.dtype.kind not in "iuf" or (matrix < 0).any() or (matrix % 1 != 0).any():
            raise ValueError(
                "matrix does not hold whole numbers of pixels, 0 or more: pass what confusion_matrix returns, "
                "and do not normalise it."
            )
    matrix = matrix.astype(np.int64, copy=False)
    return np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(-1), matrix.sum(-2)


def _ratio(part, whole):
    with np.errstate(invalid="ignore"):  # 0/0 is NaN: nothing was there to be scored
        return np.divide(part, whole)


def _mean(scores, background):
    scores = scores[..., 0 if background else 1 :]
    scored = ~np.isnan(scores)
    return _ratio(np.where(scored, scores, 0).sum(-1), scored.sum(-1))


# --------------------------------------------------------------------------------------------------------
# Boundaries
# --------------------------------------------------------------------------------------------------------


def boundary(mask):
    """The object's own pixels that have background among their four neighbours in the image, bool (H, W).

    The frame is no boundary: there the camera stopped, not the object. So an object has no boundary where the
    frame cuts it, and neither the empty mask nor the full one has any.
    """
    mask = _mask(mask, "mask")
    if mask.ndim != 2:
        raise ValueError(f"A mask of shape {mask.shape} was given; boundaries need an image, (H, W).")
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    return mask ^ inner


def boundary_f(target, prediction, tolerance=2.0):
    """Boundary F-measure: do the two contours run within ``tolerance`` pixels of one another?

    Precision is the share of the predicted boundary that lies at most ``tolerance`` (Euclidean) from the
    true one, recall the share of the true boundary that lies so near the predicted one, F their harmonic
    mean. This is the per-image score of Csurka 2013; Martin 2004 also matches the pixels one to one, which
    punishes doubled contours. 0.75 % of the image's diagonal is a usual tolerance.

    Parameters
    ----------
    target, prediction : masks (H, W)
    tolerance : float, pixels, 0 or more

    Returns
    -------
    float in [0, 1]. Where only one mask has a boundary, 0.0; where neither has (each is empty or full), 1.0
    if the masks are equal and 0.0 otherwise. Agreement along the frame earns nothing: see `boundary`.

    Cost: n log n for n pixels of boundary, and a scan of the image.

    References
    ----------
    Martin, Fowlkes & Malik 2004, doi:10.1109/TPAMI.2004.1273918.
    Csurka, Larlus & Perronnin 2013, What is a good evaluation measure for semantic segmentation?,
    doi:10.5244/C.27.32.
    """
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance is {tolerance!r}; expected a distance in pixels, 0 or more.")
    to_target, to_prediction = _boundary_distances(target, prediction, tolerance)
    if not len(to_target) or not len(to_prediction):
        return float(np.array_equal(target, prediction))
    precise, recalled = np.mean(to_target <= tolerance), np.mean(to_prediction <= tolerance)
    return float(2 * precise * recalled / (precise + recalled)) if precise + recalled else 0.0


def trimap(target, width, *, ignore=255):
    """The pixels at most ``width`` away (Euclidean) from one of another class: a band along both sides of boundaries.

    A score in this band judges how a boundary is drawn, where a score of the image mostly judges what is inside::

        band = np.where(trimap(target, 4), target, 255)
        iou(confusion_matrix(band, prediction))

    Parameters
    ----------
    target : class numbers (H, W), or a mask
    width : float, pixels; a pixel whose neighbour has another class is 1 away
    ignore : int, or None; the pixels of this class are not in the band, and make no boundary

    Returns
    -------
    bool (H, W). The frame of the image is no boundary.

    Cost: a distance transform of the image for each class.

    References
    ----------
    Kohli, Ladický & Torr 2009, Robust higher order potentials for enforcing label consistency,
    doi:10.1007/s11263-008-0202-0.
    """
    from scipy.ndimage import distance_transform_edt  # here, because importing it takes long

    target = _integers(target, "target")
    if target.ndim != 2:
        raise ValueError(f"A target of shape {target.shape} was given; boundaries need an image, (H, W).")
    if not 0 <= width < np.inf:
        raise ValueError(f"width is {width!r}; expected a distance in pixels, 0 or more.")
    known = np.ones(target.shape, bool) if ignore is None else target != ignore
    band = np.zeros(target.shape, bool)
    for number in np.unique(target[known]):
        own = target == number
        others = known & ~own
        if others.any():
            band |= own & (distance_transform_edt(~others) <= width)
    return band


def hausdorff(target, prediction, percentile=100):
    """Hausdorff distance of the two boundaries: how far does the worst part of one lie from the other?

    Each boundary pixel has a distance to the nearest pixel of the other boundary. Of these the percentile
    is taken, once for each direction, and the larger of the two is the answer: 100 gives the maximum, which
    a single stray pixel decides; 95 ("HD95") forgives a twentieth of the contour.

    Parameters
    ----------
    target, prediction : masks (H, W)
    percentile : float, 0 … 100

    Returns
    -------
    float, pixels. Where only one mask has a boundary, infinite; where neither has (each is empty or full),
    0.0 if the masks are equal and infinite otherwise. The frame is no boundary: see `boundary`.

    Cost: n log n for n pixels of boundary, and a scan of the image.

    References
    ----------
    Huttenlocher, Klanderman & Rucklidge 1993, doi:10.1109/34.232073.
    """
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile is {percentile!r}; expected 0 … 100, 100 for the maximum.")
    to_target, to_prediction = _boundary_distances(target, prediction)
    if not len(to_target) or not len(to_prediction):
        return 0.0 if np.array_equal(target, prediction) else np.inf
    return float(max(np.percentile(to_target, percentile), np.percentile(to_prediction, percentile)))


def _boundary_distances(target, prediction, reach=np.inf):
    """Distances, in no order, of the predicted boundary's pixels to the true boundary, and the reverse."""
    target, prediction = (boundary(mask) for mask in _masks(target, prediction))
    return _distances(prediction, target, reach), _distances(target, prediction, reach)


def _distances(sources, goals, reach):
    """Distance of each source to its nearest goal; infinite where that is well beyond the reach.

    A tree of the few boundary pixels beats a distance transform of the whole image, and gives the same.
    """
    from scipy.spatial import KDTree  # here, because importing it takes longer than most scores

    apart = np.argwhere(sources & ~goals)
    distances = np.zeros(np.count_nonzero(sources))
    if len(apart):
        tree = KDTree(np.argwhere(goals), leafsize=32, balanced_tree=False, compact_nodes=False)
        distances[: len(apart)] = tree.query(apart, distance_upper_bound=reach + 1)[0]
    return distances


# --------------------------------------------------------------------------------------------------------
# Instances
# --------------------------------------------------------------------------------------------------------


class Matches(NamedTuple):
    """Which instances were found, and the scores that follow.

    With TP = number of pairs, FP = spurious, FN = missed. When there is no instance in either, all scores
    are 1.0; when nothing matches but something is there, all are 0.0.
    """

    pairs: np.ndarray  #: int64 (n, 2), label in the target and label in the prediction, ordered by the first
    ious: np.ndarray  #: float64 (n,), of each pair
    missed: np.ndarray  #: int64, labels of the target that have no partner
    spurious: np.ndarray  #: int64, labels of the prediction that have no partner

    @property
    def f1(self):
        """F1 of the instances, TP / (TP + FP/2 + FN/2)."""
        return self._share(len(self.pairs), 0.5)

    @property
    def dsb(self):
        """TP / (TP + FP + FN), the 2018 Data Science Bowl's score at one threshold."""
        return self._share(len(self.pairs), 1.0)

    @property
    def sq(self):
        """Segmentation quality: mean IoU of the pairs."""
        return float(self.ious.mean()) if len(self.ious) else self._share(0, 0.5)

    @property
    def rq(self):
        """Recognition quality: another name for F1."""
        return self.f1

    @property
    def pq(self):
        """Panoptic quality SQ · RQ, of one class of things. As published when matched at 0.5."""
        return self._share(self.ious.sum(), 0.5)

    def _share(self, found, weight_of_errors):
        total = len(self.pairs) + weight_of_errors * (len(self.missed) + len(self.spurious))
        return float(found / total) if total else 1.0


def match_instances(target, prediction, at=0.5):
    """Pair the instances of two label images one to one, by their IoU.

    A pair must have an IoU *greater* than ``at``. From 0.5 upwards each instance then has at most one
    possible partner, and nothing is left to decide (Kirillov 2019). Below 0.5 it may have several: then the
    pairing with the most pairs is taken, and among those the one with the largest sum of IoU. Should several
    be equally good, any of them may be returned; they all have the same scores.

    Parameters
    ----------
    target, prediction : int labels, any shape, the same for both; 0 is background, numbers may have gaps
    at : float, 0 or more and less than 1

    Returns
    -------
    Matches

    Raises
    ------
    TypeError for floats; ValueError for NaN, negative labels, shapes that differ or hold no pixel.

    Examples
    --------
    >>> found = match_instances([1, 1, 1, 0, 2, 2], [7, 7, 7, 7, 0, 0])
    >>> found.pairs.tolist(), found.missed.tolist(), found.f1, found.pq
    ([[1, 7]], [2], 0.6666666666666666, 0.5)

    References
    ----------
    Kirillov et al. 2019, Panoptic segmentation, arXiv:1801.00868. Caicedo et al. 2019, Nucleus segmentation
    across imaging experiments: the 2018 Data Science Bowl, doi:10.1038/s41592-019-0612-7.
    """
    if not 0 <= at < 1:
        raise ValueError(f"at is {at!r}; expected an IoU, 0 or more and less than 1, such as 0.5.")
    pairs = _overlaps(*_label_images(target, prediction))
    _check_not_negative(pairs)
    true, row, true_area = _areas(pairs.target, pairs.pixels)
    given, column, given_area = _areas(pairs.prediction, pairs.pixels)
    ious = pairs.pixels / (true_area[row] + given_area[column] - pairs.pixels)
    possible = (ious > at) & (pairs.target > 0) & (pairs.prediction > 0)
    row, column, ious = row[possible], column[possible], ious[possible]
    if at < 0.5 and len(row):
        best = _best_assignment(row, column, ious)
        row, column, ious = row[best], column[best], ious[best]
    return Matches(
        pairs=np.column_stack([true[row], given[column]]),
        ious=ious,
        missed=np.setdiff1d(true[true > 0], true[row]),
        spurious=np.setdiff1d(given[given > 0], given[column]),
    )


def _areas(labels, pixels):
    """(distinct labels, index of each entry among them, area of each)."""
    distinct, index = np.unique(labels, return_inverse=True)
    areas = np.zeros(len(distinct), np.int64)
    np.add.at(areas, index, pixels)
    return distinct, index, areas


def _best_assignment(row, column, ious):
    """Indices, in order, of the candidates that form the pairing with the most pairs, then the largest IoU."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # Candidates without a common instance do not compete: solve each small cluster of them by itself.
    rows, columns = row.max() + 1, column.max() + 1
    links = coo_array((np.ones(len(row)), (row, rows + column)), shape=(rows + columns, rows + columns))
    cluster = connected_components(links, directed=False)[1][row]
    order = np.argsort(cluster, kind="stable")
    best = []
    for members in np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1):
        rows, i = np.unique(row[members], return_inverse=True)
        columns, j = np.unique(column[members], return_inverse=True)
        gain = np.zeros((len(rows), len(columns)))
        gain[i, j] = 1 + ious[members] / (1 + len(members))  # all IoU together never outweigh one more pair
        chosen = np.zeros(gain.shape, bool)
        chosen[linear_sum_assignment(gain, maximize=True)] = True
        best.append(members[chosen[i, j]])
    return np.sort(np.concatenate(best))


# --------------------------------------------------------------------------------------------------------
# Clusterings: two partitions of the image, the numbers of the regions without meaning
# --------------------------------------------------------------------------------------------------------


class Variation(NamedTuple):
    """Variation of information, in bits: ``split`` for true regions divided, ``merge`` for regions joined."""

    split: float
    merge: float

    @property
    def total(self):
        """The distance itself: symmetric, and obeying the triangle inequality."""
        return self.split + self.merge


def contingency(target, prediction):
    """Count the pixels of each pair of labels, int64 (A + 1, B + 1) for labels 0 … A and 0 … B.

    Raises ValueError for negative labels, and for numbers so large that the table would not fit in 1 GiB.
    """
    pairs = _overlaps(*_label_images(target, prediction))
    _check_not_negative(pairs)
    shape = int(pairs.target.max()) + 1, int(pairs.prediction.max()) + 1
    if shape[0] * shape[1] > MAX_CELLS:
        raise ValueError(
            f"A table of {shape[0]} × {shape[1]} cells does not fit. "
            "Number the labels anew without gaps: labels = np.unique(labels, return_inverse=True)[1]."
        )
    table = np.zeros(shape, np.int64)
    table[pairs.target, pairs.prediction] = pairs.pixels
    return table


def adjusted_rand(target, prediction):
    """Adjusted Rand index: do the two partitions agree on which pairs of pixels belong together?

    The share of agreeing pairs, shifted and scaled so that random partitions of these sizes score 0 on
    average, and equal ones 1; it may be negative. Two partitions into a single region, or both into single
    pixels, score 1.0.

    Parameters: two int arrays of labels, any shape, the same for both. Returns a float.

    References
    ----------
    Hubert & Arabie 1985, Comparing partitions, doi:10.1007/BF01908075.
    """
    pairs = _overlaps(*_label_images(target, prediction))
    together = _pairs_within(pairs.pixels)
    in_target = _pairs_within(_areas(pairs.target, pairs.pixels)[2])
    in_prediction = _pairs_within(_areas(pairs.prediction, pairs.pixels)[2])
    pixels = int(pairs.pixels.sum())
    everything = pixels * (pixels - 1) // 2
    # (together − expected) / (maximum − expected), times 2 · everything: whole numbers as far as possible
    by_chance = 2 * in_target * in_prediction
    possible = (in_target + in_prediction) * everything - by_chance
    return (2 * together * everything - by_chance) / possible if possible else 1.0


def _pairs_within(areas):
    """How many pairs of pixels share a region; a Python int, because squares of such numbers follow."""
    return int((areas * (areas - 1) // 2).sum())


def variation_of_information(target, prediction):
    """What one partition does not tell about the other, in bits: Variation(split, merge).

    ``split`` is the entropy H(prediction | target): knowing a pixel's true region, how uncertain is its
    predicted one? It is 0 unless a true region was divided. ``merge`` is H(target | prediction), 0 unless
    regions were joined.

    Parameters: two int arrays of labels, any shape, the same for both.

    References
    ----------
    Meilă 2007, Comparing clusterings: an information based distance, doi:10.1016/j.jmva.2006.11.013.
    """
    pairs = _overlaps(*_label_images(target, prediction))
    return Variation(_conditional_entropy(pairs.target, pairs), _conditional_entropy(pairs.prediction, pairs))


def _conditional_entropy(known, pairs):
    _, index, areas = _areas(known, pairs.pixels)
    bits = np.log2(areas[index] / pairs.pixels)
    return float(bits @ pairs.pixels / pairs.pixels.sum())


# --------------------------------------------------------------------------------------------------------
# Partitions against the regions that people drew
# --------------------------------------------------------------------------------------------------------


def covering(target, prediction):
    """How well does the prediction cover the true regions? Each by its best match, weighted by area.

    Σ |R| · max IoU(R, S) over the true regions R, with the maximum over the predicted S, divided by the pixels.
    With several annotators, take the mean over them, as the benchmark does that defined the score.

    Parameters: two int arrays of labels, any shape, the same for both; every number is a region, 0 too.
    Returns: float in (0, 1], 1 for equal partitions.

    References
    ----------
    Arbeláez, Maire, Fowlkes & Malik 2011, Contour detection and hierarchical image segmentation,
    doi:10.1109/TPAMI.2010.161.
    """
    pairs = _overlaps(*_label_images(target, prediction))
    _, true, true_areas = _areas(pairs.target, pairs.pixels)
    _, given, given_areas = _areas(pairs.prediction, pairs.pixels)
    best = np.zeros(len(true_areas))
    np.maximum.at(best, true, pairs.pixels / (true_areas[true] + given_areas[given] - pairs.pixels))
    return float(best @ true_areas / true_areas.sum())


def under_segmentation_error(target, prediction):
    """How far do superpixels leak over the true borders? A float from 0, none, to less than 1.

    Each superpixel that crosses a border leaks with the smaller of its two parts, within the region and without:
    Σ min(|P ∩ R|, |P − R|) over the superpixels P and the true regions R that they meet, divided by the pixels. A
    leak between two regions is seen, and counted, from both: so it is published.

    Parameters: two int arrays of labels, any shape, the same for both; every number is a region, 0 too.

    References
    ----------
    Neubert & Protzel 2012, Superpixel benchmark and comparison, Forum Bildverarbeitung, KIT Scientific Publishing.
    """
    pairs = _overlaps(*_label_images(target, prediction))
    _, given, areas = _areas(pairs.prediction, pairs.pixels)
    return float(np.minimum(pairs.pixels, areas[given] - pairs.pixels).sum() / pairs.pixels.sum())


def boundary_recall(target, prediction, tolerance=2):
    """Which share of the true borders has a predicted border within ``tolerance`` rows and columns?

    A border pixel is one whose right or lower neighbour has another label. Many small regions have many borders and
    so a high recall: compare at the same number of regions.

    Parameters: target, prediction, int (H, W) labels; tolerance, whole pixels, 0 or more.
    Returns: float in [0, 1], 1.0 when the truth has no border.

    References
    ----------
    Achanta et al. 2012, SLIC superpixels compared to state-of-the-art superpixel methods,
    doi:10.1109/TPAMI.2012.120.
    """
    from scipy.ndimage import maximum_filter  # here, because importing it takes longer than most scores

    if not isinstance(tolerance, int | np.integer) or tolerance < 0:
        raise ValueError(f"tolerance is {tolerance!r}; expected a whole number of pixels, 0 or more.")
    true, given = (_borders(labels) for labels in _label_images(target, prediction))
    near = maximum_filter(given, 2 * tolerance + 1, mode="constant")
    return float(near[true].mean()) if true.any() else 1.0


def _borders(labels):
    if labels.ndim != 2:
        raise ValueError(f"Labels of shape {labels.shape} were given; borders need an image, (H, W).")
    borders = np.zeros(labels.shape, bool)
    borders[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    borders[:-1] |= labels[:-1] != labels[1:]
    return borders


# --------------------------------------------------------------------------------------------------------
# Probabilities: how sure, and how often right
# --------------------------------------------------------------------------------------------------------


class Calibration(NamedTuple):
    """Of the answers in each bin of probability: float64 (bins,), NaN where the bin is empty, but for ``counts``.

    counts : int64, how many answers
    said : their mean probability
    came : the share of them that was so
    """

    counts: np.ndarray
    said: np.ndarray
    came: np.ndarray

    @property
    def error(self):
        """Expected calibration error: the mean of |said − came| over the answers, a float in [0, 1]."""
        return float(np.nansum(self.counts * np.abs(self.said - self.came)) / max(self.counts.sum(), 1))


def calibration(probability, event, bins=15):
    """When 0.8 is said, does it come in eight of ten cases? Sort answers by probability and count what came.

    Parameters
    ----------
    probability : float array, any shape, 0 … 1
    event : bool array, the same shape: whether it was so
    bins : int, of equal width; a probability on an edge counts below it

    Returns
    -------
    Calibration. For "is the answered class right?" pass the largest probability and ``prediction == target``; for
    one class its probability and ``target == k``.

    Raises ValueError for other shapes or values.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger, On calibration of modern neural networks, ICML 2017, arXiv:1706.04599.
    """
    probability, event = _claims(probability, event)
    if not ((probability >= 0) & (probability <= 1)).all():  # a NaN fails both
        raise ValueError(
            "probability has values outside 0 … 1; expected the softmax of logits, not the logits."
        )
    place = np.maximum(np.ceil(probability * bins).astype(np.int64) - 1, 0)
    counts = np.bincount(place, minlength=bins)
    said, came = (
        _ratio(np.bincount(place, weights, minlength=bins), counts) for weights in (probability, event)
    )
    return Calibration(counts, said, came)


def average_precision(score, event):
    """How well does a score put what is so before what is not? Only the order counts, no threshold and no scale.

    From the highest score down, every distinct score is a threshold; the mean of the precisions there, each weighted
    by the share of the true ones that its threshold adds.

    Parameters
    ----------
    score : float array, any shape, such as the probability of one class
    event : bool array, the same shape: whether it was so

    Returns
    -------
    float in [0, 1]: 1.0 if all true ones come first; about their share for scores by chance; NaN if there are none.

    Raises ValueError for other shapes, or scores that are NaN.
    """
    score, event = _claims(score, event)
    if np.isnan(score).any():
        raise ValueError("score has NaN; expected numbers that can be put in order.")
    if not event.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    score, hits = score[order], np.cumsum(event[order])
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # equal scores share a threshold
    precision = hits[last] / (last + 1)
    return float(precision @ np.diff(hits[last], prepend=0) / hits[-1])


def _claims(score, event):
    """Both flat, as float64 and bool; ValueError where they do not belong together."""
    score, event = np.asarray(score), np.asarray(event)
    if score.shape != event.shape or event.dtype != bool:
        raise ValueError(
            f"The scores have shape {score.shape}, event is {event.dtype} of shape {event.shape}; expected the same "
            "shape, and bool."
        )
    return score.ravel().astype(np.float64), event.ravel()


# --------------------------------------------------------------------------------------------------------
# Is B really better than A?
# --------------------------------------------------------------------------------------------------------


class Bootstrap(NamedTuple):
    """Mean of b − a over the images, its interval, and the share of the draws in which b came out ahead."""

    difference: float
    low: float
    high: float
    ahead: float


def paired_bootstrap(a, b, draws=10_000, *, confidence=0.95, seed=0):
    """How sure can we be that method b beats method a, both scored on the same images?

    Draw as many images as there are, with replacement, and average b − a over them; do that ``draws``
    times. The middle ``confidence`` of these averages is the interval (percentile method); where it holds
    0, these images do not tell the methods apart. Working on the differences is what makes it *paired*: an
    image that is hard for both does not blur the comparison. With fewer than some twenty images the interval
    is too narrow.

    Parameters
    ----------
    a, b : float (n,), score of each image, in the same order; n at least 2
    draws : int
    confidence : float, between 0 and 1
    seed : int

    Returns
    -------
    Bootstrap; a draw whose mean difference is exactly 0 counts half in ``ahead``

    Raises
    ------
    ValueError for lengths that differ, fewer than two images, or NaN.

    References
    ----------
    Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"a and b have shapes {a.shape} and {b.shape}; expected one score per image, for the same images "
            "in the same order, at least two."
        )
    if not np.isfinite(a).all() or not np.isfinite(b).all():
        raise ValueError("a or b holds NaN or infinity. Leave those images out of both, and say how many.")
    if draws < 1 or not 0 < confidence < 1:
        raise ValueError(
            f"draws={draws} and confidence={confidence}; expected 1 or more, and between 0 and 1."
        )
    rng = np.random.default_rng(seed)
    gains = b - a
    means = np.array([gains[rng.integers(len(gains), size=len(gains))].mean() for _ in range(draws)])
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    ahead = np.mean(means > 0) + np.mean(means == 0) / 2
    return Bootstrap(float(gains.mean()), float(low), float(high), float(ahead))


# --------------------------------------------------------------------------------------------------------
# Counting pairs
# --------------------------------------------------------------------------------------------------------


class _Overlaps(NamedTuple):
    """The pairs of numbers that occur, each once, and how many pixels carry each; three int64 arrays (n,)."""

    target: np.ndarray
    prediction: np.ndarray
    pixels: np.ndarray


def _overlaps(target, prediction):
    """Count the pixels that carry each pair of numbers, in order of the pairs.

    Masks have but four pairs, and ``&`` with a count finds them. Few different numbers, as in class maps:
    a pair becomes one small integer, and these are counted in a table. Many, as in instance labels: the
    table would be huge and nearly empty, but such numbers come in runs along the rows, so runs are counted.
    """
    target, prediction = target.ravel(), prediction.ravel()
    bits = _bits(target), _bits(prediction)
    if sum(bits) > 16:
        return _count_runs(target, prediction)
    table = _count_codes(target, prediction, bits) if max(bits) > 1 else _count_masks(target, prediction)
    row, column = np.nonzero(table)
    return _Overlaps(row, column, table[row, column])


def _bits(values):
    """How many bits the largest value takes; infinite where there are negative ones."""
    union = int(np.bitwise_or.reduce(values))
    return union.bit_length() if union >= 0 else np.inf


def _chunks(target, prediction, overlap=0):
    for start in range(0, target.size, CHUNK):
        part = slice(start, start + CHUNK + overlap)
        yield start, target[part], prediction[part]


def _count_masks(target, prediction):
    """The table (2, 2) of two arrays of zeros and ones."""
    true = given = both = 0
    for _, t, p in _chunks(target, prediction):  # all three counts while the chunk is in the cache
        t, p = t.astype(bool, copy=False), p.astype(bool, copy=False)
        true, given = true + np.count_nonzero(t), given + np.count_nonzero(p)
        both += np.count_nonzero(t & p)
    return np.array([[target.size - true - given + both, given - both], [true - both, both]])


def _count_codes(target, prediction, bits):
    """The table (2^bits, 2^bits) of two arrays of small numbers, which take 16 bits together."""
    cells = 1 << sum(bits)
    word = np.uint8 if cells <= 256 else np.uint16
    count = _count_bytes if word is np.uint8 else np.bincount
    shift = word((1 << bits[1]) & np.iinfo(word).max)  # 0 if it does not fit: then the target is all 0
    counts = np.zeros(cells, np.int64)
    for _, t, p in _chunks(target, prediction):
        code = t.astype(word)
        code *= shift  # NumPy multiplies bytes many times faster than it shifts them
        code |= p.astype(word, copy=False)
        counts += count(code, minlength=cells)
    return counts.reshape(1 << bits[0], 1 << bits[1])


def _count_bytes(code, minlength):
    """np.bincount of bytes below ``minlength``, by pairs of neighbours, which halves the work."""
    even = len(code) // 2 * 2
    twos = np.bincount(code[:even].view(np.uint16), minlength=minlength << 8)
    twos = twos.reshape(minlength, 256)[:, :minlength]
    counts = twos.sum(axis=0) + twos.sum(axis=1)
    counts[code[even:]] += 1
    return counts


def _count_runs(target, prediction):
    """The overlaps of arrays of any numbers; fast where equal pairs stand side by side."""
    from scipy.sparse import coo_array

    ends = []
    for start, t, p in _chunks(target, prediction, overlap=1):
        changes = (t[1:] != t[:-1]) | (p[1:] != p[:-1])
        ends.append(start + np.flatnonzero(changes))
    ends = np.append(np.concatenate(ends), target.size - 1)
    lengths = np.diff(ends, prepend=-1)
    true, row = _numbered(target[ends])
    given, column = _numbered(prediction[ends])
    table = coo_array((lengths, (row, column))).tocsr().tocoo()  # tocsr adds up equal pairs, and sorts them
    return _Overlaps(true[table.row], given[table.col], table.data)


def _numbered(labels):
    """(names, index) with names[index] == labels; with unused names where that saves sorting the labels."""
    labels = labels.astype(np.int64)
    if labels.min() >= 0 and labels.max() <= 2 * len(labels):
        return np.arange(labels.max() + 1), labels
    return np.unique(labels, return_inverse=True)


# --------------------------------------------------------------------------------------------------------
# What is refused, and what to do then
# --------------------------------------------------------------------------------------------------------


def _label_images(target, prediction):
    target, prediction = _integers(target, "target"), _integers(prediction, "prediction")
    if target.shape != prediction.shape:
        swapped = target.ndim == 2 and target.shape == prediction.shape[::-1]
        raise ValueError(
            f"target has shape {target.shape} and prediction {prediction.shape}; expected the same. "
            + (
                "Height and width are swapped in one of them: transpose it."
                if swapped
                else "Resize labels with nearest neighbour; turn one-hot layers into numbers with argmax."
            )
        )
    return target, prediction


def _integers(array, name):
    array = np.asarray(array)
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape} and so no pixel; check how it was cut out.")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(
            f"{name} contains NaN ({np.isnan(array).sum()} of {array.size} values); expected integers or bool. "
            "Find where they come from: a division by zero, or the logarithm of 0."
        )
    if array.dtype.kind not in "biu":
        raise TypeError(
            f"{name} has dtype {array.dtype}; expected integers or bool. Turn probabilities into classes first "
            "(probability > 0.5, or argmax over the classes); if these are classes, use .astype(int)."
        )
    return array


def _masks(target, prediction):
    target, prediction = _label_images(target, prediction)
    return _mask(target, "target"), _mask(prediction, "prediction")


def _mask(array, name):
    array = _integers(array, name)
    if array.dtype != bool and (array.min() < 0 or array.max() > 1):
        raise ValueError(
            f"{name} is to be a mask, but its values go from {array.min()} to {array.max()}; expected bool, or "
            "0 and 1. Choose the object first: labels > 0, or labels == 3."
        )
    return array.astype(bool, copy=False)


def _check_classes(values, pixels, name, classes, ignore):
    wrong = (values < 0) | (values >= classes)
    if wrong.any():
        numbers = ", ".join(map(str, np.unique(values[wrong])[:5]))
        also = "" if ignore is None else f", or {ignore} to be ignored"
        raise ValueError(
            f"{name} holds {numbers} in {pixels[wrong].sum()} counted pixels; expected classes "
            f"0 … {classes - 1}{also}. Pass more classes, or turn a 0/255 mask into 0/1 with mask > 0."
        )


def _check_not_negative(pairs):
    for name in ("target", "prediction"):
        low = getattr(pairs, name).min()
        if low < 0:
            raise ValueError(
                f"{name} holds the label {low}; expected 0 for the background and 1, 2, … for the instances. "
                f"Make it so with {name}[{name} < 0] = 0."
            )
