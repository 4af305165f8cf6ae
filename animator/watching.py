"""Watching: the clip of a project frame by frame, decoded and looked at ahead while earlier frames are drawn."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from animator.showing import Ready
from animator.source import Source
from animator.trail import Look, Trail, believed
from core.background import background
from core.image import Image, Size
from diffusion.canvas import fitted
from interpolation.retime import is_cut
from media.footage import Footage
from motion.flow import FlowEstimator

AHEAD = {True: 3, False: 8}  # frames, with their motion, which takes much memory, and without

Annotate = Callable[[int, Image], Mapping[int, Ready]]  # a frame and its picture to what control units are shown


class Clip:
    """The pictures of a source at the size of frames, read forwards. Holds the open file."""

    def __init__(self, source: Source, footage: Footage, size: Size) -> None:
        """Args: source: what is asked; footage: of its clip, of nobody else; size: of frames."""
        self._source, self._footage, self._size = source, footage, size
        self._last: tuple[int, Image] | None = None  # several look at one frame before they go on

    def at(self, index: int) -> Image:
        """The picture of a frame.

        Raises:
            MediaError: if the clip ends before.
        """
        if self._last is None or self._last[0] != index:
            picture = self._footage.at(self._source.start + index)
            self._last = index, fitted(picture, self._size, self._source.fit)
        return self._last[1]

    def files(self) -> list[Path]:
        """The files its pictures come from."""
        return self._footage.files()


class Watcher:
    """Looks at a clip in a thread of its own, a few frames ahead of whoever asks."""

    def __init__(
        self, clip: Clip, flow: FlowEstimator, frames: int, *, cuts: bool, annotate: Annotate | None = None
    ) -> None:
        """A watcher.

        Args:
            clip: of nobody else.
            flow: who sees motion.
            frames: how many there are.
            cuts: whether to look for them.
            annotate: makes what control units are shown; only ever asked in the watcher's thread.
        """
        self._clip, self._flow, self._frames, self._cuts = clip, flow, frames, cuts
        self._annotate = annotate
        self._thread = background("watching")  # the only one that touches the clip
        self._waiting: deque[Future[Look]] = deque()
        self._looks: Iterator[Look] = iter(())
        self._next = -1, False  # the frame that comes next, and whether its motion is looked at
        self._walker = background("walking")  # goes along trails
        self._trail: Trail | None = None
        self._coming: tuple[tuple[int, int], Future[Trail]] | None = None  # an anchor and a frame, the way there

    def look(self, index: int, *, moves: bool = True) -> Look:
        """A frame and, if `moves`, how it came from the one before.

        Asked for in order it is there at once; else it starts over.

        Raises:
            MediaError: if the clip ends before.
        """
        if (index, moves) != self._next:
            self._looks = self._annotated(index, moves)
            self._waiting = deque(self._thread.submit(next, self._looks) for _ in range(AHEAD[moves]))
        self._next = index + 1, moves
        self._waiting.append(self._thread.submit(next, self._looks))
        return self._waiting.popleft().result()

    def trail(self, anchor: int, index: int, look: Look) -> Trail:
        """The way from an anchor to a frame, whose look is given; found again from the clip if it is not the next."""
        last, coming = self._trail, self._coming
        if coming is not None and coming[0] == (anchor, index):
            self._trail = coming[1].result()
            return self._trail
        if last is None or last.anchor != anchor or last.index != index - 1:
            last = self._thread.submit(self._found, anchor, index - 1).result()
        self._trail = last.then(look)
        return self._trail

    def go_on(self, anchor: int, index: int, look: Look) -> None:
        """Looks for the way from an anchor to the frame after this one, beside whoever draws this one.

        Args:
            anchor: this frame, or the one its own trail began at.
            index: the frame that was looked at last.
            look: at it.
        """
        last = Trail.begun(index, look) if anchor == index else self._trail
        assert last is not None and last.anchor == anchor and last.index == index
        self._coming = (anchor, index + 1), self._walker.submit(_followed, last, self._waiting[0])

    def _found(self, anchor: int, index: int) -> Trail:
        looks = self._from(anchor, True)
        trail = Trail.begun(anchor, next(looks))
        while trail.index < index:
            trail = trail.then(next(looks))
        return trail

    def _annotated(self, index: int, moves: bool) -> Iterator[Look]:
        """Yields looks from a frame on, with what control units are shown."""
        for n, look in enumerate(self._from(index, moves), index):
            yield look if self._annotate is None else replace(look, ready=self._annotate(n, look.image))

    def _from(self, index: int, moves: bool) -> Iterator[Look]:
        """Yields looks from a frame on."""
        before = self._clip.at(index - 1) if index and moves else None
        for n in range(index, self._frames):
            image = self._clip.at(n)
            yield Look(image) if before is None else self._seen(before, image)
            before = image if moves else None

    def _seen(self, before: Image, image: Image) -> Look:
        if self._cuts and is_cut(before, image):
            return Look(image, is_cut=True)
        flow, back = self._flow.flow(before, image), self._flow.flow(image, before)
        return Look(image, flow, back, believed(flow, back, before, image))


def _followed(trail: Trail, coming: Future[Look]) -> Trail:
    """A trail with the look that comes next; as it is where that shows another scene, to which nothing leads."""
    look = coming.result()
    return trail if look.flow is None else trail.then(look)
