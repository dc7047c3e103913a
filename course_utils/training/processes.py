"""Where a network learns: the device, and several processes that share one training."""

import os

import torch
import torch.distributed


def distribute():
    """Join the processes that ``torchrun`` started; returns (number of this process, how many there are).

    Without torchrun it does nothing and returns (0, 1). Processes talk by NCCL on CUDA and by Gloo elsewhere.
    """
    if "WORLD_SIZE" in os.environ and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return rank(), world()


def rank():
    """Number of this process, 0 where there is only one."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def world():
    """How many processes learn together."""
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def best_device():
    """The fastest torch.device of this machine: CUDA (each process its own), else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
