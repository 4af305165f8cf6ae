"""Faces: where they are in a picture, and how they are drawn anew by a network that knows faces alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.devices import ModelPool
from core.errors import WeightsError
from core.image import Image, Mask, Size, blended, resized
from core.weights import FACE_FINDER, located

SIDE = 512  # pixels of the square that networks draw
FEATHER = 0.1  # share of that square at each edge over which it goes over into the picture
CELL, STEP, LARGEST = 4, 32, 1024  # pixels: of a place that is looked at; sides are multiples; the longer side at most
SURE, SAME = 0.5, 0.3  # from how sure on a place is a face; how much of two boxes is shared by one face
MOST = 32  # faces of one picture
PLACES = np.array(
    ((192.98, 239.95), (318.90, 240.19), (256.63, 314.02), (201.26, 371.41), (313.09, 371.15)), np.float32
)  # of a face's points in that square. Source: their mean over FFHQ, on which restorers of faces are trained

Places = NDArray[np.float32]  # 5 x 2, pixels, (x, y): the eye left in the picture, the right one, nose, mouth corners
FaceFinder = Callable[[Image], list[Places]]


def face_finder(name: str, pool: ModelPool) -> FaceFinder:
    """Looks for faces with a CenterFace, the surest first.

    Source: Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019.

    Args:
        name: its ONNX file, a path or a name in the models folders.
        pool: keeps it.

    Raises:
        WeightsError: if there is none, or it is another network.
    """
    path = located(FACE_FINDER, name)

    def found(image: Image) -> list[Places]:
        network = pool.get("face finder", str(path), path.stat().st_mtime_ns, lambda: _network(path))
        size = Size.of(image)
        scale = min(1.0, LARGEST / max(size))
        seen = Size(*(max(1, round(side * scale / STEP)) * STEP for side in size))
        network.setInput(cv2.dnn.blobFromImage(resized(image, seen)))
        try:
            maps = network.forward(network.getUnconnectedOutLayersNames())
        except cv2.error as fault:
            raise WeightsError("gives no faces", where=str(path)) from fault
        if [one.shape[1] for one in maps if one.ndim == 4] != [1, 2, 2, 10]:
            raise WeightsError("is no CenterFace", where=str(path), way_out="Fetch it: render.py models fetch faces")
        grown = np.array([size.width / seen.width, size.height / seen.height], np.float32)
        return [places * grown for places in _places(*(one[0] for one in maps))]

    return found


def _network(path: Path) -> Any:
    try:
        return cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as fault:
        raise WeightsError("is no ONNX network that can be read", where=str(path)) from fault


def _places(
    sure: NDArray[np.float32], sizes: NDArray[np.float32], shifts: NDArray[np.float32], points: NDArray[np.float32]
) -> Iterator[Places]:
    """The points of each face in maps with a place of 4 x 4 pixels a cell; numbers are in (y, x) order."""
    rows, columns = np.nonzero(sure[0] > SURE)
    extent = np.exp(np.minimum(sizes[:, rows, columns], 10)) * CELL
    middle = (np.stack([rows, columns]) + shifts[:, rows, columns] + 0.5) * CELL
    corner = middle - extent / 2
    boxes = np.concatenate([corner[::-1], extent[::-1]]).T
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), sure[0, rows, columns].tolist(), SURE, SAME)
    for n in np.ravel(kept).astype(int)[:MOST]:
        shares = points[:, rows[n], columns[n]].reshape(5, 2)
        yield np.asarray((corner[:, n] + shares * extent[:, n])[:, ::-1], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FaceRestorer:
    """Draws the faces of pictures anew, and lays them over."""

    find: FaceFinder
    draw: Callable[[Image], Image]  # a face, 512 x 512, upright, in the same size
    share: float  # 0..1; how much of the new faces

    def restored(self, image: Image) -> Image:
        """The picture with its faces drawn anew; the same picture if there are none."""
        for places in self.find(image):
            image = self._with_face(image, places)
        return image

    def _with_face(self, image: Image, places: Places) -> Image:
        size, to_square = Size.of(image), similarity(places, PLACES)
        square = cv2.warpAffine(image, to_square, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        face = self.draw(np.ascontiguousarray(square, np.uint8))
        growth = float(
            np.hypot(*to_square[0, :2])
        )  # a face smaller than the square is made small before it is laid over
        side = min(SIDE, max(8, round(SIDE / growth)))
        times = SIDE / side
        grown = np.array([[times, 0, (times - 1) / 2], [0, times, (times - 1) / 2], [0, 0, 1]])  # about pixel centres
        back = (cv2.invertAffineTransform(to_square) @ grown).astype(np.float32)
        over = cv2.warpAffine(resized(face, Size(side, side)), back, size, flags=cv2.INTER_LINEAR)
        share = cv2.warpAffine(feathered(side) * np.float32(self.share), back, size, flags=cv2.INTER_LINEAR)
        return blended(image, np.asarray(over, np.uint8), np.asarray(share, np.float32))


def similarity(source: Places, target: Places) -> NDArray[np.float64]:
    """The rotation, scale and shift, 2 x 3, that brings points nearest to others.

    Source: least squares over complex numbers, w = a z + b.
    """
    z, w = (points.astype(np.float64) @ np.array([1, 1j]) for points in (source, target))
    apart = z - z.mean()
    a = np.vdot(apart, w - w.mean()) / max(float(np.vdot(apart, apart).real), 1e-6)
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def feathered(side: int) -> Mask:
    """A square of 1 that goes to 0 at its edges in an S; float32, side x side."""
    from_edge = np.minimum(np.arange(side), np.arange(side)[::-1]) / (FEATHER * side)
    t = np.minimum(from_edge, 1)
    row = (t * t * (3 - 2 * t)).astype(np.float32)
    return np.outer(row, row)
