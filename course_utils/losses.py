"""What to minimise: eight losses of a segmentation, each from its formula.

The insight: a loss is a *price list* for errors. Cross-entropy charges every pixel by itself, so a class with few
pixels has little to say. One may raise its prices (class weights), lower those of pixels that are already right
(focal), or charge for whole regions instead of pixels (Dice, Tversky, Lovász), for a broken line (clDice), for
distance from the true boundary (boundary loss), or for being too sure (label smoothing). What a loss charges for is
what a network learns; what it does not charge for, the network gives away.

All take

    logits   float (B, K, H, W), unnormalised class scores, K of 2 or more
    target   int64 (B, H, W), 0 … K − 1, or 255: ignored, and worth nothing to any loss

and return a scalar to be made small, with p = softmax(logits) the probabilities. They are finite, and so are their
gradients, for all finite logits: half precision is summed in float32, and log p ends at −1e30. What is said of "a
class" is said of each class over the whole batch, and averaged over the classes that the target holds: a class that is
not there has no region to be compared with. (`boundary` alone divides by all classes that it is asked for.) Where no
pixel counts, every loss is 0 and teaches nothing; a batch that has no pixels at all is refused with a ValueError.

`training.fit` takes any of them: ``fit(model, batches, steps=200, loss=losses.dice)``; with arguments through
``functools.partial(losses.focal, gamma=1)``, and sums of several through `mixed`.

References
----------
Ma et al., Loss odyssey in medical image segmentation, Medical Image Analysis 71, 2021,
doi:10.1016/j.media.2021.102035. Each function names its own. Taught in lesson 13.
"""

import numpy as np
import torch
from torch.nn import functional as F

IGNORE = 255
_LEAST_LOG_P = -1e30  # −∞ would give 0 · −∞ where a class is not wanted, and much less would overflow in sums

# -- pixel by pixel -------------------------------------------------------------------------------------


def cross_entropy(logits, target, weights=None, smoothing=0.0):
    """Weighted mean of −log p(true class): Σ w_y · (−log p_y) / Σ w_y, over the pixels that count.

    With ``smoothing`` ε the truth itself is a little unsure: 1 − ε of it lies on the true class y, and ε is spread over
    all K classes. Then no probability of 1 can be the best answer, and logits stay small.

    Where the network can express it, weights change the best answer from p to w p / Σ w p, and nothing else: they add
    no knowledge, they move the decision.

    Parameters
    ----------
    weights : sequence of K floats, 0 or more, optional
        Prices of the classes, see `inverse_frequency`. Only their ratios matter.
    smoothing : float, 0 … 1

    The same as torch's ``cross_entropy`` with ``weight`` and ``label_smoothing``.

    Reference: Szegedy et al., Rethinking the inception architecture for computer vision, CVPR 2016,
    doi:10.1109/CVPR.2016.308 (label smoothing). Lessons 08 and 13.
    """
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing must be from 0 to 1, not {smoothing!r}")
    log_p, truth, counted = _prepared(logits, target)
    price = _prices(weights, log_p)
    wanted = (1 - smoothing) * truth + smoothing / truth.shape[1] * counted
    return -_share((price * wanted * log_p).sum(), (price * truth).sum())


def soft_cross_entropy(logits, shares):
    """Mean of −Σ s_k log p_k over the pixels that count: cross-entropy with a truth that is itself in shares.

    shares : float (B, K, H, W), of each class at each pixel, with the sum 1, or 0 where a pixel is ignored

    Shares come from mixed images (`training.mixup`), from pixels on a boundary, or from annotators who disagree.
    """
    if shares.shape != logits.shape:
        raise ValueError(
            f"shares have the shape {tuple(shares.shape)}, logits {tuple(logits.shape)}: expected the same"
        )
    return -_share((shares * _log_p(logits)).sum(), shares.sum())


def focal(logits, target, gamma=2.0, weights=None):
    """Cross-entropy in which a pixel counts (1 − p_y)^γ: the surer the network is of the truth, the less.

    γ = 0 is cross-entropy. With γ = 2 a pixel that is right with p = 0.9 costs a hundredth of its cross-entropy, one
    that is wrong with p = 0.1 still four fifths: what is left to learn is what is hard, or what nobody can know.

    Parameters
    ----------
    gamma : float, 0 or more
    weights : as in `cross_entropy`

    log(1 − p_y) is the log of the sum over the *other* classes: then no power of a rounded 0 is ever taken, and the
    gradient is finite for every γ.

    Reference: Lin et al., Focal loss for dense object detection, ICCV 2017, doi:10.1109/ICCV.2017.324 (for two classes,
    by a sigmoid). Lesson 13.
    """
    if not gamma >= 0:
        raise ValueError(f"gamma must be 0 or more, not {gamma!r}")
    log_p, truth, _ = _prepared(logits, target)
    price = _prices(weights, log_p) * truth
    log_rest = log_p.masked_fill(truth.bool(), -torch.inf).logsumexp(dim=1, keepdim=True)
    return -_share((price * (gamma * log_rest).exp() * log_p).sum(), price.sum())


