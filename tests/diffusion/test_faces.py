"""Faces: found in the maps of a network, drawn anew upright, laid over softly; networks at toy size."""

import cv2
import numpy as np
import pytest

from core.devices import ModelPool
from core.errors import WeightsError
from core.image import Size
from diffusion.faces import PLACES, SIDE, FaceRestorer, face_finder, feathered, similarity
from diffusion.models.face_network import face_network
from tests.diffusion.face_toys import constant_network, maps, restoreformer
from tests.diffusion.upscaler_toys import esrgan, write
from tests.motion.pictures import clouds

SIZE = Size(160, 128)
TURN = np.array([[0.1, -0.03, 40.0], [0.03, 0.1, 30.0]])  # from the square into the picture
FACE = np.asarray(PLACES @ TURN[:, :2].T + TURN[:, 2], np.float32)


def finder(path, outputs):
    path.write_bytes(constant_network(outputs))
    return face_finder(str(path), ModelPool())


def test_a_face_is_found_once_with_its_five_points(tmp_path):
    (places,) = finder(tmp_path / "f.onnx", maps())(clouds(SIZE))
    shares = np.array([(0.25, 0.25), (0.75, 0.25), (0.5, 0.5), (0.3, 0.8), (0.7, 0.8)])
    assert np.allclose(places, (50 - 16, 42 - 24) + shares * (32, 48), atol=1e-3)


def test_what_is_no_finder_of_faces_is_told(tmp_path):
    with pytest.raises(WeightsError, match=r"is no CenterFace.*models fetch faces"):
        finder(tmp_path / "other.onnx", maps()[:3])(clouds(SIZE))
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="is no ONNX network"):
        face_finder(str(tmp_path / "broken.onnx"), ModelPool())(clouds(SIZE))


def test_a_similarity_brings_points_back_exactly():
    matrix = similarity(FACE, PLACES)
    assert np.allclose(FACE @ matrix[:, :2].T + matrix[:, 2], PLACES, atol=1e-2)


def test_a_face_that_is_not_changed_leaves_the_picture_nearly_as_it_is():
    picture = cv2.GaussianBlur(clouds(SIZE), (0, 0), 4)
    same = FaceRestorer(lambda _: [FACE], lambda face: face, 1.0).restored(picture)
    assert np.abs(same.astype(int) - picture).max() <= 4
    assert (FaceRestorer(lambda _: [], lambda face: 255 - face, 1.0).restored(picture) == picture).all()


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_new_face_lies_where_the_old_one_was_and_nowhere_else(share):
    picture = np.full((*SIZE[::-1], 3), 100, np.uint8)
    drawn = FaceRestorer(lambda _: [FACE], lambda face: np.full_like(face, 200), share).restored(picture)
    x, y = np.round(FACE.mean(0)).astype(int)
    assert abs(int(drawn[y, x, 0]) - (100 + 100 * share)) <= 1
    ys, xs = np.nonzero(drawn[..., 0] > 101)
    corners = np.array([(0, 0), (0, SIDE), (SIDE, 0), (SIDE, SIDE)]) @ TURN[:, :2].T + TURN[:, 2]
    assert (xs >= corners[:, 0].min()).all() and (xs <= corners[:, 0].max()).all()
    assert (ys >= corners[:, 1].min()).all() and (ys <= corners[:, 1].max()).all()


def test_the_edge_of_a_face_is_soft():
    mask = feathered(100)
    assert mask[0].max() == 0 and mask[50, 50] == 1 and np.abs(np.diff(mask[50])).max() < 0.2


def test_a_network_draws_a_face_and_the_same_one_each_time(tmp_path):
    draw = face_network(write(tmp_path, "face.pth", restoreformer()), ModelPool())
    face = clouds(Size(64, 64))
    made = draw(face)
    assert made.shape == face.shape and made.dtype == np.uint8 and not np.array_equal(made, face)
    assert np.array_equal(draw(face), made)


def test_an_upscaler_is_no_network_for_faces(tmp_path):
    with pytest.raises(WeightsError, match="no network that draws faces"):
        face_network(write(tmp_path, "4x.pth", esrgan()), ModelPool())(clouds(Size(64, 64)))
