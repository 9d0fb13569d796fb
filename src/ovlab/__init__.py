"""ovlab: a declarative lab for OpenVINO inference experiments.

The library behind the workflow's steps. It knows nothing of Snakemake, Hydra or argparse: a step's settings
arrive as typed specs (:mod:`ovlab.specs`), and its result leaves as a versioned record (:mod:`ovlab.records`).
"""

__version__ = "0.1.0"
