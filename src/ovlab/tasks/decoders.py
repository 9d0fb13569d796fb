"""The name under which decoder files of users import: ``from ovlab.tasks.decoders import decoder``."""

from ovlab.tasks.detection.decoders import *  # noqa: F403
from ovlab.tasks.detection.decoders import __all__ as __all__  # noqa: PLC0414