# -- region by region -----------------------------------------------------------------------------------


def tversky(logits, target, alpha=0.5, beta=0.5):
    """1 − TP / (TP + α FP + β FN) of each class, with shares of pixels: the sums are of probabilities.

    TP = Σ p over the pixels of the class, FP = Σ p over all others, FN = Σ (1 − p) over the pixels of the class.
    α = β = ½ is Dice, α = β = 1 the Jaccard loss. β > α pays for finding more of the class, at the price of false
    alarms. At hard predictions (p of 0 and 1) it is one minus the score itself.

    Parameters
    ----------
    alpha, beta : float, the prices of a false alarm (0 or more) and of a miss (more than 0)

    Reference: Salehi, Erdogmus & Gholipour, Tversky loss function for image segmentation using 3D fully convolutional
    deep networks, MLMI 2017, doi:10.1007/978-3-319-67389-9_44. Lesson 13.
    """
    if not (alpha >= 0 and beta > 0):
        raise ValueError(f"alpha must be 0 or more and beta more than 0, not {alpha!r} and {beta!r}")
    log_p, truth, counted = _prepared(logits, target)
    p = log_p.exp()
    hits = _pooled(p * truth)
    alarms = _pooled(p * (counted - truth))
    misses = _pooled((1 - p) * truth)
    present = _pooled(truth) > 0
    whole = torch.where(present, hits + alpha * alarms + beta * misses, 1)
    return _mean_of(1 - hits / whole, present)


def dice(logits, target):
    """1 − 2 Σ p·y / (Σ p + Σ y) of each class: `tversky` at ½, ½.

    A pixel's price depends on all others. That of a miss is about 2 over the size of the region, so small regions count
    as much as large ones; and once a class is lost (p near 0 on all of it) the slope at each of its pixels is tiny:
    plain gradient descent then hardly moves, an optimiser that rescales slopes, as Adam does, can still find it again.
    For one class alone, over pixels that look alike, being half sure gains nothing over being sure, so the Dice of a
    class does not ask for honest probabilities.

    Reference: Milletari, Navab & Ahmadi, V-Net, 3DV 2016, doi:10.1109/3DV.2016.79 (with squares in the denominator).
    Lesson 13.
    """
    return tversky(logits, target, 0.5, 0.5)


def lovasz(logits, target):
    """Lovász-softmax: the Jaccard loss 1 − IoU, drawn out from masks to probabilities in the tightest convex way.

    For each class, with the error e = |y − p| of each pixel:

    1. Sort the pixels, the largest error first.
    2. Let them become wrong in this order, one by one: each raises the Jaccard loss by some step.
    3. Charge each pixel its error times its step.

    At hard predictions that is the Jaccard loss itself, without any approximation. In between it is linear in the
    errors for as long as their order stays. Cost: n log n for n pixels, a class.

    Reference: Berman, Triki & Blaschko, The Lovász-softmax loss, CVPR 2018, doi:10.1109/CVPR.2018.00464. Lesson 13.
    """
    log_p, truth, counted = _prepared(logits, target)
    kept = counted[:, 0] > 0
    p, truth = log_p.exp().movedim(1, 0)[:, kept], truth.movedim(1, 0)[:, kept]  # (K, n)
    errors, order = (truth - p).abs().sort(dim=1, descending=True)
    steps = _jaccard_steps(truth.gather(1, order))
    return _mean_of((errors * steps).sum(dim=1), truth.sum(dim=1) > 0)


def _jaccard_steps(truth):
    """By how much the Jaccard loss rises when pixels (K, n), truth 0 or 1, become wrong from left to right."""
    size = truth.sum(dim=1, keepdim=True)
    left = size - truth.cumsum(dim=1)  # of the region: a wrong pixel of it is lost to the intersection
    union = size + (1 - truth).cumsum(dim=1)  # a wrong pixel outside is added to the union
    loss = 1 - left / union.clamp(min=1)
    return torch.diff(loss, dim=1, prepend=torch.zeros_like(size))


