"""The section `faces`: every generated picture has its faces drawn anew; who is missing is told or said."""

from dataclasses import replace

import numpy as np
import pytest

from animator.job import RenderJob
from animator.project import parse
from core.devices import ModelPool
from core.errors import ProjectError
from diffusion.faces import FaceRestorer, face_finder
from tests.animator.importers.test_deforum import imported
from tests.diffusion.face_toys import constant_network, maps, restoreformer
from tests.diffusion.upscaler_toys import write

FIELDS = {"size": [160, 128], "frames": 3, "cadence": 2, "generator": "noise", "prompts": {"0": "a"}, "export": []}


@pytest.fixture
def models(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    write(folder / "GFPGAN", "RestoreToy.pth", restoreformer())
    (folder / "faces").mkdir()
    (folder / "faces" / "centerface.onnx").write_bytes(constant_network(maps()))
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(folder))
    return folder


def parsed(**fields):
    return parse({**FIELDS, **fields}, "film.json").project


def job(folder, **fields):
    return RenderJob(parsed(**fields), folder, folder / "out", ModelPool())


def test_faces_of_generated_pictures_are_drawn_anew_and_the_rest_stays(models, tmp_path):
    """With a network at hand that turns colours about, for those of real size take seconds."""
    plain = [frame.image for frame in job(tmp_path / "a").run()]
    with_faces = job(tmp_path / "b", faces={"model": "RestoreToy"})
    restorer = FaceRestorer(face_finder("centerface", ModelPool()), lambda face: 255 - face, 1.0)
    generation = replace(with_faces.mode.generation, faces=restorer.restored)
    with_faces.__dict__["mode"] = replace(with_faces.mode, generation=generation)
    drawn = [frame.image for frame in with_faces.run()]
    ys, xs = np.nonzero((plain[0] != drawn[0]).any(axis=2))
    assert abs(xs.mean() - 50) < 3 and abs(ys.mean() - 42) < 8  # where the toy says that a face is
    assert np.ptp(xs) < 100 and np.ptp(ys) < 100
    assert not np.array_equal(plain[2], drawn[2])


def test_a_render_is_another_with_another_share_or_network(models, tmp_path):
    def identity(**rules):
        return job(tmp_path, faces={"model": "RestoreToy", **rules}).mode.identity

    first = identity()
    assert len({first, identity(share=0.5), job(tmp_path).mode.identity}) == 3
    (models / "faces" / "centerface.onnx").write_bytes(constant_network(maps()[::-1]))
    assert identity() != first


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, r"faces.model: no face restorer named 'GFPGANv1.4'"),
        ({"finder": "nobody"}, r"faces.finder: no face finder named 'nobody'.*models fetch faces"),
        ({"share": 2}, r"faces.share"),
    ],
)
def test_what_is_not_there_is_told(fields, told):
    with pytest.raises(ProjectError, match=told):
        parsed(faces=fields)


def test_modes_whose_pictures_belong_together_have_no_faces(models):
    with pytest.raises(ProjectError, match="faces: has no effect in mode morph"):
        parsed(mode="morph", faces={"model": "RestoreToy"}, cadence=1)


def test_deforums_restored_faces_take_the_network_there_is_and_say_when_there_is_none(models, monkeypatch):
    assert imported(restore_faces=True).project.faces.model == "RestoreToy"
    monkeypatch.setenv("DRIFTLOOP_MODELS", "")
    without = imported(restore_faces=True)
    assert without.project.faces is None
    (note,) = (note for note in without.warnings if note.startswith("restore_faces"))
    assert "GFPGANv1.4.pth" in note and "models fetch faces" in note
