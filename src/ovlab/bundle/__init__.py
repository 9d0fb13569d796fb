"""Results that can be carried: an experiment exported as an RO-Crate, opened again, and verified.

What a bundle consists of is in docs/bundle.md. `open_bundle` gives its results folder; nothing in a bundle is trusted.
"""

from ovlab.bundle.layout import AuthorSpec, BundleInfo
from ovlab.bundle.opening import BundleError, OpenedBundle, open_bundle

__all__ = ["AuthorSpec", "BundleError", "BundleInfo", "OpenedBundle", "open_bundle"]
