"""How good instances, their names and point labels are: the ScanNet protocol on any folder."""
