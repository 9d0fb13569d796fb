"""The claims of the article that this lab goes back to, each with what was measured here and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ovlab.records import Record
from ovlab.report.format import Estimate, joined, show, shown_text
from ovlab.report.records import Records
from ovlab.report.results import rows_of
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import ReportSettings
from ovlab.stats.launches import ratio_interval

CLAIMED_SPEEDUP = 1.3
HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided: the interval leaves both possible"
CAPTION = (
    "Claims of an article on MobileNet-SSD in INT8 (OpenVINO 2019 R3), tested with what was measured here. "
    "Brackets: 95 % confidence interval."
)


@dataclass(frozen=True)
class Case:
    """One test of a claim: what was measured, and whether the claim holds (None: undecided)."""

    measured: str
    holds: bool | None


def claims_table(settings: ReportSettings, records: Records, frame: pd.DataFrame) -> Table:
    """Test the article's claims on the results.

    Parameters
    ----------
    settings : ReportSettings
        The experiment.
    records : Records
        Its records: launches for paired ratios, executed layers.
    frame : DataFrame
        The results, one row a cell.

    Returns
    -------
    Table
        ``claims``: a row for each claim and model.
    """
    tests: list[tuple[str, Callable[[ModelResults], list[Case] | str]]] = [
        (f"INT8 on the CPU is at least {CLAIMED_SPEEDUP} times as fast as FP32", _int8_on_cpu),
        ("Not all layers become INT8", _layers),
        ("INT8 on the GPU is no faster than FP16", _int8_on_gpu),
        ("MULTI is no faster than its members together", _multi),
    ]
    cells: dict[str, list[dict[Any, Any]]] = {model: [] for model in settings.experiment.models}
    for row in rows_of(frame):
        cells[row["model"]].append(row)
    rows: list[list[Entry]] = []
    for claim, test in tests:
        for model in settings.experiment.models:
            results = ModelResults(settings, records, cells[model], model)
            cases = test(results)
            measured = "" if isinstance(cases, str) else "; ".join(case.measured for case in cases)
            rows.append([claim, model, measured or "–", _verdict(cases)])
    columns = [
        Column("claim", "claim"),
        Column("model", "model"),
        Column("measured", "measured here", width=r"0.5\linewidth"),
        Column("verdict", "verdict", width=r"0.2\linewidth"),
    ]
    return Table("claims", CAPTION, columns, rows, grouped=1)


@dataclass(frozen=True)
class ModelResults:
    """The results of one model, with what is needed to choose among them."""

    settings: ReportSettings
    records: Records
    cells: list[dict[Any, Any]]
    model: str

    def precisions(self, *, quantised: bool) -> list[str]:
        """Return the names of the quantised precisions, or of those with FP16 weights."""
        specs = self.settings.precisions
        # What others made says nothing of this way of making it.
        chosen = [name for name in self.settings.experiment.precisions if not self.settings.source_of(self.model, name)]
        if quantised:
            return [name for name in chosen if specs[name].quantization is not None]
        return [name for name in chosen if specs[name].quantization is None and specs[name].weights == "f16"]

    def devices(self, kind: str) -> list[str]:
        """Return the names of the experiment's devices of a kind: ``CPU``, ``GPU`` or ``MULTI``."""

        def kind_of(device: str) -> str:
            return device.split(":", maxsplit=1)[0].split(".", maxsplit=1)[0]

        return [name for name, spec in self.settings.devices.items() if kind_of(spec.device) == kind]

    def rows(self, devices: Iterable[str], precisions: Iterable[str]) -> list[dict[Any, Any]]:
        """Return the measured cells on these devices in these precisions."""
        on, of = set(devices), set(precisions)
        return [
            cell for cell in self.cells if cell["device"] in on and cell["precision"] in of and cell["status"] == "ok"
        ]

    def why_not(self, kind: str) -> str:
        """Say why there are no cells of a kind of device."""
        names = self.devices(kind)
        if not names:
            return f"could not be tested here: no {kind} in this experiment"
        reasons = [cell["reason"] for cell in self.cells if cell["device"] in names and cell["status"] != "ok"]
        return f"could not be tested here: {joined(list(dict.fromkeys(reasons))) or 'no comparable precisions'}"

    def session(self, device: object, scenario: object) -> Record:
        """Return the record of a session."""
        return self.records.sessions[self.model, str(device), str(scenario)]


def _verdict(cases: list[Case] | str) -> str:
    if isinstance(cases, str):
        return cases
    outcomes = {case.holds for case in cases}
    if outcomes == {True}:
        return HOLDS
    if outcomes == {False}:
        return FAILS
    if outcomes == {None}:
        return OPEN
    counts = [sum(case.holds is outcome for case in cases) for outcome in (True, False, None)]
    words = ("holds in {}", "does not hold in {}", "undecided in {}")
    return f"{joined([word.format(n) for word, n in zip(words, counts, strict=True) if n])} of {len(cases)} cases"


