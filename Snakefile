# ovlab: download -> convert -> calibrate -> validate -> benchmark, profile_layers -> report.
#
#   snakemake --cores all                                     the quickstart experiment
#   snakemake --cores all --config experiment=NAME            another one (conf/experiment/NAME.yaml)
#   ... --config experiment=NAME mirror=DIR extra_conf=DIR 'overrides=[seed=3]'
#   ... --config experiment=NAME 'merge=[DIR,BUNDLE.zip]'     results of several hosts in one report
#
# What to run is in conf/, how jobs are executed in profiles/, how a step is done in scripts/ and src/ovlab/.

from snakemake.utils import min_version

from ovlab_flow import (
    clean_up,
    grid_for_snakemake,
    hide_from_jobs,
    last_words,
    put_failed_aside,
)

min_version("9.27")


# For `snakemake --report`, which is for readers of workflows; what was measured is in the report that rule all makes.
report: "workflow/report/workflow.rst"


GRID = grid_for_snakemake(config, workflow.basedir, is_job=not workflow.is_main_process)

if workflow.is_main_process:
    hide_from_jobs(workflow.config_settings.config_args)
    put_failed_aside(GRID)


# Under a cluster's executor these run where Snakemake does: they are short, and nodes often reach no network.
localrules:
    all,
    download,
    report,
    verdict,


include: "workflow/rules/common.smk"
include: "workflow/rules/download.smk"
include: "workflow/rules/convert.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/validate.smk"
include: "workflow/rules/benchmark.smk"
include: "workflow/rules/measure_peaks.smk"
include: "workflow/rules/profile_layers.smk"
include: "workflow/rules/report.smk"


if "merge" in config:

    include: "workflow/rules/merge.smk"


rule all:
    default_target: True
    input:
        (
            rules.merge.output
            if "merge" in config
            else [
                f"<results>/{GRID.experiment}/verdict.txt",
                f"<results>/{GRID.experiment}/report/index.html",
                *[record for group in RECORDS.values() for record in group],
            ]
        ),


onstart:
    clean_up(GRID)


onerror:
    last_words(f"{GRID.results}/{GRID.experiment}/failures.txt")
