"""What a user does wrong with a trainer is told in a line, before anything is painted."""

import pytest

from training.command import run
from training.mini.__main__ import app

MISTAKES = {
    "motion-data {empty} --model {nowhere}": "nowhere/vae: there is no such folder",
    "data {empty} --model {nowhere}": "nowhere/vae: there is no such folder",
    "vae --run {run} --minutes 1 --model {nowhere}": "nowhere/vae: there is no such folder",
    "controlnet canny {empty} --run {run} --minutes 1 --begin {nowhere}": "nowhere: there is no such folder",
    "unet {empty} --run {run} --minutes 1": "no latents lie there",
    "few-steps {empty} --run {run} --minutes 1 --processes 1": "no latents lie there",
    "vae --run {run} --minutes 1 --device nonsense:7": "device 'nonsense:7' is not available",
    "export --run {run} {empty}": "no checkpoint lies there",
    "export-few-steps --run {run} {empty}": "no checkpoint lies there",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_told_in_a_line_and_leaves_with_its_code(words, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    places = {name: str(tmp_path / name) for name in ("empty", "nowhere", "run")}
    with pytest.raises(SystemExit) as left:
        run(lambda: app([word.format(**places) for word in words.split()]))
    told = capsys.readouterr().err
    assert left.value.code == 2
    assert told.startswith("error: ") and told.count("\n") == 1 and MISTAKES[words] in told
