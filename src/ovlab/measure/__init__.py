"""The benchmark step: measure all variants of a session in interleaved rounds of fresh processes.

`parent` is what starts and judges launches; `child` is what one launch runs; `host` and `device` are what is read of
the machine and of OpenVINO's devices. Parent and child share `request` alone. Nothing is imported here: a launch
(`ovlab.measure.child.launch`) is a fresh process for every sample of the launches, and loads only what it times.
"""
