"""Jobs of Snakemake as pods of a Kubernetes cluster: what its executor for any cluster calls, by way of ``kubectl``.

``python -m ovlab_pods submit|status|cancel`` (profiles/kubernetes). It knows nothing of experiments: what a measuring
job needs of its node stands in its resource ``kubernetes`` (:mod:`ovlab_flow.needs`), the rest in ``pods.yaml``.
"""
