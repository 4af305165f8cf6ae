"""Every key of Deforum's settings files: its default, and what becomes of it here."""

from animator.importers.deforum_key import NO_DEFAULT, Either, Key, When

_MOVING = When("animation_mode", ("2D", "3D"))
_PICTURED = When("animation_mode", ("2D", "3D", "Interpolation"))
_DENOISED = When("animation_mode", ("2D", "3D", "Video Input"))
_2D, _3D = When("animation_mode", ("2D",)), When("animation_mode", ("3D",))
_VIDEO = When("animation_mode", ("Video Input",))
_FLIP = When("enable_perspective_flip", also=_MOVING)
_MASK = Either((When("use_mask"), When("use_mask_video")))
_NOISE_MASK = When("use_noise_mask", also=_MOVING)
_COMPOSITE = When("hybrid_composite", also=_MOVING)
_HYBRID = Either((_COMPOSITE, When("hybrid_motion", also=_MOVING)))
_FLOWING = When("hybrid_motion", ("Optical Flow",), also=_MOVING)
_SHAPED = When("hybrid_comp_mask_type", also=_COMPOSITE)
_TAKES_VIDEO = Either((_VIDEO, _HYBRID, When("add_soundtrack", ("Init Video",))))
_EXTRACTS = Either((_VIDEO, _HYBRID, When("use_mask_video")))
_LOOPER = When("use_looper", also=_MOVING)
_SCHEDULED = Either((When("seed_behavior", ("schedule",)), _LOOPER))
_TAKES_PICTURE = Either((When("use_init", also=_PICTURED), When("hybrid_use_init_image", also=_COMPOSITE)))
_STILL_MASK = When("use_mask_video", (False,), also=Either((When("use_mask"), _NOISE_MASK)))
_PARSEQ = When("parseq_manifest")
_VIDEOS = When("skip_video_creation", (False,))
_SHOWS_LARGE = Either((_VIDEOS, When("r_upscale_keep_imgs")))
_UPSCALE = When("r_upscale_video", also=_SHOWS_LARGE)
_RETIME = When("frame_interpolation_engine", also=_VIDEOS)
_WEB_UI = "the web UI's own business"
_DEAD = "has no effect in Deforum either"
_NO_EXTRACTS = "frames of videos are read when they are needed, and never lie in a folder"
_INFORMATION = "information for people"

_RUN = {
    "W": Key(512, "size"),
    "H": Key(512, "size"),
    "show_info_on_ui": Key(True, inert=_WEB_UI),
    "tiling": Key(False, "drawing.tiling"),
    "restore_faces": Key(False, "faces"),
    "seed": Key(-1, "seed"),
    "seed_behavior": Key("iter", "seeds.behavior"),
    "seed_iter_N": Key(1, "seeds.every", When("seed_behavior", ("iter",))),
    "seed_resize_from_w": Key(0, "sampling.seed_width"),
    "seed_resize_from_h": Key(0, "sampling.seed_height"),
    "sampler": Key("Euler a", "sampler", When("enable_sampler_scheduling", (False,))),
    "steps": Key(25, "sampling.steps", When("enable_steps_scheduling", (False,))),
    "batch_name": Key("Deforum_{timestring}", "name"),
    "reroll_blank_frames": Key("ignore", "feedback.blank"),
    "reroll_patience": Key(10, "feedback.patience", When("reroll_blank_frames", ("reroll",))),
    "motion_preview_mode": Key(False, "generator"),
    "prompts": Key(None, "prompts"),
    "animation_prompts_positive": Key("", "positive"),
    "animation_prompts_negative": Key("", "negative"),
    "positive_prompts": Key(NO_DEFAULT, inert=_INFORMATION),
    "negative_prompts": Key(NO_DEFAULT, inert=_INFORMATION),
}

