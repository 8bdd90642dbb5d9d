"""How long to wait before the next attempt."""

import random


class Backoff:
    """Exponential waits with jitter, so that many clients do not return at the same moment."""

    def __init__(self, initial: float, maximum: float) -> None:
        """Start at the first step.

        Args:
            initial: First wait in seconds, before jitter.
            maximum: Longest wait in seconds.
        """
        self._initial = initial
        self._maximum = maximum
        self._attempt = 0

    def next(self) -> float:
        """The wait in seconds, between half and the whole of the current step; then one step up."""
        step = min(self._maximum, self._initial * 2.0**self._attempt)
        if step < self._maximum:
            self._attempt += 1
        return step * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing

    def reset(self) -> None:
        """Return to the first step."""
        self._attempt = 0
