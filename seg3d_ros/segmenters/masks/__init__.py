"""Instance masks: blocks of large scenes, suppression, filters."""
