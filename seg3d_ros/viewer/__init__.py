"""Looking at results: pictures, files, colours."""
