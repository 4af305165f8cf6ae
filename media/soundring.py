"""Sound that goes round: the sound of a clip made to close with its pictures, without a click where it starts again.

Samples are float32, N x 2, -1..1; places and lengths are counted in samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.sound import RATE, Samples

SEAM = RATE // 25  # samples: what is cut is faded over 40 ms at least
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
        over: of the fade; SEAM at least, where the ring is that long.
    """
    over = min(max(over, SEAM), length)
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
    """`early`, into whose beginning `late` goes over; both keep their loudness together."""
    angle = np.linspace(0, np.pi / 2, len(late), endpoint=False, dtype=np.float32)[:, None]
    begun = early.copy()
    begun[: len(late)] = late * np.cos(angle) + early[: len(late)] * np.sin(angle)
    return begun
