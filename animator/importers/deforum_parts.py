"""The sections of a native project, each made from complete Deforum settings.

What is wrong with a value is not said here: it goes on as it stands, and the check of the native project tells it
under Deforum's name.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from animator.checks import LONGEST_NAME
from animator.importers import Imported
from animator.importers.deforum_depth import depth
from animator.importers.deforum_key import OFF
from animator.importers.deforum_outputs import outputs
from animator.importers.deforum_sources import (
    controls,
    faces,
    feedback,
    guide,
    hybrid,
    masks,
    takes_hybrid,
    video,
)
from animator.importers.deforum_subtitles import subtitles
from animator.importers.deforum_units import as_schedule, constant, init_denoise, named, scaled_text
from animator.importers.deforum_words import words
from animator.jsontext import shown
from core.errors import Fault, ScheduleError, WeightsError
from core.weights import CHECKPOINT, on_this_machine
from schedules.rewrite import canonical
from schedules.schedule import Schedule

Settings = Mapping[str, Any]
Part = Callable[[Settings], Imported]

MODES = {"2D": "flat", "3D": "depth", "Video Input": "video", "Interpolation": "stills"}
BORDERS = {"replicate": "border"}
COLORS = {"None": "none", "Image": "lab", "Video Input": "lab", "LAB": "lab", "HSV": "hsv", "RGB": "rgb"}
NOISES = {"uniform": "white"}
WORLD = 1 / 400  # frame heights for one unit of a 3D translation: 1/200 world unit, and a frame is 2 of those high
TOKEN_LENGTH = 50  # characters of a setting's value in batch_name


def run(settings: Settings) -> Imported:
    """Name, size, length and seeds."""
    width, height = settings["W"], settings["H"]
    size, notes = [width, height], []
    if all(type(side) is int for side in size) and size != [side // 8 * 8 for side in size]:
        size = [side // 8 * 8 for side in size]
        notes.append(f"W, H: {width}x{height} becomes {size[0]}x{size[1]}, multiples of 8, as in Deforum")
    behavior, every, cadence, frames = (
        settings[key] for key in ("seed_behavior", "seed_iter_N", "diffusion_cadence", "max_frames")
    )
    if settings["use_looper"] and settings["animation_mode"] in ("2D", "3D"):
        behavior = "schedule"
    if settings["animation_mode"] not in ("2D", "3D"):
        cadence = 1
    seeds = {"behavior": behavior}
    if behavior == "iter":
        seeds |= {"every": every, "short_first": every != 1}
    elif behavior == "schedule":
        seeds |= {"schedule": as_schedule(settings["seed_schedule"])}
    if behavior in ("random", "schedule"):
        notes.append(f"seed_behavior {behavior!r}: random seeds are drawn from the project's seed, so that they repeat")
    if type(cadence) is int and type(frames) is int and cadence > 1:
        written = (frames - 1) // cadence * cadence
        notes.append(
            f"diffusion_cadence {cadence}: all {frames} frames are made; Deforum wrote {written}. Fades are kept"
        )
    name, said = _name(settings)
    model, told = _model(settings)
    data = model | {
        "name": name,
        "size": size,
        "fps": settings["fps"],
        "frames": frames,
        "seed": settings["seed"],
        "seeds": seeds,
        "mode": named(settings["animation_mode"], MODES),
        "cadence": cadence,
    }
    return Imported(data, (*told, *said, *notes))


def _model(settings: Settings) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The checkpoint that drew for Deforum, if it lies in a models folder."""
    name, digits = settings["sd_model_name"], settings["sd_model_hash"]
    if not isinstance(name, str) or not name.strip():
        return {}, ()
    try:
        wanted = f"{name} [{digits}]" if isinstance(digits, str) and "[" not in name and digits else name
        found = on_this_machine(CHECKPOINT, wanted, may_be_path=False)
    except WeightsError as fault:  # several of that name
        return {}, (f"sd_model_name = {shown(name)}: {fault}. Say which with --set model=",)
    if found is None:
        way_out = "put it into a models folder (--models-dir), or --set model= to another"
        return {}, (f"sd_model_name = {shown(name)}: it is not on this machine, the embedded model draws; {way_out}",)
    return {"model": wanted}, (f"sd_model_name = {shown(name)}: {found.name} of the models folders draws",)


def motion(settings: Settings) -> Imported:
    """Camera and warp, flat or in depth."""
    if settings["animation_mode"] not in ("2D", "3D"):
        return Imported({})
    flips = bool(settings["enable_perspective_flip"])
    made = _motion_in_depth(settings) if settings["animation_mode"] == "3D" else _flat_motion(settings, flips)
    camera, warp, notes = dict(made.data["camera"]), dict(made.data["warp"]), made.notes
    if flips:
        camera |= {
            "flip_roll": settings["perspective_flip_theta"],
            "flip_tilt": settings["perspective_flip_phi"],
            "flip_pan": settings["perspective_flip_gamma"],
            "flip_view": settings["perspective_flip_fv"],
        }
    return Imported({"camera": camera, "warp": warp | {"geometry": "deforum", "flip": flips}}, notes)


