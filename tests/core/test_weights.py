import hashlib
import os

import pytest

from core.checksum import legacy_hash
from core.errors import WeightsError
from core.weights import (
    CHECKPOINT,
    CONTROLNET,
    EMBEDDED,
    EMBEDDING,
    KINDS,
    LORA,
    MODELS_VARIABLE,
    VAE,
    listed,
    located,
    on_this_machine,
    weights_checksum,
)

TREE = (
    "models/Stable-diffusion/deliberate.safetensors",
    "models/Stable-diffusion/deliberate.ckpt",
    "models/Stable-diffusion/deliberate.vae.pt",
    "models/Stable-diffusion/deliberate.yaml",
    "models/Stable-diffusion/anime/Counterfeit V3.safetensors",
    "models/Stable-diffusion/anime/same.safetensors",
    "models/Stable-diffusion/real/same.safetensors",
    "models/Stable-diffusion/folder/model_index.json",
    "models/Stable-diffusion/folder/unet/diffusion_pytorch_model.safetensors",
    "models/VAE/vae-ft-mse.safetensors",
    "models/VAE/other.vae.pt",
    "models/lora/style.safetensors",
    "models/LyCORIS/deep/er/loha.pt",
    "models/ControlNet/depth.pth",
    "embeddings/bad_hands.pt",
    "outside.safetensors",
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A web UI's folder: every file holds its own name."""
    for name in TREE:
        path = tmp_path / "webui" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "webui"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "webui"


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        (CHECKPOINT, "deliberate", "models/Stable-diffusion/deliberate.safetensors"),
        (CHECKPOINT, "Deliberate.CKPT", "models/Stable-diffusion/deliberate.ckpt"),
        (CHECKPOINT, "deliberate [0123456789]", "models/Stable-diffusion/deliberate.safetensors"),
        (CHECKPOINT, "counterfeit v3", "models/Stable-diffusion/anime/Counterfeit V3.safetensors"),
        (CHECKPOINT, "anime\\Counterfeit V3.safetensors", "models/Stable-diffusion/anime/Counterfeit V3.safetensors"),
        (CHECKPOINT, "anime_Counterfeit V3 [abc]", "models/Stable-diffusion/anime/Counterfeit V3.safetensors"),
        (CHECKPOINT, "terfeit", "models/Stable-diffusion/anime/Counterfeit V3.safetensors"),
        (CHECKPOINT, "real/same", "models/Stable-diffusion/real/same.safetensors"),
        (CHECKPOINT, "folder", "models/Stable-diffusion/folder"),
        (CHECKPOINT, "outside", "outside.safetensors"),
        (VAE, "vae-ft-mse.safetensors", "models/VAE/vae-ft-mse.safetensors"),
        (VAE, "other", "models/VAE/other.vae.pt"),
        (LORA, "style", "models/lora/style.safetensors"),
        (LORA, "loha", "models/LyCORIS/deep/er/loha.pt"),
        (CONTROLNET, "depth", "models/ControlNet/depth.pth"),
        (EMBEDDING, "bad_hands", "embeddings/bad_hands.pt"),
    ],
)
def test_names_are_found_as_people_type_them(home, kind, name, found):
    assert located(kind, name) == home / found


def test_the_models_folder_itself_may_be_given(home, monkeypatch):
    before = {kind.name: [file.path for file in listed(kind)] for kind in KINDS if kind is not CHECKPOINT}
    monkeypatch.setenv(MODELS_VARIABLE, str(home / "models"))
    assert before == {kind.name: [file.path for file in listed(kind)] for kind in KINDS if kind is not CHECKPOINT}


def test_every_hash_finds_its_file(home):
    path = home / "models/Stable-diffusion/real/same.safetensors"
    path.write_bytes(bytes(range(256)) * 8192)
    full = hashlib.sha256(path.read_bytes()).hexdigest()
    for digits in (full, full[:10], full[:10].upper(), legacy_hash(path), f"same [{full[:10]}]", f"same [{full}]"):
        assert located(CHECKPOINT, digits) == path
    assert located(CHECKPOINT, full[:10]) == path  # remembered now


def test_the_old_hash_is_that_of_the_web_ui(tmp_path):
    content = os.urandom((1 << 20) + (1 << 16) + 99)
    (tmp_path / "a").write_bytes(content)
    assert legacy_hash(tmp_path / "a") == hashlib.sha256(content[1 << 20 : (1 << 20) + (1 << 16)]).hexdigest()[:8]


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (CHECKPOINT, "delibrate", "Did you mean 'deliberate'"),
        (LORA, "stile", r"no LoRA named 'stile'; looked in .*lora.*Did you mean 'style'"),
        (LORA, "deliberate", "no LoRA named"),
        (CHECKPOINT, "same", r"several are named 'same': anime/same\.safetensors, real/same\.safetensors"),
        (CHECKPOINT, "same [1234567890]", "several are named"),
        (CHECKPOINT, "0123456789", "no checkpoint named"),
        (CHECKPOINT, "", "no checkpoint named"),
        (CHECKPOINT, "x\0y", "no checkpoint named"),
        (CHECKPOINT, "y" * 5000, "no checkpoint named"),
        (LORA, "../Stable-diffusion/deliberate", "no LoRA named"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest(home, kind, name, told):
    with pytest.raises(WeightsError, match=told):
        located(kind, name)


def test_paths_count_only_where_they_may(home):
    path = home / "models" / "VAE" / "vae-ft-mse.safetensors"
    assert located(LORA, str(path)) == path
    assert on_this_machine(LORA, str(path), may_be_path=False) is None


def test_what_is_listed_is_what_the_web_ui_shows(home):
    names = [file.name for file in listed(CHECKPOINT)]
    assert "deliberate.vae.pt" not in names
    assert {"folder", "mini", "anime/same.safetensors", "outside.safetensors"} <= set(names)
    assert names == sorted(names, key=str.lower)
    assert [file.name for file in listed(VAE)] == ["other.vae.pt", "vae-ft-mse.safetensors"]


def test_links_that_go_in_circles_end(home):
    (home / "models/lora/again").symlink_to(home / "models/lora", target_is_directory=True)
    found = [file.stem for file in listed(LORA) if file.path.is_relative_to(home)]
    assert found == ["loha", "style"]


def test_the_embedded_model_is_found_whatever_else_is_given(home):
    assert located(CHECKPOINT, "mini") == EMBEDDED / "mini"


def test_files_that_went_away_are_told_by_the_name_of_what_they_belong_to(home):
    with pytest.raises(WeightsError, match=r"gone\.safetensors: cannot be read"):
        weights_checksum(home / "gone.safetensors", (home / "gone.safetensors",))
