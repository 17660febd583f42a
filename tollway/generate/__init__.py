"""The documents that are made from the code, and the check that they still say what the code does."""
