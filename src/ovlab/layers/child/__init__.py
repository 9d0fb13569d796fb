"""What runs inside the profiled process: load a variant, read its counters, look at its executed graph; or find peaks.

It keeps to what `ovlab.measure.child` states, and imports besides this folder `ovlab.layers.request` and
`ovlab.measure.host.noise_bounds`, which imports nothing further. A test holds it to this.
"""
