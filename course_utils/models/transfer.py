"""Teaching a network that has learned before: what to keep, what to let go, how fast; and what has become of it.

The insight: a network that was taught one task is a good place to start from for another, if what it sees in images is
of use there. Its *encoder* is taken over, with the weights that it has; the decoder starts anew. Then there is a scale
from keeping everything to keeping nothing:

==================== ======================================== =================================================
way                  the encoder                              what it costs
==================== ======================================== =================================================
``freeze``           never changes                            least: no gradient goes through it
``gradually``        opens level by level, from the lowest    one more level with each stage
``layerwise``        changes, the first levels least          as much as learning from scratch
fine-tuning          changes like the decoder                 as much
from scratch         starts as noise                          as much a step, and often more steps
==================== ======================================== =================================================

**A frozen batch norm is not frozen** by taking its scale and offset from the optimiser: in training mode it still
divides by the deviation of the batch at hand, and its averages still drift towards the new images. ``freeze`` holds it
in evaluation mode, whatever ``model.train()`` says. Should the new images have another mean and deviation,
``recalibrate`` measures the averages anew, without a label.

Was it the *features* that helped, or only well-scaled weights? ``mean_variance_`` draws weights at random with the mean
and deviation of taught ones, layer by layer: all scale, no features. And ``cka`` says how much of what a layer sees is
still what it saw before.

References: Yosinski, Clune, Bengio & Lipson, How transferable are features in deep neural networks?, NeurIPS 2014,
arXiv:1411.1792; Howard & Ruder, Universal language model fine-tuning, ACL 2018, arXiv:1801.06146 (rates by layer,
gradual unfreezing); Raghu, Zhang, Kleinberg & Bengio, Transfusion, NeurIPS 2019, arXiv:1902.07208 (mean and variance);
Kornblith, Norouzi, Lee & Hinton, Similarity of neural network representations revisited, ICML 2019, arXiv:1905.00414;
Li et al., Revisiting batch normalization for practical domain adaptation, 2016, arXiv:1603.04779. Lesson 16.
"""

from functools import cache

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

FALL = 2.6  # by which each level learns slower than the one below it, after Howard & Ruder


# -- freezing ---------------------------------------------------------------------------------------------


def freeze(*modules, hold_norms=True):
    """Take modules out of learning, in place, until ``thaw``.

    Their parameters get no gradients. With ``hold_norms`` their batch norms stay in evaluation mode, too: they use the
    averages that they have and leave them alone. Without it those follow the new images, as they do in many programs
    by oversight.
    """
    for module in modules:
        module.requires_grad_(False)
        if hold_norms:
            hold(module)


def thaw(*modules):
    """Undo ``freeze``: parameters get gradients, batch norms follow ``train()`` and ``eval()`` again."""
    for module in modules:
        module.requires_grad_(True)
        for norm in _norms(module):
            if isinstance(norm, _Held):
                norm.__class__ = type(norm).__mro__[2]
                norm.train(module.training)


def hold(module):
    """Keep all batch norms of a module in evaluation mode, in place, whatever ``train()`` says."""
    for norm in _norms(module):
        if not isinstance(norm, _Held):
            norm.__class__ = _held(type(norm))
            norm.eval()


class _Held:
    """A batch norm for which ``train()`` means ``eval()``.

    Swapping the class changes behaviour alone: parameters, averages and their names in a state dict stay.
    """

    def train(self, mode=True):
        return super().train(False)


@cache
def _held(kind):
    return type(f"Held{kind.__name__}", (_Held, kind), {})


def _norms(module):
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


def recalibrate(module, batches):
    """Measure the averages of all batch norms anew, in place, held ones too: the mean over these batches.

    batches : iterable of images, float (B, C, H, W). Nothing is learned, and no label is needed.
    Raises ValueError where there are no batches.
    """
    norms = _norms(module)
    before = [(norm, norm.training, norm.momentum) for norm in norms]
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.training, norm.momentum = True, None  # None: the plain mean of all batches
    count = 0
    try:
        with torch.no_grad():
            for images in batches:
                module(images)
                count += 1
    finally:
        for part, training in modes:
            part.training = training
        for norm, training, momentum in before:
            norm.training, norm.momentum = training, momentum
    if not count:
        raise ValueError("There is no batch to measure averages on.")


# -- levels, and their rates ------------------------------------------------------------------------------