def _flat_motion(settings: Settings, flips: bool) -> Imported:
    height = settings["H"] // 8 * 8 if type(settings["H"]) is int and settings["H"] >= 8 else 8
    camera = {
        "roll": settings["angle"],
        "zoom": settings["zoom"],
        "center_x": settings["transform_center_x"],
        "center_y": settings["transform_center_y"],
    }
    shifts = {
        "x": scaled_text(settings["translation_x"], -1 / height),
        "y": scaled_text(settings["translation_y"], 1 / height),
    }
    notes: tuple[str, ...] = ()
    if not flips:
        camera |= shifts
    elif any(constant(value) != 0 for value in shifts.values()):
        notes = ("translation_x, translation_y: without effect beside the perspective flip in 2D, as in Deforum",)
    border = named(settings["border"], BORDERS)
    return Imported({"camera": camera, "warp": {"border": border, "sampling": "bilinear"}}, notes)


def _motion_in_depth(settings: Settings) -> Imported:
    uses_ratio, (width, height) = settings["aspect_ratio_use_old_formula"], (settings["W"], settings["H"])
    ratio = width / height if uses_ratio and all(type(side) is int and side > 0 for side in (width, height)) else None
    camera = {
        "x": scaled_text(settings["translation_x"], WORLD),
        "y": scaled_text(settings["translation_y"], WORLD),
        "z": scaled_text(settings["translation_z"], WORLD),
        "pitch": settings["rotation_3d_x"],
        "yaw": settings["rotation_3d_y"],
        "roll": settings["rotation_3d_z"],
        "fov": settings["fov_schedule"],
        "aspect": settings["aspect_ratio_schedule"] if ratio is None else ratio,
    }
    warp = {"border": settings["padding_mode"], "sampling": settings["sampling_mode"]}
    note = (
        f"border {settings['border']!r}: the 3D warp, and with it the perspective flip, fills in as padding_mode says"
    )
    return Imported({"camera": camera, "warp": warp}, () if settings["border"] == "replicate" else (note,))


def sampling(settings: Settings) -> Imported:
    """How pictures are generated, and what the first one starts from."""
    denoise, notes = _denoise(settings)
    numbers = {
        "steps": settings["steps_schedule" if settings["enable_steps_scheduling"] else "steps"],
        "cfg": settings["cfg_scale_schedule"],
        "denoise": denoise,
    }
    switched = {
        "enable_noise_multiplier_scheduling": ("noise_multiplier", "noise_multiplier_schedule"),
        "enable_ddim_eta_scheduling": ("eta_ddim", "ddim_eta_schedule"),
        "enable_ancestral_eta_scheduling": ("eta_ancestral", "ancestral_eta_schedule"),
        "enable_subseed_scheduling": ("variation_seed", "subseed_schedule"),
        "enable_clipskip_scheduling": ("clip_skip", "clipskip_schedule"),
    }
    numbers |= {name: settings[key] for switch, (name, key) in switched.items() if settings[switch]}
    if settings["enable_subseed_scheduling"]:
        numbers["variation_strength"] = settings["subseed_strength_schedule"]
    sampler = settings["sampler_schedule" if settings["enable_sampler_scheduling"] else "sampler"]
    numbers |= {
        name: settings[key]
        for name, key in (("seed_width", "seed_resize_from_w"), ("seed_height", "seed_resize_from_h"))
        if settings[key] not in (-1, 0)
    }
    data: dict[str, Any] = {"sampling": numbers}
    if settings["tiling"]:
        data["drawing"] = {"tiling": True}
    if settings["enable_checkpoint_scheduling"]:
        data["checkpoint"] = settings["checkpoint_schedule"]
    started, said = _start(settings)
    data |= started
    notes = (*notes, *said)
    if isinstance(sampler, int):
        way_out = "Write its name, as in Euler a"
        return Imported(data, notes, (Fault("sampler", f"{sampler} is a place in another program's list", way_out),))
    return Imported(data | {"sampler": sampler}, notes)


