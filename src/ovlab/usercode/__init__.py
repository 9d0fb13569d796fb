"""Code of the user's own runs in one place: said while it runs, watched from outside of its process.

Whatever runs a user's Python (`decoder_file`, `extension`) says so with :class:`ovlab.usercode.activity.UserCode`. The
step's parent (`ovlab.steps`) watches its child meanwhile (`ovlab.usercode.watch`) and ends it if it takes more time or
memory than the limits allow. It looks from outside because nothing inside of the process can be relied on: a loop in C
holds the interpreter, and ``except:`` swallows whatever a signal raises.
"""
