"""Kill runs of a reduced experiment at random moments, and look for results that are not what they seem to be.

    PYTHONPATH=tests .venv/bin/python -m campaign.kill --kills 500 --seed 1

Each kill is drawn from the seed and its number: the stage, the moment in it, the signal, the process. One experiment
takes them all: the next run goes on where the killed one was, with something of the next kill's stage removed so that
the stage takes place. Every few kills a run is left alone, must succeed, and is compared with one that nothing
disturbed. Outcomes are kept in a file; the same seed goes on after the last of them.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from web_server import serving

from campaign.experiment import NAME, STAGES, serve, write_experiment
from campaign.records import check_results, facts_of, figures_of, left_behind
from campaign.run import POLL_S, Run
from ovlab.scratch import JUST_MADE_S

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
GROUP = "group"
GROUP_SHARE = 0.4
HURRY_SHARE = 0.5
END_S, ORPHANS_S = 300.0, 120.0
LEFT_ALONE_EVERY = 10
LOGS = Path("build/campaign")
# What a stage has made, of which one is removed before it is to be killed.
MADE = {
    "download": "sources/*/*/*",
    "convert": "variants/*/fp*/*",
    "calibrate": "variants/*/int8/*",
    "validate": "accuracy/*/*/*",
    "benchmark": f"{NAME}/sessions/*/*/*/*",
    "measure_peaks": "peaks/*/*/*",
    "profile_layers": f"{NAME}/profiles/*/*/*",
    "report": f"{NAME}/report",
    "verdict": f"{NAME}/verdict.txt",
}


@dataclass(frozen=True)
class Plan:
    """A kill as it was drawn.

    Attributes
    ----------
    stage : str
        In which it takes place.
    moment : float
        When, as a fraction of the stage's usual time.
    number : Signals
        The signal.
    is_group : bool
        Whether the whole process group gets it, or one process.
    choice : float
        Which process, which result is removed: a fraction of those there are.
    hurries : bool
        Whether the next run starts while orphans of this one are still at work.
    """

    stage: str
    moment: float
    number: signal.Signals
    is_group: bool
    choice: float
    hurries: bool

    @classmethod
    def draw(cls, seed: int, number: int) -> Plan:
        """Draw a kill; each stage comes once in as many kills as there are stages."""
        order = list(STAGES)
        random.Random(f"{seed} {number // len(STAGES)}").shuffle(order)  # noqa: S311
        draw = random.Random(f"{seed} {number}")  # noqa: S311
        return cls(
            order[number % len(STAGES)],
            draw.random() * 1.1,
            draw.choice(SIGNALS),
            draw.random() < GROUP_SHARE,
            draw.random(),
            draw.random() < HURRY_SHARE,
        )


@dataclass
class Outcome:
    """What came of a kill."""

    kill: int
    stage: str
    signal: str
    target: str
    at_s: float
    seconds: float = 0.0
    code: int | None = None
    orphans: int = 0
    records: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    false: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Say it in one line."""
        code = "-" if self.code is None else self.code
        counts = f"{self.records} records, {len(self.failed)} failed, {len(self.false)} false"
        return (
            f"{self.kill:4} {self.stage:9} {self.signal:7} {self.target:9} {self.at_s:5.2f} s  exit {code:4}  {counts}"
            f"  {self.seconds:5.1f} s"
        )


