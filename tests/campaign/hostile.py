"""Meet hostile inputs as a user does, each in a process of its own, and see what they get: one clear line, or worse.

    PYTHONPATH=tests .venv/bin/python -m campaign.hostile

An input is answered well if its command ends within a minute and 2 GB, with an exit code that is not 0, without a
traceback, with the expected line as its last, and without a file changed outside of its folder.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from web_server import serving
from workflow_runs import ROOT

from campaign.cases import Bench, Case, Room
from campaign.inputs import CASES

TIME_S, MEMORY_BYTES = 60.0, 2_000_000_000
LONGEST_LINE, MOST_LINES = 700, 12
POLL_S = 0.05
TRACEBACK = "Traceback (most recent call last)"
CANARY = {"canary.txt": b"sings", "folder/canary.txt": b"sings too"}


@dataclass(frozen=True)
class Answer:
    """How a hostile input was met.

    Attributes
    ----------
    verdict : str
        ``clear line``, or what is wrong: ``traceback``, ``hang``, ``memory``, ``escape``, ``another line``.
    line : str
        The last line of the command's standard error, or what is wrong.
    seconds, megabytes : float
        How long it took, and the most resident memory of its processes together.
    """

    verdict: str
    line: str
    seconds: float
    megabytes: float

    @property
    def is_good(self) -> bool:
        """Whether this is what is promised."""
        return self.verdict == "clear line"


def meet(case: Case, bench: Bench, folder: Path) -> Answer:
    """Make an input in a folder and run the command that meets it."""
    room = Room(folder / "here", folder / "canary", bench)
    for path in (room.here, room.canary, folder / "tmp", folder / "home"):
        path.mkdir(parents=True)
    for name, content in CANARY.items():
        (room.canary / name).parent.mkdir(exist_ok=True)
        (room.canary / name).write_bytes(content)
    command = case.make(room)
    before = _around(folder)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    environment |= {"TMPDIR": str(folder / "tmp"), "HOME": str(folder / "home"), "PYTHONPATH": str(ROOT / "src")}
    began = time.monotonic()
    with (folder / "stderr").open("wb") as errors, (folder / "stdout").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=room.here,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    wrong, most = _watch(process, began)
    seconds, megabytes = time.monotonic() - began, most / 1e6
    if wrong is None and (changed := _around(folder) ^ before):
        wrong = ("escape", ", ".join(sorted(name for name, _ in changed)))
    if wrong is None:
        text = (folder / "stderr").read_text(encoding="utf-8", errors="surrogateescape")
        wrong = judge(case, process.returncode, text)
    verdict, line = wrong
    return Answer(verdict, line, seconds, megabytes)


def judge(case: Case, code: int, text: str) -> tuple[str, str]:
    """Say what a command's end and its words are: a clear line, or what is wrong with them."""
    lines = [line for line in text.split("\n") if line.strip()]
    last = lines[-1] if lines else ""
    shown = last[:LONGEST_LINE]
    wrongs = {
        "traceback": TRACEBACK in text,
        "crash": code < 0,
        "wrong exit": (code == 0) != case.passes,
        "many words": len(last) > LONGEST_LINE or len(lines) > MOST_LINES,
        "unseen characters": not all(line.isprintable() for line in lines),
        "another line": re.search(case.expected, last) is None,
    }
    wrong = next((name for name, is_so in wrongs.items() if is_so), None)
    if wrong is None:
        return "clear line", last
    return wrong, f"exit code {code}, {len(lines)} lines: {shown if shown.isprintable() else repr(shown)}"


def _watch(process: subprocess.Popen[bytes], began: float) -> tuple[tuple[str, str] | None, int]:
    """Wait for a command's end; stop it, and say why, if it takes too long or too much."""
    most = 0
    wrong = None
    while process.poll() is None:
        most = max(most, _resident(process.pid))
        if most > MEMORY_BYTES:
            wrong = ("memory", f"{most / 1e9:.1f} GB")
        elif time.monotonic() - began > TIME_S:
            wrong = ("hang", f"had not ended after {TIME_S:.0f} s")
        if wrong is not None:
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # whatever it may have left
    process.wait()
    return wrong, most


