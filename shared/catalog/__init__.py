"""The model groups that there are, as of the last change: what serves them, and what that costs."""
