"""Sounding: the sound of a project's loop, made to go round with its pictures as `loop` makes that of a clip."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from animator.closing import Ring
from media.atomic import scratch
from media.sound import RATE, STEREO, Samples, Soundtrack, played, write_samples
from media.soundring import CLICK, SEAM, Recording, cut_round, there_and_back

log = logging.getLogger(__name__)

LONGEST = 1200  # seconds that are made to go round


@contextmanager
def gone_round(track: Soundtrack | None, ring: Ring | None, fps: Fraction, place: Path) -> Iterator[Soundtrack | None]:
    """The sound of a loop's exports: without a click where it starts again. Any other sound as it is.

    Args:
        track: from the loop's first frame on.
        ring: None if nothing goes round.
        fps: rendered frames that exports show in a second.
        place: beside which the sound lies while exports are written.

    Raises:
        MediaError: if the sound cannot be read.
    """
    if track is None or ring is None:
        yield track
        return
    if ring.frames > LONGEST * fps:
        log.warning("sound is cut hard where the loop starts again: it is longer than %d minutes", LONGEST // 60)
        yield track
        return
    with scratch(place) as file:
        write_samples(file, ring_sound(track, ring, fps))
        yield Soundtrack(file, is_looped=True)


def ring_sound(track: Soundtrack, ring: Ring, fps: Fraction) -> Samples:
    """As many samples as the loop is long.

    What plays on after the loop's end fades out over its beginning, for as long as pictures do; where the sound ends
    with the loop, or before, it starts again at once. There and back, sound turns with the pictures.
    """

    def at(frames: int) -> int:
        return round(frames * RATE / fps)

    length, over = at(ring.frames), max(SEAM, at(ring.over) if ring.method in ("fade", "flow-fade") else 0)
    if ring.method == "pingpong":
        there = at(ring.rendered)
        return there_and_back(Recording(_filled(_heard(track, there), there)), length, at(ring.over))
    sound = _heard(track, length + over)
    spare = max(CLICK, len(sound) - length)
    return cut_round(Recording(_filled(sound, length)), 0, length, min(over, spare))


def _heard(track: Soundtrack, count: int) -> Samples:
    """The first samples of a sound, up to `count`; fewer where it ends."""
    blocks, heard = [np.zeros((0, STEREO), np.float32)], 0
    for block in played(track, RATE):
        blocks.append(block)
        heard += len(block)
        if heard >= count:
            break
    return np.concatenate(blocks)[:count]


def _filled(sound: Samples, length: int) -> Samples:
    """A sound with silence after it, `length` long at least."""
    return np.pad(sound, ((0, max(0, length - len(sound))), (0, 0)))
