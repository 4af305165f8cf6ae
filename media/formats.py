"""Formats by name, by a file's ending and by purpose."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from core.errors import MediaError, UnknownName, UserError
from core.image import Image, Rgba, Size
from media.behind import Write
from media.captions import Caption
from media.exporters import REGISTRY, Exporter
from media.purposes import Fit
from media.sound import Soundtrack

Options = Mapping[str, Any]

NO_OPTIONS: Options = MappingProxyType({})
ENDINGS = {
    ".mp4": "mp4", ".m4v": "mp4", ".webm": "webm", ".mov": "prores", ".mkv": "mkv",
    ".gif": "gif", ".webp": "webp", ".apng": "apng", ".png": "filmstrip", "": "png",
}  # fmt: skip


def format_for(path: Path) -> str:
    """The format that a file's ending asks for; a name without ending is a folder of pictures.

    Raises:
        UserError: if no format ends like this.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        known = ", ".join(filter(None, ENDINGS))
        raise UserError(f"no format ends in {ending!r}", where=str(path), way_out=f"Known: {known}; or give a format")
    return ENDINGS[ending]


def split(name: str) -> tuple[str, Options]:
    """A format's entry and what a variant behind a dash says: `hap-alpha` is `hap` with `variant` `alpha`."""
    entry, _, variant = name.partition("-")
    return entry, {"variant": variant} if variant else NO_OPTIONS


def names() -> list[str]:
    """All names of formats with their variants. Imports them."""
    found = []
    for entry in REGISTRY.names():
        found.append(entry)
        if "variant" in REGISTRY.options(entry):
            kinds = REGISTRY.module(entry).Options.__annotations__["variant"].__args__
            found += [f"{entry}-{kind}" for kind in kinds]
    return found


def build(name: str, options: Options = NO_OPTIONS) -> Exporter:
    """The writer of a format.

    Args:
        name: an entry, or an entry and its variant, as in `prores-4444`.
        options: of that format.

    Raises:
        UnknownName: for a format, variant or option there is none of.
    """
    if name not in names():
        raise UnknownName("format", name, names())
    entry, variant = split(name)
    exporter: Exporter = REGISTRY.build(entry, {**variant, **options}, pool=None)
    return exporter


def fitted_size(size: Size, step: Size, fit: Fit) -> Size:
    """The nearest size whose sides are multiples of `step`: larger for pad, smaller for crop."""
    if fit == "refuse":
        return size
    if fit == "pad":
        return Size(*(-(-side // of) * of for side, of in zip(size, step, strict=True)))
    return Size(*(max(of, side // of * of) for side, of in zip(size, step, strict=True)))


def fitted(image: Image | Rgba, size: Size) -> Image | Rgba:
    """The middle of an image at another size; black and transparent where there is more of it."""
    if Size.of(image) == size:
        return image
    made = np.zeros((size.height, size.width, image.shape[2]), np.uint8)
    across, down = (min(a, b) for a, b in zip(Size.of(image), size, strict=True))
    x, y = (image.shape[1] - across) // 2, (image.shape[0] - down) // 2
    left, top = (size.width - across) // 2, (size.height - down) // 2
    made[top : top + down, left : left + across] = image[y : y + down, x : x + across]
    return made


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file to make of a clip."""

    path: Path
    exporter: Exporter
    fit: Fit = "refuse"  # what becomes of a size that the format cannot hold

    def size(self, size: Size) -> Size:
        """The size of its frames, for frames of a size."""
        return fitted_size(size, self.exporter.step, self.fit)

    def check(self, size: Size, fps: Fraction) -> None:
        """Tells before any work whether such frames can be written.

        Raises:
            MediaError: as `Exporter.check`, with the file.
        """
        try:
            self.exporter.check_place(self.path)
            self.exporter.check(self.size(size), fps)
        except MediaError as fault:
            raise MediaError(fault.what, where=fault.where or str(self.path), way_out=fault.way_out) from fault


@contextmanager
def delivering(
    deliveries: Sequence[Delivery],
    size: Size,
    fps: Fraction,
    text: Mapping[str, str],
    sound: Soundtrack | None = None,
    captions: Sequence[Caption] = (),
) -> Iterator[Write]:
    """Several files from one pass over the frames; each takes its name when all frames are through.

    Whatever a format refuses is told before the first file is begun. A file that comes back wrong in the end does not
    keep the others from their names.

    Args:
        deliveries: what to make.
        size: of the frames, pixels.
        fps: frames per second.
        text: kept in the files that hold texts.
        sound: goes into the files that hold sound.
        captions: go into the files that hold captions.

    Yields:
        A function that takes each frame, in order: H x W x 3, or H x W x 4 with opacity.

    Raises:
        MediaError: as `Exporter.check` and `Exporter.open`.
    """
    for delivery in deliveries:
        delivery.check(size, fps)
    with ExitStack() as stack:
        files = [stack.enter_context(ExitStack()) for _ in deliveries]
        writers = [
            (delivery.size(size), file.enter_context(_opened(delivery, size, fps, text, sound, captions)))
            for delivery, file in zip(deliveries, files, strict=True)
        ]

        def write(image: Image | Rgba) -> None:
            for wanted, writer in writers:
                writer(fitted(image, wanted))

        yield write
        faults = list(filter(None, map(_closed, files)))
    if faults:
        raise faults[0]


def _closed(file: ExitStack) -> MediaError | None:
    """What went wrong when a file got its name."""
    try:
        file.close()
    except MediaError as fault:
        return fault
    return None


def _opened(
    delivery: Delivery,
    size: Size,
    fps: Fraction,
    text: Mapping[str, str],
    sound: Soundtrack | None,
    captions: Sequence[Caption],
) -> AbstractContextManager[Write]:
    track = sound if delivery.exporter.keeps_sound else None
    return delivery.exporter.open(delivery.path, delivery.size(size), fps, text, track, captions)
