"""Explorers: one thing to move, one picture that answers at once.

===================== ==============================================================================  ======
`ThresholdExplorer`   drag a threshold along the histogram, see the mask and its score                02
`WatershedExplorer`   flood a landscape level by level, plant markers, count the regions              03
`MeanShiftExplorer`   click a pixel, watch it climb to its mode in place and colour                    04
`GraphCutExplorer`    scribble on object and background, see the cheapest mask of all               05
`SnakeExplorer`       draw a contour, let it slide downhill, drag its energy back in time             06
`StrokesExplorer`     paint strokes, and a forest paints the rest, tree by tree                       07
`ScoreExplorer`       move, grow and damage a prediction, and watch the scores disagree               01
`Canvas`              the widget under all of them: picture, layers, plot, clicks, strokes, polylines
===================== ==============================================================================  ======

Each works with mouse, touch and keyboard, says in a line what to try, and leaves a strip of still frames for
readers without a kernel.
"""

from importlib import import_module as _import_module

_HOMES = {
    "Canvas": "canvas",
    "GraphCutExplorer": "graph_cut",
    "MeanShiftExplorer": "clustering",
    "ScoreExplorer": "score",
    "SnakeExplorer": "snakes",
    "StrokesExplorer": "strokes",
    "ThresholdExplorer": "threshold",
    "WatershedExplorer": "watershed",
}
__all__ = [
    "Canvas",
    "GraphCutExplorer",
    "MeanShiftExplorer",
    "ScoreExplorer",
    "SnakeExplorer",
    "StrokesExplorer",
    "ThresholdExplorer",
    "WatershedExplorer",
]


def __getattr__(name):
    if name in _HOMES:
        return getattr(_import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"course_utils.explorers has no {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