# -- lines and boundaries -------------------------------------------------------------------------------


def cldice(logits, target, classes, iterations=3):
    """1 − clDice: is the *centre line* of each region inside the other region?

    Precision: the share of the predicted centre line that lies in the truth. Sensitivity: the share of the true centre
    line that is predicted. clDice is their harmonic mean: a pole that is broken loses as much as one that is missing
    over that length, however thin; a pole that is drawn too thick loses nothing. So it goes with a region loss, never
    alone: ``mixed((1, cross_entropy), (0.5, partial(cldice, classes=[6])))``.

    Parameters
    ----------
    classes : sequence of int, the thin ones
    iterations : int, 0 or more: half the width of the thickest of them. What is wider than 2 · iterations + 2 pixels,
        in the truth or in the answer, has no centre line there, see `soft_skeleton`

    One pixel is added to each part and whole, as the authors do, so that an empty centre line divides nothing by 0.

    Reference: Shit et al., clDice: a novel topology-preserving loss function for tubular structure segmentation, CVPR
    2021, doi:10.1109/CVPR46437.2021.01629. Lesson 13.
    """
    log_p, truth, counted = _prepared(logits, target)
    classes = _chosen(classes, truth.shape[1])
    p, truth = (log_p.exp() * counted)[:, classes], truth[:, classes]
    line, true_line = soft_skeleton(p, iterations), soft_skeleton(truth, iterations)
    precision = (_pooled(line * truth) + 1) / (_pooled(line) + 1)
    sensitivity = (_pooled(true_line * p) + 1) / (_pooled(true_line) + 1)
    score = 2 * precision * sensitivity / (precision + sensitivity)
    return _mean_of(1 - score, _pooled(truth) > 0)


def soft_skeleton(maps, iterations):
    """The centre lines of bright things: float (B, K, H, W) in [0, 1] -> the same.

    What an opening takes away is thinner than the opening. Erode step by step, and at each step collect what the next
    opening would take: for masks this is the skeleton of mathematical morphology. Minimum and maximum over neighbours
    have gradients, so it works for probabilities, too. After ``iterations`` erosions it stops: a bar leaves a line up
    to a width of 2 · iterations + 2 pixels, a wider one none.
    """
    if iterations < 0:
        raise ValueError(f"iterations must be 0 or more, not {iterations!r}")
    lines = F.relu(maps - _opened(maps))
    for _ in range(iterations):
        maps = _eroded(maps)
        found = F.relu(maps - _opened(maps))
        lines = lines + F.relu(found - lines * found)  # what is not there already
    return lines


def _eroded(maps):
    """Each pixel becomes the least of itself and its four neighbours; nothing is eroded from the frame."""
    return -torch.maximum(F.max_pool2d(-maps, (3, 1), 1, (1, 0)), F.max_pool2d(-maps, (1, 3), 1, (0, 1)))


def _opened(maps):
    return F.max_pool2d(_eroded(maps), 3, 1, 1)


def boundary(logits, target, classes=None):
    """Mean of φ · p, where φ is the signed distance to the class's true boundary in pixels: the price of being far off.

    φ is negative inside the region and positive outside, so each pixel of probability outside costs its distance, and
    each inside earns it. Against the perfect mask, a hard prediction costs just the sum of the distances of its wrong
    pixels: a stray blob far away is dear, a contour that is off by one pixel next to nothing.

    The mean is over the pixels that count and over ``classes``. It says nothing about a class that an image does not
    hold: φ is 0 there, and the class counts in the mean all the same. Near the optimum it is flat: use it with a region
    loss, ``mixed((1, dice), (0.01, boundary))``. It can be negative.

    Parameters
    ----------
    classes : sequence of int, optional; by default all

    Reference: Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019, PMLR 102, 285–296,
    arXiv:1812.07032. Lesson 13.
    """
    log_p, truth, counted = _prepared(logits, target)
    classes = _chosen(classes, truth.shape[1])
    masks = truth[:, classes].detach().cpu().numpy().astype(bool)
    distance = np.stack([[signed_distance(mask) for mask in image] for image in masks])
    p = log_p.exp()[:, classes] * counted
    return _share((torch.from_numpy(distance).to(p) * p).sum(), counted.sum() * len(classes))


def signed_distance(mask):
    """Distance to the boundary between mask and background, float64 (H, W): negative inside, positive outside.

    mask : bool (H, W). Boundaries run between pixels, so ±½ stands on both sides of them, and 0 nowhere; but a mask
    that is empty or full has no boundary, and gives 0 everywhere.
    """
    from scipy.ndimage import distance_transform_edt  # here: importing it takes longer than most calls

    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    return np.where(mask, 0.5 - distance_transform_edt(mask), distance_transform_edt(~mask) - 0.5)


