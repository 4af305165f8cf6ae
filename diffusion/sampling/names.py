"""Names of samplers and noise schedules as people type them, and what each one is. Imports no torch."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from core.errors import UnknownName

NoiseKind = Literal["none", "white", "brownian"]
AUTOMATIC = "automatic"  # in place of a schedule: the sampler's own


@dataclass(frozen=True, slots=True)
class Sampler:
    """One sampler and the facts that a plan is made from."""

    name: str  # as the web UI writes it
    help: str  # one line
    aliases: tuple[str, ...]
    schedule: str = "uniform"  # the noise schedule when none is named
    calls_per_step: int = 1  # how often the UNet is asked in a step; prompt schedules are stretched by it
    noise: NoiseKind = "none"  # drawn while sampling: white = from the image's generator, brownian = by interval
    drops_penultimate: bool = False  # leaves the next-to-last noise level out
    obeys_ensd: bool = False  # its results record the "eta noise seed delta"
    own_timesteps: bool = False  # runs on its own timesteps whatever the schedule, and keeps unit variance
    fits_batch: bool = True  # False: its steps depend on the picture, so pictures are sampled one at a time
    cfg_factor: float = 1.0  # scales the guidance that the user gives


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """One way to choose the noise levels of n steps."""

    name: str  # key, as in "sgm_uniform"
    label: str  # as the web UI shows it
    help: str  # one line
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SamplerChoice:
    """What a user's words stand for: keys of SAMPLERS and SCHEDULES."""

    sampler: str
    schedule: str


def _table(*samplers: Sampler) -> dict[str, Sampler]:
    return {sampler.name: sampler for sampler in samplers}


SAMPLERS: dict[str, Sampler] = _table(
    Sampler(
        "DPM++ 2M",
        "second order from the step before; sharp in 20-30 steps, repeatable",
        ("dpmpp_2m", "dpm-solver++", "DPMSolverMultistep"),
        schedule="karras",
    ),
    Sampler(
        "DPM++ SDE",
        "two calls a step with fresh noise; rich detail in few steps",
        ("dpmpp_sde", "DPMSolverSDE"),
        schedule="karras",
        calls_per_step=2,
        noise="brownian",
    ),
    Sampler(
        "DPM++ 2M SDE",
        "DPM++ 2M with fresh noise; detail at one call a step",
        ("dpmpp_2m_sde",),
        schedule="exponential",
        noise="brownian",
    ),
    Sampler(
        "DPM++ 2M SDE Heun",
        "DPM++ 2M SDE with Heun's correction; a little softer",
        ("dpmpp_2m_sde_heun",),
        schedule="exponential",
        noise="brownian",
    ),
    Sampler(
        "DPM++ 2S a",
        "two calls a step, ancestral noise; keeps changing with more steps",
        ("dpmpp_2s_a", "dpmpp_2s_ancestral"),
        schedule="karras",
        calls_per_step=2,
        noise="white",
        obeys_ensd=True,
    ),
    Sampler(
        "DPM++ 3M SDE",
        "third order with fresh noise; wants 30 steps or more",
        ("dpmpp_3m_sde",),
        schedule="exponential",
        noise="brownian",
        drops_penultimate=True,
    ),
    Sampler(
        "Euler a",
        "Euler with ancestral noise; soft, lively, keeps changing with more steps",
        ("euler_a", "euler_ancestral", "EulerAncestralDiscrete"),
        noise="white",
        obeys_ensd=True,
    ),
    Sampler("Euler", "the plain first-order step; steady and predictable", ("euler", "EulerDiscrete"), noise="white"),
    Sampler("LMS", "fourth order from the steps before", ("lms", "LMSDiscrete")),
    Sampler(
        "Heun",
        "Euler, corrected by a second call; twice as slow, more exact",
        ("heun", "HeunDiscrete"),
        calls_per_step=2,
        noise="white",
    ),
    Sampler(
        "DPM2",
        "second order through a middle call",
        ("dpm_2", "KDPM2Discrete"),
        schedule="karras",
        calls_per_step=2,
        noise="white",
        drops_penultimate=True,
    ),
    Sampler(
        "DPM2 a",
        "DPM2 with ancestral noise",
        ("dpm_2_a", "dpm_2_ancestral", "KDPM2AncestralDiscrete"),
        schedule="karras",
        calls_per_step=2,
        noise="white",
        drops_penultimate=True,
        obeys_ensd=True,
    ),
    Sampler(
        "DPM fast",
        "orders three, two and one within a fixed number of calls; ancestral noise",
        ("dpm_fast",),
        noise="white",
        obeys_ensd=True,
    ),
    Sampler(
        "DPM adaptive",
        "chooses its own steps by an error estimate; ignores the number of steps",
        ("dpm_ad", "dpm_adaptive"),
        noise="white",
        obeys_ensd=True,
        fits_batch=False,
    ),
    Sampler(
        "Restart",
        "Heun that goes back to more noise and down again from 20 steps on",
        ("restart",),
        schedule="karras",
        calls_per_step=2,
        noise="white",
    ),
    Sampler(
        "DDIM",
        "the classic; even timesteps, repeatable at eta 0",
        ("ddim",),
        schedule="ddim",
        noise="white",
        own_timesteps=True,
    ),
    Sampler(
        "DDIM CFG++",
        "DDIM that keeps the unguided noise; guidance counts as cfg / 12.5",
        ("ddim_cfgpp", "ddim_cfg_pp"),
        schedule="ddim",
        noise="white",
        own_timesteps=True,
        cfg_factor=1 / 12.5,
    ),
    Sampler(
        "PLMS",
        "fourth-order multistep on even timesteps",
        ("plms", "PNDM"),
        schedule="ddim",
        own_timesteps=True,
    ),
    Sampler(
        "UniPC",
        "third-order predictor and corrector; good in 10-20 steps",
        ("unipc", "uni_pc", "uni_pc_bh1", "UniPCMultistep"),
        schedule="ddim",
        own_timesteps=True,
    ),
    Sampler("LCM", "for consistency models: 2-8 steps, cfg 1-2", ("lcm",), schedule="lcm", noise="white"),
)

