"""The classic algorithms, from scratch: one module a family, one public function an algorithm.

=============== =================================================== ======
``filters``     integral image, box mean and deviation, Gaussian    02, 03
``thresholding`` histogram, Otsu and its relatives, local thresholds 02
``morphology``  erosion to closing, holes, components               02
``watershed``   distance transform, h-maxima, watershed             03
``regions``     growing from seeds, adjacency graph, merging        03
``mixtures``    k-means, Gaussian mixtures by EM                    04, 05
``clustering``  mean shift, SLIC superpixels                        04
``graph_cuts``  minimum cut, seeds, GrabCut, alpha-expansion        05
``graphs``      Felzenszwalb–Huttenlocher, walker, normalised cut   05
``snakes``      active contours, gradient vector flow               06
``level_sets``  Chan–Vese, geodesic and morphological contours      06
``features``    Gaussian to Gabor and binary patterns, as a stack   07
``softmax``     softmax regression                                  07, 08
=============== =================================================== ======

Each docstring tells the idea, the numbered steps, the cost and the reference. The loops are plain Python that
``course_utils.kernel`` compiles at the first call. Modules are loaded when they are used.
"""

from importlib import import_module as _import_module

__all__ = [
    "clustering",
    "features",
    "filters",
    "graph_cuts",
    "graphs",
    "level_sets",
    "mixtures",
    "morphology",
    "regions",
    "snakes",
    "softmax",
    "thresholding",
    "watershed",
]


def __getattr__(name):
    if name in __all__:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"course_utils.classic has no module {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
