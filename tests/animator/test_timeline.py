from dataclasses import replace

import numpy as np
import pytest

from animator.project import Project, SeedRules
from animator.timeline import Timeline, seed_series


def seeds(behavior, frames=7, cadence=1, **rules):
    return seed_series(SeedRules(behavior, **rules), 100, frames, cadence).tolist()


# Deforum's sequences from 100
@pytest.mark.parametrize(
    ("behavior", "rules", "expected"),
    [
        ("iter", {}, [100, 101, 102, 103, 104, 105, 106]),
        ("iter", {"every": 3, "short_first": True}, [100, 101, 101, 101, 102, 102, 102]),
        ("iter", {"every": 3}, [100, 100, 100, 101, 101, 101, 102]),
        ("ladder", {}, [100, 102, 101, 103, 102, 104, 103]),
        ("alternate", {}, [100, 101, 100, 101, 100, 101, 100]),
        ("fixed", {}, [100] * 7),
        ("schedule", {"schedule": "0:(7), 3:(9.9)"}, [7, 7, 8, 9, 9, 9, 9]),
    ],
)
def test_seed_behaviours(behavior, rules, expected):
    assert seeds(behavior, **rules) == expected


def test_seeds_advance_once_a_generated_picture():
    assert seeds("iter", cadence=3) == [100, 100, 100, 101, 101, 101, 102]


def test_random_seeds_start_with_the_given_one_and_are_reproducible():
    first = seeds("random", frames=50)
    assert first == seeds("random", frames=50)
    assert first[0] == 100 and len(set(first)) == 50


def test_a_scheduled_seed_of_minus_one_is_drawn_for_that_frame():
    drawn = seeds("schedule", schedule="0:(-1)")
    assert len(set(drawn)) == 7 and min(drawn) >= 0


def test_the_timeline_is_a_function_of_the_index():
    project = Project(
        frames=20, prompts={"0": "a", "10": "b"}, camera={"x": "0:(t/10)", "fov": 50}, sampling={"cfg": "0:(1),19:(20)"}
    )
    timeline = Timeline(project)
    assert len(timeline) == len(list(timeline)) == 20
    assert timeline[7] == timeline[5:9][2]
    assert timeline[7].camera.x == pytest.approx(0.7)
    assert timeline[7].sampling.cfg == pytest.approx(8)
    assert timeline[7].lens.fov == 50
    assert [timeline[i].prompt[0][0] for i in (9, 10)] == ["a", "b"]
    with pytest.raises(IndexError):
        timeline[20]


def test_columns_hold_every_number_of_every_frame():
    columns = Timeline(Project(frames=5, prompts={"0": "a"}, camera={"x": "0:(t)"})).columns()
    assert np.array_equal(columns["camera.x"], range(5))
    sections = {"camera", "sampling", "coherence", "stylize", "mix"}
    assert {name.partition(".")[0] for name in columns} == sections


def test_noise_is_drawn_apart_from_the_picture_except_under_deforum_rules():
    project = Project(frames=3, prompts={"0": "a"}, seed=5)
    deforum = replace(project, color=replace(project.color, look="deforum"))
    assert [params.noise_seed for params in Timeline(deforum)] == [5, 6, 7]
    assert all(params.noise_seed != params.seed for params in Timeline(project))