def levels(encoder):
    """The modules of an encoder that own weights, sorted by the first features that they have a part in.

    Parameters: encoder, ``encoder(images) -> [features, high to low resolution]`` with the attributes ``channels`` and
    ``widths``, see ``parts``.
    Returns: a list for each level, of lists of modules; a module that no features depend on is in none.

    It is found by asking: a weight has a part in features if they have a gradient with respect to it. So it works for
    any encoder, and costs one pass forward and some back on a small image.
    """
    parameters = list(encoder.parameters())
    wanted = [parameter.requires_grad for parameter in parameters]
    modes = [(part, part.training) for part in encoder.modules()]
    encoder.eval().requires_grad_(True)
    side = 2 ** len(encoder.widths)
    image = torch.zeros(1, encoder.channels, side, side, dtype=parameters[0].dtype)
    first = {}
    try:
        with torch.enable_grad():
            for level, features in enumerate(encoder(image.to(parameters[0].device))):
                slopes = torch.autograd.grad(features.sum(), parameters, retain_graph=True, allow_unused=True)
                for parameter, slope in zip(parameters, slopes, strict=True):
                    if slope is not None:
                        first.setdefault(parameter, level)
    finally:
        for parameter, needs in zip(parameters, wanted, strict=True):
            parameter.requires_grad_(needs)
        for part, training in modes:
            part.training = training
    found = [[] for _ in encoder.widths]
    for part in encoder.modules():
        used = [first[parameter] for parameter in part.parameters(recurse=False) if parameter in first]
        if used:
            found[min(used)].append(part)
    return found


def layerwise(model, rate, fall=FALL):
    """Parameter groups for an optimiser, the decoder with ``rate``, each level above it ``fall`` times slower.

    The lowest level of ``model.encoder`` gets rate / fall, the next rate / fall² … : the first levels see edges and
    colours, which are the same everywhere, and shall change least. ``fall=1`` is plain fine-tuning.

    Returns: list of dicts with "params" and "lr". Every parameter of the model is in exactly one, frozen ones too.
    Use: ``training.fit(model, …, optimiser=lambda _: training.adamw(transfer.layerwise(model, 1e-2)))``.
    Raises ValueError for a rate or fall that is not above 0.
    """
    if not (rate > 0 and fall > 0):
        raise ValueError(f"rate and fall must be above 0, not {rate!r} and {fall!r}")
    groups, known = [], set()
    for above, parts in enumerate(reversed(levels(model.encoder)), 1):
        own = [parameter for part in parts for parameter in part.parameters(recurse=False)]
        known.update(own)
        groups.append({"params": own, "lr": rate / fall**above})
    rest = [parameter for parameter in model.parameters() if parameter not in known]
    return [{"params": rest, "lr": rate}, *(group for group in groups if group["params"])]


def gradually(encoder):
    """Freeze an encoder and open it level by level from the lowest: a generator of how many are open, from 0.

    ::

        for stage in transfer.gradually(model.encoder):
            training.fit(model, batches, steps=30)

    First only what is new learns, while noise comes back from it; then it may ask the features below it to change.
    Batch norms of closed levels are held. After the last stage all of the encoder is open.
    """
    parts = levels(encoder)
    freeze(encoder)
    yield 0
    for opened in range(1, len(parts) + 1):
        thaw(*parts[-opened])
        yield opened


# -- what frozen features know ----------------------------------------------------------------------------


def hypercolumns(encoder, images):
    """All that an encoder sees at a pixel: its features of every level, enlarged and joined.

    Images float (B, C, H, W) -> float (B, D, H, W), D the sum of the widths; in evaluation mode, without gradients.
    Reference: Hariharan, Arbeláez, Girshick & Malik, Hypercolumns for object segmentation and fine-grained
    localization, CVPR 2015, doi:10.1109/CVPR.2015.7298642.
    """
    return torch.cat(
        [
            F.interpolate(level, images.shape[-2:], mode="bilinear", align_corners=False)
            for level in _seen(encoder, images)
        ],
        dim=1,
    )


def readout(features, classes, count, ridge=0.1):
    """The linear probe: for each class the weights that make its score 1 on its examples and 0 on the others'.

    Least squares, each class counting alike however many examples it has, with ``ridge`` times the mean square of the
    features added against over-fitting. Nothing is iterated: so it is a quick question of what features know.

    Parameters: features float (n, D); classes int (n,), 0 … count − 1, each with one example at least; count; ridge.
    Returns: weights (D, count) and offsets (count,): ``features @ weights + offsets`` are the scores.
    Raises ValueError where a class has no example.
    Cost: n · D² + D³ multiply–adds.
    """
    members = torch.bincount(classes, minlength=count)
    if len(members) > count or not members.all():
        raise ValueError(f"each of the {count} classes needs an example, and no other may have one")
    share = (1 / members.to(features.dtype) / count)[classes][:, None]  # sums to 1
    truth = F.one_hot(classes, count).to(features.dtype)
    mean, expected = (share * features).sum(0), (share * truth).sum(0)
    x, y = features - mean, truth - expected
    square = x.T @ (share * x)
    square.diagonal().add_(ridge * square.diagonal().mean() + 1e-9)
    weights = torch.linalg.solve(square, x.T @ (share * y))
    return weights, expected - mean @ weights


