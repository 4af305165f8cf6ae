import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from animator.orders.files import Target
from animator.orders.naming import LONGEST_NAME, PATTERNS, Naming, Subject, sanitized
from animator.orders.order import Order, Start
from core.errors import UserError
from core.image import Size
from diffusion.prompt.styles import Style
from diffusion.request import Hires, Sampling

IMAGE = np.arange(8 * 16 * 3, dtype=np.uint8).reshape(8, 16, 3)
BEGAN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FACTS = {"Model": "base: 15", "Model hash": "0123456789", "VAE": "soft.vae.pt", "Schedule type": "Karras"}
ORDER = Order(
    prompt="a red fox, in: snow", negative="blur", seed=41, sampler="DPM++ 2M Karras", size=Size(16, 8),
    sampling=Sampling(steps=20, cfg=7.5, clip_skip=2, denoise=0.3), batch_size=2, count=3,
)  # fmt: skip


def name(pattern, order=ORDER, place=3, facts=FACTS):
    below, end = Naming(pattern, BEGAN).place(Subject(order.single(place), order, place, facts, IMAGE))
    return str(below / end) if str(below) != "." else end


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[seed]", "44"), ("[seed_first]-[seed_last]", "41-46"), ("[steps]_[cfg]", "20_7.5"), ("[sampler]", "DPM++_2M"),
        ("[scheduler]", "Karras"), ("[model_hash]", "0123456789"), ("[model_name]", "base_ 15"),
        ("[vae_filename]", "soft"), ("[width]x[height]", "16x8"), ("[styles]", "None"), ("[date]", "2026-03-04"),
        ("[datetime]", "20260304050607"), ("[datetime<%H-%M>]", "05-06"), ("[datetime<%H %Z><Asia/Tokyo>]", "14 JST"),
        ("[job_timestamp]", "20260304050607"), ("[prompt]", "a_red_fox,_in__snow"),
        ("[prompt_spaces]", "a red fox, in_ snow"),
        ("[prompt_no_styles]", "a red fox, in_ snow"), ("[prompt_words]", "a red fox in snow"),
        ("[prompt_hash]", digest(ORDER.prompt)[:8]), ("[prompt_hash<4>]", digest(ORDER.prompt)[:4]),
        ("[negative_prompt_hash]", digest("blur")[:8]), ("[full_prompt_hash]", digest(f"{ORDER.prompt} blur")[:8]),
        ("a-[denoising]", ""), ("[clip_skip]", "2"), ("[batch_number]", "2"), ("[batch_size]", "2"),
        ("[generation_number]", "4"), ("[hasprompt<fox|animal><cat|dog>]", "foxdog"), ("[user]", ""),
        ("[image_hash<6>]", hashlib.sha256(IMAGE.tobytes()).hexdigest()[:6]), ("[none]", ""), ("x[seed]y", "x44y"),
        ("[date]/[seed]", "2026-03-04/44"),
    ],
)  # fmt: skip
def test_patterns_are_the_web_uis(pattern, expected):
    Naming(pattern, BEGAN).check()
    assert name(pattern) == expected


def test_every_pattern_is_tried():
    pattern = "".join(f"[{each}]" for each in PATTERNS)
    Naming(pattern, BEGAN).check()
    assert len(PATTERNS) == 32 and name(pattern)


def test_what_does_not_apply_takes_the_text_before_it_along():
    alone = replace(ORDER, batch_size=1, count=1)
    assert name("[seed]-b[batch_number]-g[generation_number]-l[seed_last]", alone, 0) == "41"
    assert name("[seed]-d[denoising]", replace(alone, start=Start((IMAGE,))), 0) == "41-d0.3"
    assert name("[seed]-d[denoising]", replace(alone, hires=Hires(denoise=0.7)), 0) == "41-d0.7"


def test_styles_are_named_and_can_be_left_out_of_the_prompt():
    styles = {"ink": Style("ink", "{prompt}, ink", "", None), "fog": Style("fog", "fog", "", None)}
    order = replace(ORDER, prompt="a fox", styles=("ink", "fog")).with_styles(styles)
    assert name("[styles]", order) == "ink, fog"
    assert name("[prompt_spaces]|[prompt_no_styles]", order) == "a fox, ink, fog_a fox"


@pytest.mark.parametrize("pattern", ["../[seed]", "/etc/[seed]", "[seed]/", "a/../../b", " / ", ".", ""])
def test_no_pattern_leads_out_of_the_folder(pattern):
    with pytest.raises(UserError, match="leads out"):
        Naming(pattern, BEGAN).check()


@pytest.mark.parametrize("prompt", ["../../etc/passwd", "..", "/", "a\x00b/c", "C:\\x", ". . .", "<>|?*\n"])
def test_no_prompt_leads_out_of_the_folder(prompt, tmp_path):
    order = replace(ORDER, prompt=prompt, negative=prompt)
    for pattern in ("[prompt]", "[prompt_spaces]/[prompt]", "[hasprompt<..|../..>]/x"):
        target = Target(tmp_path, naming=Naming(pattern, BEGAN))
        path = target.named(Subject(order.single(0), order, 0, FACTS, IMAGE))
        assert path.resolve().is_relative_to(tmp_path) and len(path.relative_to(tmp_path).parts) <= 2
        path.touch()


def test_long_prompts_make_names_that_every_system_takes(tmp_path):
    order = replace(ORDER, prompt="\N{SNOWMAN}" * 5000)
    path = Target(tmp_path, naming=Naming("[prompt][prompt]", BEGAN)).named(Subject(order, order, 0, FACTS, IMAGE))
    path.touch()
    assert len(path.stem.encode()) <= LONGEST_NAME + 6
    assert sanitized("x" * 500) == "x" * 128 and sanitized("  a. .") == "a"


def test_numbers_go_on_in_every_folder(tmp_path):
    (tmp_path / "44").mkdir()
    for existing in ("00007-a.png", "00003.png", "grid-0009.png"):
        (tmp_path / "44" / existing).touch()
    target = Target(tmp_path, ".jpg", Naming("[seed]/[none]", BEGAN))
    named = [target.named(Subject(ORDER.single(place), ORDER, place, FACTS, IMAGE)) for place in (3, 4)]
    assert [path.relative_to(tmp_path).as_posix() for path in named] == ["44/00008.jpg", "45/00000.jpg"]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("[sed]", "Did you mean"), ("[datetime<%H><Nowhere>]", "Nowhere"), ("[prompt_hash<x>]", "cannot have")],
)
def test_what_is_no_pattern_is_told(pattern, told):
    with pytest.raises(UserError, match=told):
        Naming(pattern, BEGAN).check()
