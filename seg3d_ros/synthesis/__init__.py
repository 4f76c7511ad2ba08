"""Rooms made from a furniture library, seen by a simulated RGB-D camera."""
