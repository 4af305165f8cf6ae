"""Work that follows behind whoever makes pictures or frames: one thread, a bounded queue."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import Empty, Full, Queue
from typing import TypeVar

from core.background import background
from core.errors import MediaError
from core.image import Image

WAITING = 4  # pictures that may wait; more make the caller wait
PATIENCE = 0.2  # seconds between two looks at whether the consumer still lives

Write = Callable[[Image], None]
Made = TypeVar("Made")  # a picture, or a picture with what belongs to it


class Abandoned(Exception):
    """Raised inside the consumer when no end of the pictures will come."""


@contextmanager
def behind(consume: Callable[[Iterator[Made]], None]) -> Iterator[Callable[[Made], None]]:
    """Runs `consume` in a thread, on the pictures that are handed to the function this gives.

    Leaving the block ends the pictures and waits for `consume`. If the block raises, `consume` sees `Abandoned`
    at its next picture and can clean up.

    Args:
        consume: takes all pictures, in order, each once. They are not copied: nobody may change them.

    Yields:
        A function that hands a picture over.

    Raises:
        Whatever `consume` raises, at the next picture or at the end of the block.
        MediaError: for a picture that comes after the end.
    """
    queue: Queue[Made | type[Abandoned] | None] = Queue(WAITING)
    with background("behind") as pool:
        work = pool.submit(consume, _pictures(queue))
        try:
            yield lambda image: _put(queue, image, work)
            _put(queue, None, work)
        except BaseException:
            _empty(queue)
            queue.put(Abandoned)
            raise
        work.result()


def _pictures(queue: "Queue[Made | type[Abandoned] | None]") -> Iterator[Made]:
    """The pictures in the queue, up to None."""
    while (entry := queue.get()) is not None:
        if isinstance(entry, type):
            raise entry
        yield entry


def _put(queue: "Queue[Made | type[Abandoned] | None]", entry: Made | None, work: "Future[None]") -> None:
    """Waits for room; raises what the consumer raised if it has ended."""
    while True:
        if work.done():
            work.result()
            raise MediaError("this file is finished; no more pictures go into it")
        try:
            return queue.put(entry, timeout=PATIENCE)
        except Full:
            continue


def _empty(queue: "Queue[Made | type[Abandoned] | None]") -> None:
    """Throws away what waits; the only producer has stopped, so there is room afterwards."""
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