def _resident(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        main = psutil.Process(pid)
        for process in (main, *main.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def _around(folder: Path) -> set[tuple[str, bytes]]:
    """Return the files beside an input's own folder, with their contents."""
    skipped = {folder / name for name in ("here", "tmp", "home", "stderr", "stdout")}
    found = set()
    for place in folder.iterdir():
        if place not in skipped:
            paths = [place, *place.rglob("*")]
            found |= {(str(p.relative_to(folder)), p.read_bytes() if p.is_file() else b"") for p in paths}
    return found


def choose(cases: Sequence[Case], *, families: Iterable[str], share: float, seed: int) -> list[Case]:
    """Choose the inputs of some families, or a random share of each family."""
    wanted = set(families)
    chosen = [case for case in cases if not wanted or case.family in wanted]
    if share >= 1:
        return chosen
    draw = random.Random(seed)  # noqa: S311
    kept = []
    for family in dict.fromkeys(case.family for case in chosen):
        own = [case for case in chosen if case.family == family]
        kept += draw.sample(own, max(1, round(share * len(own))))
    return kept


def attack(cases: Sequence[Case], work: Path, *, is_verbose: bool = False) -> list[tuple[Case, Answer]]:
    """Meet the inputs one after the other and say how it goes."""
    answers = []
    with serving() as server:
        bench = Bench.build(work / "bench", server)
        for number, case in enumerate(cases):
            server.raw.clear()
            server.files.clear()
            folder = work / str(number)
            answer = meet(case, bench, folder)
            answers.append((case, answer))
            if is_verbose or not answer.is_good:
                print(
                    f"{'  ' if answer.is_good else '! '}{case.family}: {case.name}: {answer.verdict}"
                    f" ({answer.seconds:.1f} s, {answer.megabytes:.0f} MB): {answer.line}",
                    flush=True,
                )
            if answer.is_good:
                shutil.rmtree(folder, ignore_errors=True)
            elif answer.verdict in {"another line", "escape"}:
                print(f"     expected: {case.expected}", flush=True)
            if number % 25 == 24:
                print(f"{number + 1} of {len(cases)} inputs met", flush=True)
    return answers


def summary(answers: Sequence[tuple[Case, Answer]]) -> str:
    """Return the summary that a reader can quote."""
    verdicts = Counter(answer.verdict for _, answer in answers)
    families = Counter(case.family for case, _ in answers)
    slowest = max(answers, key=lambda pair: pair[1].seconds)
    largest = max(answers, key=lambda pair: pair[1].megabytes)
    lines = [
        f"{len(answers)} hostile inputs in {sum(answer.seconds for _, answer in answers) / 60:.0f} min",
        f"  by kind: {', '.join(f'{name} {count}' for name, count in families.items())}",
        f"  answers: {', '.join(f'{name} {count}' for name, count in verdicts.most_common())}",
        f"  slowest: {slowest[1].seconds:.0f} s ({slowest[0].family}: {slowest[0].name})",
        f"  most memory: {largest[1].megabytes:.0f} MB ({largest[0].family}: {largest[0].name})",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Attack, print the summary, and fail if anything but a clear line was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", help="only these kinds of inputs")
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of each kind, drawn from the seed (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="show every answer")
    args = parser.parse_args(argv)
    cases = choose(CASES, families=args.families, share=args.share, seed=args.seed)
    work = Path(tempfile.mkdtemp(prefix="campaign-hostile-"))
    answers = attack(cases, work, is_verbose=args.verbose)
    print(summary(answers))
    is_good = all(answer.is_good for _, answer in answers)
    if is_good:
        shutil.rmtree(work, ignore_errors=True)
    else:
        print(f"what was not answered well is kept in {work}")
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
