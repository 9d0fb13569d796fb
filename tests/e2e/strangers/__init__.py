"""Odd, legal and broken files as strangers have them, one model and one data set each, with what is to be read.

Every entry of ``STRANGERS`` writes its files into a folder beside the repository and gives the YAML that names them.
A file of this package for each kind.
"""

from strangers import caffe, detection, models, quiet
from strangers.common import FAILED, OK, STRANGERS, Stranger

__all__ = ["FAILED", "OK", "STRANGERS", "Stranger", "caffe", "detection", "models", "quiet"]