def _text(estimate: Estimate) -> str:
    return shown_text(show(estimate, least=1))


def _where(row: dict[Any, Any], results: ModelResults) -> str:
    names = [str(row["device"])] if len(results.devices("CPU")) > 1 else []
    precisions = results.precisions(quantised=True)
    return ", ".join([*names, str(row["scenario"]), *([str(row["precision"])] if len(precisions) > 1 else [])])


def _int8_on_cpu(results: ModelResults) -> list[Case] | str:
    rows = results.rows(results.devices("CPU"), results.precisions(quantised=True))
    cases = []
    for row in rows:
        speedup = Estimate.of_row(row, "speedup")
        if speedup.value is None:
            continue
        holds = None
        if speedup.low is not None and speedup.high is not None:
            holds = True if speedup.low >= CLAIMED_SPEEDUP else False if speedup.high < CLAIMED_SPEEDUP else None
        cases.append(Case(f"{_text(speedup)} × ({_where(row, results)})", holds))
    return cases or results.why_not("CPU")


def _layers(results: ModelResults) -> list[Case] | str:
    cases = {}
    for row in results.rows(results.devices("CPU"), results.precisions(quantised=True)):
        outcome = results.session(row["device"], row["scenario"]).data["rows"][row["precision"]]
        layers = outcome["effective"].get("executed_layers", {})
        total = sum(sum(types.values()) for types in layers.values())
        floating = {
            name: n for kind, types in layers.items() if kind.startswith(("f", "bf")) for name, n in types.items()
        }
        if not total:
            continue
        share = outcome["effective"]["executed_shares"].get("i8", 0.0)
        kinds = joined([f"{n} {name}" for name, n in sorted(floating.items(), key=lambda item: -item[1])])
        text = (
            f"{sum(floating.values())} of {total} executed layers in floating point"
            f"{f' ({kinds})' if kinds else ''}; {100 * share:.1f} % of the multiply-accumulates in INT8"
        )
        # The same variant is executed alike under every scenario: one line is enough.
        cases[row["precision"], text] = Case(text, bool(floating))
    return list(cases.values()) or results.why_not("CPU")


def _int8_on_gpu(results: ModelResults) -> list[Case] | str:
    cases = []
    for row in results.rows(results.devices("GPU"), results.precisions(quantised=True)):
        launches = results.session(row["device"], row["scenario"]).data["launches"]
        for reference in results.precisions(quantised=False):
            own, other = (_by_round(launches.get(str(name), [])) for name in (row["precision"], reference))
            shared = sorted(own.keys() & other.keys())
            if not shared:
                continue
            ratio = ratio_interval([own[n] for n in shared], [other[n] for n in shared])
            estimate = Estimate.of(ratio.value, ratio.low, ratio.high)
            holds = None if not ratio.known else not ratio.low > 1
            cases.append(Case(f"{_text(estimate)} × {reference} ({row['scenario']})", holds))
    return cases or results.why_not("GPU")


def _by_round(launches: list[dict[str, float]]) -> dict[int, float]:
    # A server's throughput is its declared rate; what it can do is the highest one.
    found = {int(launch["round"]): launch.get("max_rate", launch["throughput_fps"]) for launch in launches}
    return {number: float(speed) for number, speed in found.items() if speed is not None}


def _multi(results: ModelResults) -> list[Case] | str:
    cases = []
    for name in results.devices("MULTI"):
        members = results.settings.devices[name].requires
        for precision in results.settings.experiment.precisions:
            together = _best(results.rows([name], [precision]))
            alone = [_best(results.rows(_named(results, member), [precision])) for member in members]
            if together is None or not alone or any(one is None for one in alone):
                continue
            best = [one for one in alone if one is not None]
            total = Estimate.of(*(sum(getattr(one, part) or 0.0 for one in best) for part in ("value", "low", "high")))
            holds = None if together.low is None or total.high is None else together.low <= total.high
            text = f"{precision}: {_text(together)} against {_text(total)} images/s for {' + '.join(members)}"
            cases.append(Case(text, holds))
    return cases or results.why_not("MULTI")


def _named(results: ModelResults, device: str) -> list[str]:
    return [name for name, spec in results.settings.devices.items() if spec.device == device]


def _best(rows: list[dict[Any, Any]]) -> Estimate | None:
    """Return the highest throughput of some cells: that of their best scenario."""
    estimates = [Estimate.of_row(row, "throughput_fps") for row in rows]
    return max((one for one in estimates if one.value is not None), key=lambda one: one.value or 0.0, default=None)
