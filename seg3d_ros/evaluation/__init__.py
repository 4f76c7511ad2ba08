"""Evaluation of instances, names and point labels: the ScanNet protocol on any folder."""
