"""Normal noise as an NVIDIA device draws it from a seed, in software."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]  # values below 2**32, so that products fit
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
ROUNDS = 10
LOW = np.uint64(0xFFFFFFFF)
HALF_WORD = np.uint64(32)
UNIT = np.float32(2.0**-32)


def philox_words(counter: tuple[Words, Words, Words, Words], seed: int) -> tuple[Words, Words, Words, Words]:
    """Four random words for each counter: Philox-4x32 with ten rounds.

    Source: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3".

    Args:
        counter: four arrays of equal shape, values below 2**32.
        seed: 0 to 2**64 - 1.
    """
    a, b, c, d = counter
    keys = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32 & 0xFFFFFFFF)]
    for _ in range(ROUNDS):
        first, second = a * MULTIPLIERS[0], c * MULTIPLIERS[1]
        a, b, c, d = second >> HALF_WORD ^ b ^ keys[0], second & LOW, first >> HALF_WORD ^ d ^ keys[1], first & LOW
        keys = [(key + step) & LOW for key, step in zip(keys, KEY_STEPS, strict=True)]
    return a, b, c, d


def philox_normal(seed: int, call: int, count: int) -> NDArray[np.float32]:
    """`count` normal numbers: those of a device generator's draw number `call` (from 0) after seeding.

    Source: Box and Muller 1958; words to numbers as in cuRAND's documentation.
    """
    zeros: NDArray[Any] = np.zeros(count, dtype=np.uint64)
    first, second, _, _ = philox_words(
        (np.full(count, call, dtype=np.uint64), zeros, np.arange(count, dtype=np.uint64), zeros), seed
    )
    u = first.astype(np.float32) * UNIT + UNIT / 2
    v = (second.astype(np.float32) * UNIT + UNIT / 2) * np.float32(2 * np.pi)
    return np.asarray(np.sqrt(-2 * np.log(u)) * np.sin(v), dtype=np.float32)
