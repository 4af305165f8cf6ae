"""Distances of a picture, from the depth model that came with it."""

from core.errors import UserError
from core.image import DepthMap
from diffusion.controls import Given


def distances(given: Given, control: str) -> DepthMap:
    """float32, H x W, > 0, larger is farther.

    Raises:
        UserError: if no depth model came along.
    """
    if given.depth is None:
        raise UserError(f"the control {control} needs a depth model", way_out="Name one; mini needs no download")
    return given.depth(given.image)
