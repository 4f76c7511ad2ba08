"""Keyframes: chosen camera pictures of the map, bounded by memory, and the views of its parts."""
