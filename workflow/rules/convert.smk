# convert: one model to IR in one floating-point precision, with its preprocessing embedded.
#
# in:  the model's files, the data set's (some of its images go through the IR and the original)
# out: <results>/variants/{model}/{precision}/{digest}/variant.json, with model.xml and model.bin beside it


rule convert:
    input:
        script=shipped("scripts/convert.py"),
        library=library("convert", "data", "tasks"),  # its outputs are tried on an image
        model=lambda w: f"<results>/sources/models/{w.model}/{GRID.variant(w).model_source.digest}/source.json",
        data=lambda w: "<results>/sources/datasets/{0.name}/{0.digest}/source.json".format(
            GRID.variant(w).data_source
        ),
    output:
        record="<results>/variants/{model}/{precision}/{digest}/variant.json",
    log:
        "<results>/logs/variants/{model}/{precision}/{digest}.log",
    wildcard_constraints:
        digest=GRID.digests(quantised=False),
    resources:
        mem_mb=lambda w: memory(GRID.variant(w)),
    params:
        settings=lambda w: GRID.variant(w).settings.to_json(),
    message:
        "convert {wildcards.model} to {wildcards.precision}"
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --model {input.model:q} --data {input.data:q}"
        " --limits {BOUNDS:q} --record {output.record:q} --log {log:q} --record-failure"