_MOTION = {
    "animation_mode": Key("2D", "mode"),
    "max_frames": Key(120, "frames"),
    "border": Key("replicate", "warp.border", _MOVING),
    "angle": Key("0: (0)", "camera.roll", _2D),
    "zoom": Key("0: (1.0025+0.002*sin(1.25*3.14*t/30))", "camera.zoom", _2D),
    "translation_x": Key("0: (0)", "camera.x", _MOVING),
    "translation_y": Key("0: (0)", "camera.y", _MOVING),
    "translation_z": Key("0: (1.75)", "camera.z", _3D),
    "transform_center_x": Key("0: (0.5)", "camera.center_x", _2D),
    "transform_center_y": Key("0: (0.5)", "camera.center_y", _2D),
    "rotation_3d_x": Key("0: (0)", "camera.pitch", _3D),
    "rotation_3d_y": Key("0: (0)", "camera.yaw", _3D),
    "rotation_3d_z": Key("0: (0)", "camera.roll", _3D),
    "enable_perspective_flip": Key(False, "warp.flip", _MOVING),
    "perspective_flip_theta": Key("0: (0)", "camera.flip_roll", _FLIP),
    "perspective_flip_phi": Key("0: (0)", "camera.flip_tilt", _FLIP),
    "perspective_flip_gamma": Key("0: (0)", "camera.flip_pan", _FLIP),
    "perspective_flip_fv": Key("0: (53)", "camera.flip_view", _FLIP),
    "use_depth_warping": Key(True, "depth.model", _3D),
    "depth_algorithm": Key("Midas-3-Hybrid", "depth.model", When("use_depth_warping", also=_3D)),
    "midas_weight": Key(0.2, inert="only mixes the two depth models of old versions"),
    "padding_mode": Key("border", "warp.border", _3D),
    "sampling_mode": Key("bicubic", "warp.sampling", _3D),
    "save_depth_maps": Key(False, "depth.save"),
    "fov_schedule": Key("0: (70)", "camera.fov", _3D),
    "aspect_ratio_schedule": Key("0: (1)", "camera.aspect", When("aspect_ratio_use_old_formula", (False,), also=_3D)),
    "aspect_ratio_use_old_formula": Key(False, "camera.aspect", _3D),
    "near_schedule": Key("0: (200)", inert=_DEAD),
    "far_schedule": Key("0: (10000)", inert=_DEAD),
}

_DIFFUSION = {
    "strength_schedule": Key("0: (0.65)", "sampling.denoise", _DENOISED),
    "cfg_scale_schedule": Key("0: (7)", "sampling.cfg"),
    "enable_steps_scheduling": Key(False, "sampling.steps"),
    "steps_schedule": Key("0: (25)", "sampling.steps", When("enable_steps_scheduling")),
    "enable_sampler_scheduling": Key(False, "sampler"),
    "sampler_schedule": Key('0: ("Euler a")', "sampler", When("enable_sampler_scheduling")),
    "enable_checkpoint_scheduling": Key(False, "checkpoint"),
    "checkpoint_schedule": Key(
        '0: ("model1.ckpt"), 100: ("model2.safetensors")', "checkpoint", When("enable_checkpoint_scheduling")
    ),
    "enable_clipskip_scheduling": Key(False, "sampling.clip_skip"),
    "clipskip_schedule": Key("0: (2)", "sampling.clip_skip", When("enable_clipskip_scheduling")),
    "enable_noise_multiplier_scheduling": Key(True, "sampling.noise_multiplier"),
    "noise_multiplier_schedule": Key(
        "0: (1.05)", "sampling.noise_multiplier", When("enable_noise_multiplier_scheduling")
    ),
    "enable_ddim_eta_scheduling": Key(False, "sampling.eta_ddim"),
    "ddim_eta_schedule": Key("0: (0)", "sampling.eta_ddim", When("enable_ddim_eta_scheduling")),
    "enable_ancestral_eta_scheduling": Key(False, "sampling.eta_ancestral"),
    "ancestral_eta_schedule": Key("0: (1)", "sampling.eta_ancestral", When("enable_ancestral_eta_scheduling")),
    "pix2pix_img_cfg_scale_schedule": Key("0:(1.5)", inert="only instruct-pix2pix checkpoints use it"),
    "seed_schedule": Key(
        '0:(s), 1:(-1), "max_f-2":(-1), "max_f-1":(s)',
        "seeds.schedule",
        Either((When("seed_behavior", ("schedule",)), _LOOPER)),
    ),
    "enable_subseed_scheduling": Key(False, "sampling.variation_seed"),
    "subseed_schedule": Key("0: (1)", "sampling.variation_seed", When("enable_subseed_scheduling")),
    "subseed_strength_schedule": Key("0: (0)", "sampling.variation_strength", When("enable_subseed_scheduling")),
}

