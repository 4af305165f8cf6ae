"""Sound to numbers over time: loudness, bands, onsets and beats as names for expressions, as in `0:(1 + 0.05*bass)`."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from core.errors import MissingLibrary
from schedules.expression import Values

RATE = 22050  # samples per second at which sound is looked at
WINDOW, HOP = 1024, 220  # samples: 46 ms of sound, a look every 10 ms
PEAK = 99.0  # percentile that counts as full
BANDS: Mapping[str, tuple[float, float]] = {
    "bass": (20, 150),
    "lowmid": (150, 500),
    "mid": (500, 2000),
    "treble": (2000, 11025),
}  # hertz
SLOWEST, FASTEST, USUAL = 55.0, 215.0, 120.0  # beats per minute that are looked for; the likeliest
LIKELIHOOD = 1.0  # octaves; how far tempos spread about the usual one
TIGHTNESS = 100.0  # how strictly beats keep to the tempo
THIRDS = 0.5  # how much it counts against a tempo that sounds repeat half as fast again
SILENCE = 1e-4  # of full scale; below this there is nothing to hear
NAMES = ("rms", *BANDS, "onset", "beat", "bpm")


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """What was heard in a sound, a number every 10 ms."""

    step: float  # seconds from one number to the next
    levels: Mapping[str, Values]  # rms and the bands, 0..1: 1 at the loudest places
    onset: Values  # 0..1; how much sets in
    beats: Values  # seconds, ascending
    bpm: float  # 0 where there is no beat

    def over(self, frames: int, fps: Fraction, start: float = 0.0) -> dict[str, Values]:
        """Series for every frame of a clip, float64[frames], by the names of NAMES; 0 where there is no sound.

        `beat` is 1 on a beat and falls to 0 toward the next one.

        Args:
            frames: of the clip.
            fps: of the clip.
            start: seconds of the sound at the clip's first frame.
        """
        begin = start + np.arange(frames) / float(fps)
        edges = np.append(begin, begin[-1] + 1 / float(fps))
        looks = {**self.levels, "onset": self.onset}
        series = {name: self._strongest(values, edges) for name, values in looks.items()}
        series["beat"] = self._beat(begin)
        series["bpm"] = np.full(frames, self.bpm)
        return series

    def _strongest(self, values: Values, edges: Values) -> Values:
        """The strongest value within each frame, so that no short sound falls between two frames."""
        places = np.ceil(edges / self.step - 0.5).astype(np.int64).clip(0, values.size)
        pairs = zip(places[:-1], np.maximum(places[1:], places[:-1] + 1), strict=True)
        return np.array([values[first:last].max(initial=0.0) for first, last in pairs])

    def _beat(self, seconds: Values) -> Values:
        if self.beats.size < 2:
            return np.zeros(seconds.size)
        usual = float(np.median(np.diff(self.beats)))
        following = np.append(self.beats[1:], self.beats[-1] + usual)
        # a look of tolerance, so that a frame exactly on a beat counts as on it
        place = np.searchsorted(self.beats, seconds + self.step, "right") - 1
        last = place.clip(0)
        share = (seconds - self.beats[last]) / (following - self.beats)[last]
        return np.where((place >= 0) & (share <= 1), 1 - share.clip(0, 1), 0.0)


def heard(samples: NDArray[np.float32], bpm: float = 0.0) -> Hearing:
    """What a sound holds.

    Args:
        samples: float32, mono, -1..1, RATE a second.
        bpm: beats per minute, if they are known; 0 listens for them. A tempo that is heard may be half or twice the
            one that is meant.

    Raises:
        MissingLibrary: without scipy.
    """
    try:
        from scipy.signal import stft
    except ImportError as fault:
        raise MissingLibrary("numbers from sound", "scipy", "audio") from fault
    samples = np.pad(samples, (0, max(0, WINDOW - samples.size)))
    pitches, _, spectrum = stft(samples, RATE, nperseg=WINDOW, noverlap=WINDOW - HOP, boundary="zeros")
    power = np.abs(spectrum) ** 2
    levels = {"rms": _full(np.sqrt(2 * power.sum(0)))}
    for name, (low, high) in BANDS.items():
        inside = (pitches >= low) & (pitches < high)
        levels[name] = _full(np.sqrt(2 * power[inside].sum(0)))
    onset = _onsets(power)
    beats, bpm = _beats(onset, 60 / bpm / (HOP / RATE) if bpm else _period(onset))
    late = np.append(0.0, onset[:-1])  # half a window sees what is to come; one look makes up for that
    return Hearing(HOP / RATE, levels, late, beats + HOP / RATE, bpm)


def _full(values: Values) -> Values:
    """Scaled so that the loudest places are 1."""
    peak = float(np.percentile(values, PEAK))
    top = peak if peak > SILENCE else float(values.max(initial=0.0))
    return np.clip(values / top, 0, 1) if top > SILENCE else np.zeros(values.size)


def _onsets(power: NDArray[np.floating]) -> Values:
    """How much louder each pitch becomes, summed, above the mean of its surroundings. 0..1.

    Source: spectral flux of logarithmic magnitudes; Böck et al., Evaluating the Online Capabilities of Onset
    Detection Methods, ISMIR 2012.
    """
    loudness = np.log1p(1000 * np.sqrt(power))
    flux = np.maximum(np.diff(loudness, axis=1, prepend=0), 0).sum(0)
    flux[0] = min(flux[0], flux[1:].max(initial=0.0))  # a sound may begin on a beat, or in the middle of what goes on
    around = np.convolve(np.pad(flux, 25, "edge"), np.ones(51) / 51, "valid")
    rises = np.maximum(flux - around, 0)
    top = float(rises.max(initial=0.0))
    return rises / top if top > 1e-3 else np.zeros(rises.size)


def _beats(onset: Values, period: float) -> tuple[Values, float]:
    """Beat times in seconds and beats per minute; nothing where too little sets in to tell.

    Source: Ellis, Beat Tracking by Dynamic Programming, 2007.

    Args:
        onset: how much sets in at every look.
        period: looks from beat to beat, about; 0 if there is none.
    """
    step = HOP / RATE
    if not period or not onset.any():
        return np.empty(0), 0.0
    strength = onset / (onset.std() + 1e-9)
    score, before = strength.copy(), np.full(onset.size, -1)
    back = np.arange(round(2 * period), max(1, round(period / 2)) - 1, -1)
    price = -TIGHTNESS * np.log(back / period) ** 2
    for now in range(onset.size):
        known = back <= now
        if known.any():
            reached = score[now - back[known]] + price[known]
            best = int(np.argmax(reached))
            if reached[best] > 0:
                score[now] += reached[best]
                before[now] = now - back[known][best]
    tail = max(0, onset.size - round(period))
    place = tail + int(np.argmax(score[tail:]))
    places = [place]
    while (place := before[place]) >= 0:
        places.append(place)
    strong = np.array(places[::-1])
    loud = np.flatnonzero(strength[strong] > 0.5 * np.median(strength[strong]))
    if loud.size < 3:
        return np.empty(0), 0.0
    strong = strong[loud[0] : loud[-1] + 1]  # beats before the first and after the last that is heard are guesses
    spacing = float(np.polyfit(np.arange(strong.size), strong * step, 1)[0])
    return strong * step, 60 / spacing


def _period(onset: Values) -> float:
    """The likeliest distance of beats, in looks; 0 if nothing repeats."""
    step = HOP / RATE
    lags = np.arange(round(60 / FASTEST / step), min(round(60 / SLOWEST / step), onset.size // 2))
    if not onset.any() or lags.size < 3:
        return 0.0
    centred = onset - onset.mean()
    spectrum = np.fft.rfft(centred, 2 * onset.size)
    repeats = np.convolve(np.fft.irfft(np.abs(spectrum) ** 2)[: onset.size], np.ones(3) / 3, "same")
    likely = np.exp(-0.5 * (np.log2(60 / (lags * step) / USUAL) / LIKELIHOOD) ** 2)
    # what repeats twice as fast, too, is rather the beat itself than every second one; what repeats half as fast again,
    # too, is rather three halves of a beat than one
    combed = repeats[lags] + 0.5 * repeats[np.minimum(2 * lags, onset.size - 1)]
    combed -= 0.3 * repeats[lags // 2].clip(0) + THIRDS * repeats[np.rint(2 * lags / 3).astype(int)].clip(0)
    best = int(np.argmax(combed * likely))
    return float(lags[best]) if combed[best] > 0.05 * repeats[0] else 0.0
