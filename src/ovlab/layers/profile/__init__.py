"""Profiles of variants: started, put together, checked, written. `step` is the step; `model` is what others read."""
