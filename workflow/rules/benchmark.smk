# benchmark: one session, all variants of a model on one device of one host under one scenario, in interleaved rounds.
#
# It has the machine to itself: all cores, all slots of the profile, and a lock for the whole host in the step.
#
# in:  the variants, the data set's files (real images are the inputs)
# out: <results>/{experiment}/sessions/{host}/{model}/{device}/{scenario}/session.json, with samples.parquet beside it


rule benchmark:
    input:
        script=shipped("scripts/benchmark.py"),
        library=library("measure"),
        variants=lambda w: [
            f"<results>/variants/{one.model}/{one.precision}/{one.digest}/variant.json"
            for one in GRID.session(w).variants
        ],
        data=lambda w: "<results>/sources/datasets/{0.name}/{0.digest}/source.json".format(
            GRID.session(w).variants[0].data_source
        ),
    output:
        record=report(
            "<results>/{experiment}/sessions/{host}/{model}/{device}/{scenario}/session.json",
            caption="../report/session.rst",
            category="Sessions",
            labels={
                "model": "{model}",
                "device": "{device}",
                "scenario": "{scenario}",
                "host": "{host}",
            },
        ),
    log:
        "<results>/logs/{experiment}/sessions/{host}/{model}/{device}/{scenario}.log",
    threads: workflow.cores
    resources:
        slot=1000,
        slurm_partition=lambda w: GRID.host(w).slurm.partition,
        slurm_account=lambda w: GRID.host(w).slurm.account,
        constraint=lambda w: GRID.host(w).slurm.constraint,
        slurm_extra=lambda w: node_extra(GRID.host(w)),
        kubernetes=lambda w: pod_needs(GRID.host(w)),
        mem_mb=lambda w: memory(*GRID.session(w).variants),
    params:
        settings=lambda w: GRID.session(w).settings.to_json(),
    message:
        "benchmark {wildcards.model} on {wildcards.device}"
        + ON_HOST
        + ", {wildcards.scenario}"
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --variants {input.variants:q} --data {input.data:q}"
        " --limits {BOUNDS:q} --record {output.record:q} --log {log:q} --record-failure"
