import json
from pathlib import Path

import pytest

from animator.clips import clips_in, name_of
from animator.passages import Passage, keyframes, passages_of, strangers, table_of
from core.errors import ProjectError, UnknownName, UserError


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


CSV = 'clip,frames,prompt,negative\ndance.mp4,,"a, b",blurry\ndance.mp4,10-19,c,\n*,5,d,\n'


def test_csv_and_json_say_the_same(tmp_path):
    from_csv = table_of(written(tmp_path / "p.csv", CSV))
    data = {"dance.mp4": {"": "a, b --neg blurry", "10-19": "c"}, "*": {"5": "d"}}
    assert from_csv == table_of(written(tmp_path / "p.json", json.dumps(data)))
    assert from_csv["dance.mp4"] == [Passage(0, None, "a, b --neg blurry"), Passage(10, 19, "c")]


def test_a_clip_is_found_by_path_name_or_stem_else_what_is_said_of_all(tmp_path):
    table = {"dance": [Passage(0, None, "a")], "*": [Passage(0, None, "b")]}
    assert passages_of(table, Path("x/dance.mp4"))[0].prompt == "a"
    assert passages_of(table, Path("walk.mp4"))[0].prompt == "b"
    assert strangers({"fly.mp4": [], **table}, [Path("dance.mp4")]) == ["fly.mp4"]


def test_after_a_passage_with_an_end_what_was_said_before_goes_on():
    passages = [Passage(10, 19, "c"), Passage(15 + 10, None, "e"), Passage(30, 39, "f")]
    assert keyframes(passages, "a", 50) == {"0": "a", "10": "c", "20": "a", "25": "e", "30": "f", "40": "e"}
    assert keyframes([Passage(0, 49, "x")], "", 50) == {"0": "x"}
    assert keyframes([], "a", 1) == {"0": "a"}


@pytest.mark.parametrize(
    "passages, usual, told",
    [
        ([Passage(50, None, "x")], "a", "frame 50, but the clip has 50"),
        ([Passage(40, 60, "x")], "a", "frame 60"),
        ([Passage(3, 9, "x"), Passage(9, 12, "y")], "a", "overlap"),
        ([Passage(0, None, "x"), Passage(0, None, "y")], "a", "two prompts begin at frame 0"),
        ([Passage(3, 9, "x")], " ", "no prompt for frame 0"),
    ],
)
def test_passages_that_do_not_fit_are_told(passages, usual, told):
    with pytest.raises(UserError, match=told):
        keyframes(passages, usual, 50)


def test_all_that_is_wrong_with_passages_is_told_at_once_with_its_place():
    with pytest.raises(ProjectError) as told:
        keyframes([Passage(3, 9, "x"), Passage(9, 12, "y"), Passage(60, None, "z")], " ", 50, "p.csv, a.mp4")
    assert told.value.where == "p.csv, a.mp4" and len(told.value.faults) == 4  # two gaps without words


@pytest.mark.parametrize(
    "name, text, told",
    [
        ("p.csv", "clip,words\na,b\n", "columns are clip, words"),
        ("p.csv", "", "not named"),
        ("p.csv", "clip,prompt\na,b,c\n", "line 2"),
        ("p.csv", "clip,frames,prompt\na,9-2,b\n", "no frames"),
        ("p.csv", "clip,prompt\na, \n", "empty"),
        ("p.csv", "clip,prompt\n", "no prompt in it"),
        ("p.json", "[1]", "no JSON object"),
        ("p.json", "{", "no JSON"),
        ("p.json", '{"a": {"0": 3}}', "no prompt"),
    ],
)
def test_tables_that_are_none_are_told_with_the_place(tmp_path, name, text, told):
    with pytest.raises(UserError, match=told) as caught:
        table_of(written(tmp_path / name, text))
    assert name in str(caught.value)


def test_folders_mean_their_videos_or_themselves(tmp_path):
    videos, pictures, both = (tmp_path / name for name in ("videos", "pictures", "both"))
    for folder, names in ((videos, ["b.mp4", "a.mov"]), (pictures, ["1.png"]), (both, ["1.png", "a.mp4"])):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    assert clips_in([videos, pictures]) == [videos / "a.mov", videos / "b.mp4", pictures]
    with pytest.raises(UserError, match="videos and pictures"):
        clips_in([both])
    with pytest.raises(UserError, match="neither"):
        clips_in([tmp_path])
    with pytest.raises(UserError, match="twice"):
        clips_in([pictures, pictures])


def test_names_are_filled_in_and_made_fit_for_files():
    clip = Path("/clips/dance/one.mp4")
    assert name_of("{folder}-{name}-{number}-{seed}", clip, 7, "x", 5) == "dance-one-007-5"
    assert name_of("{name} {prompt}", clip, 1, "a/b: c?", 5) == "one a_b_ c_"
    with pytest.raises(UnknownName, match="nam"):
        name_of("{nam}", clip, 1, "", 5)
    with pytest.raises(UserError, match="names nothing"):
        name_of("..", clip, 1, "", 5)
