"""The head that reads masks: what is pooled, by hand; laws."""

import pytest
import torch

from seg3d_ros.networks.mini.mask_reader import MaskMembers, MaskReader, _around, _statistics
from seg3d_ros.networks.mini.network import Mini


@pytest.fixture(scope="module")
def mini():
    torch.manual_seed(0)
    return Mini(planes=(8, 16, 16, 16, 16, 16, 16, 16), width=32).eval()


@pytest.fixture(scope="module")
def scene(mini):
    """Two cubes side by side, and one apart."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.tensor([[0.0, 0, 0], [0.4, 0, 0], [2.0, 0, 0]])
    steps = 0.02 + 0.04 * torch.arange(10)
    cube = torch.cartesian_prod(steps, steps, steps)
    points = torch.cat([cube + corner for corner in corners])
    with torch.inference_mode():
        _, (found,) = mini.encode(points, torch.rand(len(points), 3, generator=generator))
    return found


def masks_of(scene):
    x = scene.points[:, 0]
    return torch.stack([x < 0.4, (x >= 0.4) & (x < 1), x > 1, x < 1])


def test_only_touching_cubes_have_something_around_them(scene):
    masks = masks_of(scene)
    around = _around(scene, MaskMembers.of(masks))
    faces = 10 * 10  # of 4 cm on a side of 40 cm
    assert around.sizes.tolist() == [faces, faces, 0, 0]
    assert bool(masks[1][around.rows[around.owner == 0]].all())
    assert bool(masks[0][around.rows[around.owner == 1]].all())


def test_statistics_by_hand(scene):
    masks = masks_of(scene)
    inside = MaskMembers.of(masks)
    statistics = _statistics(scene, inside, _around(scene, inside))
    count = inside.sizes.tolist()
    assert count[:3] == [1000, 1000, 1000]
    assert statistics[:, 0].tolist() == pytest.approx(
        [torch.tensor(n + 1.0).log().item() / 4 for n in count]
    )
    side = 0.4 / 12**0.5
    assert statistics[0, 1].item() == pytest.approx(side * 2**0.5, rel=0.05)
    assert statistics[0, 2].item() == pytest.approx(side, rel=0.05)
    # Of the 6,000 faces of a lone cube 600 are free, of one that touches another 500.
    assert statistics[:3, 8].tolist() == pytest.approx([500 / 6000, 500 / 6000, 0.1])
    assert statistics[:3, 9].tolist() == pytest.approx([0.1, 0.1, 0])


def test_what_is_read_does_not_depend_on_the_other_masks(mini, scene):
    masks = masks_of(scene)
    with torch.inference_mode():
        together = mini.reader(scene, MaskMembers.of(masks))
        alone = mini.reader(scene, MaskMembers.of(masks[1:2]))
    torch.testing.assert_close(together.quality[1:2], alone.quality)
    torch.testing.assert_close(together.embeddings[1:2], alone.embeddings)
    torch.testing.assert_close(together.embeddings.norm(dim=1), torch.ones(4))


def test_no_masks_and_empty_masks_are_read(mini, scene):
    none = torch.zeros(0, len(scene), dtype=torch.bool)
    empty = torch.zeros(1, len(scene), dtype=torch.bool)
    with torch.inference_mode():
        assert len(mini.reader(scene, MaskMembers.of(none)).quality) == 0
        assert bool(mini.reader(scene, MaskMembers.of(empty)).quality.isfinite().all())


def test_it_can_learn_which_masks_are_whole(scene):
    torch.manual_seed(0)
    reader = MaskReader(fine=16, described=48, embedding_dim=8, width=32)
    masks = masks_of(scene)
    half = masks & (scene.points[:, 2] < 0.2)
    examples = MaskMembers.of(torch.cat([masks[:3], half]))
    good = torch.tensor([1.0] * 3 + [0.0] * 4)
    optimizer = torch.optim.Adam(reader.parameters(), lr=1e-2)
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            reader(scene, examples).quality, good
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(reader(scene, examples).quality > 0, good > 0.5)
