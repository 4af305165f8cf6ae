from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.image import Size
from diffusion.hints import Hint
from diffusion.hires import LATENT_MODES, Enlargement, centre, first_request, resized_latent, second_request
from diffusion.request import ControlImage, DrawingRules, Hires, ImageRequest, Refiner, Sampling

REQUEST = ImageRequest((("hill", 1.0),), "fog", Size(512, 512), 1, "DPM++ 2M", Sampling(), schedule="Karras")


@pytest.mark.parametrize(
    ("first", "hires", "enlarged", "final"),
    [
        ((512, 512), Hires(scale=1.5), (768, 768), (768, 768)),
        ((512, 768), Hires(width=1024), (1024, 1536), (1024, 1536)),
        ((512, 768), Hires(height=1536), (1024, 1536), (1024, 1536)),
        ((512, 512), Hires(width=1280, height=720), (1280, 1280), (1280, 720)),
        ((768, 512), Hires(width=1024, height=1024), (1536, 1024), (1024, 1024)),
    ],
)
def test_sizes_of_the_second_pass_are_the_web_uis(first, hires, enlarged, final):
    assert Enlargement.of(hires, Size(*first)) == Enlargement(Size(*enlarged), Size(*final))


def test_a_second_pass_without_pixels_or_beyond_all_bounds_is_refused():
    for hires in (Hires(scale=0), Hires(scale=1e9), Hires(width=-4)):
        with pytest.raises(UserError):
            Enlargement.of(hires, Size(512, 512))


def test_the_second_pass_is_as_the_first_where_nothing_else_is_said():
    second = second_request(REQUEST, Hires())
    assert (second.prompt, second.negative, second.sampler, second.schedule) == (
        REQUEST.prompt,
        "fog",
        "DPM++ 2M",
        "Karras",
    )
    assert second.sampling == replace(REQUEST.sampling, denoise=0.7)
    assert second.size == Size(1024, 1024)
    assert second.rules == DrawingRules(img2img_steps="exact")


def test_the_second_pass_has_its_own_words_numbers_and_sampler():
    hires = Hires(steps=7, denoise=0.3, sampler="Euler a", cfg=3, prompt=(("sea", 1.0),), negative="")
    second = second_request(REQUEST, hires)
    assert (second.prompt, second.negative, second.sampler, second.schedule) == ((("sea", 1.0),), "", "Euler a", "")
    assert (second.sampling.steps, second.sampling.denoise, second.sampling.cfg) == (7, 0.3, 3)


@pytest.mark.parametrize(("refines", "passes"), [("first", (1, 0)), ("second", (0, 1)), ("both", (1, 1))])
def test_a_refiner_takes_part_in_the_passes_that_are_said(refines, passes):
    hires = Hires(refines=refines)
    request = replace(REQUEST, refiner=Refiner("other"), hires=hires)
    asked = (first_request(request), second_request(request, hires))
    assert tuple(int(one.refiner is not None) for one in asked) == passes


@pytest.mark.parametrize(("acts_in", "passes"), [("first", (1, 0)), ("second", (0, 1)), ("both", (1, 1))])
def test_a_control_unit_acts_in_the_passes_that_are_said(acts_in, passes):
    unit = ControlImage("net", Hint(np.zeros((8, 8, 3), np.uint8)), acts_in=acts_in)
    request = replace(REQUEST, hires=Hires(), controls=(unit,))
    asked = (first_request(request), second_request(request, Hires()))
    assert tuple(len(one.controls) for one in asked) == passes
    assert first_request(replace(request, hires=None)).controls == (unit,)


@pytest.mark.parametrize(("mode", "second"), [("balanced", "prompt"), ("prompt", "prompt"), ("control", "control")])
def test_thin_lines_are_softened_in_the_second_pass_only(mode, second):
    unit = ControlImage("net", Hint(np.zeros((8, 8, 3), np.uint8)), mode=mode, softens=True)
    request = replace(REQUEST, hires=Hires(), controls=(unit, replace(unit, softens=False)))
    assert [one.mode for one in first_request(request).controls] == [mode, mode]
    assert [one.mode for one in second_request(request, Hires()).controls] == [second, mode]


@pytest.mark.parametrize("name", LATENT_MODES)
def test_every_latent_mode_keeps_a_constant_latent(name):
    enlarged = resized_latent(torch.full((1, 4, 6, 5), 0.7), 9, 11, LATENT_MODES[name])
    assert enlarged.shape == (1, 4, 9, 11)
    assert torch.allclose(enlarged, torch.tensor(0.7), atol=1e-6)


def test_of_an_odd_rest_one_more_row_goes_at_the_end():
    rows = torch.arange(5.0).view(1, 1, 5, 1)
    assert centre(rows, 2, 1).flatten().tolist() == [1, 2]
