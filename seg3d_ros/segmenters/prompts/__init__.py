"""Segmentation by clicks."""
