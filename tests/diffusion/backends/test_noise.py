from dataclasses import replace

import numpy as np

from core.image import Size
from diffusion.backends.noise import Options, build
from diffusion.request import ImageRequest, Sampling

BASE = ImageRequest((("hill", 1.0),), "", Size(32, 16), 1, "Euler", Sampling())
GENERATOR = build(Options(), None)


def picture(**changes):
    return GENERATOR.generate([replace(BASE, **changes)])[0]


def test_other_prompt_negative_or_seed_gives_another_picture():
    pictures = [picture(), picture(prompt=(("lake", 1.0),)), picture(negative="fog"), picture(seed=2)]
    assert len({array.tobytes() for array in pictures}) == 4


def test_strength_is_how_far_the_noise_covers_the_init():
    init = np.full((16, 32, 3), 100, np.uint8)
    kept = picture(init=init, sampling=Sampling(denoise=0.0))
    faint = picture(init=init, sampling=Sampling(denoise=0.2))
    covered = picture(init=init, sampling=Sampling(denoise=1.0))
    assert np.array_equal(kept, init)
    assert np.array_equal(covered, picture())
    assert 0 < np.abs(faint.astype(int) - init).mean() < 20
