"""How Deforum reads a number schedule, frame by frame, from the reference description; the slow second opinion."""

import re

import numexpr
import numpy as np


def deforum_values(text, frames, seed):
    """Values of a schedule that Deforum accepts: no commas or colons inside values, a key at frame 0."""
    names = {"s": seed, "max_f": frames - 1}
    keys = {}
    for piece in text.split(","):
        position, value = (part.strip() for part in piece.split(":")[:2])
        bare = _bare(position).strip()
        keys[int(bare) if _is_number(bare) else int(_run(position.strip("'\""), names))] = value
    samples = np.full(frames, np.nan)
    current = keys[0]
    for frame in range(frames):
        current = keys.get(frame, current)
        if not _is_number(_bare(current)):
            samples[frame] = _run(current, {**names, "t": frame, "i": frame})
        elif frame in keys:
            samples[frame] = float(_bare(current))
    defined = np.flatnonzero(~np.isnan(samples))
    return np.interp(np.arange(frames), defined, samples[defined])


def _bare(text):
    return re.sub("[\"'()]", "", text)


def _is_number(text):
    return re.fullmatch(r"[+-]?\d*(\.\d+)?", text) is not None


def _run(text, names):
    return float(numexpr.evaluate(text, local_dict=names, global_dict={}))