SCHEDULES: dict[str, NoiseSchedule] = {
    schedule.name: schedule
    for schedule in (
        NoiseSchedule("uniform", "Uniform", "even timesteps, both ends included"),
        NoiseSchedule("karras", "Karras", "small steps near the end; the common choice", ("ka",)),
        NoiseSchedule("exponential", "Exponential", "each level the same fraction of the last", ("exp",)),
        NoiseSchedule("polyexponential", "Polyexponential", "exponential, bent by rho", ("poly",)),
        NoiseSchedule("sgm_uniform", "SGM Uniform", "even timesteps without the last", ("sgm", "trailing")),
        NoiseSchedule("kl_optimal", "KL Optimal", "even angles between the noise levels; ends above zero", ("kl",)),
        NoiseSchedule("align_your_steps", "Align Your Steps", "levels tuned for ten steps", ("ays",)),
        NoiseSchedule("simple", "Simple", "every n-th training level from the top"),
        NoiseSchedule("normal", "Normal", "uniform that obeys a range of noise levels"),
        NoiseSchedule("ddim", "DDIM", "every n-th training level from the bottom", ("ddim_uniform",)),
        NoiseSchedule("beta", "Beta", "dense at both ends"),
        NoiseSchedule("turbo", "Turbo", "the few levels that turbo models are trained for", ("sd_turbo",)),
        NoiseSchedule("lcm", "LCM", "the fifty levels that consistency models are trained for"),
    )
}


def resolve(name: str, schedule: str = "") -> SamplerChoice:
    """The sampler and noise schedule that the user's words stand for.

    Case, spaces, underscores, `k_` and `++` for `pp` make no difference. A schedule may stand at the end of
    the name ("DPM++ 2M Karras", "euler_a exponential"); one given apart goes before it. "Automatic", or none,
    is the sampler's own. Samplers with their own timesteps keep them whatever schedule is named.

    Raises:
        UnknownName: if there is no such sampler or schedule; names the nearest.
    """
    sampler, suffix = _split(name)
    known = SAMPLERS[sampler]
    named = _schedule(schedule) if schedule.strip() else AUTOMATIC
    chosen = named if named != AUTOMATIC else suffix
    if chosen == AUTOMATIC or known.own_timesteps:
        return SamplerChoice(sampler, known.schedule)
    return SamplerChoice(sampler, chosen)


def sampler_names() -> tuple[str, ...]:
    """All samplers as the web UI writes them, in its order."""
    return tuple(SAMPLERS)


def _split(name: str) -> tuple[str, str]:
    """A name as sampler and schedule (AUTOMATIC where none is said)."""
    key, samplers = _sampler_key(name), _samplers_by_key()
    if key in samplers:
        return samplers[key], AUTOMATIC
    for ending, schedule in _schedules_by_key().items():
        if key.endswith(ending) and key.removesuffix(ending) in samplers:
            return samplers[key.removesuffix(ending)], schedule
    raise UnknownName("sampler", name, sampler_names())


def _schedule(name: str) -> str:
    key = _letters(name)
    if key not in _schedules_by_key():
        raise UnknownName("noise schedule", name, ("Automatic", *(entry.label for entry in SCHEDULES.values())))
    return _schedules_by_key()[key]


def _letters(name: str) -> str:
    """A name reduced to its letters and digits, lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("++", "pp"))


def _sampler_key(name: str) -> str:
    """A name without what some programs put around it: "DPM++ 2M" and "k_dpmpp_2m" meet at "dpmpp2m"."""
    return re.sub(r"^(sample)?k?|scheduler$", "", _letters(name))


@cache
def _samplers_by_key() -> dict[str, str]:
    return {_sampler_key(alias): name for name, sampler in SAMPLERS.items() for alias in (name, *sampler.aliases)}


@cache
def _schedules_by_key() -> dict[str, str]:
    """Schedule names by key, longest key first, so that "sgmuniform" is tried before "uniform"."""
    keys = {AUTOMATIC: AUTOMATIC, "auto": AUTOMATIC}
    for schedule in SCHEDULES.values():
        keys |= {_letters(word): schedule.name for word in (schedule.name, schedule.label, *schedule.aliases)}
    return dict(sorted(keys.items(), key=lambda item: -len(item[0])))
