import pytest

from animator.orders.asked import Asked, prepared
from core.devices import ModelPool
from core.errors import ProjectError


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hires_scale": "2", "hires_prompt": "<lora:nope>"}, "no LoRA named 'nope'"),
        ({"vae": "nope"}, "--vae: no VAE named 'nope'"),
        ({"hires_upscaler": "Latnt"}, "Did you mean 'Latent'"),
    ],
)
def test_files_that_are_not_there_are_told_before_a_model_is_loaded(changes, told):
    asked = {"prompt": "a", "size": "64x64", **changes}
    with pytest.raises(ProjectError, match=told):
        prepared(Asked(changes=tuple(asked.items())), ModelPool())
