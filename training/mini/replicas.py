"""One-thread processes that train copies of a model and meet in shared memory without waiting for each other.

Every few steps a process moves the shared parameters half way to its own and goes on from there. On a machine whose
cores are shared with other work this keeps all of them busy, where averaging gradients would wait for the slowest.

Source: Zhang, Choromanska, LeCun, Deep learning with elastic averaging SGD (2015), with both rates 1/2.
"""

import fcntl
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


class Meeting:
    """A file of float32 parameters that several processes share."""

    def __init__(self, path: Path, parameters: Sequence[nn.Parameter]) -> None:
        """Opens a file that `found` has made.

        Args:
            path: the file.
            parameters: of this process, in the same order as in `found`.
        """
        self._parameters = list(parameters)
        self._shared = torch.from_numpy(np.memmap(path, dtype=np.float32, mode="r+"))
        self._lock = path.with_suffix(".lock")

    @staticmethod
    def found(path: Path, parameters: Sequence[nn.Parameter]) -> None:
        """Makes the file; it is best kept in a file system in memory, such as /dev/shm."""
        torch.cat([parameter.detach().reshape(-1) for parameter in parameters]).numpy().tofile(path)

    @torch.no_grad()
    def exchange(self) -> None:
        """Moves shared and own parameters to their middle."""
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for place, parameter in zip(self._places(), self._parameters, strict=True):
                place.lerp_(parameter, 0.5)
                parameter.copy_(place)

    def _places(self) -> list[Tensor]:
        """Views of the shared file, one for each parameter."""
        sizes = [parameter.numel() for parameter in self._parameters]
        return [part.view_as(own) for part, own in zip(torch.split(self._shared, sizes), self._parameters, strict=True)]
