"""Deforum's subtitles: what can be chosen, what it is called in a cue, and which setting it shows."""

from collections.abc import Mapping
from typing import Any

from animator.importers import Imported
from animator.importers.deforum_key import OFF
from core.errors import Fault, suggestion

NAMES: Mapping[str, tuple[str, str]] = {
    "Angle": ("Angle", "angle"),
    "Trans Center X": ("Tr.C.X", "transform_center_x"),
    "Trans Center Y": ("Tr.C.Y", "transform_center_y"),
    "Zoom": ("Zoom", "zoom"),
    "Trans X": ("TrX", "translation_x"),
    "Trans Y": ("TrY", "translation_y"),
    "Trans Z": ("TrZ", "translation_z"),
    "Rot 3D X": ("RotX", "rotation_3d_x"),
    "Rot 3D Y": ("RotY", "rotation_3d_y"),
    "Rot 3D Z": ("RotZ", "rotation_3d_z"),
    "Per Fl Theta": ("PerFlT", "perspective_flip_theta"),
    "Per Fl Phi": ("PerFlP", "perspective_flip_phi"),
    "Per Fl Gamma": ("PerFlG", "perspective_flip_gamma"),
    "Per Fl FV": ("PerFlFV", "perspective_flip_fv"),
    "Noise Sch": ("Noise", "noise_schedule"),
    "Str Sch": ("StrSch", "strength_schedule"),
    "Contrast Sch": ("CtrstSch", "contrast_schedule"),
    "CFG Sch": ("CFGSch", "cfg_scale_schedule"),
    "P2P Img CFG Sch": ("P2PCfgSch", "pix2pix_img_cfg_scale_schedule"),
    "Subseed Sch": ("SubSSch", "subseed_schedule"),
    "Subseed Str Sch": ("SubSStrSch", "subseed_strength_schedule"),
    "Ckpt Sch": ("CkptSch", "checkpoint_schedule"),
    "Steps Sch": ("StepsSch", "steps_schedule"),
    "Seed Sch": ("SeedSch", "seed_schedule"),
    "Sampler Sch": ("SamplerSchedule", "sampler_schedule"),
    "Clipskip Sch": ("ClipskipSchedule", "clipskip_schedule"),
    "Noise Multp Sch": ("NoiseMultiplierSchedule", "noise_multiplier_schedule"),
    "Mask Sch": ("MaskSchedule", "mask_schedule"),
    "Noise Mask Sch": ("NoiseMaskSchedule", "noise_mask_schedule"),
    "Ant.Blr Amount Sch": ("AmountSchedule", "amount_schedule"),
    "Ant.Blr Kernel Sch": ("KernelSchedule", "kernel_schedule"),
    "Ant.Blr Sigma Sch": ("SigmaSchedule", "sigma_schedule"),
    "Ant.Blr Threshold Sch": ("ThresholdSchedule", "threshold_schedule"),
    "Aspect Ratio Sch": ("AspectRatioSchedule", "aspect_ratio_schedule"),
    "FOV Sch": ("FieldOfViewSchedule", "fov_schedule"),
    "Near Sch": ("NearSchedule", "near_schedule"),
    "Cadence Flow Factor Sch": ("CadenceFlowFactorSchedule", "cadence_flow_factor_schedule"),
    "Redo Flow Factor Sch": ("RedoFlowFactorSchedule", "redo_flow_factor_schedule"),
    "Far Sch": ("FarSchedule", "far_schedule"),
    "Hyb Comp Alpha Sch": ("HybridCompAlphaSchedule", "hybrid_comp_alpha_schedule"),
    "Hyb Comp Mask Blend Alpha Sch": ("HybridCompMaskBlendAlphaSchedule", "hybrid_comp_mask_blend_alpha_schedule"),
    "Hyb Comp Mask Ctrst Sch": ("HybridCompMaskContrastSchedule", "hybrid_comp_mask_contrast_schedule"),
    "Hyb Comp Mask Auto Contrast Cutoff High Sch": (
        "HybridCompMaskAutoContrastCutoffHighSchedule",
        "hybrid_comp_mask_auto_contrast_cutoff_high_schedule",
    ),
    "Hyb Comp Mask Auto Ctrst Cut Low Sch": (
        "HybridCompMaskAutoContrastCutoffLowSchedule",
        "hybrid_comp_mask_auto_contrast_cutoff_low_schedule",
    ),
    "Hybrid Flow Factor Sch": ("HybridFlowFactorSchedule", "hybrid_flow_factor_schedule"),
}  # by the name that is chosen, in the order of a cue
PROMPT = "Prompt"
NOTHING = ("Noise Schedule", "Seed")  # Deforum's defaults, which are called like nothing there is


def subtitles(settings: Mapping[str, Any]) -> Imported:
    """The subtitles that settings ask for."""
    chosen = settings["deforum_save_gen_info_as_srt_params"]
    if settings["deforum_save_gen_info_as_srt"] in OFF or settings["animation_mode"] == "Interpolation":
        return Imported({})
    key = "deforum_save_gen_info_as_srt_params"
    if not isinstance(chosen, list) or not all(isinstance(name, str) for name in chosen):
        return Imported({}, faults=(Fault(key, "expected a list of names", f"Known: {', '.join(NAMES)}"),))
    known = (*NAMES, PROMPT)
    unknown = [name for name in chosen if name not in known and name not in NOTHING]
    faults = tuple(Fault(key, f"nothing is called {name[:60]!r}", suggestion(name, known)) for name in unknown)
    shown = {printed: settings[source] for name, (printed, source) in NAMES.items() if name in chosen}
    embed = bool(settings["deforum_embed_srt"]) and not settings["skip_video_creation"]
    return Imported({"subtitles": {"shown": shown, "prompt": PROMPT in chosen, "embed": embed}}, faults=faults)
