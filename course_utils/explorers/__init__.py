"""Explorers: one thing to move, one picture that answers at once.

======================== ==============================================================================  ======
`ScoreExplorer`          move, grow and damage a prediction, and watch the scores disagree               01
`ThresholdExplorer`      drag a threshold along the histogram, see the mask and its score                02
`WatershedExplorer`      flood a landscape level by level, plant markers, count the regions              03
`MeanShiftExplorer`      click a pixel, watch it climb to its mode in place and colour                   04
`GraphCutExplorer`       scribble on object and background, see the cheapest mask of all                 05
`SnakeExplorer`          draw a contour, let it slide downhill, drag its energy back in time             06
`StrokesExplorer`        paint strokes, and a forest paints the rest, tree by tree                       07
`ConvolutionExplorer`    move a kernel, see nine products and their sum, edit its weights                08
`RateExplorer`           a learning rate to drag, and three ways down a real loss                        08
`ReceptiveFieldExplorer` click an output pixel: what it can see, and what it does see                    08, 11
`FeatureExplorer`        browse the feature maps of a network, their kernels and strongest patches       08, 10
`UpsamplingExplorer`     enlarge a map in six ways, and see where checkerboards come from                09
`PredictionExplorer`     browse predictions, probabilities and errors, the worst image first             09, 10
`AttentionExplorer`      click a pixel: what it attends to, by head and layer                            12
`LossExplorer`           move an answer, see what each loss charges for it and where it pushes           13
`JudgeExplorer`          an answer before, after, and on the way, with the verdict of its judge          14
`RefinementExplorer`     scrub through the steps of a dense CRF, set its prices, see where it stops      15
`ProbeExplorer`          click a few pixels, see what frozen features know of all the others             16
`Canvas`                 the widget under all of them: picture, layers, plot, clicks, strokes, polylines
======================== ==============================================================================  ======

Each works with mouse, touch and keyboard, says in a line what to try, and leaves a strip of still frames for
readers without a kernel.
"""

from importlib import import_module as _import_module

_HOMES = {
    "AttentionExplorer": "attention",
    "Canvas": "canvas",
    "ConvolutionExplorer": "convolution",
    "FeatureExplorer": "features",
    "GraphCutExplorer": "graph_cut",
    "JudgeExplorer": "judge",
    "LossExplorer": "loss",
    "MeanShiftExplorer": "clustering",
    "PredictionExplorer": "prediction",
    "ProbeExplorer": "probe",
    "RateExplorer": "rate",
    "ReceptiveFieldExplorer": "receptive_field",
    "RefinementExplorer": "refinement",
    "ScoreExplorer": "score",
    "SnakeExplorer": "snakes",
    "StrokesExplorer": "strokes",
    "ThresholdExplorer": "threshold",
    "UpsamplingExplorer": "upsampling",
    "WatershedExplorer": "watershed",
}
__all__ = [
    "AttentionExplorer",
    "Canvas",
    "ConvolutionExplorer",
    "FeatureExplorer",
    "GraphCutExplorer",
    "JudgeExplorer",
    "LossExplorer",
    "MeanShiftExplorer",
    "PredictionExplorer",
    "ProbeExplorer",
    "RateExplorer",
    "ReceptiveFieldExplorer",
    "RefinementExplorer",
    "ScoreExplorer",
    "SnakeExplorer",
    "StrokesExplorer",
    "ThresholdExplorer",
    "UpsamplingExplorer",
    "WatershedExplorer",
]


def __getattr__(name):
    if name in _HOMES:
        return getattr(_import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"course_utils.explorers has no {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
