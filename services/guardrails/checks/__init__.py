"""The guardrails: one file each, listed in `registry`."""
