"""What tests of explorers share: to act as the page does, and to read what it would paint."""

import numpy as np


def act(explorer, kind, **event):
    """Send an explorer an event of the page."""
    explorer.canvas._receive(explorer.canvas, {"id": "1", "kind": kind} | event, [])


def press(explorer, name):
    act(explorer, "action", name=name)


def play(explorer, most=500):
    """Tick until the explorer stops by itself."""
    for _ in range(most):
        if not explorer.canvas.playing:
            return
        act(explorer, "tick")
    raise AssertionError("the animation does not end")


def shown(explorer, name):
    """Palette numbers that a layer paints, int (H, W), 0 where it is clear."""
    (found,) = [layer for layer in explorer.canvas.layers if layer["name"] == name]
    height, width = found["fill"]["size"]
    planes = np.frombuffer(found["fill"]["planes"], np.uint8).reshape(-1, -(-height * width // 8))
    bits = np.unpackbits(planes, axis=1, count=height * width)
    return (bits * 2 ** np.arange(len(bits))[:, None]).sum(axis=0).reshape(height, width)
