"""`list`: everything that can be named in a project. Imports no torch."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from commands.terminal import AsJson, ModelsFolders, say
from core.registry import Registry

if TYPE_CHECKING:
    from diffusion.sampling.presets import Preset

REGISTRIES = {
    "modes": Registry("mode", "animator.modes"),
    "generators": Registry("generator", "diffusion.backends"),
    "depth models": Registry("depth model", "motion.depth"),
    "flow estimators": Registry("flow estimator", "motion.flow"),
    "interpolators": Registry("interpolator", "interpolation.models"),
    "controls": Registry("control", "diffusion.controls"),
    "exporters": Registry("exporter", "media.exporters"),
}


def entries(kind: str) -> dict[str, str]:
    """Names of one kind with their help line."""
    if kind == "samplers":
        from diffusion.sampling.names import SAMPLERS

        return {name: sampler.help for name, sampler in SAMPLERS.items()}
    if kind == "noise schedules":
        from diffusion.sampling.names import SCHEDULES

        return {name: schedule.help for name, schedule in SCHEDULES.items()}
    if kind == "upscalers":
        from diffusion.upscalers import LATENT_MODES, names, network_path

        files = {name: str(network_path(name) or "resampling") for name in names()}
        return {**dict.fromkeys(LATENT_MODES, "of latents, for second passes"), **files}
    if kind == "presets":
        from diffusion.sampling.presets import PRESETS

        return {name: f"{preset.help}: {_recipe(preset)}" for name, preset in PRESETS.items()}
    registry = REGISTRIES[kind]
    return {name: registry.help(name) for name in registry.names()}


def _recipe(preset: "Preset") -> str:
    return f"{preset.sampler}, {preset.schedule}, {preset.steps} steps, cfg {preset.cfg:g}"


def command(
    kind: Annotated[str, typer.Argument(help="modes, generators, samplers, ...; everything if left out.")] = "",
    as_json: AsJson = False,
    models_dir: ModelsFolders = None,
) -> None:
    """List the modes, generators, samplers, presets, upscalers, depth models and exporters there are."""
    from core.errors import UnknownName

    kinds = (*REGISTRIES, "samplers", "noise schedules", "presets", "upscalers")
    if kind and kind not in kinds:
        raise UnknownName("list", kind, kinds)
    found = {name: entries(name) for name in ([kind] if kind else kinds)}
    if as_json:
        say(json.dumps(found, indent=2))
        return
    for name, table in found.items():
        say(f"{name}:")
        width = max(map(len, table), default=0)
        for entry, text in table.items():
            say(f"  {entry:{width}}  {text}")
