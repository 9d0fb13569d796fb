# calibrate: make a variant in fewer bits of an FP32 variant, mostly with images of the calibration split.
#
# Where a precision repeats calibration, each seed is a variant of its own: a job here and a validation, side by side.
#
# in:  the FP32 variant, the data set's files
# out: <results>/variants/{model}/{precision}/{digest}/variant.json, with model.xml and model.bin beside it


rule calibrate:
    input:
        script=shipped("scripts/calibrate.py"),
        # Accuracy control validates while it calibrates.
        library=lambda w: (
            library("calibrate", "data", "validate", "tasks", "metrics")
            if GRID.variant(w).settings.controls_accuracy
            else library("calibrate", "data", "tasks")
        ),
        base=lambda w: "<results>/variants/{0.model}/{0.precision}/{0.digest}/variant.json".format(
            GRID.variant(w).base
        ),
        data=lambda w: "<results>/sources/datasets/{0.name}/{0.digest}/source.json".format(
            GRID.variant(w).data_source
        ),
    output:
        record="<results>/variants/{model}/{precision}/{digest}/variant.json",
    log:
        "<results>/logs/variants/{model}/{precision}/{digest}.log",
    wildcard_constraints:
        digest=GRID.digests(quantised=True),
    resources:
        mem_mb=lambda w: memory(GRID.variant(w)),
    params:
        settings=lambda w: GRID.variant(w).settings.to_json(),
    message:
        "calibrate {wildcards.model} for {wildcards.precision}"
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --base {input.base:q} --data {input.data:q}"
        " --limits {BOUNDS:q} --record {output.record:q} --log {log:q} --record-failure"
