"""Warnings told once, however often what they tell of is come upon."""

import logging
from functools import lru_cache


@lru_cache(maxsize=4096)
def tell_once(log: logging.Logger, text: str) -> None:
    """Warns with a text unless it has been told in this process."""
    log.warning("%s", text)
