"""What each column of the results is: its unit and its meaning, from which the data dictionary is made."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one or more columns of the results are.

    Attributes
    ----------
    names : tuple of str
        The columns.
    unit : str
        Their unit; empty for text.
    meaning : str
        In Markdown, for a row of a table.
    bounded : bool
        Whether ``NAME_low`` and ``NAME_high`` are columns too.
    """

    names: tuple[str, ...]
    unit: str
    meaning: str
    bounded: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All of its columns, bounds included."""
        endings = ("", "_low", "_high") if self.bounded else ("",)
        return tuple(f"{name}{ending}" for name in self.names for ending in endings)

    @property
    def markdown(self) -> str:
        """Its row of the table in docs/results.md."""
        bounds = ["`_low`", "`_high`"] if self.bounded else []
        names = ", ".join([*(f"`{name}`" for name in self.names), *bounds])
        return f"| {names} | {self.unit} | {self.meaning} |".replace("|  |", "| |")

    def of(self, column: str) -> str:
        """Say what one of its columns is, without Markdown's marks."""
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", self.meaning).replace("`", "").replace("\\|", "|")
        ends = {"_low": "lower", "_high": "upper"}
        for ending, which in ends.items():
            if self.bounded and column.endswith(ending):
                return f"{which} bound of the 95 % confidence interval of {column.removesuffix(ending)}"
        return text


MEANINGS = (
    Meaning(("experiment",), "", "name of the experiment's file"),
    Meaning(
        ("model", "dataset", "precision", "device", "scenario"),
        "",
        "names of the conf files",
    ),
    Meaning(
        ("host",),
        "",
        (
            "name of the host's file: the machine, or kind of machine of a cluster, that measured; `here`: the one "
            "that the workflow ran on"
        ),
    ),
    Meaning(
        ("differs",),
        "",
        (
            "of merged results ([merge.md](merge.md)): in what the row was made otherwise than those of most hosts, "
            "joined by `; `; `differences.csv` has the values; empty where in nothing"
        ),
    ),
    Meaning(
        ("status",),
        "",
        ("`ok`; `unavailable`: the host lacks what the cell needs; `failed`: a step on its way failed"),
    ),
    Meaning(
        ("reason",),
        "",
        (
            "why, where the status is not `ok`; for an `ok` row measured amid noise it begins with `noisy:` "
            "and says which bounds were exceeded; else a remark on a measured cell, such as that `AUTO` ran "
            "on another device than the preferred one, that an accuracy target or a sweep's limit was missed, "
            "that labels and predictions do not belong together "
            "([accuracy.md](accuracy.md#what-is-remarked)), or that a server is overloaded"
        ),
    ),
    Meaning(("run_id",), "", "the run of the session that the row's timings come from"),
    Meaning(
        ("accuracy_run_id", "variant_run_id"),
        "",
        "the runs that validated the variant and that made it: its accuracy and its size come from them",
    ),
    Meaning(("metric",), "", "what `accuracy` is: `top-1` for classification"),
    Meaning(
        ("accuracy",),
        "fraction",
        "on the validation split; Wilson's interval (detection: bootstrap over images)",
        bounded=True,
    ),
    Meaning(
        ("accuracy_delta",),
        "fraction",
        (
            "difference to the reference precision on the same images, negative for a loss; Tango's interval "
            "for paired proportions. 0 with bounds 0 for the reference itself"
        ),
        bounded=True,
    ),
    Meaning(
        ("accuracy_device",),
        "",
        (
            "the OpenVINO device that accuracy was validated on: `validation.device`, or the row's own where the "
            "experiment asks for it (`validate_on`)"
        ),
    ),
    Meaning(("samples",), "count", "images validated; skipped ones are not among them"),
    Meaning(
        ("top5",),
        "fraction",
        "images whose class is among the five best",
    ),
    Meaning(
        ("agreement",),
        "fraction",
        (
            "images for which the variant and the reference predict the same class; for detection twice the "
            "common boxes over the boxes of both"
        ),
    ),
    Meaning(
        ("accuracy_p",),
        "",
        (
            "p-value of the paired test of `accuracy_delta` (McNemar or paired bootstrap), not adjusted; "
            "adjusted ones are in `significance.csv`"
        ),
    ),
    Meaning(
        ("detectable_drop",),
        "fraction",
        "smallest drop that a comparison on as many images sees in 80 % of the cases",
    ),
    Meaning(
        ("calibration_seeds",),
        "count",
        ("calibrations with different seeds that have an accuracy; empty where calibration is not repeated"),
    ),
    Meaning(
        ("accuracy_min", "accuracy_max", "accuracy_std"),
        "fraction",
        (
            "least, most and sample standard deviation of their accuracies "
            "([precisions.md](precisions.md#calibration_seeds))"
        ),
    ),
    Meaning(("accuracy_by_seed",), "fraction", "each of them, in the order of the seeds, joined by `;`"),
    Meaning(
        ("latency_ms_p50",),
        "ms",
        (
            "median time of one inference (of `batch` images): one after the other, as the application sees "
            "it; with several in flight, the runtime's own, from the start of a request to its end; under a "
            "server, from when it was due"
        ),
        bounded=True,
    ),
    Meaning(
        ("latency_ms_p90", "latency_ms_p95", "latency_ms_p99"),
        "ms",
        "90th, 95th and 99th percentile of all timed inferences of all launches together",
    ),
    Meaning(("latency_ms_max",), "ms", "slowest of all timed inferences"),
    Meaning(
        ("throughput_fps",),
        "images/s",
        "images inferred per second of timed running",
        bounded=True,
    ),
    Meaning(
        ("speedup",),
        "ratio",
        (
            "throughput divided by the reference precision's in the same round, on the same device under the "
            "same scenario; under a server, the ratio of their `max_rate`. 1 with bounds 1 for the reference "
            "itself; empty where the reference failed or was not executed as it is called"
        ),
        bounded=True,
    ),
    Meaning(
        ("speedup_over_default",),
        "ratio",
        (
            "the same against the precision that leaves everything to the device (`default`), which may be "
            "executed as another one; 1 with bounds 1 for that precision itself; empty where the experiment "
            "has none"
        ),
        bounded=True,
    ),
    Meaning(("compile_ms",), "ms", "time to compile the model, without a cache"),
    Meaning(
        ("compile_cached_ms",),
        "ms",
        (
            "the same from a warm model cache (`CACHE_DIR`), in launches of its own; empty where the device "
            "did not serve it from its cache"
        ),
    ),
    Meaning(("first_inference_ms",), "ms", "time of the first inference after compiling"),
    Meaning(("cpu_ms_per_image",), "ms", "processor time (all threads) an image, over the timed part"),
    Meaning(("cpu_s_per_inference",), "s", "the same an inference (of `batch` images)"),
    Meaning(
        ("energy_mj_per_inference",),
        "mJ",
        (
            "energy of the processor packages (RAPL) over the timed part, an inference; empty where the "
            "counters cannot be read"
        ),
    ),
    Meaning(("energy_mj_per_inference_psys",), "mJ", "the same of the whole platform, where it has that counter"),
    Meaning(("peak_rss_mb",), "MB", "largest resident memory of the launch's process"),
    Meaning(("steady_rss_mb",), "MB", "its resident memory after the warm-up"),
    Meaning(("offered_rate",), "1/s", "server: declared arrivals per second, at which the latencies are taken"),
    Meaning(
        ("max_rate",),
        "1/s",
        ("server: highest rate of arrivals whose p99 is within the bound; empty if there is none"),
        bounded=True,
    ),
    Meaning(
        ("capacity",),
        "1/s",
        (
            "server: inferences per second with all requests in flight, by the loop that serves, whose "
            "callbacks are Python's (`offline` needs none)"
        ),
    ),
    Meaning(
        ("dispatch_lag_ms_p99",),
        "ms",
        (
            "server: how late inferences were started that a free request was waiting for: the load "
            "generator's own part of the latency (99th percentile, largest of any launch)"
        ),
    ),
    Meaning(("launches",), "count", "launches that were made"),
    Meaning(("timed_inferences",), "count", "timed inferences of all launches; none is dropped"),
    Meaning(
        ("spread_between_launches",),
        "fraction",
        ("coefficient of variation between launches: what the samples inside them do not explain"),
    ),
    Meaning(("slowest_over_best",), "ratio", "largest median of a launch over the smallest"),
    Meaning(("spread_within_launches",), "fraction", "coefficient of variation of the samples inside a launch"),
    Meaning(
        ("noisy_launches",),
        "count",
        (
            "launches during which the host was beyond a bound of the noise gate "
            "([measuring.md](measuring.md#noise-gate))"
        ),
    ),
    Meaning(
        ("other_load",),
        "fraction",
        "processor time of other processes, of all cores' time; median of the launches",
    ),
    Meaning(
        ("steal",),
        "fraction",
        ("processor time that the hypervisor gave to others, of the time wanted; median of the launches"),
    ),
    Meaning(
        ("batch",),
        "count",
        ("images in one inference; of a sweep, of the point that was chosen, like the next two"),
    ),
    Meaning(("infer_requests",), "count", "requests in flight; of a server, at most"),
    Meaning(
        ("streams", "threads"),
        "count",
        ("read back from the compiled model; for a virtual device, of the first device behind it"),
    ),
    Meaning(("execution_devices",), "", "devices that the compiled model says it runs on, joined by `+`"),
    Meaning(
        ("executed_precision",),
        "",
        (
            "precision in which the multiply-accumulates were executed, from the profile of the layers or, "
            "without one, from the session's runtime model: `f32`, `bf16`, `f16`, `i8`, or several joined by "
            "`+`, largest share first, where none has 99 %"
        ),
    ),
    Meaning(
        ("executed_int8_mac_share",),
        "fraction",
        "share of the multiply-accumulates that were executed in INT8",
    ),
    Meaning(
        ("int8_layer_share",),
        "fraction",
        (
            "timed nodes executed in INT8 among those that execute layers ([roofline.md](roofline.md)); empty "
            "without a profile"
        ),
    ),
    Meaning(
        ("compute_time_share", "bandwidth_time_share"),
        "fraction",
        (
            "share of the nodes' time that arithmetic, and bandwidth beyond it, explain "
            "([roofline.md](roofline.md)); empty without a profile"
        ),
        bounded=True,
    ),
    Meaning(
        ("int8_time_share",),
        "fraction",
        (
            "share of the nodes' time that was spent in INT8, from the profile of the layers "
            "([roofline.md](roofline.md)); empty where there is none"
        ),
    ),
    Meaning(("model_size_mb",), "MB", "size of the IR (`.xml` and `.bin`)"),
)


def meaning_of(column: str) -> Meaning | None:
    """Return what a column of the results is; None for one that is not described, which a test forbids."""
    return next((one for one in MEANINGS if column in one.columns), None)
