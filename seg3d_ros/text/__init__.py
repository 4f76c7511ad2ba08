"""Text encoders, the embedding cache and the vocabulary."""
