"""What runs inside the timed process: load a variant, put it under load, time it, look at what was executed.

It imports the standard library, NumPy, OpenVINO, psutil (memory in use, which only Linux reports without it), this
folder, and of the rest `ovlab.errors`, `ovlab.extension`, `ovlab.files`, `ovlab.files.decoding`,
`ovlab.files.opening`, `ovlab.files.storage`, `ovlab.files.writing`, `ovlab.runtime`, `ovlab.text`,
`ovlab.usercode.activity`, `ovlab.measure.request`, `ovlab.measure.device.division`,
`ovlab.measure.device.inspection` and `ovlab.measure.host.sensors`: it starts fast, and runs in the environment of
another version of OpenVINO. A test holds it to this.
"""
