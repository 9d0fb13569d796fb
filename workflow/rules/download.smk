# download: all files of one model or data set, checked and unpacked.
#
# in:  local files that the source names, if any
# out: <results>/sources/{group}/{name}/{digest}/source.json, with the files beside it in files/


rule download:
    input:
        script=shipped("scripts/download.py"),
        library=library("download", "generators"),
        local=lambda w: GRID.source(w).watched_files(shipped("resources")),
    output:
        record="<results>/sources/{group}/{name}/{digest}/source.json",
    log:
        "<results>/logs/sources/{group}/{name}/{digest}.log",
    params:
        settings=lambda w: GRID.source(w).spec.to_json(),
        files=subpath(output.record, parent=True),
        cache=lambda w: f"{GRID.results}/sources/cache",
        resources=lambda w: shipped("resources"),
        # Of files that Snakemake cannot watch: to be downloaded anew when they change.
        unwatched=lambda w: GRID.source(w).unwatched_files(shipped("resources")),
    message:
        "download {wildcards.name}"
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --files {params.files:q}/files"
        " --cache {params.cache:q} --resources {params.resources:q} --mirror={MIRROR:q}"
        " --limits {LIMITS:q} --record {output.record:q} --log {log:q} --record-failure"
