"""Why is a variant as fast as it is? Executed layers one by one, and the machine's roofs over them.

`child` is what runs in fresh processes: a profile of one variant, or the machine's peaks. `profile` starts profiles and
puts them together, `peaks` does so for the machine; `roofline` says what the time of a node is made of, compares
variants and gives advice. Parent and child share `request` alone. The model of it is in docs/roofline.md.
"""
