"""Every key of Deforum that is accepted changes what is rendered, or says why not; at toy size, by the real modes."""

import json
import shutil
import wave
from dataclasses import replace

import numpy as np
import pytest

from animator.importers.deforum_keys import KEYS, UNITS
from animator.job import RenderJob
from animator.project import parse
from animator.steps import Carry
from core.devices import ModelPool
from core.errors import ProjectError, UserError
from core.hashing import array_fingerprint
from core.image import Size
from diffusion.backends.noise import Noise
from media.stills import write_png
from tests.animator.importers.effects import EFFECTS
from tests.motion.pictures import clouds

SIZE = Size(64, 64)
SMALL = {"W": 64, "H": 64, "max_frames": 4, "seed": 3, "diffusion_cadence": 1, "legacy_colormatch": False}
SMALL |= {"prompts": {"0": "a beach"}, "zoom": "0: (1.02)"}
FILES = (
    "subtitles",
    "export",
    "interpolate",
    "upscale",
    "audio",
    "name",
    "fps",
    "depth",
    "controls",
    "feedback",
    "generator",
)  # sections seen in no picture
FURTHER_UNITS = tuple(f"cn_{unit}_" for unit in range(2, UNITS + 1))
ACTING = [key for key, row in KEYS.items() if not row.inert and not key.startswith(FURTHER_UNITS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    for name in ("clip", "masks"):
        (folder / name).mkdir()
    blocks = np.kron(np.random.default_rng(3).integers(0, 256, (16, 16, 3)), np.ones((4, 4, 1)))
    for frame in range(4):
        picture = np.roll((blocks * 0.5 + clouds(SIZE) * 0.5).astype(np.uint8), 3 * frame, axis=1)
        write_png(folder / "clip" / f"{frame}.png", picture, {})
        mask = np.zeros((64, 64, 3), np.uint8)
        mask[:, : 16 * (frame + 1)] = 255
        write_png(folder / "masks" / f"{frame}.png", mask, {})
    write_png(folder / "a.png", clouds(SIZE, seed=7), {})
    ramp = np.repeat(np.tile(np.linspace(0, 255, 64), (64, 1))[..., None], 3, axis=2).astype(np.uint8)
    write_png(folder / "b.png", ramp, {})
    corner = np.zeros((64, 64, 3), np.uint8)
    corner[:20, :20] = 255
    write_png(folder / "corner.png", corner, {})
    import PIL.Image

    PIL.Image.fromarray(np.dstack([clouds(SIZE, seed=7), ramp[::-1, ::-1, 0]])).save(folder / "alpha.png")
    with wave.open(str(folder / "s.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes((np.sin(np.arange(8000) / 9) * 9000).astype("<i2").tobytes())
    return folder


class Recorder(Noise):
    """Remembers what it is asked for."""

    __slots__ = ("asked",)

    def __init__(self):
        object.__setattr__(self, "asked", [])

    def generate(self, requests):
        self.asked.extend(requests)
        return super().generate(requests)


def outcome(settings, folder):
    """What comes of settings: requests, frames, files; or the faults that are told."""
    generator, out = Recorder(), folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    try:
        loaded = parse(SMALL | settings, "x.txt", folder=folder, name="x", changes=["generator=noise"])
        project = loaded.project
        made = [getattr(project, section) for section in FILES]
        job = RenderJob(project, folder, out, ModelPool())
        job.__dict__["mode"] = replace(job.mode, generation=replace(job.mode.generation, generator=generator))
        carry, frames = Carry(), []
        for step in job.steps:
            images, carry = job.mode.run(step, carry)
            frames += [array_fingerprint(image) for image in images]
    except ProjectError as fault:
        return sorted(map(str, fault.faults))
    except UserError as fault:
        return str(fault)
    asked = [repr(request) for request in generator.asked]
    kept = sorted(path.name for path in out.glob("*/*"))
    return [*map(repr, made), *frames, *asked, *kept, *loaded.warnings]


KNOWN = {}


def known(base, folder):
    """The outcome of settings that many keys start from."""
    name = json.dumps(base, sort_keys=True)
    if name not in KNOWN:
        KNOWN[name] = outcome(base, folder)
    return KNOWN[name]


def test_every_key_that_acts_has_a_test_of_its_effect():
    assert set(EFFECTS) == set(ACTING)


@pytest.mark.parametrize("key", EFFECTS)
def test_a_key_changes_what_is_rendered_or_says_why_not(key, folder):
    base, value = EFFECTS[key]
    assert known(base, folder) != outcome(base | {key: value}, folder)


@pytest.mark.parametrize("key", [key for key, row in KEYS.items() if row.into and key not in ("motion_preview_mode",)])
def test_where_a_key_goes_is_a_place_of_a_project(key):
    from animator.fields import SECTIONS, keyframable
    from animator.project import Project

    section, _, rest = KEYS[key].into.partition(".")
    assert section in Project.__dataclass_fields__
    if rest and section in SECTIONS:
        assert rest in keyframable(section)


@pytest.mark.parametrize("key", [key for key, row in KEYS.items() if row.inert and isinstance(row.default, str)])
def test_a_key_without_effect_says_so_when_it_is_not_at_its_default(key, folder):
    loaded = parse(SMALL | {key: "0:(0.123)"}, "x.txt", folder=folder, name="x", changes=["generator=noise"])
    assert any(note.startswith("without effect") and key in note for note in loaded.warnings)
