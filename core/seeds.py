"""Named random draws in place of running state: every seed is a function of (seed, purpose, index)."""

from hashlib import blake2b

SEED_RANGE = 2**32  # seeds are whole numbers from 0 to SEED_RANGE - 1, as everywhere in the field


def derive(seed: int, *labels: str | int) -> int:
    """A seed for one purpose, independent of all other labels.

    The same arguments give the same number on every machine and version.

    Args:
        seed: the project's seed, any whole number.
        labels: what the draw is for, as in `derive(seed, "perlin", frame)`.

    Returns:
        A whole number from 0 to 2**32 - 1.
    """
    text = "\x1f".join([str(seed), *(f"{type(label).__name__}:{label}" for label in labels)])
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")
