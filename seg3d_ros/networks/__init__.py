"""Neural networks as plain PyTorch modules that load released checkpoints."""
