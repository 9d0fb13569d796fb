# What the rules share: the interpreter, names that wildcards may take, what ships beside the Snakefile, and the sources
# that each step is made of.

import sys
from pathlib import Path

from ovlab.addresses.handover import show_mirror
from ovlab_flow.grid import pattern
from ovlab_flow.needs import memory_mb, node_extra, pod_needs


pathvars:
    results=GRID.results,


# Texts of the configuration reach a command as `params` that are functions: in a literal one, as in any path,
# Snakemake takes {NAME} for a wildcard.
PYTHON = sys.executable
# With credentials hidden: the download step gets them in its environment, where grid_for_snakemake has put them.
MIRROR = show_mirror(str(config.get("mirror") or ""))
# Bounds, which no result depends on: no `params` either, so that a change of them makes nothing anew.
LIMITS = GRID.download.to_json()
BOUNDS = GRID.limits.to_json()
# For messages: where there is one host, nobody asks.
ON_HOST = " of host {wildcards.host}" if len(GRID.report.hosts) > 1 else ""


wildcard_constraints:
    group="models|datasets",
    name=pattern(source.name for source in GRID.sources.values()),
    model=pattern(GRID.report.experiment.models),
    precision=pattern(variant.precision for variant in GRID.variants.values()),
    device=pattern(GRID.report.experiment.devices),
    scenario=pattern(GRID.report.experiment.scenarios),
    host=pattern(GRID.report.hosts),
    experiment=pattern([GRID.experiment]),
    digest="[0-9a-f]{8}",


def shipped(path):
    """Return the path of what ships beside the Snakefile: relative where the workflow runs in its own folder."""
    home = Path(workflow.basedir)
    return path if home.samefile(Path.cwd()) else str(home / path)


def library(*packages):
    """List the files of the library that a step is made of: Snakemake does not follow what a program imports."""
    folders = [Path(shipped("src/ovlab")) / package for package in packages]
    found = (path for folder in folders for path in folder.rglob("*"))
    return sorted(
        str(path) for path in found if path.suffix in {".py", ".j2", ".css", ".js"}
    )


def memory(*variants):
    """Estimate what a step with these variants asks of a cluster, in MB; what runs here is not held to it."""
    return memory_mb([one.model_source for one in variants], shipped("resources"))
