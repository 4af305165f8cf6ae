import collections
import json
import pickle
import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.errors import WeightsError
from diffusion.models.weights_file import open_weights


def safetensors_bytes(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_only_the_tensors_asked_for_are_read(tmp_path):
    save_file({"a": torch.ones(2), "b": torch.zeros(3, 4)}, tmp_path / "w.safetensors", {"made": "here"})
    file = open_weights(tmp_path / "w.safetensors")
    assert file.shapes == {"a": (2,), "b": (3, 4)}
    assert file.metadata == {"made": "here"}
    assert file.read(["b"]).keys() == {"b"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        struct.pack("<Q", 4 << 30) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
        safetensors_bytes(b"[" * 100_000),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 8),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 16]}}, b"\0" * 16),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 16]}}, b"\0" * 16),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}, b"\0" * 16),
        safetensors_bytes({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 32),
    ],
    ids=["empty", "short", "4 GB header", "huge header", "nested", "cut off", "overflow", "misfit", "negative", "tail"],
)
def test_damaged_safetensors_are_refused(tmp_path, content):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.safetensors: cannot be read"):
        open_weights(path)


class Attack:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("save", [lambda thing, path: path.write_bytes(pickle.dumps(thing, 2)), torch.save])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, save):
    save({"state_dict": Attack(tmp_path / "ran")}, tmp_path / "evil.ckpt")
    with pytest.raises(
        WeightsError, match=r"evil\.ckpt: the pickle wants more than tensors \((pathlib\.Path|getattr|__builtin)"
    ):
        open_weights(tmp_path / "evil.ckpt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02.", b"\x80\x02}.", b"rubbish" * 99])
def test_damaged_pickles_are_refused(tmp_path, content):
    (tmp_path / "bad.ckpt").write_bytes(content)
    with pytest.raises(WeightsError):
        open_weights(tmp_path / "bad.ckpt")


def test_a_pickle_cut_off_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "whole.ckpt")
    (tmp_path / "cut.ckpt").write_bytes((tmp_path / "whole.ckpt").read_bytes()[:2000])
    with pytest.raises(WeightsError):
        open_weights(tmp_path / "cut.ckpt")


def test_what_the_first_public_checkpoints_carry_along_is_let_pass(tmp_path, monkeypatch):
    name = "pytorch_lightning.callbacks.model_checkpoint"
    module = types.ModuleType(name)
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": name})
    for part in ("pytorch_lightning", "pytorch_lightning.callbacks", name):
        monkeypatch.setitem(sys.modules, part, module if part == name else types.ModuleType(part))
    checkpoint = {
        "state_dict": collections.OrderedDict(a=torch.ones(2), b=torch.zeros(1, dtype=torch.float16)),
        "callbacks": {module.ModelCheckpoint: {"best_model_score": np.float64(1.5), "best": np.float32(1)}},
        "global_step": 875000,
    }
    for old in (False, True):
        torch.save(checkpoint, tmp_path / "old.ckpt", _use_new_zipfile_serialization=not old)
        file = open_weights(tmp_path / "old.ckpt")
        assert file.shapes == {"a": (2,), "b": (1,)}
        assert torch.equal(file.read(["a"])["a"], torch.ones(2))


def written(path, kind):
    """A file of one kind under another's name."""
    if kind == "safetensors":
        save_file({"a": torch.ones(9)}, path)
    elif kind == "pickle":
        torch.save({"a": torch.ones(9)}, path)
    else:
        path.write_bytes(kind)


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("x.ckpt", "safetensors", r"is no \.ckpt file, but a \.safetensors one. Rename it"),
        ("x.safetensors", "pickle", r"is no \.safetensors file, but a pickled one. Rename it to \.ckpt"),
        ("x.safetensors", b"<!DOCTYPE html><title>404</title>", "a web page"),
        ("x.ckpt", b"<html>" * 20, "a web page"),
        ("x.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        ("x.safetensors", b"Rar!" * 9, "an archive. Unpack it"),
    ],
)
def test_a_file_of_another_kind_than_its_name_says_is_told_for_what_it_is(name, kind, told, tmp_path):
    written(tmp_path / name, kind)
    with pytest.raises(WeightsError, match=told):
        open_weights(tmp_path / name)


def test_a_whole_file_under_its_own_name_that_is_cut_off_is_told_as_such(tmp_path):
    tensors = {f"layer{n}": torch.ones(2) for n in range(40)}
    save_file(tensors, tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors").write_bytes((tmp_path / "x.safetensors").read_bytes()[:-5])
    with pytest.raises(WeightsError, match="cannot be read as"):
        open_weights(tmp_path / "x.safetensors")


def test_other_kinds_of_files_are_refused(tmp_path):
    for name in ("model.gguf", "model"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(WeightsError, match="no kind of model file"):
            open_weights(tmp_path / name)
