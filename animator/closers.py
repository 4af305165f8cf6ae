"""Closers: what each method makes of a clip so that it goes round, and of the rendered frames of a project's loop."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from animator.closing import Ring
from animator.report import SIGHT
from animator.steps import Frame
from core.devices import ModelPool
from core.errors import MediaError, UserError
from core.image import Image
from interpolation import models
from interpolation.bridge import Between, Bridge
from interpolation.loops import (
    Clip,
    Part,
    bridge,
    bridged,
    dissolved,
    easy_turn,
    faded,
    morph_reach,
    morphing,
    pingpong,
)
from interpolation.models import Interpolator
from interpolation.search import Loop
from interpolation.stride import KEPT, Crossing, Stride, evenest, look, tried, weight
from media.sound import RATE, Samples
from media.soundring import SEAM, Recording, bridged_round, cut_round, there_and_back

AUTO = ("flow", "blend")  # who makes new frames if nobody is named: the first where ends are near, the last elsewhere
NEAR = 4  # ends are near if a bridge at the clip's own pace takes at most this part of the clip
MET = 0.1  # of the usual step: ends of a found stretch that are nearer are cut, not faded

Reread = Callable[[int], Image]  # a rendered frame from disk


@dataclass(frozen=True, slots=True)
class Closed:
    """A clip that goes round."""

    count: int  # frames
    images: Iterator[Image]
    told: str  # how it was done, for people
    least: float  # the clip's own smallest step, see `Stride.least`
    made: range  # numbers of the frames that are not the clip's own
    sound: Callable[[Recording], Samples]  # the clip's sound, which goes round with it


@dataclass(frozen=True, slots=True)
class Closer:
    """Makes clips go round.

    Args of the methods: part: of a longer clip, or all of it; stride: of that part; over: as for `render.py loop`, None
    for what keeps the clip's stride.
    """

    makers: Mapping[str, Interpolator]  # of new frames, by name: the first where ends are near, the last elsewhere
    fps: Fraction
    is_free: bool = False  # whether a loop may begin at any frame of its clip

    @classmethod
    def named(
        cls, model: str, options: Mapping[str, Any], fps: Fraction, pool: ModelPool, *, is_free: bool = False
    ) -> "Closer":
        """By the name of an interpolator, or `auto`.

        Raises:
            UserError: for an unknown name or option, or weights that are not to be had.
        """
        if model == "auto" and options:
            what = f"{', '.join(options)}, but nobody who takes that"
            raise UserError(what, way_out="Name the model, too")
        names = AUTO if model == "auto" else (model,)
        return cls({name: models.REGISTRY.build(name, options, pool=pool) for name in names}, fps, is_free)

    def fade(self, part: Part, stride: Stride, over: int | None, *, moves: bool) -> Closed:
        """The beginning fades in over the end; if it `moves`, both toward each other."""
        over = stride.fade() if over is None else over
        how = morphing(SIGHT, morph_reach(stride.speed, over)) if moves else dissolved
        kept = part.count - over
        begin, told = self._begin(stride, part, range(over + 1, kept))
        return Closed(
            kept, faded(part, over, how, begin), f"over {over} frames{told}", stride.least,
            range(kept - begin, kept - begin + over) if begin else range(over),
            lambda sound: np.roll(
                cut_round(sound, self._at(part.first), self._at(kept), max(SEAM, self._at(over))), -self._at(begin), 0
            ),
        )  # fmt: skip

    def gap(self, part: Part, stride: Stride, over: int | None) -> Closed:
        """New frames from end to beginning."""
        maker, way = self._bridge(part, stride)
        over = way.length(part.count + 2 * way.rest) - 2 * way.rest if over is None else over
        begin, told = self._begin(stride, part, range(way.rest + 1, part.count - way.rest))
        begin = max(begin, way.rest)
        return Closed(
            part.count + over, bridged(part, over, way, begin), f"{over} new frames by {maker}{told}", stride.least,
            range(part.count - way.rest - begin, part.count + over + way.rest - begin),
            lambda sound: bridged_round(
                Recording(sound.between(self._at(part.first), self._at(part.first + part.count))),
                self._at(part.count), self._at(over), self._at(begin),
            ),
        )  # fmt: skip

    def pingpong(self, part: Part, stride: Stride, over: int | None) -> Closed:
        """There and back."""
        turn = easy_turn(stride.speed, part.count) if over is None else over
        count = 2 * (part.count - 1 + 2 * turn)
        told = f"turns {turn} frames softer" if turn else "turns at once"
        return Closed(
            count, self.turned(part, turn), told, stride.least, range(0),
            lambda sound: there_and_back(
                Recording(sound.between(self._at(part.first), self._at(part.first + part.count))),
                self._at(count), self._at(turn),
            ),
        )  # fmt: skip

    def turned(self, part: Part, turn: int) -> Iterator[Image]:
        """The frames of a part there and back."""
        return pingpong(part, turn, next(iter(self.makers.values())).between)

    def cut(self, clip: Clip, loop: Loop, stride: Stride, over: int | None) -> Closed:
        """The stretch that meets itself; as far as its ends do not, they are faded, both moving.

        Args:
            clip: all of it.
            loop: what was found in it.
            stride: of the whole clip.
            over: None for as long as the ends need.
        """
        stretch, after = Part(clip, loop.start, loop.length), clip.count - loop.start - loop.length
        most = max(0, min(loop.length // 2, max(loop.start, after) - 1, KEPT))
        if over is None:
            is_met = loop.distance <= MET * loop.usual
            over = 0 if is_met or not most else evenest(dict(self._crossings(clip, loop, most)), stride.step)
        if over > most:
            what = f"beside frames {loop.start} to {loop.start + loop.length - 1} there is no room for {over} frames"
            raise MediaError(what, way_out=f"Give at most {most}")
        if over == 0:
            return Closed(
                loop.length, stretch.frames(0, loop.length), "cut", stride.least, range(0),
                lambda sound: cut_round(sound, self._at(loop.start), self._at(loop.length), SEAM),
            )  # fmt: skip
        start = loop.start if after >= loop.start else loop.start - over
        return self.fade(Part(clip, start, loop.length + over), stride, over, moves=True)

    def _begin(self, stride: Stride, part: Part, among: range) -> tuple[int, str]:
        """The frame of a part, of those that stay as they are, with which its loop begins, and what people are told.

        0 if it is to begin as the clip does.
        """
        if not self.is_free or not among:
            return 0, ""
        whole = part.first if stride.count > part.count else 0  # the stride of a longer clip counts its frames
        begin = stride.begin(among.start + whole, among.stop + whole) - whole
        return begin, f", beginning at frame {part.first + begin}"

    def _crossings(self, clip: Clip, loop: Loop, most: int) -> Iterator[tuple[int, Crossing]]:
        """Fades of what comes after a stretch into its beginning, or of its end into what comes before it; by length.

        They are taken where there is more room.
        """
        start, end = loop.start, loop.start + loop.length
        is_after = clip.count - end >= start
        late, early = (
            [look(image) for image in clip.frames(first, first + most + 1)]
            for first in ((end - 1, start) if is_after else (end - most - 1, start - most))
        )
        for over in tried(most):
            if is_after:
                yield over, Crossing(late[0], late[1 : over + 1], early[:over], early[over])
            else:
                yield over, Crossing(late[-over - 1], late[-over:], early[-over - 1 : -1], early[-1])

    def _bridge(self, clip: Clip, stride: Stride) -> tuple[str, Bridge]:
        """The first maker whose way is short, or the last one."""
        *others, (last, maker_of_last) = self.makers.items()
        for name, maker in others:
            way = bridge(clip, maker.between, stride.step)
            if NEAR * way.length(clip.count) <= clip.count + NEAR * 2 * way.rest:
                return name, way
        return last, bridge(clip, maker_of_last.between, stride.step)

    def _at(self, frames: int) -> int:
        """Samples from the first frame of the clip to another."""
        return round(frames * RATE / self.fps)


def strides(clip: Clip) -> Stride:
    """The stride of a clip."""
    stride = Stride(SIGHT.flow)
    for image in clip.frames(0, clip.count):
        stride.see(image)
    return stride


@dataclass(frozen=True, slots=True)
class Rendered:
    """The frames of a render, read again from disk."""

    count: int
    reread: Reread

    def frames(self, start: int, stop: int) -> Iterator[Image]:
        """Frames start .. stop - 1."""
        return map(self.reread, range(start, stop))


def delivered(
    frames: Iterable[Frame], ring: Ring | None, closer: Closer, reread: Reread
) -> Iterator[tuple[Frame, Iterator[Frame]]]:
    """Each rendered frame with the frames of the loop that it completes, numbered from 0; few are held at a time.

    Args:
        frames: as rendered, all of them, in order.
        ring: None if there is no loop: every frame is delivered.
        closer: makes new frames.
        reread: a frame that was rendered, for methods that need all of them first.
    """
    if ring is None or ring.method == "closed":
        run_in = ring.run_in if ring else 0
        for frame in frames:
            yield frame, iter([Frame(frame.index - run_in, frame.image)] if frame.index >= run_in else [])
    elif ring.method in ("fade", "flow-fade"):
        yield from _fading(frames, ring)
    else:
        for frame in frames:
            yield frame, _closing(ring, closer, reread) if frame.index == ring.rendered - 1 else iter(())


def _fading(frames: Iterable[Frame], ring: Ring) -> Iterator[tuple[Frame, Iterator[Frame]]]:
    """The end of a loop fades into its run-in, which is held for it."""
    held: list[Image] = []
    stride = Stride(SIGHT.flow)
    how: Between = dissolved
    for frame in frames:
        image, place = frame.image, frame.index - ring.run_in
        past = place - (ring.frames - ring.over)
        if place < 0:
            held.append(image)
        if past < 0 and ring.method == "flow-fade":
            stride.see(image)
            how = morphing(SIGHT, morph_reach(stride.speed, ring.over)) if past == -1 else how
        if past >= 0:
            image = how(image, held[past], (weight(past, ring.over),))[0]
        yield frame, iter([Frame(place, image)] if place >= 0 else [])


def _closing(ring: Ring, closer: Closer, reread: Reread) -> Iterator[Frame]:
    """The loop out of all rendered frames."""
    part = Part(Rendered(ring.rendered, reread), 0, ring.rendered)
    is_gap = ring.method == "gap"
    images = closer.gap(part, strides(part), ring.over).images if is_gap else closer.turned(part, ring.over)
    return (Frame(place, image) for place, image in enumerate(images))
