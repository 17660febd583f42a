"""What guardrails decide: where text stands, what a verdict is, what may leave a running stream."""
