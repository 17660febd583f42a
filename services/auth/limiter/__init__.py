"""The limiter as it runs: one active in the cluster, stand-bys, and the journal between them."""
