"""Relay: a denoiser that hands over to another model once a share of the noise is gone."""

from collections.abc import Callable

from torch import Tensor

from diffusion.sampling.guidance import Guidance
from diffusion.sampling.noise_schedule import TrainingNoise


class Relay:
    """Two models for one run: the sampler keeps its latent and its history and notices nothing.

    Source: Podell et al. 2023, "SDXL", section 2.5, with the hand-over between two calls of one sampler. Make one for
    each run.
    """

    def __init__(
        self, first: Guidance, second: Callable[[int], Guidance], training: TrainingNoise, switch_at: float
    ) -> None:
        """A run that `first` begins.

        Args:
            first: guidance by the first model.
            second: makes that of the other one, given how many calls the first has answered.
            training: noise levels of the first model, by which the way is measured.
            switch_at: 0..1, share of the training timesteps that lie behind.
        """
        self._guidance, self._second = first, second
        self._training, self._switch_at = training, switch_at
        self.has_switched = False

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """x0 by the model whose turn it is."""
        return self._at(sigma)(x, sigma)

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """x0 with guidance and without."""
        return self._at(sigma).both(x, sigma)

    def _at(self, sigma: float) -> Guidance:
        """The guidance at a level; once handed over it stays, even if the level rises again."""
        steps = len(self._training.sigmas)
        if not self.has_switched and (steps - 1 - self._training.timestep(sigma)) / steps >= self._switch_at:
            self._guidance = self._second(self._guidance.calls)
            self.has_switched = True
        return self._guidance
