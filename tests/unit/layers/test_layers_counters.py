"""Counters: what cutting to whole microseconds takes away is put back, on the CPU and elsewhere."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ovlab.layers.child.counters import LastInference, counters_of, merged, plain_names, since
from ovlab.measure.device.inspection import kernel_precision


@pytest.mark.parametrize("about_us", [3.0, 27.0, 412.0])
def test_a_running_mean_that_was_cut_twice_gives_the_true_time(about_us: float) -> None:
    generator = np.random.default_rng(0)
    errors = []
    for true_us in about_us + generator.random(400):
        # The first calls are slow, and no business of the time between the two readings.
        calls = np.concatenate([[5 * true_us], true_us + generator.normal(0, 0.3, 400)])
        means = np.floor(np.cumsum(np.floor(calls)) / np.arange(1, calls.size + 1))
        errors.append(since(int(means[19]), 20, int(means[400]), 401) - true_us)
    # Read as it is, a time is about one microsecond too low.
    assert abs(float(np.mean(errors))) < 0.15 and np.abs(errors).max() < 1.5


def test_a_time_is_never_negative() -> None:
    assert since(100, 50, 10, 60) == 0.0


class Request:
    """What `openvino.InferRequest.profiling_info` gives, as a GPU's plugin reports an inference."""

    def __init__(self, **times: float) -> None:
        self.profiling_info = [
            SimpleNamespace(
                node_name=name, node_type="convolution", exec_type="gen9__f16", real_time=timedelta(microseconds=us)
            )
            for name, us in times.items()
        ]


def test_counters_of_other_devices_are_of_the_last_inference() -> None:
    compiled: Any = None
    counters = counters_of(compiled, "GPU.0")
    assert isinstance(counters, LastInference)
    for us in (500.0, 10.0, 20.0):
        counters.after(Request(conv=us, pool=1.0))  # type: ignore[arg-type]
        if us == 500.0:  # the warm-up
            counters.start()
    assert counters.times_us() == {"conv": 15.0, "pool": 1.0}


def test_what_a_plugin_does_not_report_stays_unknown() -> None:
    counters = LastInference()
    counters.after(Request(conv=8.0, inner=2.0))  # type: ignore[arg-type]
    known = {"name": "conv", "type": "Convolution", "layers": ["conv", "relu"]}
    first, second = merged([known], counters, {"conv", "relu", "inner"})
    assert first == known | {"time_us": 8.0}
    assert (second["layers"], second["kernel"], second["time_us"]) == (["inner"], "gen9__f16", 2.0)
    assert second["precision"] == "f16"  # the kernel's name says so
    assert second["weight_bytes"] is None and second["output_bytes"] is None


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("convolution:/block/conv1/WithoutBiases", "/block/conv1/WithoutBiases"),
        ("conv1/WithoutBiases?t_Convolution", "conv1/WithoutBiases"),
        ("conv1", "conv1"),
        ("Model/conv:0", "Model/conv:0"),
        ("convolution:", "convolution:"),
    ],
)
def test_names_as_plugins_write_them_lead_to_the_operation(written: str, called: str) -> None:
    assert plain_names(written)[-1] == called
    counters = LastInference()
    counters.after(Request(**{written: 8.0}))  # type: ignore[arg-type]
    (node,) = merged([{"name": called}], counters, {called})
    assert node == {"name": called, "time_us": 8.0}
    # Without a runtime model it stands for the operation all the same; what is called as none was inserted.
    assert [one["layers"] for one in merged([], counters, {called})] == [[called]]
    assert [one["layers"] for one in merged([], counters, {"another"})] == [[]]


@pytest.mark.parametrize(
    ("kernel", "precision"),
    [
        ("brgconv_avx512_f16", "f16"),
        ("brgconv_avx512_amx_bf16", "bf16"),
        ("brgconv_avx512_I8", "i8"),
        ("convolution_gpu_bfyx_f16__f16", "f16"),
        ("jit:gemm:any__i8", "i8"),
        ("convolution_gpu_bfyx_f16", ""),  # a layout: FP32 in OpenVINO 2020
        ("convolution_gpu_bfyx_f16__f32", "f32"),
        ("gen_conv", ""),
        ("DPU", ""),
        ("undef", ""),
        ("", ""),
    ],
)
def test_the_precision_is_the_end_of_a_kernels_name(kernel: str, precision: str) -> None:
    assert kernel_precision(kernel) == precision


def test_a_name_that_is_known_as_it_is_written_stays() -> None:
    counters = LastInference()
    counters.after(Request(**{"part:conv": 8.0, "conv": 2.0}))  # type: ignore[arg-type]
    nodes = merged([{"name": "part:conv"}, {"name": "conv"}], counters, ())
    assert [one["time_us"] for one in nodes] == [8.0, 2.0]
