"""The benchmark step: measure all variants of a session in interleaved rounds of fresh processes.

`ovlab.measure.session` is the entry. Nothing is imported here: a launch (`ovlab.measure.launch`) is a fresh process for
every sample of the launches, and it loads only what it times.
"""
