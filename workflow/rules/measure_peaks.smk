# measure_peaks: what the machine does at best, once for a host, a device and how it is measured; experiments share it.
#
# It has the machine to itself, like benchmark.
#
# in:  nothing
# out: <results>/peaks/{host}/{device}/{digest}/peaks.json


rule measure_peaks:
    input:
        script=shipped("scripts/measure_peaks.py"),
        library=library("layers/peaks", "layers/child"),
    output:
        record="<results>/peaks/{host}/{device}/{digest}/peaks.json",
    log:
        "<results>/logs/peaks/{host}/{device}/{digest}.log",
    threads: workflow.cores
    resources:
        slot=1000,
        slurm_partition=lambda w: GRID.host(w).slurm.partition,
        slurm_account=lambda w: GRID.host(w).slurm.account,
        constraint=lambda w: GRID.host(w).slurm.constraint,
        slurm_extra=lambda w: node_extra(GRID.host(w)),
        kubernetes=lambda w: pod_needs(GRID.host(w)),
        mem_mb=memory(),
    params:
        settings=lambda w: GRID.machine(w).settings.to_json(),
    message:
        "find the peaks of {wildcards.device}" + ON_HOST
    shell:
        "{PYTHON:q} {input.script:q} --settings {params.settings:q} --record {output.record:q} --log {log:q}"
        " --record-failure"
