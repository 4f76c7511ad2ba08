import pytest
import torch


@pytest.fixture(autouse=True)
def exact_matrices():
    """Recordings were made in float32: TF32 would leave their tolerance."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
