"""Demonstration on a recording: player, observer and recorder around the node."""
