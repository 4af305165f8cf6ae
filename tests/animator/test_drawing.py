"""Sampling settings of projects on their way to the generator."""

import json
from dataclasses import replace

import pytest

from animator.project import parse, to_text
from animator.timeline import Timeline
from core.errors import ProjectError
from core.image import Size
from diffusion.request import DrawingRules, Refiner

BASE = {"frames": 4, "prompts": {"0": "hill"}}


def project(**data):
    return parse({**BASE, **data}, "test").project


def request(index=0, **data):
    return Timeline(project(**data))[index].request(Size(64, 64))


def test_a_preset_sets_what_the_project_does_not_say():
    one = request(preset="lightning-4", sampling={"cfg": 2})
    assert (one.sampler, one.schedule, one.sampling.steps, one.sampling.cfg) == ("Euler", "sgm_uniform", 4, 2)
    assert request(preset="lcm", sampler="Euler").sampler == "Euler"


def test_a_preset_can_be_set_from_outside_and_survives_being_written():
    once = parse(BASE, "test", changes=["preset=lcm"]).project
    assert (once.sampler, once.sampling["steps"]) == ("LCM", 6)
    assert parse(json.loads(to_text(once)), "test").project == once


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(ProjectError, match=r"preset: no preset named .*lightning-8"):
        project(preset="lightning-9")


def test_sampler_noise_schedule_and_numbers_move_over_time():
    given = {
        "sampler": '0:("DPM++ 2M"), 2:("Euler a")',
        "noise_schedule": '0:("Karras"), 3:("Automatic")',
        "sampling": {"clip_skip": "0:(1), 3:(2)", "eta_ancestral": "0:(t/4)", "variation_strength": "0:(t/3)"},
    }
    one, last = request(0, **given), request(3, **given)
    assert (one.sampler, one.schedule, one.sampling.clip_skip) == ("DPM++ 2M", "Karras", 1)
    assert (last.sampler, last.schedule, last.sampling.clip_skip) == ("Euler a", "Automatic", 2)
    assert (last.sampling.eta_ancestral, last.sampling.variation_strength) == (0.75, 1.0)


def test_an_unknown_noise_schedule_is_a_fault():
    with pytest.raises(ProjectError, match=r"noise_schedule: no noise schedule named 'karas'.*Karras"):
        project(noise_schedule="karas")


def test_drawing_rules_and_refiner_reach_the_generator():
    given = {"drawing": {"tiling": True, "noise": "nv"}, "refiner": {"model": "mini", "switch_at": 0.5}}
    one = request(**given)
    assert one.rules == replace(DrawingRules(), tiling=True, noise="nv")
    assert one.refiner == Refiner("mini", 0.5)


@pytest.mark.parametrize(
    "given", [{"refiner": {"model": "no/such/model.safetensors"}}, {"refiner": {"model": "mini", "switch_at": 2}}]
)
def test_a_refiner_that_is_not_there_or_out_of_range_is_a_fault(given):
    with pytest.raises(ProjectError, match="refiner"):
        project(**given)


def test_checkpoints_change_over_time_and_the_projects_own_needs_no_name():
    given = {"checkpoint": '0:("mini"), 2:("other/model")'}
    assert [request(index, **given).model for index in range(4)] == ["", "", "other/model", "other/model"]
    assert request().model == ""


@pytest.mark.parametrize("text", ['0:("mini"), 2:("no.safetensors")', "0:(mini", "none of that name"])
def test_a_checkpoint_that_is_not_there_is_a_fault(text):
    with pytest.raises(ProjectError, match="checkpoint"):
        project(checkpoint=text)
