import pytest

from animator.closing import LoopRules
from animator.lint import lint, with_periods_snapped
from animator.project import Project, SeedRules

LOOP = Project(
    frames=120, prompts={"0": "a"}, loop=LoopRules(),
    camera={"x": "0:(0.02*sin(2*pi*t/36))", "roll": 3.0, "zoom": "0:(1.01)", "y": "0:(0.01*cos(2*pi*t/60))"},
    coherence={"noise": "0:(0.05), 60:(0.1)"},
)  # fmt: skip


def test_what_does_not_come_round_is_told_with_its_nearest_period():
    text = "\n".join(lint(LOOP, {}).lines())
    assert "camera.x: 0 at the start" in text and "every 36 frames, 3.333 times a loop" in text
    assert "the nearest that closes is 40" in text
    assert "coherence.noise: 0.05 at the start, 0.1 a loop later" in text
    assert "camera.y" not in text and "camera.zoom" not in text


def test_the_camera_of_a_loop_is_summed_up():
    found = lint(LOOP, {})
    assert found.camera["roll"] == pytest.approx(360) and found.camera["zoom"] == pytest.approx(1.01**120)
    (line,) = [line for line in found.lines() if line.startswith("camera:")]
    assert "zoom 3.3" in line and "roll" not in line and "close_camera" in line


def test_close_camera_has_nothing_to_tell():
    from dataclasses import replace

    closed = replace(LOOP, loop=LoopRules(close_camera=True))
    assert not [line for line in lint(closed, {}).lines() if line.startswith("camera:")]


def test_snapping_mends_periods_and_leaves_the_rest():
    project = with_periods_snapped(LOOP, {})
    assert project.camera["x"] == "0:(0.02*sin(2*pi*t/40))"
    assert project.coherence == LOOP.coherence and project.camera["roll"] == 3.0
    assert lint(project, {}).ends["camera.x"].closes


def test_scheduled_seeds_are_looked_at_too():
    from dataclasses import replace

    project = replace(LOOP, seeds=SeedRules("schedule", schedule="0:(t % 50)"))
    assert with_periods_snapped(project, {}).seeds.schedule == "0:(t % 60)"
