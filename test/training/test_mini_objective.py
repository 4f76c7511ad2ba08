"""The losses of mini: by hand, and that following them down finds the objects."""

import json
import math

import pytest
import torch

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.mini.decoder import SceneFeatures, Votes
from seg3d_ros.networks.mini.mask_reader import MaskMembers
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.training.mini_objective import (
    UNKNOWN,
    MiniObjective,
    best_fits,
    query_losses,
    structure_loss,
    vote_losses,
)


def test_mask_losses_of_a_perfect_and_a_wrong_mask():
    instance = torch.tensor([0, 0, 1, 1, 1, UNKNOWN])
    wanted = torch.tensor([0, 1])
    right = torch.where(instance == wanted[:, None], 20.0, -20.0)
    bce, dice, iou = query_losses(right, instance, wanted)
    assert bce == pytest.approx(0, abs=1e-6)
    assert dice == pytest.approx(0, abs=1e-6)
    assert iou.tolist() == [1, 1]
    bce, dice, iou = query_losses(-right, instance, wanted)
    assert bce.item() == pytest.approx((5 * 20 / 32 + 5 * 20 / 33) / 2, rel=1e-5)
    assert dice.item() == pytest.approx(1 - 1 / 6, rel=1e-4)
    assert iou.tolist() == [0, 0]


def test_unlabelled_voxels_count_for_nothing():
    instance = torch.tensor([0, 0, 1, UNKNOWN, UNKNOWN])
    masks = torch.randn(1, 5)
    other = masks.clone()
    other[:, 3:] = 9
    for a, b in zip(
        query_losses(masks, instance, torch.tensor([0])),
        query_losses(other, instance, torch.tensor([0])),
        strict=True,
    ):
        assert torch.equal(a, b)


def test_votes_are_measured_in_radii():
    points = torch.tensor([[0.0, 0, 0], [2, 0, 0], [5, 5, 5]])
    instance = torch.tensor([3, 3, -1])
    middle = torch.tensor([[1.0, 0, 0]] * 3)
    radius = torch.full((3,), 1.05)  # 1 m, and 5 cm are added

    def losses(middles, radii):
        empty = torch.zeros(0)
        votes = Votes(middles, radii.log())
        scene = SceneFeatures(
            points, votes, empty, empty, empty, (empty,) * 3, (empty,) * 3, empty
        )
        return [loss.item() for loss in vote_losses(scene, instance)]

    assert losses(middle, radius) == pytest.approx([0, 0])
    off = middle + torch.tensor([0, 0.525, 0])
    assert losses(off, radius * 2) == pytest.approx([0.5, math.log(2)])


def test_masks_that_are_not_of_an_object_are_shares_of_none():
    instance = torch.tensor([0, 0, 1, -1, -1])
    masks = torch.full((1, 5), 20.0)
    bce, _, iou = query_losses(masks, instance, torch.tensor([0]))
    assert bce.item() == pytest.approx(3 * 20 / 32, rel=1e-5)  # the wall is wrong, too
    assert iou.item() == pytest.approx(2 / 5)


def test_best_fits_by_hand():
    instance = torch.tensor([0, 0, 0, 2, 2, -1, UNKNOWN])
    masks = torch.tensor(
        [
            [1, 1, 1, 0, 0, 0, 1],  # the first object; what is not labelled does not count
            [0, 0, 1, 1, 1, 1, 0],
            [0, 0, 0, 0, 0, 1, 0],
        ]
    ).bool()
    iou, best = best_fits(masks, instance)
    assert iou.tolist() == pytest.approx([1, 2 / 4, 0])
    assert best[:2].tolist() == [0, 2]


def test_every_kind_of_structure_counts_by_the_root_of_its_size():
    logits = torch.zeros(6, 4)
    logits[0, 1] = 3.0
    kinds = torch.tensor([1, 0, 0, 0, 0, -1])
    floor = -torch.log_softmax(logits[0], 0)[1]
    others = torch.tensor(4.0).log()
    assert structure_loss(logits, kinds).item() == pytest.approx((floor + 2 * others).item() / 3)
    assert structure_loss(logits, torch.full((6,), -1)).item() == 0


def test_points_without_a_class_teach_no_name(dataset):
    objective = MiniObjective(dataset)
    names = objective.texts.draw()
    embeddings = torch.nn.functional.normalize(torch.ones(3, 384), dim=1)
    contrast, aligned = objective._names(embeddings, torch.tensor([-1, -1, 2]), names)
    assert contrast.item() == aligned.item() == 0


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "names.txt").write_text("chair\nsofa\nsecret\n")
    facts = {"format": 1, "seen_names": ["chair", "sofa"], "unseen_names": ["secret"]}
    (tmp_path / "dataset.json").write_text(json.dumps(facts))
    return tmp_path


def room():
    """A low wide box and a high narrow one, a third of a name that nobody may learn."""
    generator = torch.Generator().manual_seed(0)
    boxes = [((0, 0, 0), (1.2, 0.6, 0.4)), ((1.6, 0, 0), (0.3, 0.3, 1.2)), ((0, 1, 0), (0.4,) * 3)]
    points, segment = [], []
    for number, (corner, size) in enumerate(boxes):
        inside = torch.rand(700, 3, generator=generator) * torch.tensor(size)
        points.append(inside + torch.tensor(corner, dtype=torch.float32))
        segment += [number] * 700
    points, segment = torch.cat(points), torch.tensor(segment)
    gray = torch.full_like(points, 0.5)
    return SceneBatch(
        points, gray, torch.zeros_like(points), segment, segment.clone(), (len(points),), ("",)
    )


def test_following_the_losses_finds_and_names_the_objects(dataset):
    torch.manual_seed(0)
    objective = MiniObjective(dataset)
    mini = Mini(planes=(8, 16, 16, 16, 16, 16, 16, 16), width=32)
    optimizer = torch.optim.AdamW(mini.parameters(), lr=5e-3)
    batch = room()
    first = None
    for _ in range(40):
        losses = objective(mini(batch), batch)
        first = first or losses
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
    assert losses["dice"] < 0.3 * first["dice"]
    assert losses["total"] < 0.5 * first["total"]
    output = mini(batch)
    names = objective.texts.draw()
    segment = batch.segment[output.points[0]]
    for number in (0, 1):
        mask = (segment == number)[None]
        _, (scene,) = mini.encode(batch.points, batch.colors)
        read = mini.reader(scene, MaskMembers.of(mask))
        assert (read.embeddings @ names.t()).argmax(dim=1).item() == number


def test_names_called_unseen_are_never_shown(dataset):
    objective = MiniObjective(dataset)
    assert objective.texts.rows.tolist() == [0, 1, -1]
    assert objective.texts.draw().shape == (2, 384)
