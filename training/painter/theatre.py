"""A paper theatre: a scene is a stack of painted planes, seen by a camera that may move while parts of it drift.

Convention: places on the picture (u, v) are fractions of the frame height, right and down; a square picture spans
0..1 both ways, a wide one reaches beyond 0..1 to both sides. The focal length is one frame height. Distances are
along the viewing axis; the nearest surfaces lie at about 1. A plane is painted in the places where the camera at
home sees it, so for the camera at home no warp is needed and for a moved one depth and flow are exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.image import DepthMap, FlowField, Image, Size, to_image
from training.painter.noise import Plate

FAR = 100.0  # distance of the sky
Colour = NDArray[np.floating]  # 3, or H x W x 3; red, green, blue, 0..1


@dataclass(frozen=True, slots=True)
class Shot:
    """Where the camera stands and when."""

    x: float = 0.0  # to the right, in the distances' unit
    y: float = 0.0  # down
    z: float = 0.0  # forward, below 1
    seconds: float = 0.0  # moves what drifts


HOME = Shot()


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane, upright or leaning: its inverse distance changes linearly down the picture.

    Seen from home it is `1 / distance = near + tilt * (v - 0.5)`. A floor has a large tilt, and its horizon where the
    inverse distance is 0.
    """

    near: float  # inverse distance in the middle row
    tilt: float = 0.0  # growth of the inverse distance per frame height downwards

    @classmethod
    def upright(cls, distance: float) -> "Plane":
        """A wall across the view."""
        return cls(1 / distance)

    @classmethod
    def floor(cls, horizon: float, nearest: float = 1.0) -> "Plane":
        """A floor that vanishes at the row `horizon` and is `nearest` away in the bottom row."""
        tilt = 1 / (nearest * (1 - horizon))
        return cls((0.5 - horizon) * tilt, tilt)

    @classmethod
    def leaning(cls, top: float, far: float, bottom: float, close: float) -> "Plane":
        """A slope that is `far` away in the row `top` and `close` in the row `bottom`."""
        tilt = (1 / close - 1 / far) / (bottom - top)
        return cls(1 / far + tilt * (0.5 - top), tilt)

    def seen(self, x: Plate, y: Plate, shot: Shot) -> tuple[Plate, Plate, Plate]:
        """Home places u, v and the distance of what the rays through the picture places x, y meet.

        The distance is 0 where a ray meets nothing.
        """
        right, down = x - np.float32(0.5), y - np.float32(0.5)
        slope = np.float32(self.tilt) * down + np.float32(self.near)
        meets = slope > 1e-4
        left_over = 1 - self.tilt * shot.y - self.near * shot.z
        distance = np.where(meets, np.float32(left_over) / np.where(meets, slope, 1), 0).astype(np.float32)
        if (shot.x, shot.y, shot.z) == (0, 0, 0):
            return x, y, distance
        home = np.maximum(distance + np.float32(shot.z), np.float32(1e-4))
        return (
            (right * distance + np.float32(shot.x)) / home + np.float32(0.5),
            (down * distance + np.float32(shot.y)) / home + np.float32(0.5),
            distance,
        )

    def shown(self, u: Plate, v: Plate, shot: Shot) -> tuple[Plate, Plate]:
        """Picture places of the home places u, v: the inverse of `seen`."""
        home = 1 / np.maximum(np.float32(self.tilt) * (v - np.float32(0.5)) + np.float32(self.near), np.float32(1e-4))
        distance = np.maximum(home - np.float32(shot.z), np.float32(1e-4))
        return ((u - np.float32(0.5)) * home - np.float32(shot.x)) / distance + np.float32(0.5), (
            (v - np.float32(0.5)) * home - np.float32(shot.y)
        ) / distance + np.float32(0.5)


@dataclass(frozen=True, slots=True)
class Look:
    """What a layer is asked: which of its places the pixels show, and what lies behind it."""

    u: Plate  # home places, H x W
    v: Plate
    seconds: float
    pixel: float  # height of a pixel in frame heights, for soft edges
    behind: Colour  # H x W x 3, the picture so far; not to be written


class Paint(NamedTuple):
    """What a layer answers."""

    colour: Colour
    cover: Plate | float  # 0..1; 1 hides what lies behind


@dataclass(frozen=True, slots=True)
class Layer:
    """One painted plane."""

    plane: Plane
    paint: Callable[[Look], Paint]
    drift: tuple[float, float] = (0.0, 0.0)  # frame heights a second, right and down, in home places
    solid: bool = True  # whether it has a depth; fog, glow and stars show that of what they lie on


@dataclass(frozen=True, slots=True)
class Scene:
    """Layers from far to near, and what the finished picture's colours go through."""

    layers: tuple[Layer, ...]
    grade: Callable[[Colour], Colour]


@dataclass(frozen=True, slots=True)
class View:
    """A scene as one shot sees it."""

    image: Image
    depth: DepthMap  # exact; FAR in the sky
    layer: NDArray[np.int16]  # index of the layer that shows, H x W


def rays(size: Size) -> tuple[Plate, Plate]:
    """The picture places of the pixel centres, H x W each."""
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    return (x + np.float32(0.5 - size.width / 2)) / size.height + np.float32(0.5), (y + np.float32(0.5)) / size.height


def view(scene: Scene, size: Size, shot: Shot = HOME) -> View:
    """The scene painted from far to near."""
    x, y = rays(size)
    picture: Colour = np.zeros((size.height, size.width, 3), np.float32)
    depth = np.full((size.height, size.width), FAR, np.float32)
    shows = np.zeros((size.height, size.width), np.int16)
    for index, layer in enumerate(scene.layers):
        u, v, distance = layer.plane.seen(x, y, shot)
        u, v = _drifted(layer, u, v, -shot.seconds)
        colour, cover = layer.paint(Look(u, v, shot.seconds, 1 / size.height, picture))
        cover = np.where(distance > 0, np.float32(cover), np.float32(0))
        picture = picture + (colour - picture) * cover[..., None]
        if layer.solid:
            hides = cover > 0.5
            depth[hides], shows[hides] = distance[hides], index
    return View(to_image(np.clip(scene.grade(picture), 0, 1)), depth, shows)


def flow(scene: Scene, seen: View, target: Shot, source: Shot) -> FlowField:
    """Where each pixel of the target shot lies in the source shot.

    Convention: backward, `target(p) = source(p + flow(p))` wherever the source shows that place, in pixels.

    Args:
        scene: the scene.
        seen: `view(scene, size, target)`.
        target: the shot the flow belongs to.
        source: the shot it points into.
    """
    size = Size.of(seen.image)
    x, y = rays(size)
    found = np.zeros((size.height, size.width, 2), np.float32)
    for index in np.unique(seen.layer):
        layer = scene.layers[index]
        u, v, _ = layer.plane.seen(x, y, target)
        u, v = _drifted(layer, u, v, source.seconds - target.seconds)
        to_x, to_y = layer.plane.shown(u, v, source)
        here = seen.layer == index
        found[here] = np.stack([to_x - x, to_y - y], -1)[here] * np.float32(size.height)
    return found


def _drifted(layer: Layer, u: Plate, v: Plate, seconds: float) -> tuple[Plate, Plate]:
    """Places moved along with the layer for some time."""
    right, down = layer.drift
    return u + np.float32(right * seconds) if right else u, v + np.float32(down * seconds) if down else v
