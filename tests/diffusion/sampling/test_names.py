import subprocess
import sys

import pytest

from core.errors import UnknownName
from diffusion.sampling.names import SAMPLERS, SCHEDULES, SamplerChoice, resolve, sampler_names

DEFORUM = """Euler a, Euler, LMS, Heun, DPM2, DPM2 a, DPM++ 2S a, DPM++ 2M, DPM++ SDE, DPM++ 2M SDE Karras, DPM fast,
DPM adaptive, LMS Karras, DPM2 Karras, DPM2 a Karras, DPM++ 2S a Karras, DPM++ 2M Karras, DPM++ SDE Karras,
DPM++ 2M SDE Exponential, DPM++ 2M SDE Heun, DPM++ 2M SDE Heun Karras, DPM++ 2M SDE Heun Exponential, DPM++ 3M SDE,
DPM++ 3M SDE Karras, DPM++ 3M SDE Exponential, DDIM, PLMS, UniPC, Restart"""


@pytest.mark.parametrize(
    ("typed", "sampler", "schedule"),
    [
        ("DPM++ 2M Karras", "DPM++ 2M", "karras"),
        ("dpm++ 2m", "DPM++ 2M", "karras"),
        ("k_dpmpp_2m_ka", "DPM++ 2M", "karras"),
        ("DPM++ 2M SDE Heun Exponential", "DPM++ 2M SDE Heun", "exponential"),
        ("euler_a", "Euler a", "uniform"),
        ("k_euler", "Euler", "uniform"),
        ("Euler a Automatic", "Euler a", "uniform"),
        ("EULER ANCESTRAL sgm_uniform", "Euler a", "sgm_uniform"),
        ("Euler Align Your Steps", "Euler", "align_your_steps"),
        ("klms", "LMS", "uniform"),
        ("sample_dpm_2", "DPM2", "karras"),
        ("uni_pc", "UniPC", "ddim"),
        ("k_lcm", "LCM", "lcm"),
        ("LCM SGM Uniform", "LCM", "sgm_uniform"),
        ("EulerAncestralDiscreteScheduler", "Euler a", "uniform"),
        ("KDPM2AncestralDiscreteScheduler", "DPM2 a", "karras"),
        ("LCMScheduler", "LCM", "lcm"),
    ],
)
def test_names_as_people_type_them_resolve(typed, sampler, schedule):
    assert resolve(typed) == SamplerChoice(sampler, schedule)


def test_every_name_and_alias_resolves_to_its_own_sampler():
    found = {alias: resolve(alias).sampler for s in SAMPLERS.values() for alias in (s.name, *s.aliases)}
    assert found == {alias: s.name for s in SAMPLERS.values() for alias in (s.name, *s.aliases)}


@pytest.mark.parametrize("name", [entry.strip() for entry in DEFORUM.split(",")])
def test_every_name_of_a_deforum_sampler_schedule_resolves(name):
    choice = resolve(name.lower())
    assert name.startswith(choice.sampler)


@pytest.mark.parametrize("sampler", sampler_names())
def test_a_schedule_after_the_name_means_the_same_as_one_apart(sampler):
    together = [resolve(f"{sampler} {schedule.label}") for schedule in SCHEDULES.values()]
    assert together == [resolve(sampler, schedule) for schedule in SCHEDULES]


def test_a_schedule_given_apart_goes_before_one_in_the_name():
    assert resolve("DPM++ 2M Karras", "Exponential") == SamplerChoice("DPM++ 2M", "exponential")


def test_automatic_apart_leaves_the_schedule_in_the_name():
    assert resolve("Euler Karras", "Automatic") == SamplerChoice("Euler", "karras")


def test_samplers_with_their_own_timesteps_keep_them():
    assert resolve("DDIM", "Karras").schedule == "ddim"


def test_every_default_schedule_is_one():
    assert {sampler.schedule for sampler in SAMPLERS.values()} <= set(SCHEDULES)


def test_an_unknown_sampler_names_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'DPM\\+\\+ 2M'"):
        resolve("DPM+ 2M")


def test_an_unknown_schedule_names_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'Karras'"):
        resolve("Euler", "Karas")


@pytest.mark.parametrize("name", ["", "   ", "karras", "k", "x" * 100_000])
def test_words_that_name_no_sampler_are_refused(name):
    with pytest.raises(UnknownName):
        resolve(name)


def test_listing_the_names_imports_no_torch():
    code = "import sys, diffusion.sampling.names; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
