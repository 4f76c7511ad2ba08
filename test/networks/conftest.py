import pytest


@pytest.fixture(autouse=True)
def same_numbers_every_time():
    """Recordings were made in float32: TF32 would leave their tolerance."""
    import torch  # not above: without it the files are skipped, but an error here ends the run

    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
