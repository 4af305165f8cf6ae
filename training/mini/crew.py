"""Several one-thread processes that paint: shards and scenes do not depend on each other."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import cv2
import torch

Given = TypeVar("Given")
Made = TypeVar("Made")


def one_thread() -> None:
    """Lets this process compute in one thread: measured far faster than several threads beside other work."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def shared_out(do: Callable[[Given], Made], tasks: Iterable[Given], processes: int = 1) -> Iterator[Made]:
    """The results in the tasks' order.

    Args:
        do: a function of a module, or a partial of one, so that processes find it.
        tasks: each given to one of the processes.
        processes: 1 for none besides this one.
    """
    if processes == 1:
        yield from map(do, tasks)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), one_thread) as crew:
        yield from crew.map(do, tasks)