def _start(settings: Settings) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the first picture starts from, beside guided images."""
    mode, guided = settings["animation_mode"], settings["use_looper"]
    if mode == "Video Input" or (guided and mode in ("2D", "3D")):
        return {}, ()
    denoise = init_denoise(settings["strength"])
    takes_first = settings["hybrid_use_first_frame_as_init_image"] and not settings["hybrid_use_init_image"]
    if takes_first and takes_hybrid(settings):
        return {"init": {"image": "video", "denoise": denoise}}, ()
    if not settings["use_init"]:
        return {}, ()
    if not settings["init_image"]:
        return {}, ("use_init: there is no init_image; the first picture is made from text, as in Deforum",)
    return {"init": {"image": settings["init_image"], "denoise": denoise}}, ()


def coherence(settings: Settings) -> Imported:
    """What happens to the carried picture between frames."""
    palette, notes = _palette(settings)
    color = palette | {
        "noise_kind": named(settings["noise_type"], NOISES),
        "octaves": settings["perlin_octaves"],
        "persistence": settings["perlin_persistence"],
        "grayscale": settings["color_force_grayscale"],
        "look": "deforum",
    }
    if settings["animation_mode"] not in ("2D", "3D"):
        return Imported({"color": color}, notes)
    looks = "warp.geometry, color.look 'deforum': its formulas with their quirks, so that a look stays; 'true' is clean"
    numbers = {
        "noise": settings["noise_schedule"],
        "contrast": settings["contrast_schedule"],
        "sharpen": settings["amount_schedule"],
        "sharpen_kernel": settings["kernel_schedule"],
        "sharpen_sigma": settings["sigma_schedule"],
        "sharpen_threshold": settings["threshold_schedule"],
    }
    return Imported({"color": color, "coherence": numbers}, (*notes, looks))


def _palette(settings: Settings) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Whose colours are kept, and when pictures are brought to them."""
    wanted, is_legacy = settings["color_coherence"], settings["legacy_colormatch"]
    wanted = "None" if wanted is None else wanted
    hybrid_is_set = settings["hybrid_composite"] not in OFF or settings["hybrid_motion"] not in OFF
    over_video = settings["animation_mode"] not in ("2D", "3D")
    notes: list[str] = []
    if wanted == "Video Input" and not hybrid_is_set:
        wanted = "None" if over_video else "LAB"
        notes.append("color_coherence 'Video Input': without hybrid video it has no reference, as in Deforum")
    if over_video and wanted in ("LAB", "HSV", "RGB"):
        wanted = "None"
        notes.append("color_coherence: every frame keeps its own colours in Video Input, as in Deforum")
    color = {"match": named(wanted, COLORS), "match_result": not is_legacy, "repin": bool(is_legacy)}
    if wanted == "Image":
        color["reference"] = settings["color_coherence_image_path"]
    elif wanted == "Video Input":
        color |= {"reference": "video", "every": settings["color_coherence_video_every_N_frames"]}
    if color["match"] != "none":
        both = "before" if is_legacy else "before and after"
        notes.append(f"color_coherence: matched {both} generation in swapped channels, as in Deforum (color.look)")
    return color, tuple(notes)


PARTS: tuple[Part, ...] = (
    *(run, words, motion, depth, sampling, coherence),
    *(feedback, video, hybrid, masks, guide, faces, controls, outputs, subtitles),
)


def _denoise(settings: Settings) -> tuple[Any, tuple[str, ...]]:
    """1 - strength, held in 0..1 as Deforum does on every frame."""
    denoise = scaled_text(settings["strength_schedule"], -1.0, 1.0)
    frames, seed = settings["max_frames"], settings["seed"]
    if type(frames) is not int or not 1 <= frames <= 1_000_000:
        return denoise, ()
    try:
        values = Schedule.parse(as_schedule(denoise), frames, max(seed, 0) if type(seed) is int else 0).values()
    except (ScheduleError, TypeError, AttributeError):
        return denoise, ()
    held = np.clip(values, 0, 1)
    if np.array_equal(held, values):
        return denoise, ()
    text = ", ".join(f"{frame}:({canonical(value)})" for frame, value in enumerate(held))
    return text, ("strength_schedule: it leaves 0..1; denoise is written out frame by frame, held in 0..1",)


def _name(settings: Settings) -> tuple[Any, tuple[str, ...]]:
    """`batch_name` with its tokens filled in, as the name of a folder."""
    pattern, stem = settings["batch_name"], settings["timestring"]
    if not isinstance(pattern, str):
        return pattern, ()
    if settings["resume_from_timestring"]:
        stem = settings["resume_timestring"]
    lowered = {key.lower(): value for key, value in settings.items()} | {"timestring": stem}
    if settings["seed"] == -1:
        lowered["seed"] = "random"

    def filled(token: re.Match[str]) -> str:
        key = token[1].lower()
        value = lowered.get(key, key)
        if isinstance(value, dict):
            value = next(iter(value.values()), "")
        return "_" if value in OFF else str(value)[:TOKEN_LENGTH]

    name = re.sub(r"\{(\w+)\}", filled, pattern)
    name = re.sub(r"[^\w\-.()]", "_", name)[:LONGEST_NAME].rstrip(".") or "_"
    name = f"_{name[1:]}" if name[0] in ".-)" else name
    if "{timestring}" in pattern.lower():
        return name, (
            f"batch_name: the name is {name!r}; the file's name stands for the time, so that a render goes on",
        )
    return name, ()
