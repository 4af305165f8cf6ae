"""How a picture moved as a whole: one matrix for all pixels, from places found again."""

from typing import Literal

import cv2
import numpy as np

from core.image import Image
from motion.homography import Matrix

Rigidity = Literal["affine", "perspective"]  # turned, scaled evenly and shifted; or seen anew as a plane

RATIO = 0.75  # a match counts if it is nearer than this share of the second best
FEWEST = 8  # matches; with no more than these nothing is known
TOLERANCE = 5.0  # pixels by which a match may miss a perspective matrix


def motion_between(source: Image, target: Image, rigidity: Rigidity) -> Matrix:
    """The matrix that brings the source onto the target; the unit matrix where too little is found again.

    Convention: as in `homography`: source pixel coordinates to target pixel coordinates.

    Source: Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004; Fischler and Bolles, RANSAC.

    Args:
        source: uint8, H x W x 3, RGB.
        target: likewise.
    """
    matches = _matched(source, target)
    if len(matches[0]) <= FEWEST:
        return np.eye(3)
    cv2.setRNGSeed(0)  # RANSAC draws; the same pictures give the same matrix
    if rigidity == "perspective":
        found, _ = cv2.findHomography(*matches, cv2.RANSAC, TOLERANCE)
        return np.eye(3) if found is None else np.asarray(found, np.float64)
    partial, _ = cv2.estimateAffinePartial2D(*matches)
    return np.eye(3) if partial is None else np.vstack([np.asarray(partial, np.float64), (0, 0, 1)])


def _matched(source: Image, target: Image) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Places in the source and where they lie in the target, float32, n x 2 each."""
    sift = cv2.SIFT.create()
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (source, target)]
    (places, features), (others, other_features) = (sift.detectAndCompute(image, None) for image in grey)
    if features is None or other_features is None or len(others) < 2:
        return np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    pairs = cv2.BFMatcher().knnMatch(features, other_features, k=2)
    good = [first for first, second in pairs if first.distance < RATIO * second.distance]
    here = np.array([places[match.queryIdx].pt for match in good], np.float32).reshape(-1, 2)
    there = np.array([others[match.trainIdx].pt for match in good], np.float32).reshape(-1, 2)
    return here, there
