"""The objects of the map: tracking, queries, map files."""
