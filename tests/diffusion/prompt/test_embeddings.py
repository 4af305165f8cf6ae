import base64
import io
import json
import os
import pickle

import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save_file

from core.errors import WeightsError
from diffusion.prompt.embeddings import load_inversion

ROWS = torch.arange(6.0).reshape(2, 3)


def png(text_of):
    info = PngImagePlugin.PngInfo()
    for name, value in text_of.items():
        info.add_text(name, value)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "png", pnginfo=info)
    return file.getvalue()


def pickled(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def web_ui(rows):
    return {"string_to_token": {"*": 265}, "string_to_param": rows, "name": "x", "step": 10, "sd_checkpoint": None}


def coded(content):
    return base64.b64encode(json.dumps(content).encode()).decode()


FORMS = {
    "web.pt": pickled(web_ui({"*": ROWS})),
    "old.pt": pickled(web_ui(torch.nn.ParameterDict({"*": torch.nn.Parameter(ROWS)}))),
    "half.bin": pickled({"<x>": ROWS.half()}),
    "shot.png": png({"sd-ti-embedding": coded(web_ui({"*": {"TORCHTENSOR": ROWS.tolist()}}))}),
    "lists.png": png({"sd-ti-embedding": coded(web_ui({"*": ROWS.tolist()}))}),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_vectors_and_the_file_name(name, tmp_path):
    (tmp_path / name).write_bytes(FORMS[name])
    word = load_inversion(tmp_path / name)
    assert word.name == name.partition(".")[0]
    assert len(word.vectors) == 1
    assert torch.equal(word.vectors[0], ROWS)


@pytest.mark.parametrize(
    "tensors", [{"emb_params": ROWS}, {"anything": ROWS}, {"emb_params": ROWS, "more": ROWS[0].clone()}]
)
def test_safetensors_hold_one_word(tensors, tmp_path):
    save_file(tensors, tmp_path / "x.safetensors")
    assert torch.equal(load_inversion(tmp_path / "x.safetensors").vectors[0], ROWS)


def test_a_single_vector_is_one_row(tmp_path):
    torch.save({"<x>": ROWS[0].clone()}, tmp_path / "x.bin")
    assert load_inversion(tmp_path / "x.bin").vectors[0].shape == (1, 3)


def test_sdxl_files_give_both_encoders_in_order(tmp_path):
    save_file({"clip_g": torch.ones(2, 5), "clip_l": ROWS}, tmp_path / "x.safetensors")
    assert [tuple(rows.shape) for rows in load_inversion(tmp_path / "x.safetensors").vectors] == [(2, 3), (2, 5)]


def test_the_identity_follows_the_content(tmp_path):
    for name, rows in (("a.bin", ROWS), ("b.bin", ROWS), ("c.bin", ROWS + 1)):
        (tmp_path / name).write_bytes(pickled({"<x>": rows}))
    a, b, c = (load_inversion(tmp_path / name).identity for name in ("a.bin", "b.bin", "c.bin"))
    assert a == b != c


class Evil:
    def __reduce__(self):
        return os.mkdir, ("run",)


BAD = {
    "evil.pt": pickle.dumps({"string_to_param": {"*": Evil()}}, protocol=2),
    "empty.pt": b"",
    "cut.pt": FORMS["web.pt"][:300],
    "rubbish.bin": b"\x80\x02rubbish",
    "list.pt": pickled([1, 2]),
    "two.bin": pickled({"a": ROWS, "b": ROWS}),
    "words.bin": pickled({"a": "word"}),
    "whole.bin": pickled({"a": torch.ones(2, 3, dtype=torch.int64)}),
    "cube.bin": pickled({"a": torch.ones(2, 3, 4)}),
    "none.bin": pickled({"a": torch.ones(0, 3)}),
    "nan.bin": pickled({"a": ROWS * float("nan")}),
    "parts.bin": pickled({"clip_l": torch.ones(1, 3), "clip_g": torch.ones(2, 5)}),
    "huge.safetensors": (4 << 30).to_bytes(8, "little") + b"{}",
    "ragged.png": png({"sd-ti-embedding": coded({"x": [[1.0], [1.0, 2.0]]})}),
    "plain.png": png({"parameters": "a cat"}),
    "not.png": b"GIF89a",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_embedding_is_refused_by_name_and_never_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(BAD[name])
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
        load_inversion(tmp_path / name)
    assert not (tmp_path / "run").exists()


def test_a_file_beyond_all_measure_is_not_read(tmp_path):
    with (tmp_path / "x.pt").open("wb") as file:
        file.truncate(1 << 32)
    with pytest.raises(WeightsError, match="MB"):
        load_inversion(tmp_path / "x.pt")
