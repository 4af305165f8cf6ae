import hashlib
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from animator.orders.facts import facts, hashes_in, lora_hash
from animator.orders.found import found_again
from animator.orders.order import Order
from core.errors import UserError
from diffusion.request import Hires
from media.infotext import Infotext

TENSORS = {"lora_unet_x.lora_up.weight": np.ones((4, 2), np.float32)}


def test_a_loras_hash_is_that_of_its_tensors_or_what_its_header_says(tmp_path):
    plain, other, stated = (tmp_path / f"{name}.safetensors" for name in ("plain", "other", "stated"))
    save_file(TENSORS, plain)
    save_file(TENSORS, other, metadata={"a": "a longer header, the same tensors"})
    save_file(TENSORS, stated, metadata={"sshs_model_hash": "abcdef0123456789"})
    assert lora_hash(plain) == lora_hash(other) == hashlib.sha256(np.ones(8, np.float32).tobytes()).hexdigest()[:12]
    assert lora_hash(stated) == "abcdef012345"
    (tmp_path / "old.pt").write_bytes(b"pickled")
    assert lora_hash(tmp_path / "old.pt") == hashlib.sha256(b"pickled").hexdigest()[:12]


def test_networks_of_the_prompt_are_named_with_their_hashes(tmp_path, monkeypatch):
    (tmp_path / "Lora").mkdir()
    for name in ("ink", "glow"):
        save_file(TENSORS, tmp_path / "Lora" / f"{name}.safetensors", metadata={"sshs_model_hash": name * 9})
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path))
    found = facts(Order(prompt="a <lora:ink:0.5> b <lora:glow> <lora:ink:0.2>"))
    assert found["Lora hashes"] == "ink: inkinkinkink, glow: glowglowglow"
    assert found["Model"] == "mini" and len(found["Model hash"]) == 10
    assert "Lora hashes" not in facts(Order(prompt="a"))
    with pytest.raises(UserError, match="gloww"):
        facts(Order(prompt="<lora:gloww>"))


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_MODELS", str(tmp_path))
    for folder in ("embeddings", "VAE", "Lora"):
        (tmp_path / folder).mkdir()
    for name in ("fog", "ink style"):
        (tmp_path / "embeddings" / f"{name}.pt").write_bytes(name.encode())
    return tmp_path


def test_embeddings_are_named_where_they_stand_as_words(models):
    digits = {name: hashlib.sha256(name.encode()).hexdigest()[:12] for name in ("fog", "ink style")}
    found = facts(Order(prompt="a hill, (Fog:1.2)", negative="Ink Style"))
    assert found["TI hashes"] == f"fog: {digits['fog']}, ink style: {digits['ink style']}"
    assert found["TI"] == "fog, ink style"
    assert hashes_in(found["TI hashes"]) == digits
    assert "TI" not in facts(Order(prompt="a foggy hill, frogs, ink, style"))
    hires = Hires(prompt=(("a fog", 1.0),))
    assert facts(Order(prompt="a hill", hires=hires))["TI"] == "fog"


def test_an_autoencoder_is_named_unless_it_is_the_models_own(models):
    (models / "VAE" / "soft.vae.pt").write_bytes(b"weights")
    found = facts(Order(vae="soft"))
    assert (found["VAE"], found["VAE hash"]) == ("soft.vae.pt", hashlib.sha256(b"weights").hexdigest()[:10])
    assert "VAE" not in facts(Order(vae="none")) and "VAE" not in facts(Order())


def test_files_are_found_by_the_hashes_an_infotext_tells(models):
    (models / "VAE" / "renamed.pt").write_bytes(b"weights")
    save_file(TENSORS, models / "Lora" / "blot.safetensors", metadata={"sshs_model_hash": "abcdef012345"})
    save_file(TENSORS, models / "Lora" / "glow.safetensors", metadata={"sshs_model_hash": "111111111111"})
    digits = hashlib.sha256(b"weights").hexdigest()[:10]
    fields = {
        "VAE": "soft.pt", "VAE hash": digits, "TI hashes": "fog: 000000000000, mist: 1111",
        "Lora hashes": "ink: abcdef012345, glow: 222222222222",
    }  # fmt: skip
    order = Order(prompt="fog <lora:ink:0.5> <lora:inkwell> <lora:glow>", vae="soft.pt")
    found, notes = found_again(Infotext("", "", fields), order, set())
    assert found.prompt == "fog <lora:blot:0.5> <lora:inkwell> <lora:glow>"
    assert facts(replace(found, prompt=""))["VAE"] == "renamed.pt"
    told = "\n".join(notes)
    assert "ink of hash abcdef012345 is called blot" in told and "LoRA glow of hash 222222222222" in told
    assert "embedding fog of hash 000000000000" in told and "mist of hash 1111 is not here" in told
    assert found_again(Infotext("", "", fields), order, {"vae"})[0].vae == "soft.pt"


def test_what_was_made_here_with_the_models_own_autoencoder_is_made_with_it_again(models):
    ours, theirs = ({"Version": version} for version in ("driftloop 0.1.0", "v1.10.1"))
    assert found_again(Infotext("", "", ours), Order(), set())[0].vae == "none"
    assert found_again(Infotext("", "", theirs), Order(), set())[0].vae == "automatic"
