"""A further launch at a lower clock: what share of the time follows it, and one line where it cannot be lowered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ovlab.layers.profile import clock
from ovlab.layers.profile.clock import AtLowerClock, launch_at_lower_clock
from ovlab.layers.profile.launching import Launched
from ovlab.layers.request import ProfileRequest
from ovlab.specs import ProfilingSpec

PLAN = ProfilingSpec(lower_clock=0.7)
Found = tuple[dict[str, AtLowerClock], str]


@pytest.fixture
def limit(tmp_path: Path) -> Path:
    """The limit of a host's clock: 3.7 GHz."""
    policy = tmp_path / "cpufreq" / "policy0"
    policy.mkdir(parents=True)
    for name, khz in (("scaling_max_freq", 3_700_000), ("scaling_min_freq", 400_000), ("cpuinfo_max_freq", 3_700_000)):
        (policy / name).write_text(f"{khz}\n", encoding="ascii")
    return policy / "scaling_max_freq"


@pytest.fixture
def host(limit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Found]:
    """A host on which arithmetic follows the limit, and so does a share of each variant's time."""

    def run(shares: dict[str, float], device: str = "CPU", effect: bool = True) -> Found:
        def launch(name: str) -> dict[str, Any]:
            khz = int(limit.read_text(encoding="ascii")) if limit.exists() and effect else 3_700_000
            slowdown = 3_700_000 / khz
            probes = {"convolution": [2e11 / slowdown] * 3}
            return {"latency_ms": 2 * (1 + shares[name] * (slowdown - 1)), "probes": probes}

        before = {name: Launched(results=[launch(name)] * 3) for name in shares}
        before["broken"] = Launched(error="it broke")
        requests = {name: ProfileRequest(name, device, {}, None, 0.1, 0.5) for name in before}
        monkeypatch.setattr(clock, "run_child", lambda request, *_: launch(request.model))
        return launch_at_lower_clock(requests, before, PLAN, tmp_path, limit.parent.parent)

    return run


def test_the_share_of_the_time_that_follows_the_clock(host: Callable[..., Found], limit: Path) -> None:
    found, reason = host({"in_cache": 1.0, "in_memory": 0.1})
    assert reason == "" and set(found) == {"in_cache", "in_memory"}
    assert found["in_cache"].slowdown == pytest.approx(1 / 0.7)
    assert found["in_cache"].plain()["follows"] == pytest.approx(1)
    assert found["in_memory"].follows == pytest.approx(0.1)
    assert limit.read_text(encoding="ascii") == "3700000\n"


def test_where_nothing_follows_one_line_says_why(
    host: Callable[..., Found], limit: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other, without = host({"fp32": 1.0}, "GPU.0"), host({"fp32": 1.0}, effect=False)
    limit.unlink()
    for (found, reason), expected in (
        (other, "it is the CPU's clock that can be lowered, not that of GPU.0"),
        (without, "arithmetic was hardly slower at the lower limit, so that nothing follows from it"),
        (host({"fp32": 1.0}), "the kernel offers no limit of the clock here (no cpufreq, as in most virtual machines)"),
    ):
        assert (found, reason) == ({}, expected)
        assert f"no cross-check at a lower clock: {expected}" in caplog.text
