"""Audit of a map over time: identities, ghosts, names, latency and memory against ground truth."""
