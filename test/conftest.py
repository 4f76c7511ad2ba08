"""Settings of all tests."""

import pytest
from hypothesis import settings

# Machines that run tests are shared, and the first call of a kernel compiles it.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Where to compute; the test is skipped where there is no such device."""
    torch = pytest.importorskip("torch", reason="the networks need torch: pip install .[text]")
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return torch.device(request.param)
