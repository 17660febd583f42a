"""The decisions of admin, without I/O: what a request says, and how an answer looks."""