_COHERENCE = {
    "noise_type": Key("perlin", "color.noise_kind", _MOVING),
    "noise_schedule": Key("0: (0.065)", "coherence.noise", _MOVING),
    "perlin_w": Key(8, inert="never read from a settings file"),
    "perlin_h": Key(8, inert="never read from a settings file"),
    "perlin_octaves": Key(4, "color.octaves", When("noise_type", ("perlin",), also=_MOVING)),
    "perlin_persistence": Key(0.5, "color.persistence", When("noise_type", ("perlin",), also=_MOVING)),
    "use_noise_mask": Key(False, "mask.noise", _MOVING),
    "noise_mask_schedule": Key('0: ("{video_mask}")', "mask.noise", _NOISE_MASK),
    "contrast_schedule": Key("0: (1.0)", "coherence.contrast", _MOVING),
    "amount_schedule": Key("0: (0.1)", "coherence.sharpen", _MOVING),
    "kernel_schedule": Key("0: (5)", "coherence.sharpen_kernel", _MOVING),
    "sigma_schedule": Key("0: (1)", "coherence.sharpen_sigma", _MOVING),
    "threshold_schedule": Key("0: (0)", "coherence.sharpen_threshold", _MOVING),
    "color_coherence": Key("LAB", "color.match"),
    "color_coherence_image_path": Key("", "color.reference", When("color_coherence", ("Image",))),
    "color_coherence_video_every_N_frames": Key(
        1, "color.every", When("color_coherence", ("Video Input",), also=_HYBRID)
    ),
    "color_force_grayscale": Key(False, "color.grayscale"),
    "legacy_colormatch": Key(True, "color.match_result"),
    "diffusion_cadence": Key(2, "cadence", _MOVING),
    "optical_flow_cadence": Key(
        "None", "feedback.flow_cadence", When("diffusion_cadence", off=(0, 1, "0", "1"), also=_MOVING)
    ),
    "cadence_flow_factor_schedule": Key(
        "0: (1)", "mix.cadence_flow", When("optical_flow_cadence", also=When("diffusion_cadence", off=(0, 1)))
    ),
    "optical_flow_redo_generation": Key("None", "feedback.flow_redo", _MOVING),
    "redo_flow_factor_schedule": Key("0: (1)", "mix.redo_flow", When("optical_flow_redo_generation", also=_MOVING)),
    "diffusion_redo": Key("0", "feedback.redo", _MOVING),
}

_SOURCES = {
    "use_init": Key(False, "init"),
    "strength": Key(0.8, "init.denoise", Either((When("use_init", also=_PICTURED), _HYBRID, _LOOPER))),
    "strength_0_no_init": Key(True, inert=_DEAD),
    "init_image": Key(
        "https://deforum.github.io/a1/I1.png",
        "init.image",
        Either((When("use_init"), When("hybrid_use_init_image", also=_COMPOSITE))),
    ),
    "init_image_box": Key(None, inert="never read from a settings file"),
    "video_init_path": Key("https://deforum.github.io/a1/V1.mp4", "video.file", _TAKES_VIDEO),
    "extract_nth_frame": Key(1, "video.every", _EXTRACTS),
    "extract_from_frame": Key(0, "video.first", _EXTRACTS),
    "extract_to_frame": Key(-1, "video.last", _EXTRACTS),
    "overwrite_extracted_frames": Key(False, inert=_NO_EXTRACTS),
    "resume_from_timestring": Key(
        False, says="every render goes on from its finished frames; nothing is needed for it"
    ),
    "resume_timestring": Key("20230129210106", "name", When("resume_from_timestring")),
    "init_sample": Key(None, inert="never read from a settings file"),
    "outdir": Key(None, inert="never read from a settings file"),
}

_MASKS = {
    "use_mask": Key(False, "mask"),
    "use_mask_video": Key(False, "mask.video"),
    "use_alpha_as_mask": Key(False, "mask.alpha", When("use_init", also=_MASK)),
    "mask_file": Key(
        "https://deforum.github.io/a1/M1.jpg", "mask.video.file", When("use_mask_video", (False,), also=_MASK)
    ),
    "invert_mask": Key(False, "mask.invert", _MASK),
    "mask_contrast_adjust": Key(1.0, "mask.brightness", _MASK),
    "mask_brightness_adjust": Key(1.0, "mask.contrast", _MASK),
    "overlay_mask": Key(True, "mask.overlay", _MASK),
    "mask_overlay_blur": Key(4, "mask.blur", _MASK),
    "fill": Key(1, "mask.content", _MASK),
    "full_res_mask": Key(True, "mask.only_masked", _MASK),
    "full_res_mask_padding": Key(4, "mask.padding", When("full_res_mask", also=_MASK)),
    "mask_schedule": Key('0: ("{video_mask}")', "mask.draw", _MASK),
    "video_mask_path": Key("https://deforum.github.io/a1/VM1.mp4", "mask.video.file", When("use_mask_video")),
}

