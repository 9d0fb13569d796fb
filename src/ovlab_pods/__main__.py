"""``python -m ovlab_pods``: the commands of profiles/kubernetes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ovlab.errors import OvlabError
from ovlab_pods.commands import cancel, status, submit, watch


def main(argv: list[str] | None = None) -> int:
    """Do what Snakemake's executor asks for; errors are one line."""
    parser = argparse.ArgumentParser(prog="ovlab_pods", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("submit", help="create the pod of a job; prints NAMESPACE/NAME")
    one.add_argument("--settings", type=Path, required=True, help="pods.yaml: image, claim, what all pods share")
    one.add_argument("script", type=Path, help="that Snakemake has written for the job")
    one = commands.add_parser("status", help="prints running, success or failed")
    one.add_argument("job", help="NAMESPACE/NAME")
    one = commands.add_parser("watch", help="live beside a run and end the pods that it leaves")
    one.add_argument("--settings", type=Path, required=True, help="pods.yaml")
    one = commands.add_parser("cancel", help="end pods")
    one.add_argument("jobs", nargs="+", help="NAMESPACE/NAME")
    asked = parser.parse_args(argv)
    try:
        if asked.command == "submit":
            print(submit(asked.script, asked.settings))
        elif asked.command == "status":
            print(status(asked.job).value)
        elif asked.command == "watch":
            watch(asked.settings)
        else:
            cancel(asked.jobs)
    except OvlabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
