"""The compiled algorithms do what their plain Python text says, to the last bit."""

import os
import subprocess
import sys

import numpy as np

from course_utils.classic import (
    clustering,
    features,
    filters,
    graph_cuts,
    graphs,
    level_sets,
    mixtures,
    morphology,
    regions,
    snakes,
    thresholding,
    watershed,
)


def answers():
    """Every algorithm's answer for small images of several types, by name."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (13, 17)).astype(np.uint8)
    found = {}
    for image in (grey, grey.astype(np.uint16) * 200, grey / 255, (grey / 255).astype(np.float32)):
        mask = image > np.median(image)
        colour = np.stack([image, image[::-1], image[:, ::-1]], axis=-1)
        markers = (np.arange(image.size) % 40 == 7).reshape(image.shape) * (1 + np.arange(17))
        mixture = mixtures.fit_mixture(colour, 3, steps=2).mixture
        outline = snakes.circle((6, 8), 5, 9)
        here = {
            "integral": filters.integral_image(image),
            "mean": filters.box_mean(image, 5),
            "mean and deviation": np.stack(filters.box_mean_std(image, 5)),
            "gaussian": filters.gaussian(image, 1.5),
            "steepness": filters.gradient_magnitude(image),
            "edges": filters.canny(image, 1, 0, float(image.max()) / 16),
            "histogram": thresholding.histogram(image, 10).counts,
            "multi-Otsu": thresholding.multi_otsu(image, 4, 32),
            "hysteresis": thresholding.hysteresis(image, np.median(image), np.quantile(image, 0.9)),
            "erosion": morphology.erode(image, morphology.disk(2)),
            "dilation": morphology.dilate(mask, morphology.disk(2)),
            "components": morphology.label(mask, 8),
            "filled": morphology.fill_holes(mask),
            "modes": clustering.mean_shift_modes(colour, 2, float(image.max()) / 4),
            "segments": clustering.mean_shift_segments(colour, 2, float(image.max()) / 4, 3),
            "ends": clustering.mean_shift(colour[:4], float(image.max()) / 4).ends,
            "superpixels": clustering.slic(colour, 9, float(image.max()) / 4),
            "large": morphology.remove_small(mask, 4),
            "distance": watershed.distance_transform(mask),
            "h-maxima": watershed.h_maxima(image, image.max() / image.dtype.type(9)),
            "flood": np.stack(watershed.flood(image, markers, mask=mask | (markers > 0))),
            "compact flood": np.stack(watershed.flood(image, markers, compactness=0.5, lines=True)),
            "grown": regions.grow(image, markers, float(image.max()) / 9, connectivity=8),
            "merges by mean": regions.merges_by_mean(colour, watershed.watershed(image, markers)).weights,
            "merges by height": regions.merges_by_height(image, watershed.watershed(image, markers)).weights,
            "clusters": mixtures.k_means(colour, 4).labels,
            "mixture": mixture.covariances,
            "log density": mixtures.log_density(mixture, colour),
            "responsibilities": mixtures.responsibilities(mixture, colour),
            "component": mixtures.most_likely(mixture, colour),
            "contrast": graph_cuts.contrast_weights(colour / colour.max()),
            "cut": graph_cuts.min_cut(np.stack([image, image[::-1]]), np.stack([image] * 4) // 3).mask,
            "expansion": graph_cuts.alpha_expansion(
                np.stack([image, image[::-1], image[:, ::-1]]), np.stack([image] * 2)
            ).labels,
            "GrabCut": graph_cuts.grab_cut(
                colour / colour.max(), (2, 3, 11, 15), components=2, rounds=2
            ).mask,
            "snake": snakes.evolve(outline, image, step=0.1, balloon=0.1, steps=9).contours,
            "flow": snakes.gradient_vector_flow(image, sweeps=3),
            "Chan–Vese": level_sets.chan_vese(image, mask, steps=4).phi,
            "stopping": level_sets.edge_stopping(image, sigma=1),
            "geodesic": level_sets.geodesic_contour(image, mask, balloon=-1, steps=4, renew=2).phi,
            "morphological Chan–Vese": level_sets.morphological_chan_vese(image, steps=3),
            "morphological geodesic": level_sets.morphological_geodesic(image, mask, steps=3, balloon=-1),
            "features": features.features(colour, (1.5,)).values,
            "merging": graphs.merging(colour, float(image.max()) / 4).weights,
            "walk": graphs.walk(colour, markers).probabilities,
            "affinity": graphs.affinity(image, 2).data,
            "normalised cut": graphs.normalised_cut(graphs.affinity(image, 2)).side,
        }
        found |= {f"{name}, {image.dtype}": answer for name, answer in here.items()}
    return found


def test_plain_python_gives_the_same_answers(tmp_path):
    code = f"import numpy, test_plain_text; numpy.savez(r'{tmp_path / 'plain'}', **test_plain_text.answers())"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.path.dirname(__file__)}
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, check=True)
    with np.load(tmp_path / "plain.npz") as plain:
        compiled = answers()
        assert set(plain) == set(compiled)
        for name, answer in compiled.items():
            assert np.array_equal(answer, plain[name]), name
