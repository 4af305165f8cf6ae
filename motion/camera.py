"""CameraMove and Lens: how the camera moves between one frame and the next, and what it looks through."""

from dataclasses import dataclass
from typing import Literal

Border = Literal["border", "reflection", "zeros", "wrap"]  # what lies outside the picture
Resampling = Literal["bicubic", "bilinear", "nearest"]
Geometry = Literal["true", "deforum"]  # a real pinhole camera, or Deforum's formulas with their quirks


@dataclass(frozen=True, slots=True)
class CameraMove:
    """One frame's move. Resolution-free: a half-size preview moves the same way.

    Convention: translations are in frame heights (in depth mode for what lies at distance 1, seen through a
    90 degree lens); angles in degrees; positive values are named for what they do to the picture's content.
    """

    x: float = 0.0  # camera to the right: content moves left
    y: float = 0.0  # camera up: content moves down
    z: float = 0.0  # camera forward: content grows (depth mode only)
    roll: float = 0.0  # degrees; content turns counter-clockwise
    pitch: float = 0.0  # degrees; camera tilts up: content moves down (depth mode only)
    yaw: float = 0.0  # degrees; camera pans right: content moves left (depth mode only)
    zoom: float = 1.0  # factor > 0; above 1 content grows (flat mode only)
    center_x: float = 0.5  # pivot of roll and zoom, fraction of the width (flat mode only)
    center_y: float = 0.5  # pivot of roll and zoom, fraction of the height (flat mode only)
    flip_roll: float = 0.0  # degrees; perspective flip about the viewing axis (theta)
    flip_tilt: float = 0.0  # degrees; perspective flip about the horizontal axis (phi)
    flip_pan: float = 0.0  # degrees; perspective flip about the vertical axis (gamma)
    flip_view: float = 53.0  # degrees; vertical view angle of the flip, above 0 and below 180


@dataclass(frozen=True, slots=True)
class Lens:
    """What the camera looks through in depth mode."""

    fov: float = 70.0  # degrees; vertical field of view, not 0
    aspect: float = 1.0  # divides the horizontal scale; 1 is undistorted in "true" geometry, not 0
