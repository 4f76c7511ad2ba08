"""Training of networks on labelled scenes."""
