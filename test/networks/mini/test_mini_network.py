"""The network of mini: laws, and its mask formula against a slow twin."""

import dataclasses

import numpy as np
import pytest
import torch

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.mini.decoder import MaskHead
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.networks.mini.seeds import (
    farthest_seeds,
    mean_shift_step,
    seeds_for_all,
    seeds_on_instances,
)
from seg3d_ros.sparse.quarter_turns import turned, turned_back

ROOM = 1.6  # metres


def boxes(seed, count=5):
    """Points of random boxes, their colours and which box they are of."""
    rng = np.random.default_rng(seed)
    points = np.concatenate(
        [rng.uniform(0, ROOM, 3) + rng.uniform(0, 0.4, (300, 3)) for _ in range(count)]
    )
    instance = np.repeat(np.arange(count), 300)
    colors = rng.uniform(0, 1, points.shape)
    return (
        torch.from_numpy(points.astype(np.float32)),
        torch.from_numpy(colors.astype(np.float32)),
        torch.from_numpy(instance),
    )


def batch_of(*seeds):
    points, colors, instance = (torch.cat(part) for part in zip(*map(boxes, seeds), strict=True))
    sizes = tuple(len(boxes(seed)[0]) for seed in seeds)
    return SceneBatch(
        points, colors, torch.zeros_like(points), instance % 3, instance, sizes, ("",) * len(seeds)
    )


@pytest.fixture(scope="module")
def mini():
    torch.manual_seed(0)
    return Mini().eval()


def test_it_is_small(mini):
    assert sum(p.numel() for p in mini.parameters()) <= 4_000_000


def test_a_batch_gives_what_its_scenes_give_alone(mini):
    batch = batch_of(1, 2)
    with torch.inference_mode():
        _, together = mini.encode(batch.points, batch.colors, sizes=batch.sizes)
        for number, seed in enumerate((1, 2)):
            points, colors, _ = boxes(seed)
            _, (alone,) = mini.encode(points, colors)
            seeds = seeds_for_all(alone, count=8)
            a = mini.decoder(alone, seeds)
            b = mini.decoder(together[number], seeds)
            a_masks = mini.decoder.masks(alone, a)
            b_masks = mini.decoder.masks(together[number], b)
            torch.testing.assert_close(a_masks, b_masks, atol=1e-4, rtol=1e-4)
            for name in ("coarse", "quality"):
                both = getattr(a, name), getattr(b, name)
                torch.testing.assert_close(*both, atol=1e-4, rtol=1e-4)


def test_the_order_of_points_does_not_matter(mini):
    points, colors, _ = boxes(3)
    order = torch.randperm(len(points))
    with torch.inference_mode():
        rows, (scene,) = mini.encode(points, colors)
        shuffled_rows, (shuffled,) = mini.encode(points[order], colors[order])
    torch.testing.assert_close(scene.votes.middles, shuffled.votes.middles, atol=1e-4, rtol=1e-4)
    assert torch.equal(rows[order], shuffled_rows)


def test_training_places_queries_on_every_instance():
    torch.manual_seed(0)
    batch = batch_of(4, 5)
    output = Mini(seeds_per_instance=3)(batch)
    for points, seeds, masks in zip(output.points, output.seeds, output.masks, strict=True):
        ids, counts = torch.unique(batch.instance[points][seeds], return_counts=True)
        assert ids.tolist() == [0, 1, 2, 3, 4]
        assert counts.tolist() == [3] * 5
        assert masks.shape == (15, len(points))
    for candidates, readings, points in zip(
        output.candidates, output.readings, output.points, strict=True
    ):
        ids = torch.unique(batch.instance[points])
        whole = batch.instance[points] == ids[:, None]
        assert all((candidates == mask).all(dim=1).any() for mask in whole)
        norms = readings.embeddings.norm(dim=1)
        torch.testing.assert_close(norms, torch.ones(len(candidates)))


def test_training_places_queries_where_no_object_is():
    torch.manual_seed(0)
    batch = batch_of(4)
    wall = batch.instance == 2
    batch = dataclasses.replace(batch, instance=torch.where(wall, -1, batch.instance))
    output = Mini(seeds_per_instance=1)(batch)
    ids = batch.instance[output.points[0]][output.seeds[0]]
    assert sorted(ids[ids >= 0].tolist()) == [0, 1, 3, 4]
    assert (ids < 0).sum() == 8


def test_a_scene_of_one_colour_is_a_scene_without_colours(mini):
    points, _, _ = boxes(7)
    grey, red = torch.full_like(points, 0.5), torch.tensor([0.9, 0.1, 0.1]).expand_as(points)
    with torch.inference_mode():
        (_, (a,)), (_, (b,)) = (mini.encode(points, paint) for paint in (grey, red))
    assert torch.equal(a.fine, b.fine)


