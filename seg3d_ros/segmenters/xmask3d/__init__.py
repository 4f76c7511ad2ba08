"""The xmask3d segmenter."""
