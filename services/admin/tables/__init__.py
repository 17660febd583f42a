"""The composition root's tables from a route's name to its handler, one for each subject."""