def test_fewer_queries_keep_what_they_found(mini):
    points, colors, _ = boxes(6)
    with torch.inference_mode():
        _, (scene,) = mini.encode(points, colors)
        queries = mini.decoder(scene, seeds_for_all(scene, count=12))
        rows = torch.tensor([5, 1])
        some = queries.take(rows)
        masks = mini.decoder.masks(scene, queries)
        torch.testing.assert_close(mini.decoder.masks(scene, some), masks[rows])
    assert torch.equal(some.quality, queries.quality[rows])


def test_mask_logits_are_likeness_less_squared_distance():
    torch.manual_seed(0)
    head = MaskHead(16, 8)
    torch.nn.init.normal_(head.placement.weight, std=0.3)
    q, places, masks, votes = (torch.randn(n, c) for n, c in ((4, 16), (4, 3), (30, 8), (30, 3)))
    places, votes = places + 50, votes + 50  # far from the origin
    with torch.no_grad():
        logits = head(q, places, masks, votes)
        normed = head.norm(q)
        shift, sharpness, bias = head.placement(normed).split((3, 1, 1), dim=1)
        kernels = head.kernel(normed)
    for i in range(4):
        sharp = np.log1p(np.exp(sharpness[i].item())) * 16 / np.log(2)
        for j in range(30):
            distance = (votes[j] - places[i] - shift[i]).square().sum().item()
            expected = kernels[i] @ masks[j] + bias[i].item() + 2 - sharp * distance
            assert logits[i, j].item() == pytest.approx(expected.item(), abs=0.05)


def test_seeds_for_all_keep_to_where_objects_may_be(mini):
    points, colors, _ = boxes(8)
    with torch.inference_mode():
        _, (scene,) = mini.encode(points, colors)
        middle = scene.coarse.objectness.median().item()
        seeds = seeds_for_all(scene, count=40, least_object=middle)
        assert len(seeds) > 5
        assert bool((scene.coarse.objectness[scene.parents[0][seeds]] >= middle).all())
        assert len(seeds_for_all(scene, count=40, least_object=1.1)) == 0


def test_seeds_lie_on_instances_only():
    instance = torch.tensor([-1, 7, 7, -1, 2, -1])
    seeds = seeds_on_instances(instance, each=5)
    assert instance[seeds].tolist() == [2] * 5 + [7] * 5
    assert len(seeds_on_instances(torch.tensor([-1, -1]), each=5)) == 0


def test_farthest_seeds_reach_every_object_however_small():
    rng = np.random.default_rng(0)
    middles = np.array([(0, 0, 0), (0.15, 0, 0.4), (0.3, 0, 0.4), (3, 0, 0)])
    radii = np.array([1.0, 0.05, 0.05, 2.0])  # a table with two cups, a wall
    sizes = np.array([900, 20, 20, 4000])
    votes = np.repeat(middles, sizes, axis=0)
    votes += rng.normal(0, 0.2, votes.shape) * np.repeat(radii, sizes)[:, None]
    owner, radius = np.repeat(range(4), sizes), np.repeat(radii, sizes)
    rows = farthest_seeds(
        *(torch.from_numpy(a.astype(np.float32)) for a in (votes, radius)), count=8
    )
    assert set(owner[rows]) == {0, 1, 2, 3}
    assert len(farthest_seeds(torch.zeros(3, 3), torch.ones(3), count=12)) == 3


def test_seeds_settle_among_votes_like_theirs():
    middles = torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [0.12, 0, 0], [0.14, 0, 0], [5, 0, 0]])
    radii = torch.full((5,), 0.3)
    assert mean_shift_step(torch.tensor([0, 4]), middles, radii).tolist() == [1, 4]


def test_views_average_what_is_seen_of_the_turned_scene(mini):
    points, colors, _ = boxes(6)
    points[:, :2] -= ROOM / 2
    with torch.inference_mode():
        found = mini.voxelize(points, colors)
        (pooled,) = mini.look(found.voxels, mini.turned_views(3))
        sides = [mini.encode(turned(points, view), colors) for view in range(3)]
        middles = [turned_back(f.votes.middles, k)[rows] for k, (rows, (f,)) in enumerate(sides)]
        fine = [f.fine[rows] for rows, (f,) in sides]
    both = ((pooled.votes.middles, middles), (pooled.fine, fine))
    for mean, parts in both:
        expected = torch.stack(parts).mean(dim=0)
        torch.testing.assert_close(mean[found.rows], expected, atol=1e-4, rtol=1e-3)


def test_masks_far_from_the_middle_are_the_same_under_autocast(mini):
    """Half precision has no digits left for the squares of metres."""
    head, generator = mini.decoder.mask_head, torch.Generator().manual_seed(0)
    q, masks = (torch.randn(n, c, generator=generator) for n, c in ((5, 128), (200, 32)))
    places, votes = (torch.rand(n, 3, generator=generator) * 9 for n in (5, 200))
    with torch.inference_mode():
        full = head(q, places, masks, votes)
        with torch.autocast("cpu", torch.bfloat16):
            half = head(q, places, masks, votes)
    torch.testing.assert_close(half, full)