_HYBRID_KEYS = {
    "hybrid_composite": Key("None", "hybrid.composite", _MOVING),
    "hybrid_motion": Key("None", "hybrid.motion", _MOVING),
    "hybrid_generate_inputframes": Key(False, inert=_NO_EXTRACTS),
    "hybrid_generate_human_masks": Key("None", says="people are looked for where a mask expression says {human_mask}"),
    "hybrid_use_first_frame_as_init_image": Key(True, "init", When("hybrid_use_init_image", (False,), also=_HYBRID)),
    "hybrid_use_init_image": Key(False, "hybrid.picture", _COMPOSITE),
    "hybrid_motion_use_prev_img": Key(False, "hybrid.from_render", When("hybrid_motion", also=_MOVING)),
    "hybrid_flow_method": Key("RAFT", "hybrid.flow", _FLOWING),
    "hybrid_flow_consistency": Key(False, "hybrid.consistent", _FLOWING),
    "hybrid_consistency_blur": Key(2, "hybrid.blur", When("hybrid_flow_consistency", also=_FLOWING)),
    "hybrid_comp_mask_type": Key("None", "hybrid.mask", _COMPOSITE),
    "hybrid_comp_mask_inverse": Key(False, "hybrid.invert", _SHAPED),
    "hybrid_comp_mask_equalize": Key("None", "hybrid.equalize", _SHAPED),
    "hybrid_comp_mask_auto_contrast": Key(False, "hybrid.auto_contrast", _SHAPED),
    "hybrid_comp_save_extra_frames": Key(False, "hybrid.save", _HYBRID),
    "hybrid_comp_alpha_schedule": Key("0:(0.5)", "mix.video", _COMPOSITE),
    "hybrid_comp_mask_blend_alpha_schedule": Key(
        "0:(0.5)", "mix.mask_blend", When("hybrid_comp_mask_type", ("Blend",), also=_COMPOSITE)
    ),
    "hybrid_comp_mask_contrast_schedule": Key("0:(1)", "mix.mask_contrast", _SHAPED),
    "hybrid_comp_mask_auto_contrast_cutoff_high_schedule": Key(
        "0:(100)", "mix.mask_high", When("hybrid_comp_mask_auto_contrast", also=_SHAPED)
    ),
    "hybrid_comp_mask_auto_contrast_cutoff_low_schedule": Key(
        "0:(0)", "mix.mask_low", When("hybrid_comp_mask_auto_contrast", also=_SHAPED)
    ),
    "hybrid_flow_factor_schedule": Key("0:(1)", "mix.motion", _FLOWING),
}

_GUIDED = {
    "use_looper": Key(False, "guide", _MOVING),
    "init_images": Key(
        '{"0": "https://deforum.github.io/a1/Gi1.png", "max_f/4-5": "https://deforum.github.io/a1/Gi2.png", '
        '"max_f/2-10": "https://deforum.github.io/a1/Gi3.png", "3*max_f/4-15": "https://deforum.github.io/a1/Gi4.jpg", '
        '"max_f-20": "https://deforum.github.io/a1/Gi1.png"}',
        "guide.images",
        _LOOPER,
    ),
    "image_strength_schedule": Key("0:(0.75)", inert=_DEAD),
    "blendFactorMax": Key("0:(0.35)", "mix.guide_peak", _LOOPER),
    "blendFactorSlope": Key("0:(0.25)", "mix.guide_swing", _LOOPER),
    "tweening_frames_schedule": Key("0:(20)", "mix.guide_frames", _LOOPER),
    "color_correction_factor": Key("0:(0.075)", "mix.guide_color", _LOOPER),
    "parseq_manifest": Key(None, says="its frames say more than the settings"),
    "parseq_use_deltas": Key(True, when=_PARSEQ, says="camera values are taken as they are, not as steps"),
    "parseq_non_schedule_overrides": Key(True, when=_PARSEQ, says="length, cadence and rate are those of the settings"),
}

