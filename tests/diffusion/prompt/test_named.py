import pytest
import torch
from safetensors.torch import save_file

from core.errors import UserError, WeightsError
from core.weights import MODELS_VARIABLE
from diffusion.prompt.language import ExtraNetwork
from diffusion.prompt.named import NamedFiles, network_file, tags, wanted


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty models folder of the web UI."""
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    for folder in ("models/Lora/styles", "models/hypernetworks", "embeddings"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def lora(path, trained_as="", value=1.0):
    save_file({"x": torch.full((2,), value)}, path, {"ss_output_name": trained_as} if trained_as else None)
    return path


def test_a_single_prompt_wants_what_its_tags_say():
    found = wanted((("a fox <lora:ink:0.8> <lyco:wash:1:0.5:4> <hypernet:anime:0.3>", 1.0),))
    assert found == (
        ExtraNetwork("lora", "ink", 0.8, 0.8),
        ExtraNetwork("lora", "wash", 1.0, 0.5, 4),
        ExtraNetwork("hypernet", "anime", 0.3, 0.3),
    )


def test_between_two_prompts_networks_come_and_go_by_their_shares():
    mix = (("a <lora:ink:0.8>", 0.25), ("b <lora:ink:0.4> <lora:oil>", 0.75))
    ink, oil = wanted(mix)
    assert (ink.name, ink.unet) == ("ink", pytest.approx(0.25 * 0.8 + 0.75 * 0.4))
    assert (oil.name, oil.te) == ("oil", pytest.approx(0.75))


def test_weights_of_one_name_add_up_and_those_of_nothing_are_left_out():
    assert wanted((("<lora:a:0.5> <lyco:a:0.25>", 1.0),)) == (ExtraNetwork("lora", "a", 0.75, 0.75),)
    assert wanted((("<lora:a:0.5> <lora:a:-0.5> <lora:b:0>", 1.0),)) == ()
    assert wanted((("# <lora:a>", 1.0), ("<lora:b>", 0.0))) == ()


def test_faulty_tags_are_refused():
    with pytest.raises(UserError, match="no number"):
        wanted((("<lora:a:much>", 1.0),))


def test_tags_are_told_whatever_their_formulas_give():
    text = "a `where(t<3,1,2)` <lora:ink:`0.5+t/100`> <foo:bar> <hypernet:x> # <lora:no>"
    assert list(tags(text)) == [("lora", "ink"), ("hypernet", "x")]


def test_names_are_file_names_in_any_subfolder_else_what_they_were_trained_as(models):
    ink = lora(models / "models/Lora/styles/ink.safetensors", "ink_v3")
    other = lora(models / "models/Lora/wash.safetensors", "none")
    (models / "models/hypernetworks/anime.pt").touch()
    assert network_file("lora", "ink") == network_file("lora", "ink_v3") == network_file("lora", "styles/ink") == ink
    assert network_file("lora", "wash") == other
    assert network_file("hypernet", "anime").name == "anime.pt"


@pytest.mark.parametrize("name", ["inc", "none", "shared", "../ink", "/etc/passwd", ""])
def test_other_names_are_refused_with_the_nearest(models, name):
    lora(models / "models/Lora/ink.safetensors", "none")
    lora(models / "models/Lora/one.safetensors", "shared")
    lora(models / "models/Lora/two.safetensors", "shared")
    with pytest.raises(WeightsError, match="no LoRA named") as told:
        network_file("lora", name)
    assert "ink" in str(told.value)


def test_embeddings_are_found_by_name_and_files_before_pictures(models):
    for name in ("ink.png", "ink.pt", "ink.preview.png", "wash.webp", "notes.txt"):
        (models / "embeddings" / name).touch()
    found = NamedFiles().embeddings
    assert {name: path.name for name, path in found.items()} == {"ink": "ink.pt", "wash": "wash.webp"}
    assert set(NamedFiles().words("Ink, and was h")) == {"ink", "wash"}


def test_the_identity_follows_the_content_of_what_is_named(models):
    path = lora(models / "models/Lora/ink.safetensors")
    (models / "embeddings/wash.pt").write_bytes(b"1")

    def identities():
        files = NamedFiles()
        mixes = ("a fox", "<lora:ink:0.5>", "<lora:ink:0.7>", "a wash", "<lora:nowhere>")
        return [files.identity(((text, 1.0),), "") for text in mixes]

    plain, half, more, word, _unknown = before = identities()
    assert plain == ""
    assert half == more != word != ""
    assert NamedFiles().identity((("a fox", 1.0),), "wash") == word
    lora(path, value=2.0)
    after = identities()
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False, True, True]
    path.unlink()
    assert identities()[1] != after[1]


def test_many_frames_are_identified_in_no_time(models):
    lora(models / "models/Lora/ink.safetensors")
    files = NamedFiles()
    assert len({files.identity(((f"a <lora:ink:{n / 1000}>", 1.0),), "") for n in range(3000)}) == 1
    assert files.network.cache_info().misses == 1
