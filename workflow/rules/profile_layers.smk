# profile_layers: where the time of all variants of a model on one device goes, layer by layer, in interleaved rounds.
#
# It has the machine to itself, like benchmark. Never in the timed session: counters cost time.
#
# in:  the variants, the data set's files (real images are the inputs), the peaks of the device
# out: <results>/{experiment}/profiles/{host}/{model}/{device}/profile.json, with nodes.parquet, nodes.csv, nodes.columns.csv,
#      launches.parquet and comparisons.csv beside it


rule profile_layers:
    input:
        script=shipped("scripts/profile_layers.py"),
        library=library("layers"),
        variants=lambda w: [
            f"<results>/variants/{one.model}/{one.precision}/{one.digest}/variant.json"
            for one in GRID.profile(w).variants
        ],
        data=lambda w: "<results>/sources/datasets/{0.name}/{0.digest}/source.json".format(
            GRID.profile(w).variants[0].data_source
        ),
        peaks=lambda w: "<results>/peaks/{0.host}/{0.device}/{0.digest}/peaks.json".format(
            GRID.profile(w).machine
        ),
    output:
        record="<results>/{experiment}/profiles/{host}/{model}/{device}/profile.json",
    log:
        "<results>/logs/{experiment}/profiles/{host}/{model}/{device}.log",
    threads: workflow.cores
    resources:
        slot=1000,
        slurm_partition=lambda w: GRID.host(w).slurm.partition,
        slurm_account=lambda w: GRID.host(w).slurm.account,
        constraint=lambda w: GRID.host(w).slurm.constraint,
        slurm_extra=lambda w: node_extra(GRID.host(w)),
        kubernetes=lambda w: pod_needs(GRID.host(w)),
        mem_mb=lambda w: memory(*GRID.profile(w).variants),
    params:
        settings=lambda w: GRID.profile(w).settings.to_json(),
    message:
        "profile the layers of {wildcards.model} on {wildcards.device}" + ON_HOST
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --variants {input.variants:q} --data {input.data:q}"
        " --peaks {input.peaks:q} --limits {BOUNDS:q} --record {output.record:q} --log {log:q} --record-failure"
