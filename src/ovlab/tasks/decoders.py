"""The name under which decoder files of users import: ``from ovlab.tasks.decoders import decoder``."""

from ovlab.tasks.detection.decoders import DECODERS, Decoder, Outputs, bind, decoder, load_decoders, suppress

__all__ = ["DECODERS", "Decoder", "Outputs", "bind", "decoder", "load_decoders", "suppress"]
