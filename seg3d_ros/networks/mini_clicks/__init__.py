"""Clicks answered on the features of `mini`."""
