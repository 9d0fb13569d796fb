# download: all files of one model or data set, checked and unpacked.
#
# in:  local files that the source names, if any
# out: <results>/sources/{group}/{name}/{digest}/source.json, with the files beside it in files/


rule download:
    input:
        script=shipped("scripts/download.py"),
        library=library("download", "generators"),
        local=lambda w: [file.path for file in GRID.source(w).spec.files if file.path],
        embedded=lambda w: [
            shipped(f"resources/{file.embedded}")
            for file in GRID.source(w).spec.files
            if file.embedded
        ],
    output:
        record="<results>/sources/{group}/{name}/{digest}/source.json",
    log:
        "<results>/logs/sources/{group}/{name}/{digest}.log",
    params:
        settings=lambda w: GRID.source(w).spec.model_dump_json(),
        files=subpath(output.record, parent=True),
        cache=f"{GRID.results}/sources/cache",
        resources=shipped("resources"),
    message:
        "download {wildcards.name}"
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --files {params.files:q}/files"
        " --cache {params.cache:q} --resources {params.resources:q} --mirror {MIRROR:q}"
        " --limits {LIMITS:q} --record {output.record:q} --log {log:q} --record-failure"