# -- controls ---------------------------------------------------------------------------------------------


def mean_variance_(module, taught, seed=0):
    """Draw the parameters of ``module`` at random, each with the mean and deviation that ``taught`` has there.

    In place; returns the module. What is left of the taught weights is their scale, layer by layer, and no feature.
    Averages of batch norms start at 0 and 1, as they do in a new network.

    Parameters: module and taught, of one build; seed, of the draw.
    Raises ValueError where their parameters differ in name or shape.
    Reference: Raghu et al. 2019, arXiv:1902.07208 ("Mean Var").
    """
    shapes = [{name: p.shape for name, p in part.named_parameters()} for part in (module, taught)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "module and taught must be of one build, with parameters of the same names and shapes"
        )
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for own, theirs in zip(module.parameters(), taught.parameters(), strict=True):
            deviation, mean = torch.std_mean(theirs.cpu(), correction=0)
            own.copy_(mean + deviation * torch.randn(own.shape, generator=chance, dtype=own.dtype))
    for norm in _norms(module):
        norm.reset_running_stats()
    return module


# -- similarity -------------------------------------------------------------------------------------------


def cka(first, second):
    """Linear CKA: how alike two sets of features sort the same examples, 0 … 1.

    1. Take off each feature's mean: X is (n, p), Y is (n, q), a row for each example.
    2. The similarities of all pairs of examples, as each side sees them, are the matrices K = XXᵀ and L = YYᵀ.
    3. The cosine between these two, as long vectors: ⟨K, L⟩ / (‖K‖ · ‖L‖).

    As ⟨XXᵀ, YYᵀ⟩ = ‖YᵀX‖² (sums of squares), it can be had from p · q numbers instead of n², which is done here.

    To turn the features or to multiply all by one number changes nothing: the numbering of channels does not matter. To
    stretch one feature does: what varies most counts most. With few examples all is alike: take many times as many as
    there are features.

    Parameters: first (n, p), second (n, q), float arrays or tensors, finite; row i of both is of one example.
    Returns: float, exactly 1 for equal ones up to rounding.
    Raises ValueError for other shapes, fewer than two examples, or features that are the same for all examples.
    Cost: n · (p² + q² + p · q) multiply–adds.

    Reference: Kornblith, Norouzi, Lee & Hinton 2019, arXiv:1905.00414. Lesson 16.
    """
    sides = [torch.as_tensor(side).detach().to("cpu", torch.float64) for side in (first, second)]
    if any(side.ndim != 2 for side in sides) or len(sides[0]) != len(sides[1]) or len(sides[0]) < 2:
        shapes = " and ".join(str(tuple(side.shape)) for side in sides)
        raise ValueError(f"cka takes (n, p) and (n, q) with the same n ≥ 2 examples, not {shapes}")
    if not all(side.isfinite().all() for side in sides):
        raise ValueError("cka takes finite features; there is a NaN or an infinite number among these")
    x, y = (side - side.mean(dim=0) for side in sides)
    for whole, varying in zip(sides, (x, y), strict=True):
        if varying.norm() <= 1e-12 * whole.norm():
            raise ValueError("one side's features are the same for all examples: they sort nothing")
    return float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))


def similarity(first, second, images):
    """``cka`` of every level of one encoder with every level of another, on the same images.

    Maps of different size have no pixels in common; so each is first averaged over the cells of the lowest one, and
    the examples are all cells of all images.

    Parameters: first and second, encoders; images, float tensor (B, C, H, W), on the device of both.
    Returns: float64 array (levels of the first, levels of the second); NaN where a level says the same everywhere, as
    one does that has died.
    """
    maps = [_seen(encoder, images) for encoder in (first, second)]
    cells = min((features.shape[-2:] for side in maps for features in side), key=lambda size: size.numel())
    rows = [[_rows(F.adaptive_avg_pool2d(features, cells)) for features in side] for side in maps]
    alive = [[bool((level != level[0]).any()) for level in side] for side in rows]
    found = np.full((len(rows[0]), len(rows[1])), np.nan)
    for first, second in zip(*np.nonzero(np.outer(*alive)), strict=True):
        found[first, second] = cka(rows[0][first], rows[1][second])
    return found


def _seen(encoder, images):
    """The features of images in evaluation mode; the encoder is then as before."""
    modes = [(part, part.training) for part in encoder.modules()]
    try:
        with torch.no_grad():
            return encoder.eval()(images)
    finally:
        for part, training in modes:
            part.training = training


def _rows(features):
    """(B, C, H, W) -> (B · H · W, C)."""
    return features.movedim(1, -1).flatten(0, -2)
