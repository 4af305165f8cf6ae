import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from core.devices import ModelPool
from core.errors import BrokenPicture, UserError, WeightsError
from core.image import Size
from motion.depth import REGISTRY
from tests.motion.depth.models import write_depth_anything, write_dpt, write_zoedepth
from tests.motion.pictures import clouds

PICTURE = clouds(Size(64, 48))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "dpt": write_dpt(folder / "dpt"),
        "relative": write_depth_anything(folder / "relative"),
        "metric": write_depth_anything(folder / "metric", "metric"),
        "zoedepth": write_zoedepth(folder / "zoedepth"),
    }


def built(folder, **options):
    return REGISTRY.build("transformers", {"model": str(folder), **options}, pool=ModelPool())


def raw(folder, picture=PICTURE):
    """What the network itself says, by transformers' own way in and out."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    network = AutoModelForDepthEstimation.from_pretrained(folder).eval()
    with torch.no_grad():
        outputs = network(**processor(images=picture, return_tensors="pt"))
    sizes = [picture.shape[:2]]
    sources = {"source_sizes": sizes} if "zoe" in folder.name else {}
    processed = processor.post_process_depth_estimation(outputs, target_sizes=sizes, **sources)
    return processed[0]["predicted_depth"].numpy()


@pytest.mark.parametrize("name", ["dpt", "relative"])
def test_inverse_depth_is_put_on_1_to_far(models, name):
    depth = built(models[name], far=20).estimate(PICTURE, 0)
    assert 1 <= depth.min() < 1.5
    assert depth.max() == pytest.approx(20, rel=0.5)
    order = np.corrcoef(1 / depth.ravel(), raw(models[name]).ravel())[0, 1]
    assert order > 0.99


@pytest.mark.parametrize("name", ["metric", "zoedepth"])
def test_metric_depth_is_kept_times_the_scale(models, name):
    if name == "zoedepth":
        pytest.importorskip("torchvision", reason="transformers' own way out of ZoeDepth, not ours, needs it")
    once, half = (built(models[name], scale=scale).estimate(PICTURE, 0) for scale in (1, 0.5))
    np.testing.assert_allclose(half, once / 2, rtol=1e-5)
    expected = raw(models[name])
    assert np.median(np.abs(once - expected) / expected) < 0.02


@pytest.mark.parametrize("name", ["dpt", "relative", "metric", "zoedepth"])
@pytest.mark.parametrize("size", [Size(64, 48), Size(40, 90)])
def test_depth_has_the_size_of_the_image(models, name, size):
    depth = built(models[name]).estimate(clouds(size), 0)
    assert depth.shape == (size.height, size.width)
    assert depth.dtype == np.float32


def test_the_user_can_say_what_the_numbers_mean(models):
    estimator = built(models["metric"], values="inverse", far=30)
    assert estimator.estimate(PICTURE, 0).max() > 15


def changed(folder, target, change):
    shutil.copytree(folder, target)
    weights = load_file(target / "model.safetensors")
    save_file(change(weights), target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_weights_that_never_take_part_may_be_missing(models, tmp_path):
    unused = "neck.fusion_stage.layers.0.residual_layer1."
    lean = changed(
        models["dpt"],
        tmp_path / "lean",
        lambda weights: {name: values for name, values in weights.items() if not name.startswith(unused)},
    )
    assert np.array_equal(built(lean).estimate(PICTURE, 0), built(models["dpt"]).estimate(PICTURE, 0))


def test_missing_weights_are_refused(models, tmp_path):
    holed = changed(
        models["dpt"],
        tmp_path / "holed",
        lambda weights: {name: values for name, values in weights.items() if not name.startswith("head")},
    )
    with pytest.raises(WeightsError, match=r"missing: head\."):
        built(holed)


def test_nan_is_a_broken_picture_that_names_the_frame(models, tmp_path):
    broken = changed(
        models["dpt"], tmp_path / "broken", lambda weights: {name: values * np.nan for name, values in weights.items()}
    )
    with pytest.raises(BrokenPicture, match="frame 7"):
        built(broken).estimate(PICTURE, 7)


def test_identity_follows_the_weights_and_options(models, tmp_path):
    copied = shutil.copytree(models["dpt"], tmp_path / "copied")
    doubled = changed(models["dpt"], tmp_path / "doubled", lambda weights: {n: v * 2 for n, v in weights.items()})
    assert built(copied).identity == built(models["dpt"]).identity
    assert len({built(folder).identity for folder in (copied, doubled)} | {built(copied, far=9).identity}) == 3


def test_a_pool_loads_a_model_once(models):
    pool = ModelPool()
    first, second = (REGISTRY.build("transformers", {"model": str(models["dpt"])}, pool=pool) for _ in range(2))
    assert first is second


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"\x00\xff"),
        ("config.json", json.dumps({"model_type": "clip"}).encode()),
        ("config.json", json.dumps({"model_type": "dpt", "hidden_size": "many"}).encode()),
        ("preprocessor_config.json", b"[]"),
        ("model.safetensors", b"abc" * 99),
    ],
)
def test_damaged_or_other_models_are_a_weights_error(models, tmp_path, file, content):
    folder = shutil.copytree(models["dpt"], tmp_path / "damaged")
    (folder / file).write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        built(folder)


@pytest.mark.parametrize(
    ("options", "field"), [({"far": 1}, "far"), ({"scale": -1}, "scale"), ({"values": "m"}, "values")]
)
def test_options_that_mean_nothing_are_refused(models, options, field):
    with pytest.raises(UserError, match=field):
        built(models["dpt"], **options)


@pytest.mark.slow
def test_torchvision_is_not_needed(models):
    script = (
        "import sys; sys.modules['torchvision'] = None\n"
        "import numpy as np\n"
        "from core.devices import ModelPool\n"
        "from motion.depth import REGISTRY\n"
        "estimator = REGISTRY.build('transformers', {'model': sys.argv[1]}, pool=ModelPool())\n"
        "print(estimator.estimate(np.zeros((32, 32, 3), np.uint8), 0).shape)\n"
    )
    for folder in models.values():
        done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "(32, 32)"
