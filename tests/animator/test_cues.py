"""Subtitles to the character: Deforum's example, its times, its seeds with cadence."""

import av
import numpy as np
import pytest

from animator.cues import Cues, subtitled
from animator.importers.deforum_keys import KEYS
from animator.importers.deforum_subtitles import NAMES
from animator.job import RenderJob
from animator.project import Project, parse
from animator.steps import Frame
from core.devices import ModelPool
from core.errors import ProjectError
from tests.animator.importers.test_deforum import complete

SRT = {"deforum_save_gen_info_as_srt": True}


def cues(params, **settings):
    asked = complete(**SRT | {"deforum_save_gen_info_as_srt_params": params, "seed": 1, "fps": 20} | settings)
    return Cues(parse(asked, "x.txt", name="x", changes=["generator=noise"]).project)


def test_the_measured_example():
    cue = cues(["Angle", "Trans Center X", "Trans Center Y", "Zoom", "Trans X"], diffusion_cadence=1).cue(1)
    number, times, text, blank, _ = cue.split("\n")
    assert (number, times, blank) == ("2", "00:00:00,050 --> 00:00:00,100", "")
    assert text == "F#: 1; Cadence: false; Seed: 2; Angle: 0; Tr.C.X: 0.500; Tr.C.Y: 0.500; Zoom: 1.003; TrX: 0"


def test_times_are_cut_and_not_rounded():
    made = cues([], fps=60)
    assert [made.cue(frame).split("\n")[1] for frame in (0, 1, 2)] == [
        "00:00:00,000 --> 00:00:00,016",
        "00:00:00,016 --> 00:00:00,033",
        "00:00:00,033 --> 00:00:00,050",
    ]
    assert cues([], fps=1, max_frames=3700).cue(3661).split("\n")[1].startswith("01:01:01,000")


def test_with_cadence_a_cue_has_the_seed_of_the_next_picture_and_says_when_it_is_reached():
    texts = [cues([], diffusion_cadence=3).text(frame) for frame in range(4)]
    assert texts == [
        "F#: 0; Cadence: True; Seed: 2",
        "F#: 1; Cadence: True; Seed: 2",
        "F#: 2; Cadence: False; Seed: 2",
        "F#: 3; Cadence: True; Seed: 3",
    ]


def test_raw_schedules_are_shown_even_where_their_switch_is_off():
    text = cues(["Steps Sch", "Sampler Sch", "Clipskip Sch", "Str Sch", "Near Sch"], diffusion_cadence=1).text(5)
    assert text.endswith(
        "StrSch: 0.650; StepsSch: 25; SamplerSchedule: Euler a; ClipskipSchedule: 2; NearSchedule: 200"
    )


def test_the_prompt_comes_last_as_it_stands():
    text = cues(["Prompt", "Zoom"], zoom="0:(1)", diffusion_cadence=1, prompts={"0": "a `t`", "9": "b --neg c"}).text(
        10
    )
    assert text.endswith("; Zoom: 1; Prompt:  b --neg c  ")
    assert cues(["Prompt"], prompts={"5": "late"}).text(0).endswith("Prompt:  late --neg ")


def test_all_names_are_those_of_settings_and_come_in_their_order():
    assert len(NAMES) == 45 and all(key in KEYS for _, key in NAMES.values())
    text = cues([*reversed(NAMES)], diffusion_cadence=1).text(0)
    shown = [part.split(": ")[0] for part in text.split("; ")][3:]
    assert shown == [printed for printed, _ in NAMES.values()]


def test_deforums_own_defaults_choose_nothing_and_unknown_names_are_told():
    assert cues(["Noise Schedule", "Seed"], diffusion_cadence=1).text(0) == "F#: 0; Cadence: false; Seed: 1"
    with pytest.raises(ProjectError, match="Did you mean 'Zoom'"):
        cues(["Zom"])


def test_a_cue_for_every_frame_is_written(tmp_path):
    data = {"frames": 3, "fps": 10, "prompts": {"0": "a"}, "subtitles": {"shown": {"Z": "0:(t/2)"}}}
    project = parse(data, "x", changes=["generator=noise"]).project
    assert isinstance(project, Project)
    with subtitled(tmp_path / "a.srt", project, 0) as write:
        for index in range(3):
            write(Frame(index, np.zeros((2, 2, 3), np.uint8)))
    lines = (tmp_path / "a.srt").read_text().split("\n\n")
    assert len(lines) == 4 and lines[-1] == ""
    assert lines[1] == "2\n00:00:00,100 --> 00:00:00,200\nF#: 1; Cadence: false; Seed: 1; Z: 0.500"


@pytest.mark.parametrize("slow", [1, 2])
def test_subtitles_inside_an_mp4_say_the_same_at_the_same_moments(tmp_path, slow):
    data = {"size": [32, 32], "frames": 4, "fps": 10, "prompts": {"0": "a ü"}, "generator": "noise"}
    data |= {"subtitles": {"shown": {"Z": "0:(t/2)"}, "prompt": True, "embed": True}}
    data |= {"interpolate": {"model": "blend", "factor": 2, "slow": slow}}
    project = parse(data, "x").project
    list(RenderJob(project, tmp_path, tmp_path / "out", ModelPool()).run())
    with av.open(str(tmp_path / "out" / "untitled.mp4")) as file:
        packets = [packet for packet in file.demux(file.streams.subtitles[0]) if packet.duration]
        shown = [(float(packet.pts * packet.time_base), bytes(packet)[2:].decode()) for packet in packets]
    assert shown == [(pytest.approx(frame / 10 * slow), Cues(project).text(frame)) for frame in range(4)]


def test_subtitles_that_no_file_holds_are_told():
    with pytest.raises(ProjectError, match=r"subtitles.embed: there is no export that holds them"):
        parse({"prompts": {"0": "a"}, "subtitles": {"embed": True}, "export": [{"format": "gif"}]}, "x")
