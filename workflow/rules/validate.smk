# validate: the accuracy of one variant on the validation split, and its difference to the reference.
#
# validate_on: the same on a device of the experiment's (experiment.validate_on), on a host that has it.
#
# in:  the variant, the data set's files, the reference and its accuracy (none for the reference itself)
# out: <results>/accuracy/{model}/{precision}/{digest}/accuracy.json, with predictions.parquet, disagreements.json and
#      (where the metric is no mean over images) replicates.parquet beside it


rule validate:
    input:
        script=shipped("scripts/validate.py"),
        library=library("validate", "calibrate", "data", "tasks", "metrics", "stats"),
        variant=lambda w: "<results>/variants/{0.model}/{0.precision}/{0.digest}/variant.json".format(
            GRID.accuracy(w).variant
        ),
        data=lambda w: "<results>/sources/datasets/{0.name}/{0.digest}/source.json".format(
            GRID.accuracy(w).variant.data_source
        ),
        reference=lambda w: (
            "<results>/accuracy/{0.variant.model}/{0.variant.precision}/{0.digest}/accuracy.json".format(
                GRID.accuracy(w).reference
            )
            if GRID.accuracy(w).reference
            else []
        ),
        reference_variant=lambda w: (
            "<results>/variants/{0.model}/{0.precision}/{0.digest}/variant.json".format(
                GRID.accuracy(w).reference.variant
            )
            if GRID.accuracy(w).reference
            else []
        ),
    output:
        record=report(
            "<results>/accuracy/{model}/{precision}/{digest}/accuracy.json",
            caption="../report/accuracy.rst",
            category="Accuracy",
            labels={"model": "{model}", "precision": "{precision}"},
        ),
    log:
        "<results>/logs/accuracy/{model}/{precision}/{digest}.log",
    wildcard_constraints:
        digest=GRID.validations(on_device=False),
    threads: workflow.cores
    resources:
        mem_mb=lambda w: memory(GRID.accuracy(w).variant),
    params:
        settings=lambda w: GRID.accuracy(w).settings.to_json(),
    message:
        "validate {wildcards.model} in {wildcards.precision}"
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --variant {input.variant:q} --data {input.data:q}"
        " --reference {input.reference:q} --reference-variant {input.reference_variant:q} --record {output.record:q}"
        " --limits {BOUNDS:q} --log {log:q} --record-failure"


use rule validate as validate_on with:
    wildcard_constraints:
        digest=GRID.validations(on_device=True),
    resources:
        slurm_partition=lambda w: GRID.host(w).slurm.partition,
        slurm_account=lambda w: GRID.host(w).slurm.account,
        constraint=lambda w: GRID.host(w).slurm.constraint,
        slurm_extra=lambda w: node_extra(GRID.host(w), alone=False),
        kubernetes=lambda w: pod_needs(GRID.host(w), alone=False),
        mem_mb=lambda w: memory(GRID.accuracy(w).variant),
    params:
        settings=lambda w: GRID.accuracy(w).settings.to_json(),
        device=lambda w: GRID.accuracy(w).device,
    message:
        "validate {wildcards.model} in {wildcards.precision} on {params.device}"
