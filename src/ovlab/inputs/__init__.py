"""Files of others: read within bounds, from regular files alone, and compared with what was downloaded.

Whatever opens a file that a user or a data set brings goes through here, so that a named pipe, a device, a file without
end or one that was changed since it was downloaded is told in one line, wherever it is.
"""

from ovlab.inputs.limits import limits, use_limits
from ovlab.inputs.listing import ChangedFileError, is_listed, open_source, require_as_listed, require_unchanged
from ovlab.inputs.reading import TooLargeError, read_bytes, read_file, read_text, require_regular_files

__all__ = [
    "ChangedFileError",
    "TooLargeError",
    "is_listed",
    "limits",
    "open_source",
    "read_bytes",
    "read_file",
    "read_text",
    "require_as_listed",
    "require_regular_files",
    "require_unchanged",
    "use_limits",
]