class Campaign:
    """The experiment that is killed again and again, and what an undisturbed run of it has said."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.durations: dict[str, float] = {}
        self.truth: dict[str, Any] = {}
        self.figures: list[dict[str, Any]] = []
        self.folder = work / "killed"
        self.temporary = work / "temporary"
        self.faults = 0

    @property
    def results(self) -> Path:
        """Results of the experiment under attack."""
        return self.folder / "results"

    def prepare(self, server: Any) -> None:
        """Run the experiment undisturbed: its figures are the truth, its times those that kills are drawn from."""
        serve(server, self.work)
        folder = write_experiment(self.work / "undisturbed", server)
        run = Run(folder, self.work / "temporary undisturbed", self.work / "undisturbed.log")
        began = time.monotonic()
        seen: Counter[str] = Counter()
        first = None
        while not run.ended(POLL_S):
            stages = run.stages()
            seen.update(stages)
            if stages and first is None:
                first = time.monotonic() - began
        total = time.monotonic() - began
        if run.process.returncode:
            raise SystemExit(f"the undisturbed run failed:\n{run.log.read_text(encoding='utf-8')}")
        jobs = {"download": 2, "convert": 2, "validate": 3}
        each = total / sum(seen.values())
        self.durations = {stage: min(count * each / jobs.get(stage, 1), 10.0) for stage, count in seen.items()}
        self.durations["plan"] = first or 1.0
        self.truth, self.figures = facts_of(folder / "results"), figures_of(folder / "results", NAME)
        found = check_results(folder / "results", self.truth)
        if found.false or found.failed or left_behind(folder / "results", run.temporary):
            raise SystemExit(f"the undisturbed run is not in order: {found}")
        print(f"undisturbed run: {total:.0f} s, {found.checked} records; a job takes " + self._times(), flush=True)
        shutil.copytree(folder, self.folder, copy_function=shutil.copy2)

    def _times(self) -> str:
        return ", ".join(f"{stage} {self.durations[stage]:.1f} s" for stage in STAGES if stage in self.durations)

    def remove_one(self, plan: Plan) -> None:
        """Remove something of a stage, as a user may, so that the stage takes place."""
        made = sorted(self.results.glob(MADE[plan.stage])) if plan.stage in MADE else []
        if not made:
            return
        path = made[int(plan.choice * len(made))]
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        if plan.stage == "download" and plan.moment < 1:  # otherwise it is found in the cache
            shutil.rmtree(self.results / "sources/cache", ignore_errors=True)

    def kill(self, number: int, plan: Plan) -> Outcome:
        """Start a run, kill it as planned, and look at what is there."""
        self.remove_one(plan)
        began = time.monotonic()
        run = Run(self.folder, self.temporary, self.work / "killed.log")
        while plan.stage != "plan" and not run.ended(POLL_S) and plan.stage not in run.stages():
            if time.monotonic() - began > END_S:
                break
        delay = plan.moment * self.durations.get(plan.stage, 1.0)
        run.ended(delay)
        role, target = self._target(run, plan)
        outcome = Outcome(number, plan.stage, plan.number.name, role, delay)
        if run.process.poll() is not None or not run.send(plan.number, target):
            outcome.target = "too late"
        if not run.ended(END_S):
            outcome.hung.append(f"kill {number}: the run had not ended after {END_S:.0f} s: {run.tree()}")
            run.destroy()
        outcome.code = run.process.returncode
        orphans = run.alive()
        outcome.orphans = len(orphans)
        if not (orphans and plan.hurries):
            left = run.wait_for_orphans(ORPHANS_S)
            if left:
                outcome.hung.append(f"kill {number}: still alive after {ORPHANS_S:.0f} s: {left}")
                run.destroy()
            self._check(outcome)
        outcome.seconds = time.monotonic() - began
        if outcome.target == "too late" and outcome.code == 0:
            outcome.false += self._final_differences()
        return self._keep_if_bad(outcome)

    def _target(self, run: Run, plan: Plan) -> tuple[str, int | None]:
        if plan.is_group:
            return GROUP, None
        tree = run.tree()
        roles = sorted({role for role, _ in tree.values()})
        if not roles:
            return GROUP, None
        chosen = roles[int(plan.choice * len(roles))]
        # The latest: of a work that has started others, the innermost.
        return chosen, [pid for pid, (role, _) in tree.items() if role == chosen][-1]

    def _check(self, outcome: Outcome) -> None:
        found = check_results(self.results, self.truth)
        outcome.records, outcome.failed = found.checked, found.failed
        outcome.false += found.false

    def leave_alone(self, number: int) -> Outcome:
        """Let a run come to its end: it must succeed, leave nothing behind, and say what the undisturbed one says."""
        began, now = time.monotonic(), time.time()
        run = Run(self.folder, self.temporary, self.work / "left_alone.log")
        outcome = Outcome(number, "-", "-", "left alone", 0.0)
        if not run.ended(2 * END_S):
            outcome.hung.append(f"after kill {number}: the run had not ended after {2 * END_S:.0f} s: {run.tree()}")
            run.destroy()
        run.wait_for_orphans(ORPHANS_S)
        outcome.code = run.process.returncode
        if outcome.code:
            words = run.log.read_text(encoding="utf-8", errors="replace")[-1500:]
            outcome.false.append(f"after kill {number}: left alone, the run ended with {outcome.code}: {words}")
        self._check(outcome)
        outcome.false += self._final_differences()
        left = left_behind(self.results, self.temporary, before=now - JUST_MADE_S)
        if left:
            outcome.false.append(f"after kill {number}: left behind: {', '.join(map(str, left))}")
        outcome.seconds = time.monotonic() - began
        return self._keep_if_bad(outcome)

    def _final_differences(self) -> list[str]:
        try:
            figures = figures_of(self.results, NAME)
        except (OSError, ValueError, KeyError) as error:
            return [f"no final figures: {error}"]
        if figures == self.figures:
            return []
        pairs = zip(figures, self.figures, strict=False)
        changed = {key: (one[key], other[key]) for one, other in pairs for key in other if one[key] != other[key]}
        return [f"final figures differ: {changed or f'{len(figures)} rows, expected {len(self.figures)}'}"]

    def _keep_if_bad(self, outcome: Outcome) -> Outcome:
        if outcome.false or outcome.hung:
            self.faults += 1
            kept = self.work / f"fault_{outcome.kill}_{self.faults}"
            shutil.copytree(self.results, kept / "results", dirs_exist_ok=True, symlinks=True)
            for log in self.work.glob("*.log"):
                shutil.copy(log, kept)
        return outcome


def summary(outcomes: Iterable[dict[str, Any]], seed: int) -> str:
    """Return the summary that a reader can quote."""
    outcomes = list(outcomes)
    kills = [one for one in outcomes if one["target"] not in {"left alone", "too late"}]
    alone = [one for one in outcomes if one["target"] == "left alone"]
    false = [words for one in outcomes for words in one["false"]]
    hung = [words for one in outcomes for words in one["hung"]]

    def by(key: str) -> str:
        counts = Counter(one[key] for one in kills)
        return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda pair: -pair[1]))

    checked = sum(one["records"] for one in outcomes)
    failed = sum(len(one["failed"]) for one in outcomes)
    lines = [
        f"{len(kills)} kills (seed {seed}) in {sum(one['seconds'] for one in outcomes) / 60:.0f} min",
        f"  by signal: {by('signal')}",
        f"  by target: {by('target')}",
        f"  by stage: {by('stage')}",
        f"  records checked: {checked}; of them of steps that say that they were killed: {failed}",
        f"  runs left alone, compared with the undisturbed one: {len(alone)}",
        f"  false results: {len(false)}",
        f"  runs or processes that did not end by themselves: {len(hung)}",
    ]
    return "\n".join([*lines, *(f"  ! {words}" for words in (*false, *hung))])


def read_outcomes(log: Path) -> list[dict[str, Any]]:
    """Read the outcomes of an earlier campaign with this seed; a line that was cut off does not count."""
    outcomes = []
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else []:
        try:
            outcomes.append(json.loads(line))
        except ValueError:
            continue
    return outcomes


def attack(work: Path, log: Path, seed: int, kills: int, minutes: float) -> list[dict[str, Any]]:
    """Kill until there are so many kills, or the time is over, and return all outcomes."""
    outcomes = read_outcomes(log)
    first = max((one["kill"] for one in outcomes), default=-1) + 1
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}, kills {first} to {kills - 1}, in {work}; outcomes in {log}", flush=True)
    deadline = time.monotonic() + minutes * 60

    def note(outcome: Outcome) -> None:
        outcomes.append(asdict(outcome))
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(outcomes[-1]) + "\n")
        print(outcome.line(), flush=True)
        for words in (*outcome.false, *outcome.hung):
            print(f"     ! {words}", flush=True)

    with serving() as server:
        campaign = Campaign(work)
        campaign.prepare(server)
        for number in range(first, kills):
            note(campaign.kill(number, Plan.draw(seed, number)))
            is_last = number == kills - 1 or time.monotonic() > deadline
            if is_last or number % LEFT_ALONE_EVERY == LEFT_ALONE_EVERY - 1:
                note(campaign.leave_alone(number))
            if is_last:
                break
    return outcomes


def main(argv: list[str] | None = None) -> int:
    """Attack, print the summary, and fail if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="draws them (%(default)s); the same seed goes on")
    parser.add_argument("--minutes", type=float, default=600.0, help="no further kill after so long (%(default)s)")
    parser.add_argument("--log", type=Path, help="file of outcomes (build/campaign/kills-SEED.jsonl)")
    args = parser.parse_args(argv)
    log = args.log or LOGS / f"kills-{args.seed}.jsonl"
    work = Path(tempfile.mkdtemp(prefix="campaign-kill-"))
    outcomes = attack(work, log, args.seed, args.kills, args.minutes)
    print(summary(outcomes, args.seed))
    bad = any(one["false"] or one["hung"] for one in outcomes)
    if not bad:
        shutil.rmtree(work)
    else:
        print(f"what was found is kept in {work}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
