"""Labelled scenes for training and evaluation."""