_OUTPUT = {
    "skip_video_creation": Key(False, "export"),
    "fps": Key(15, "fps"),
    "make_gif": Key(False, "export"),
    "delete_imgs": Key(False, says="frames are kept: a render goes on from them"),
    "delete_input_frames": Key(False, inert=_NO_EXTRACTS),
    "image_path": Key(NO_DEFAULT, inert=_WEB_UI),
    "add_soundtrack": Key("None", "audio"),
    "soundtrack_path": Key("https://deforum.github.io/a1/A1.mp3", "audio.file", When("add_soundtrack", ("File",))),
    "r_upscale_video": Key(False, "upscale", _SHOWS_LARGE),
    "r_upscale_factor": Key("x2", "upscale.by", _UPSCALE),
    "r_upscale_model": Key("realesr-animevideov3", "upscale.upscaler", _UPSCALE),
    "r_upscale_keep_imgs": Key(True, "upscale.save", When("r_upscale_video")),
    "store_frames_in_ram": Key(False, says="frames are stored as they are made"),
    "frame_interpolation_engine": Key("None", "interpolate.model", _VIDEOS),
    "frame_interpolation_x_amount": Key(2, "interpolate.factor", _RETIME),
    "frame_interpolation_slow_mo_enabled": Key(False, "interpolate.slow", _RETIME),
    "frame_interpolation_slow_mo_amount": Key(
        2, "interpolate.slow", When("frame_interpolation_slow_mo_enabled", also=_RETIME)
    ),
    "frame_interpolation_keep_imgs": Key(False, says="frames in between are kept from one render to the next anyway"),
    "frame_interpolation_use_upscaled": Key(
        False, "export", When("frame_interpolation_engine", also=When("r_upscale_video", also=_VIDEOS))
    ),
    "deforum_save_gen_info_as_srt": Key(False, "subtitles"),
    "deforum_save_gen_info_as_srt_params": Key(
        ["Noise Schedule"], "subtitles.shown", When("deforum_save_gen_info_as_srt")
    ),
    "deforum_embed_srt": Key(False, "subtitles.embed", When("deforum_save_gen_info_as_srt", also=_VIDEOS)),
    "sd_model_name": Key(NO_DEFAULT, "model"),
    "sd_model_hash": Key(NO_DEFAULT, inert=_INFORMATION),
    "deforum_git_commit_id": Key(NO_DEFAULT, inert=_INFORMATION),
    "fetched_parseq_manifest_summary": Key(NO_DEFAULT, inert=_INFORMATION),
}

UNIT = {
    "enabled": False,
    "overwrite_frames": True,
    "vid_path": "",
    "mask_vid_path": "",
    "low_vram": False,
    "pixel_perfect": False,
    "module": "none",
    "model": "None",
    "weight": "0:(1)",
    "guidance_start": "0:(0.0)",
    "guidance_end": "0:(1.0)",
    "processor_res": 64,
    "threshold_a": 64,
    "threshold_b": 64,
    "resize_mode": "Inner Fit (Scale to Fit)",
    "control_mode": "Balanced",
    "loopback_mode": False,
}  # the keys of a ControlNet unit, after cn_1_, cn_2_, …
UNITS = 10  # Deforum has five, or as many as its host


def _unit_keys(unit: int) -> dict[str, Key]:
    """The keys of a unit; numbers and files go where the unit does, whatever its place in `controls` is."""
    active = When(f"cn_{unit}_enabled")
    away = Either((When(f"cn_{unit}_loopback_mode", (False,), also=active),))
    keys = {name: Key(value, "controls", active) for name, value in UNIT.items()}
    keys["enabled"] = Key(False, "controls")
    keys["overwrite_frames"] = Key(True, inert=_NO_EXTRACTS)
    keys["vid_path"] = Key("", "controls", away)
    return {f"cn_{unit}_{name}": key for name, key in keys.items()}


KEYS: dict[str, Key] = {
    **_RUN,
    **_MOTION,
    **_DIFFUSION,
    **_COHERENCE,
    **_SOURCES,
    **_MASKS,
    **_HYBRID_KEYS,
    **_GUIDED,
    **_OUTPUT,
    **{name: key for unit in range(1, UNITS + 1) for name, key in _unit_keys(unit).items()},
}
