import re
from importlib import resources

from seg3d_ros.synthesis.names import _rows


def test_the_attribution_names_every_model_that_is_used() -> None:
    path = resources.files("seg3d_ros.synthesis") / "ATTRIBUTION.md"
    words = set(re.split(r"[\s,]+", path.read_text(encoding="utf-8")))
    models = {row["model"].rpartition("/")[2] for row in _rows("models.tsv")}
    assert models <= words
