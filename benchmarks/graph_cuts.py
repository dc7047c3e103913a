"""Races of ``course_utils.classic.graph_cuts`` against PyMaxflow and OpenCV.

The photograph is `astronaut`, enlarged, with a little grain, so that the contrasts are those of a photograph at every
size. The costs are those of a segmentation, from easy to hard: *strong data*, every pixel knows what it is, and the
neighbours tidy up; *weak data*, the neighbours outvote most pixels; *seeds alone*, only a few pixels know and all
others follow the contrast. Weak data is the hardest: water flows from everywhere to everywhere.
"""

from functools import cache

import cv2
import maxflow
import numpy as np
from maxflow import fastmin
from skimage import data, transform

from benchmarks.race import Race, side
from course_utils import metrics
from course_utils.classic import graph_cuts as ours

SIZES = (0.1, 0.4, 1)  # megapixels: weak data need some twenty seconds at the last
THREADS = (1,)  # pushing flow along one path after another is no work for two
STRENGTH = {"strong data": 60, "weak data": 5, "seeds alone": 0}
BOX = (5, 20, 511, 470)  # box (top, left, bottom, right) of the astronaut, of 512 rows and columns
EDGES = [np.array(edge) for edge in ([[0, 0, 0], [0, 0, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 1, 0]])]
EDGES += [np.array(edge) for edge in ([[0, 0, 0], [0, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 0, 0], [1, 0, 0]])]


def races():
    """All races of this suite, list of Race."""
    return [*_min_cuts(), _expansion(), _grab_cut()]


@cache
def photograph(megapixels):
    """uint8 (H, W, 3)."""
    shape = (side(megapixels), side(megapixels))
    enlarged = transform.resize(data.astronaut(), shape, order=1, anti_aliasing=True)
    grain = np.random.default_rng(0).normal(0, 0.01, enlarged.shape)
    return np.round(np.clip(enlarged + grain, 0, 1) * 255).astype(np.uint8)


def problem(megapixels, connectivity, data_term):
    """(unary, pairwise): grey value against its negative, a disk on the face as seeds, three sides as ground."""
    image = photograph(megapixels)
    grey = image.mean(axis=2) / 255
    unary = STRENGTH[data_term] * np.stack([grey, 1 - grey])
    y, x = np.mgrid[: len(grey), : len(grey)] * 512 / len(grey)
    unary[0][(y - 120) ** 2 + (x - 220) ** 2 < 40**2] += 1e4
    unary[1][(y < 20) | (x < 15) | (x > 500)] += 1e4
    return unary, ours.contrast_weights(image, 50, connectivity)


def pymaxflow(unary, pairwise):
    """(mask, flow), with the calls that PyMaxflow's documentation names for grids."""
    graph = maxflow.GraphFloat()
    nodes = graph.add_grid_nodes(unary.shape[1:])
    for weights, edge in zip(pairwise, EDGES, strict=False):
        graph.add_grid_edges(nodes, weights, edge, symmetric=True)
    graph.add_grid_tedges(nodes, unary[0], unary[1])
    flow = graph.maxflow()
    return ~graph.get_grid_segments(nodes), flow


def _min_cuts():
    def same_flow(answers):
        flows = {name: answer[1] for name, answer in answers.items()}
        assert np.ptp(list(flows.values())) <= 1e-9 * flows["course"], f"the flows are {flows}"

    return [
        Race(
            f"minimum cut, {connectivity} neighbours, {data_term}",
            lambda megapixels, c=connectivity, d=data_term: problem(megapixels, c, d),
            {"course": ours.min_cut, "PyMaxflow": pymaxflow},
            same_flow,
            "Each entrant builds its network and solves it, in float64."
            if (connectivity, data_term) == (4, "strong data")
            else "",
        )
        for connectivity in (4, 8)
        for data_term in STRENGTH
    ]


def _expansion():
    levels = np.linspace(0, 1, 5)

    def make(megapixels):
        grey = photograph(megapixels).mean(axis=2) / 255
        unary = 100 * (grey - levels[:, None, None]) ** 2
        return unary, np.ones((2, *grey.shape)), 1.0 - np.eye(len(levels))

    def good(answers):
        unary, pairwise, metric = make(len(answers["course"]) ** 2 / 1e6)
        energies = {name: ours.energy(answer, unary, pairwise, metric) for name, answer in answers.items()}
        assert energies["course"] <= 1.001 * min(energies.values()), f"the energies are {energies}"

    return Race(
        "α-expansion, 5 labels, Potts, 4 neighbours",
        make,
        {
            "course": lambda *costs: ours.alpha_expansion(*costs).labels,
            "PyMaxflow": lambda unary, _, metric: fastmin.aexpansion_grid(
                np.ascontiguousarray(np.moveaxis(unary, 0, -1)), metric
            ),
        },
        good,
        "The energy of the course's labelling is at most 0.1 % above PyMaxflow's.",
    )


def _grab_cut():
    def course(image, box):
        return ours.grab_cut(image, box, rounds=5, components=5, smoothness=50).mask

    def opencv(image, box):
        top, left, bottom, right = box
        labels, models = np.zeros(image.shape[:2], np.uint8), np.zeros((2, 1, 65))
        cv2.setRNGSeed(0)
        rectangle = (left, top, right - left, bottom - top)
        cv2.grabCut(image, labels, rectangle, *models, 5, cv2.GC_INIT_WITH_RECT)
        return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)

    def alike(answers):
        if "OpenCV" in answers:
            iou = metrics.mask_iou(*answers.values())
            assert iou > 0.8, f"the masks share only {iou:.2f}"

    def make(megapixels):
        image = photograph(megapixels)
        return image, tuple(round(line * len(image) / 512) for line in BOX)

    return Race(
        "GrabCut from a box, 5 rounds, uint8 colours",
        make,
        {"course": course, "OpenCV": opencv},
        alike,
        "Both have five components a side and smoothness 50; their first clusters differ, and so do the masks, by a "
        "few percent. Most of the course's time goes into minimum cuts with weak data.",
    )
