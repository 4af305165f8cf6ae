"""Flow estimators, one file each: where every pixel of one picture lies in another."""

from typing import Protocol

from core.errors import UserError
from core.image import FlowField, Image, Size
from core.registry import Registry

REGISTRY = Registry("flow estimator", "motion.flow")


class FlowEstimator(Protocol):
    """Sees how pixels moved."""

    @property
    def identity(self) -> str:
        """Changes when the flow it would give for the same pictures changes: name, options, checksum of weights."""
        ...

    def flow(self, source: Image, target: Image) -> FlowField:
        """Where each pixel of the target lies in the source.

        Convention: backward, target(p) = source(p + flow(p)); `motion.fields.warped(source, flow)` looks like the
        target wherever the source shows that place.

        Args:
            source: uint8, H x W x 3, RGB; the picture that is read.
            target: likewise, of the same size; the picture the flow belongs to.

        Returns:
            float32, H x W x 2, (dx, dy) in pixels, finite.

        Raises:
            UserError: for pictures of different sizes.
        """
        ...


def refuse_unequal(source: Image, target: Image) -> None:
    """Raises UserError for pictures of different sizes."""
    if source.shape != target.shape:
        what = f"flow between pictures of {Size.of(source)} and {Size.of(target)}"
        raise UserError(what, way_out="Give pictures of one size")
