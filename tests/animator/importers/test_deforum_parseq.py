"""Parseq manifests: inline and by file, deltas and plain values, overrides, prompts and seeds."""

import json

import numpy as np
import pytest

from animator.timeline import Timeline
from core.errors import ProjectError
from schedules.schedule import Schedule
from tests.animator.importers.test_deforum import complete, imported, parse

FRAMES = [
    {
        "frame": n,
        "angle": 5 * n,
        "angle_delta": 5 * (n > 0),
        "zoom": 1 + n / 10,
        "zoom_delta": 1.1,
        "strength": 0.5 + n / 100,
        "scale": 5 + n,
        "noise": 0.1,
        "antiblur_kernel": 7,
        "seed": 55.1 + n,
        "subseed": 56 + n,
        "subseed_strength": 0.1,
        "transform_center_x": 0.3,
        "cn_1_weight": 0.4,
        "guided_tweening_frames": 9,
        "deforum_prompt": "a lake --neg mud" if n < 3 else "a hill",
    }
    for n in range(5)
]
MANIFEST = {"options": {"output_fps": 60, "cadence": 2, "bpm": 120}, "rendered_frames": FRAMES, "meta": {}}


def made(**settings):
    return imported(parseq_manifest=json.dumps(MANIFEST), **settings).project


def values(text, frames=5):
    return Schedule.parse(text, frames).values()


def test_fields_become_schedules_under_their_names():
    project = made()
    assert np.allclose(values(project.camera["roll"]), [0, 5, 5, 5, 5])
    assert np.allclose(values(project.camera["zoom"]), 1.1)
    assert np.allclose(values(project.sampling["denoise"]), 0.5 - np.arange(5) / 100)
    assert np.allclose(values(project.sampling["cfg"]), 5 + np.arange(5))
    assert np.allclose(values(project.coherence["noise"]), 0.1)
    assert np.allclose(values(project.coherence["sharpen_kernel"]), 7)
    assert np.allclose(values(project.camera["center_x"]), 0.3)


def test_plain_values_are_taken_on_request():
    project = made(parseq_use_deltas=False)
    assert np.allclose(values(project.camera["roll"]), 5 * np.arange(5))
    assert np.allclose(values(project.camera["zoom"]), 1 + np.arange(5) / 10)


def test_length_cadence_and_rate_are_the_manifests_unless_told_otherwise():
    project = made()
    assert (project.frames, project.cadence, project.fps) == (5, 2, 60)
    own = made(parseq_non_schedule_overrides=False, max_frames=9)
    assert (own.frames, own.cadence, own.fps) == (9, 2, 15)
    assert values(own.sampling["cfg"], 9)[-1] == 9  # the last value stays


def test_seeds_and_prompts_are_managed_without_the_merged_words():
    project = made(animation_prompts_positive="masterpiece", seed=7)
    timeline = Timeline(project)
    assert [timeline[n].seed for n in range(5)] == [55, 56, 57, 58, 59]
    assert timeline[0].sampling.variation_seed == 56 and timeline[0].sampling.variation_strength == 0.1
    assert timeline[2].prompt == (("a lake", 1.0),) and timeline[2].negative == "mud"
    assert timeline[3].prompt == (("a hill", 1.0),)


def test_a_field_that_the_first_frame_lacks_is_the_settings():
    frames = [{"frame": 0}, {"frame": 1, "scale": 3}]
    manifest = {"options": {}, "rendered_frames": frames}
    project = imported(parseq_manifest=json.dumps(manifest), cfg_scale_schedule="0:(9)").project
    assert values(project.sampling["cfg"])[1] == 9 and project.frames == 2


def test_a_manifest_may_be_a_file(tmp_path):
    (tmp_path / "m.json").write_text(json.dumps(MANIFEST))
    loaded = parse(complete(parseq_manifest="m.json"), "x.txt", folder=tmp_path, name="x", changes=["generator=noise"])
    assert loaded.project.frames == 5
    assert any(note.startswith("parseq_manifest: 5 frames") for note in loaded.warnings)


BAD = [
    ("{", "column"),
    ('{"options": {}}', "rendered_frames"),
    ('{"rendered_frames": [{"frame": 0}]}', "options"),
    ('{"options": {}, "rendered_frames": [{"frame": "0"}]}', "rendered_frames.0"),
    ("missing.json", "no such file"),
    ("https://example.org/manifest", "address"),
]


@pytest.mark.parametrize(("manifest", "word"), BAD)
def test_what_is_no_manifest_is_told(manifest, word):
    with pytest.raises(ProjectError) as caught:
        imported(parseq_manifest=manifest)
    (fault,) = caught.value.faults
    assert fault.field == "parseq_manifest" and word in str(fault)
