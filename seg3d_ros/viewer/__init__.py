"""Viewer: a page in the browser that shows the map and its objects, and edits them."""
