"""``python -m ovlab_command`` is ``ovlab``."""

import sys

from ovlab_command import main

if __name__ == "__main__":
    sys.exit(main())
