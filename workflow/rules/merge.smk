# merge: results of several hosts or people in one report (--config merge=[DIR,BUNDLE.zip] or 'merge=[{HOST: DIR}, ...]').
#
# in:  folders of results and bundles of this experiment; nothing is downloaded or measured
# out: <results>/{experiment}_merged/report/index.html, tables/, figures/, paper/


from ovlab_flow.merging import merge_plan

MERGE = merge_plan(config["merge"], GRID.experiment)


rule merge:
    input:
        script=shipped("scripts/merge.py"),
        library=library("merge", "report", "stats", "tasks"),
        results=MERGE.watched,
    output:
        page=f"<results>/{GRID.experiment}_merged/report/index.html",
        results=f"<results>/{GRID.experiment}_merged/report/tables/results.csv",
    log:
        f"<results>/logs/{GRID.experiment}_merged/report.log",
    threads: 2
    params:
        results=lambda w: MERGE.arguments,
        into=lambda w: GRID.results,
        experiment=lambda w: GRID.experiment,
    message:
        f"merge {len(MERGE.arguments)} results of {GRID.experiment}"
    shell:
        "{PYTHON:q} {input.script:q} {params.results:q} --into {params.into:q}"
        " --experiment {params.experiment:q} --processes {threads} --log {log:q}"
