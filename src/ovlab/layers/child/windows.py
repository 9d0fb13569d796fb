"""A window of a measurement, and what others did on this host meanwhile."""

from __future__ import annotations

from types import TracebackType

from ovlab.measure.host.noise_bounds import between
from ovlab.measure.host.sensors import read_counters


class Watched:
    """Watches over a window: processor time of others and stolen time, as shares; None where the host does not tell."""

    noise: dict[str, float | None]

    def __enter__(self) -> Watched:
        self._before = read_counters()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        found = between(self._before, read_counters())
        self.noise = {name: found[name] for name in ("other_load", "steal")}
