import json
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import WeightsError
from diffusion.prompt.embeddings import load_inversion
from diffusion.prompt.hidden import hidden_data

PICTURE = np.full((32, 24, 3), 77, np.uint8)


def series(length):
    """The generator, number by number."""
    state, numbers = 0, []
    for _ in range(length):
        state = (1664525 * state + 1013904223) % 2**32
        numbers.append(state % 255 & 15)
    return np.array(numbers, np.uint8)


def carrying(data, picture=PICTURE, border=0):
    """A picture as the web UI would share it."""
    packed = np.frombuffer(zlib.compress(data, 9), np.uint8)
    height = len(picture)
    width = -(-len(packed) // (3 * height))
    full = np.resize(packed, height * width * 3)
    mask = series(full.size)
    low, high = (((half ^ mask) | 0x50).reshape(height, width, 3) for half in (full & 15, full >> 4))
    gap = np.zeros((height, 1, 3), np.uint8)
    whole = np.concatenate([low, gap, picture, gap, high], axis=1)
    return np.pad(whole, ((border, border), (border, border), (0, 0)))


@pytest.mark.parametrize("border", [0, 3])
@pytest.mark.parametrize("length", [1, 100, 5000])
def test_what_was_hidden_is_found(length, border):
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    assert hidden_data(carrying(data, border=border)) == data


def test_pictures_without_anything_hide_nothing():
    random = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    striped = random.copy()
    striped[:, 7] = striped[:, 30] = 0
    for image in (PICTURE, np.zeros((8, 8, 3), np.uint8), random, striped):
        assert hidden_data(image) is None


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_an_embedding_is_read_from_the_pixels_of_a_picture(ending, tmp_path):
    rows = [[1.0, 2.0], [3.0, 4.5]]
    content = {"string_to_param": {"*": {"TORCHTENSOR": rows}}, "name": "other"}
    path = tmp_path / f"ink.{ending}"
    Image.fromarray(carrying(json.dumps(content).encode())).save(path, lossless=True)
    word = load_inversion(path)
    assert word.name == "ink"
    assert torch.equal(word.vectors[0], torch.tensor(rows))


def test_a_picture_that_unpacks_without_end_is_refused(tmp_path):
    Image.fromarray(carrying(bytes(80 << 20))).save(tmp_path / "bomb.png")
    with pytest.raises(WeightsError, match="bomb"):
        load_inversion(tmp_path / "bomb.png")
