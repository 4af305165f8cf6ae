import hashlib

import numpy as np
import pytest
from safetensors.numpy import save_file

from animator.orders.facts import facts, lora_hash
from animator.orders.order import Order
from core.errors import UserError

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
