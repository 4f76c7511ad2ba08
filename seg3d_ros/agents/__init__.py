"""Objects of a map for language models, over the Model Context Protocol."""
