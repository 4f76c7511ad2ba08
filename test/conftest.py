"""Settings of all tests."""

from hypothesis import settings

# Machines that run tests are shared, and the first call of a kernel compiles it.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
