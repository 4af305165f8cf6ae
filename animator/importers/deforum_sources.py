"""The sections of a native project for what comes into a render from elsewhere: videos, masks, guides, controls.

As in the other sections, what is wrong with a value goes on as it stands, and the check of the project tells it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from animator.faces import FETCH, FINDER, FaceRules
from animator.importers import Imported
from animator.importers.deforum_key import OFF
from animator.importers.deforum_keys import KEYS, UNIT, UNITS
from animator.importers.deforum_units import init_denoise, named, scaled_text
from core.errors import Fault
from core.weights import FACE_FINDER, FACE_RESTORER, RAFT, listed, on_this_machine

Settings = Mapping[str, Any]

FLOWS = {"None": "none", "RAFT": "raft", "DIS Medium": "dis", "DIS Fine": "dis-fine", "Farneback": "farneback"}
MOTIONS = {"None": "none", "Optical Flow": "flow", "Perspective": "perspective", "Affine": "affine"}
BLANKS = {"ignore": "ignore", "reroll": "reroll", "interrupt": "stop"}
CONTENTS = ("fill", "original", "latent noise", "latent nothing")  # in the web UI's order
FITS = {"Outer Fit (Shrink to Fit)": "fill", "Inner Fit (Scale to Fit)": "crop", "Just Resize": "stretch"}
WEIGHING = {"Balanced": "balanced", "My prompt is more important": "prompt", "ControlNet is more important": "control"}
PEOPLE = "rvm_resnet50_fp32"  # name of the matting network that Deforum asks
SEEING_DISTANCE = (
    "adabins",
    "zoe",
    "zoe+adabins (old)",
)  # depth models whose maps are dark where it is near
PREPROCESSORS = {
    "none": "picture",
    "canny": "canny",
    "depth": "depth",
    "normal": "normal",
    "openpose": "openpose",
    "dw_openpose": "openpose",
    "softedge": "soft_edge",
    "hed": "soft_edge",
    "pidinet": "soft_edge",
    "lineart": "lineart",
    "mlsd": "mlsd",
    "scribble": "scribble",
    "fake_scribble": "scribble",
    "seg": "segmentation",
    "oneformer": "segmentation",
    "tile": "tile",
    "blur": "tile",
    "shuffle": "shuffle",
    "inpaint": "inpaint",
    "threshold": "threshold",
    "recolor": "brightness",
    "temporal": "temporal",
}  # what the names of the web UI's preprocessors begin with, and our controls


def takes_hybrid(settings: Settings) -> bool:
    """Whether a video is mixed in or moves the picture."""
    asked = settings["hybrid_composite"] not in OFF or settings["hybrid_motion"] not in OFF
    return asked and settings["animation_mode"] in ("2D", "3D")


def takes_depth_mask(settings: Settings) -> bool:
    """Whether the video is mixed in where it is near or far."""
    is_mixed = takes_hybrid(settings) and settings["hybrid_composite"] not in OFF
    return is_mixed and str(settings["hybrid_comp_mask_type"]).lower() in ("depth", "video depth")


def takes_masks(settings: Settings) -> bool:
    """Whether part of every picture is drawn."""
    return bool(settings["use_mask"] or settings["use_mask_video"])


def video(settings: Settings) -> Imported:
    """The video whose frames are taken up."""
    behind = settings["use_mask_video"] and not _is_default("video_init_path", settings)
    if settings["animation_mode"] == "Video Input" or takes_hybrid(settings) or behind:
        return Imported({"video": extracted(settings["video_init_path"], settings)})
    return Imported({})


def extracted(path: Any, settings: Settings) -> dict[str, Any]:
    """A video with the frames that Deforum would extract: those whose number is a multiple of n."""
    every, first = settings["extract_nth_frame"], settings["extract_from_frame"]
    if type(every) is int and every < 1:
        every = 1
    if type(every) is int and type(first) is int:
        first = -(-first // every) * every
    return {"file": path, "every": every, "first": first, "last": settings["extract_to_frame"]}


def hybrid(settings: Settings) -> Imported:
    """How the video takes part in frames that grow out of each other."""
    if not takes_hybrid(settings):
        return Imported({})
    composite = str(settings["hybrid_composite"]).lower() if settings["hybrid_composite"] not in OFF else "none"
    kind, inverse = str(settings["hybrid_comp_mask_type"]).lower(), settings["hybrid_comp_mask_inverse"]
    motion = named(settings["hybrid_motion"], MOTIONS)
    flow, notes = seen_by("hybrid_flow_method", settings)
    notes = notes if motion == "flow" else []
    if takes_depth_mask(settings) and str(settings["depth_algorithm"]).lower() in SEEING_DISTANCE:
        inverse = not inverse
        notes.append(
            f"hybrid_comp_mask_type: maps of {settings['depth_algorithm']} are dark where it is near; so inverted"
        )
    rules = {
        "composite": composite,
        "motion": motion,
        "flow": flow,
        "from_render": settings["hybrid_motion_use_prev_img"],
        "consistent": settings["hybrid_flow_consistency"],
        "blur": settings["hybrid_consistency_blur"],
        "mask": kind,
        "invert": inverse,
        "equalize": str(settings["hybrid_comp_mask_equalize"]).lower(),
        "auto_contrast": settings["hybrid_comp_mask_auto_contrast"],
        "save": settings["hybrid_comp_save_extra_frames"],
    }
    if settings["hybrid_use_init_image"] and composite != "none":
        rules["picture"] = settings["init_image"]
    numbers = {
        "video": settings["hybrid_comp_alpha_schedule"],
        "mask_blend": settings["hybrid_comp_mask_blend_alpha_schedule"],
        "mask_contrast": settings["hybrid_comp_mask_contrast_schedule"],
        "mask_low": settings["hybrid_comp_mask_auto_contrast_cutoff_low_schedule"],
        "mask_high": settings["hybrid_comp_mask_auto_contrast_cutoff_high_schedule"],
        "motion": settings["hybrid_flow_factor_schedule"],
    }
    if motion == "flow":
        notes.append("hybrid_motion: flow is read where each pixel comes from; Deforum read it where the pixel was")
        if rules["consistent"]:
            notes.append("hybrid_flow_consistency: flow that is not sure counts for nothing; Deforum turned it around")
    return Imported({"hybrid": rules, "mix": numbers}, tuple(notes))


def seen_by(key: str, settings: Settings) -> tuple[Any, list[str]]:
    """Who sees motion, and what is to be said of it: where RAFT has no weights, DIS stands in."""
    asked = named(settings[key], FLOWS)
    if asked != "raft" or on_this_machine(RAFT, "raft") is not None:
        return asked, []
    way_out = "put torchvision's raft_large weights into a models folder as raft.pth to have it"
    return "dis", [f"{key}: RAFT has no weights on this machine, DIS Medium sees the motion; {way_out}"]


def masks(settings: Settings) -> Imported:
    """What is drawn anew, and what gets noise."""
    draws = takes_masks(settings)
    noises = settings["use_noise_mask"] and settings["animation_mode"] in ("2D", "3D")
    if not draws and not noises:
        return Imported({})
    moving = settings["use_mask_video"]
    is_alpha = bool(settings["use_alpha_as_mask"] and settings["use_init"])
    rules: dict[str, Any] = {
        "alpha": is_alpha,
        "draw": settings["mask_schedule"] if draws else "",
        "noise": settings["noise_mask_schedule"] if noises else "",
        "brightness": settings["mask_contrast_adjust"],
        "contrast": settings["mask_brightness_adjust"],
        "invert": settings["invert_mask"],
        "overlay": True if settings["animation_mode"] == "Video Input" and moving else settings["overlay_mask"],
        "behind": "video" if moving or settings["animation_mode"] == "Video Input" else "init",
        "blur": settings["mask_overlay_blur"],
        "content": _content(settings["fill"]),
        "only_masked": settings["full_res_mask"],
        "padding": settings["full_res_mask_padding"],
    }
    if moving:
        rules["video"] = extracted(settings["video_mask_path"], settings)
    elif "video_mask" in f"{rules['draw']}{rules['noise']}" and not (is_alpha and _is_default("mask_file", settings)):
        rules["video"] = {"file": settings["mask_file"]}
    if "human_mask" in f"{rules['draw']}{rules['noise']}":
        rules["people"] = PEOPLE
    notes = []
    if settings["mask_contrast_adjust"] != 1 or settings["mask_brightness_adjust"] != 1:
        notes.append("mask_contrast_adjust acts as brightness and mask_brightness_adjust as contrast, as in Deforum")
    if settings["invert_mask"]:
        notes.append("invert_mask: what is drawn is turned inside out; in Deforum the whole picture was drawn then")
    return Imported({"mask": rules}, tuple(notes))


def guide(settings: Settings) -> Imported:
    """Pictures that the render is drawn towards."""
    if not settings["use_looper"] or settings["animation_mode"] not in ("2D", "3D"):
        return Imported({})
    notes, faults = ["use_looper: seeds follow seed_schedule, and denoise strength_schedule, as in Deforum"], []
    images = settings["init_images"]
    if isinstance(images, str):
        try:
            images = json.loads(images)
        except ValueError as fault:
            place = f"line {fault.lineno}, column {fault.colno}: " if isinstance(fault, json.JSONDecodeError) else ""
            faults.append(Fault("init_images", f"{place}this text is no JSON ({fault})", 'Write {"0": "a.png"}'))
            images = {}
    if settings["strength"] == 0:
        faults.append(Fault("strength", "0 cannot start a render from guided images", "Give a strength above 0"))
    numbers = {
        "guide_peak": settings["blendFactorMax"],
        "guide_swing": settings["blendFactorSlope"],
        "guide_frames": settings["tweening_frames_schedule"],
        "guide_color": settings["color_correction_factor"],
    }
    rules = {"images": images, "denoise": init_denoise(settings["strength"])}
    return Imported({"guide": rules, "mix": numbers}, tuple(notes), tuple(faults))


def feedback(settings: Settings) -> Imported:
    """How pictures are drawn over, meet between two generated ones, and what becomes of blank ones."""
    rules: dict[str, Any] = {"blank": named(settings["reroll_blank_frames"], BLANKS)}
    if rules["blank"] == "reroll":
        rules["patience"] = settings["reroll_patience"]
    notes: list[str] = []
    numbers = {}
    if settings["animation_mode"] in ("2D", "3D"):
        redo, meeting = settings["optical_flow_redo_generation"], settings["optical_flow_cadence"]
        if redo not in OFF:
            rules["flow_redo"], told = seen_by("optical_flow_redo_generation", settings)
            notes += told
            numbers["redo_flow"] = scaled_text(settings["redo_flow_factor_schedule"], -1.0)
            notes.append("optical_flow_redo_generation: motion of the redone picture is gone on with, as in Deforum")
        if meeting not in OFF and settings["diffusion_cadence"] not in (0, 1):
            rules["flow_cadence"], told = seen_by("optical_flow_cadence", settings)
            notes += told
            numbers["cadence_flow"] = settings["cadence_flow_factor_schedule"]
            notes.append(
                "optical_flow_cadence: pictures meet along their whole motion; Deforum moved them 1 pixel at most"
            )
        if settings["diffusion_redo"] not in OFF:
            rules["redo"] = settings["diffusion_redo"]
    if settings["motion_preview_mode"]:
        notes.append("motion_preview_mode: nothing is drawn; a pattern is moved in place of pictures")
    preview = {"generator": "passthrough"} if settings["motion_preview_mode"] else {}
    return Imported(preview | {"feedback": rules} | ({"mix": numbers} if numbers else {}), tuple(notes))


def faces(settings: Settings) -> Imported:
    """Faces that are drawn anew; without weights they stay as they are, and that is said."""
    if not settings["restore_faces"]:
        return Imported({})
    names = [file.stem for file in listed(FACE_RESTORER)]
    if not names or on_this_machine(FACE_FINDER, FINDER) is None:
        way_out = f"put GFPGANv1.4.pth into GFPGAN of a models folder, and `{FETCH}` fetches who looks for faces"
        return Imported({}, (f"restore_faces: faces stay as they are drawn, for want of networks: {way_out}",))
    chosen = FaceRules().model if FaceRules().model in names else names[0]
    return Imported(
        {"faces": {"model": chosen}}, (f"restore_faces: {chosen} draws faces anew (CodeFormer is not read)",)
    )


def controls(settings: Settings) -> Imported:
    """ControlNet units."""
    units, notes, faults = [], [], []
    for unit in range(1, UNITS + 1):
        own = {name: settings[f"cn_{unit}_{name}"] for name in UNIT}
        if own["enabled"] is not True:
            continue
        control = _control(str(own["module"]))
        if control is None:
            known = ", ".join(PREPROCESSORS)
            faults.append(
                Fault(f"cn_{unit}_module", f"{own['module']!r} is no preprocessor we know", f"Known: {known}")
            )
            continue
        if not own["loopback_mode"] and not own["vid_path"]:
            faults.append(
                Fault(f"cn_{unit}_vid_path", "there is no picture or video", "Give one, or set loopback_mode")
            )
            continue
        units.append(_unit(control, own))
        if not own["loopback_mode"]:
            notes.append(
                f"cn_{unit}_vid_path: a video keeps its own time; Deforum took one of its frames for each of ours"
            )
    return Imported({"controls": units} if units else {}, tuple(notes), tuple(faults))


def _unit(control: str, own: Mapping[str, Any]) -> dict[str, Any]:
    unit = {
        "control": control,
        "model": "" if own["model"] in OFF else re.sub(r"\s*\[[0-9a-f]+\]$", "", str(own["model"])),
        "options": _control_options(control, own),
        "source": "init" if own["loopback_mode"] else own["vid_path"],
        "weight": own["weight"],
        "start": own["guidance_start"],
        "end": own["guidance_end"],
        "mode": named(own["control_mode"], WEIGHING),
        "fit": named(own["resize_mode"], FITS),
        "pixel_perfect": own["pixel_perfect"],
        "low_memory": own["low_vram"],
    }
    if not own["pixel_perfect"] and control != "picture":
        unit["resolution"] = own["processor_res"]
    return unit | ({"mask": own["mask_vid_path"]} if own["mask_vid_path"] else {})


def _control(module: str) -> str | None:
    """The control whose preprocessor's name begins as this one does, by the longest beginning."""
    fitting = [start for start in PREPROCESSORS if module.lower().startswith(start)]
    return PREPROCESSORS[max(fitting, key=len)] if fitting else None


def _control_options(control: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """What the two thresholds of a unit mean to its control."""
    if control == "canny":
        return {"low": own["threshold_a"], "high": own["threshold_b"]}
    if control == "threshold":
        return {"level": own["threshold_a"]}
    return {}


def _content(fill: Any) -> Any:
    if type(fill) is int and 0 <= fill < len(CONTENTS):
        return CONTENTS[fill]
    return fill


def _is_default(key: str, settings: Settings) -> bool:
    return KEYS[key].is_default(settings[key])
