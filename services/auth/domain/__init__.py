"""The decisions of auth, without I/O."""
