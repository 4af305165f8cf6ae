"""Background: threads for what goes on beside the drawing, such as looking ahead, writing and measuring."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

GIVES_WAY = 10  # steps of niceness; it gets a tenth of a core that a drawing thread wants, and all of an idle one


def background(name: str) -> ThreadPoolExecutor:
    """One thread, made at its first task. It gives way to those that draw, where a system tells threads apart (Linux).

    Networks split each of their steps between all cores and wait for the slowest: one that also does something else
    would hold up the others.
    """
    return ThreadPoolExecutor(1, name, initializer=_give_way)


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere this would be for the whole process
        with suppress(OSError):  # forbidden in some containers; it is only slower
            os.nice(GIVES_WAY)
