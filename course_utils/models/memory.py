"""How much memory a network's tensors take at once, counted exactly.

The insight: what a process takes from the system says little, since it keeps what it once had and asks in advance. So
count instead: each tensor that an operation makes adds its bytes, and they go when the last who needs it lets go of
it. The largest sum is what there must be room for. It is the same number on every machine.

In learning, what the way back needs (`loss.backward()`) stays alive from the way forward: that is why learning takes
several times as much as answering. Lessons 12, 13 and 19.
"""

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(run):
    """Most bytes that new tensors take at one time while ``run()`` runs (int), its answer among them.

    Tensors that were there before, weights too, do not count; nor what one operation takes for itself and gives back,
    as a fused one does with its tiles. Two tensors that share their memory count once.

    >>> peak_bytes(lambda: torch.zeros(1000) + 1)
    8000
    """
    with _Counter() as counter:
        run()
    return counter.peak


class _Counter(TorchDispatchMode):
    """While it is active, adds up the bytes of the storages that operations make."""

    def __init__(self):
        super().__init__()
        self.alive = self.peak = 0
        self.known = weakref.WeakSet()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        before = {id(tensor.untyped_storage()) for tensor in _tensors((args, kwargs))}
        answer = function(*args, **(kwargs or {}))
        for tensor in _tensors(answer):
            storage = tensor.untyped_storage()
            if id(storage) not in before and storage not in self.known:
                self._count(storage)
        return answer

    def _count(self, storage):
        size = storage.nbytes()
        self.known.add(storage)
        weakref.finalize(storage, self._forget, size)
        self.alive += size
        self.peak = max(self.peak, self.alive)

    def _forget(self, size):
        self.alive -= size


def _tensors(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
