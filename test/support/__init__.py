"""A toy world and a toy robot for the tests."""
