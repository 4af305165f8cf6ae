"""Work that runs ahead of whoever uses its results: one thread, a few results at a time."""

from collections import deque
from collections.abc import Iterator
from typing import TypeVar

from core.background import background

Item = TypeVar("Item")
MADE = 2  # items that may lie ready or be in the making


class _End:
    """Comes after the last item."""


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, made in a thread while the one before is used.

    Yields:
        All items, in order.

    Raises:
        Whatever making one raises, in its place.
    """
    with background("ahead") as pool:
        waiting = deque(pool.submit(next, items, _End()) for _ in range(MADE))
        while not isinstance(item := waiting.popleft().result(), _End):
            waiting.append(pool.submit(next, items, _End()))
            yield item
