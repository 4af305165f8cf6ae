"""Sound that goes round: the sound of a clip made to close with its pictures, without a click where it starts again.

Samples are float32, N x 2, -1..1; places and lengths are counted in samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.sound import RATE, Samples

SEAM = RATE // 25  # samples: what is cut is faded over 40 ms at least
CLICK = RATE // 200  # and over 5 ms where nothing goes on after the cut, so that what begins there begins at once
FAINT = 1e-9  # mean square of what counts as silence
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A sound that is asked for beyond its ends: there it goes back and forth, so that it never breaks off."""

    samples: Samples  # one or more

    def at(self, places: Places) -> Samples:
        """The samples at any places."""
        count = len(self.samples)
        turned = np.mod(places, 2 * count)
        return np.asarray(self.samples[np.minimum(turned, 2 * count - 1 - turned)])

    def between(self, start: int, stop: int) -> Samples:
        """The samples from one place to another."""
        return self.at(np.arange(start, stop))


def cut_round(sound: Recording, start: int, length: int, over: int) -> Samples:
    """A stretch of `length` that begins at `start`; what comes after it fades out over its beginning.

    Args:
        sound: of the clip.
        start: where the stretch begins.
        length: of the ring, 1 or more.
        over: of the fade; CLICK at least, where the ring is that long.
    """
    over = min(max(over, CLICK), length)
    return _crossed(sound.between(start + length, start + length + over), sound.between(start, start + length))


def bridged_round(sound: Recording, length: int, over: int, begin: int) -> Samples:
    """All of a clip's sound of `length` and `over` further samples, in which its end goes over into its beginning.

    Args:
        sound: of the clip.
        length: of the clip.
        over: of the bridge.
        begin: place in the clip at which the ring begins.
    """
    bridge = _crossed(sound.between(length, length + over), sound.between(-over, 0))
    ring = np.concatenate([sound.between(0, length), bridge])
    return np.roll(ring, -begin, axis=0)


def there_and_back(sound: Recording, length: int, turn: int) -> Samples:
    """Forward and then backward, so that the ring of `length` turns where its pictures do.

    Args:
        sound: of the clip.
        length: of the ring.
        turn: by how much the pictures are late, once they have set out.
    """
    times = np.arange(length)
    return sound.at(np.minimum(times, length - 1 - times) - turn)


def _crossed(late: Samples, early: Samples) -> Samples:
    """`early`, into whose beginning `late` goes over; both keep their loudness together.

    Sounds that have nothing to do with each other add up by their squares, like ones by themselves: what goes over
    into the same stays the same.
    """
    angle = np.linspace(0, np.pi / 2, len(late), endpoint=False, dtype=np.float32)[:, None]
    begun = early.copy()
    mixed = late * np.cos(angle) + early[: len(late)] * np.sin(angle)
    begun[: len(late)] = mixed / np.sqrt(1 + _likeness(late, early[: len(late)]) * np.sin(2 * angle))
    return begun


def _likeness(one: Samples, other: Samples) -> float:
    """0 where two sounds have nothing in common, or less than that, 1 where they are the same."""
    powers = np.square(one).sum() * np.square(other).sum()
    return float(max(0.0, (one * other).sum() / np.sqrt(powers))) if powers > FAINT * one.size else 0.0
