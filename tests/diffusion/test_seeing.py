"""Masks by words and of people: networks of random weights at toy size."""

import numpy as np
import pytest
import torch

from core.devices import ModelPool
from core.errors import WeightsError
from core.image import Size
from diffusion.seeing import people_finder, words_finder
from tests.motion.pictures import clouds

SIZE = Size(48, 32)


@pytest.fixture(scope="module")
def clipseg(tmp_path_factory):
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clipseg")
    torch.manual_seed(0)
    text = {"vocab_size": 600, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    text |= {"num_attention_heads": 2, "projection_dim": 8, "eos_token_id": 2}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": 64, "patch_size": 16, "projection_dim": 8}
    config = CLIPSegConfig(
        text_config=text, vision_config=vision, projection_dim=8, extract_layers=[0, 1], reduce_dim=8,
        decoder_num_attention_heads=2, decoder_intermediate_size=16,
    )  # fmt: skip
    CLIPSegForImageSegmentation(config).save_pretrained(folder)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = {token: n for n, token in enumerate(["<|startoftext|>", "!", "<|endoftext|>"])}
    for token in (*letters, *(f"{letter}</w>" for letter in letters)):
        vocabulary[token] = len(vocabulary)
    import json

    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    return folder


def test_words_give_a_mask_of_the_pictures_size(clipseg):
    find = words_finder(str(clipseg), ModelPool())
    mask = find(clouds(SIZE), "a red hat")
    assert mask.shape == (32, 48) and mask.dtype == np.float32
    assert set(np.unique(mask)) <= {0.0, 1.0} and 0 < mask.mean() < 1
    assert np.array_equal(mask, find(clouds(SIZE), "a red hat"))
    assert not np.array_equal(mask, find(clouds(SIZE, seed=4), "a red hat"))


class Brightness(torch.nn.Module):
    """Takes what is bright for people; called as the matting network is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(
        self,
        image,
        a: torch.Tensor | None = None,
        b: torch.Tensor | None = None,
        c: torch.Tensor | None = None,
        d: torch.Tensor | None = None,
        ratio: float = 1.0,
    ):
        return image, image.mean(1, keepdim=True) * self.weight, a, b, c, d


def test_people_are_found_by_a_script(tmp_path):
    torch.jit.save(torch.jit.script(Brightness()), str(tmp_path / "people.torchscript"))
    image = clouds(SIZE)
    mask = people_finder(str(tmp_path / "people.torchscript"), ModelPool())(image, "")
    assert mask.shape == (32, 48) and np.allclose(mask, image.mean(axis=2) / 255, atol=1e-5)


def test_what_is_not_there_is_told_with_what_it_is_for(tmp_path):
    with pytest.raises(WeightsError, match="CLIPSeg"):
        words_finder("none-of-that-name", ModelPool())
    with pytest.raises(WeightsError, match="matting"):
        people_finder("none-of-that-name", ModelPool())
    (tmp_path / "broken.torchscript").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="TorchScript"):
        people_finder(str(tmp_path / "broken.torchscript"), ModelPool())(clouds(SIZE), "")