# -- sums and prices ------------------------------------------------------------------------------------


def mixed(*parts):
    """A loss that is a sum: ``mixed((1, cross_entropy), (0.5, dice))`` is cross-entropy plus half of Dice.

    parts : pairs (share, loss), loss a function of (logits, target). Raises ValueError where there are none.
    """
    if not parts:
        raise ValueError("mixed needs at least one pair (share, loss)")

    def loss(logits, target):
        return sum(share * part(logits, target) for share, part in parts)

    return loss


def inverse_frequency(targets, classes, power=1.0):
    """Weights of classes by how rare they are: frequency ** −power, float64 (K,), with a mean of 1 over the pixels.

    power : 0 … 1 as a rule. 0 weighs all pixels alike, 1 all classes; ½ lies between and is often kinder.
    Classes without a pixel get the weight 0, as there is nothing to weigh. Pixels of 255 do not count.
    Raises ValueError where no pixel counts, or a target holds other classes.
    """
    counts = np.zeros(256, np.int64)
    for target in targets:
        counts += np.bincount(np.asarray(target).ravel(), minlength=256)[:256]
    counts[IGNORE] = 0
    if not counts.any() or counts[classes:].any():
        raise ValueError(
            f"the targets hold {np.flatnonzero(counts).tolist()}; expected some of 0 … {classes - 1}"
        )
    share = counts[:classes] / counts.sum()
    weights = np.where(share > 0, np.maximum(share, 1e-300) ** -power, 0)
    return weights / (weights @ share)


# -- what they share ------------------------------------------------------------------------------------


def _prepared(logits, target):
    """(log p, truth as one-hot, counted): float (B, K, H, W), the same, (B, 1, H, W); 0 where a pixel is ignored."""
    if logits.ndim != 4 or logits.shape[1] < 2:
        raise ValueError(
            f"logits have the shape {tuple(logits.shape)}; expected (B, K, H, W) with K of 2 or more"
        )
    if target.shape != (len(logits), *logits.shape[2:]) or target.dtype != torch.int64:
        raise ValueError(
            f"target is {target.dtype} of shape {tuple(target.shape)}; expected class numbers, int64 of shape "
            f"{(len(logits), *logits.shape[2:])}"
        )
    if not target.numel():
        raise ValueError(f"logits have the shape {tuple(logits.shape)}: the batch holds no pixel")
    counted = target != IGNORE
    known = torch.where(counted, target, 0)
    if ((known < 0) | (known >= logits.shape[1])).any():
        raise ValueError(
            f"target holds {known.min()} … {known.max()}; expected 0 … {logits.shape[1] - 1}, or 255 where ignored"
        )
    log_p = _log_p(logits)
    counted = counted[:, None].to(log_p.dtype)
    truth = F.one_hot(known, logits.shape[1]).movedim(-1, 1) * counted
    return log_p, truth, counted


def _log_p(logits):
    """Log probabilities, finite; float32 where logits are of half precision, which ends at 65504 or rounds sums."""
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    return logits.log_softmax(dim=1).clamp(min=_LEAST_LOG_P)


def _prices(weights, log_p):
    """Weights as a tensor (K, 1, 1), ones by default."""
    if weights is None:
        return log_p.new_ones(log_p.shape[1], 1, 1)
    prices = torch.as_tensor(np.asarray(weights, float)).to(log_p)
    if prices.shape != log_p.shape[1:2] or not ((prices >= 0) & prices.isfinite()).all():
        raise ValueError(
            f"weights must be {log_p.shape[1]} numbers of 0 or more, one a class, not {weights!r}"
        )
    return prices[:, None, None]


def _chosen(classes, count):
    """Numbers of classes as a list; all by default."""
    chosen = list(range(count)) if classes is None else [int(k) for k in classes]
    if not chosen or not all(0 <= k < count for k in chosen):
        raise ValueError(f"classes must be some of 0 … {count - 1}, not {classes!r}")
    return chosen


def _pooled(values):
    """Sum over the batch and its pixels: (B, K, H, W) -> (K,)."""
    return values.sum(dim=(0, 2, 3))


def _share(part, whole):
    """part / whole, and 0 where the whole is 0."""
    return part / torch.where(whole > 0, whole, 1)


def _mean_of(values, present):
    """Mean of the values of the classes that are present, 0 where none is."""
    return (values * present).sum() / present.sum().clamp(min=1)
