"""What the embedded store's process finds before its own: the store's launcher puts this folder on its `PYTHONPATH`."""
