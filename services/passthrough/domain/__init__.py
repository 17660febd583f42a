"""The decisions of pass-through, without I/O."""
