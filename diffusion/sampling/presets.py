"""Recipes for models that draw in few steps: sampler, noise schedule, steps and guidance that they are made for.

Imports no torch.
"""

from dataclasses import dataclass

from core.errors import UnknownName

FEW_STEPS = "few-steps"


@dataclass(frozen=True, slots=True)
class Preset:
    """One recipe."""

    name: str
    help: str  # one line: for which models
    sampler: str  # a key of names.SAMPLERS
    schedule: str  # a key of names.SCHEDULES
    steps: int
    cfg: float  # 1: the negative prompt has no effect and costs nothing


def _lightning(steps: int) -> Preset:
    """Source: Lin et al. 2024, "SDXL-Lightning": Euler on trailing timesteps, no guidance."""
    return Preset(f"lightning-{steps}", f"SDXL Lightning of {steps} steps", "Euler", "sgm_uniform", steps, 1.0)


def _hyper(steps: int) -> Preset:
    """Source: Ren et al. 2024, "Hyper-SD": DDIM on trailing timesteps, which is Euler's step; no guidance."""
    return Preset(f"hyper-{steps}", f"Hyper-SD of {steps} steps", "Euler", "sgm_uniform", steps, 1.0)


# Sources: Luo et al. 2023, "LCM-LoRA" (4 to 8 steps, cfg 1 to 2); Sauer et al. 2023, "Adversarial Diffusion
# Distillation" (1 to 4 steps, no guidance).
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("lcm", "latent consistency models and LCM LoRAs", "LCM", "lcm", 6, 1.5),
        Preset("turbo", "SD Turbo and SDXL Turbo, at their best", "Euler a", "turbo", 4, 1.0),
        Preset("turbo-1", "SD Turbo and SDXL Turbo in one step", "Euler a", "turbo", 1, 1.0),
        *map(_lightning, (2, 4, 8)),
        *map(_hyper, (2, 4, 8)),
        Preset(FEW_STEPS, "LoRAs that distil guidance, such as mini-few-steps", "DPM++ 2M", "sgm_uniform", 4, 1.0),
        Preset("hyper-cfg", "Hyper-SD that keeps guidance, 8 to 12 steps", "Euler", "sgm_uniform", 8, 5.0),
    )
}


def preset(name: str) -> Preset:
    """The recipe of a name, whatever its case.

    Raises:
        UnknownName: if there is none; names the nearest.
    """
    found = PRESETS.get(name.strip().lower())
    if found is None:
        raise UnknownName("preset", name, tuple(PRESETS))
    return found
