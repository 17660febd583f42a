"""The edge's decisions, without I/O."""
