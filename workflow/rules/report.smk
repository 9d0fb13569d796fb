# report: all results of an experiment as one page, tables and figures; verdict: whether every cell is accounted for.
#
# in:  every record of the experiment
# out: <results>/{experiment}/report/index.html, tables/, figures/, graphs/; then <results>/{experiment}/verdict.txt, or failures.txt


RECORDS = {
    "sources": [
        f"<results>/sources/{one.group}/{one.name}/{one.digest}/source.json"
        for one in GRID.sources.values()
    ],
    "variants": [
        f"<results>/variants/{one.model}/{one.precision}/{one.digest}/variant.json"
        for one in GRID.reported_variants()
    ],
    "accuracies": [
        f"<results>/accuracy/{one.variant.model}/{one.variant.precision}/{one.digest}/accuracy.json"
        for one in GRID.reported_accuracies()
    ],
    "sessions": [
        f"<results>/{GRID.experiment}/sessions/{one.host}/{one.model}/{one.device}/{one.scenario}/session.json"
        for one in GRID.sessions.values()
    ],
    "peaks": [
        f"<results>/peaks/{one.host}/{one.device}/{one.digest}/peaks.json"
        for one in GRID.machines.values()
    ],
    "profiles": [
        f"<results>/{GRID.experiment}/profiles/{one.host}/{one.model}/{one.device}/profile.json"
        for one in GRID.profiles.values()
    ],
}


rule report:
    input:
        **RECORDS,
        script=shipped("scripts/report.py"),
        library=library("report", "stats", "tasks"),
    output:
        page=report(
            "<results>/{experiment}/report/index.html",
            caption="../report/page.rst",
            category="{experiment}",
            labels={"what": "report"},
        ),
        results=report(
            "<results>/{experiment}/report/tables/results.csv",
            caption="../report/results.rst",
            category="{experiment}",
            labels={"what": "results, one row a cell"},
        ),
        records="<results>/{experiment}/report/records.txt",
    log:
        "<results>/logs/{experiment}/report.log",
    threads: 2
    params:
        settings=lambda w: GRID.report.to_json(),
        verdict=lambda w: f"{GRID.results}/{GRID.experiment}/verdict.txt",
    message:
        "report {wildcards.experiment}"
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --sources {input.sources:q}"
        " --variants {input.variants:q} --accuracies {input.accuracies:q} --sessions {input.sessions:q}"
        " --peaks {input.peaks:q} --profiles {input.profiles:q}"
        " --page {output.page:q} --verdict {params.verdict:q} --list {output.records:q} --processes {threads} --log {log:q}"


# It puts aside the records of failed steps. They are targets of the workflow, so the next run makes just these anew.
rule verdict:
    input:
        script=shipped("scripts/verdict.py"),
        records="<results>/{experiment}/report/records.txt",
        results="<results>/{experiment}/report/tables/results.csv",
    output:
        verdict="<results>/{experiment}/verdict.txt",
    log:
        "<results>/logs/{experiment}/verdict.log",
    params:
        folder=lambda w: GRID.results,
        summary=lambda w: f"{GRID.results}/{GRID.experiment}/failures.txt",
        # An option that is not there rather than an empty one.
        changes=lambda w: (
            [
                "--changes",
                f"{GRID.results}/{GRID.experiment}/report/tables/changes.csv",
            ]
            if GRID.report.baseline.fail
            else []
        ),
    message:
        "verdict on {wildcards.experiment}"
    shell:
        "{PYTHON:q} {input.script:q} --results {input.results:q} --records {input.records:q} --folder {params.folder:q}"
        " --verdict {output.verdict:q} --summary {params.summary:q} {params.changes:q} --log {log:q}"
