"""Measures Tollway beside a bare proxy in the same run; see `docs/performance.md`."""
