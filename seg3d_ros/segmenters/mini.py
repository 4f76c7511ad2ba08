"""The mini segmenter: the small open-vocabulary model that comes with the package."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from seg3d_ros.compute import Compute
from seg3d_ros.masks import Masks
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.kinds import OBJECT
from seg3d_ros.networks.mini.decoder import SceneFeatures
from seg3d_ros.networks.mini.mask_reader import MaskMembers
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.networks.mini.seeds import seeds_for_all
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.scene import Float32, Instances, Int64, Scene
from seg3d_ros.segmenters.geometric.color_segments import color_segments
from seg3d_ros.segmenters.geometric.plane_patches import PlanePatches, plane_patches
from seg3d_ros.segmenters.geometric.proposals import (
    FINE_CONCAVITIES,
    geometric_segments,
    segment_masks,
)
from seg3d_ros.segmenters.geometric.structure import Structure, agree_on_structure
from seg3d_ros.segmenters.geometric.surface import Surface, build_surface
from seg3d_ros.segmenters.masks.overlaps import best_overlaps, mask_nms
from seg3d_ros.segmenters.masks.postprocess import BlockwiseSegmenter, joined
from seg3d_ros.segmenters.settings import MiniSettings
from seg3d_ros.segmenters.weights import MINI
from seg3d_ros.sparse.tensor import SparseTensor

SEEDS = 400  # a room holds about 30 instances
_MOST_MASKS = 150
_SAME = 0.8  # IoU of masks that are not worth reading twice
_FEWEST = 3  # voxels of a mask
_LEAST_STRUCTURE = 0.5  # score
_LEAST_OBJECT = 0.3  # probability; elsewhere no queries are placed
_BLOCK_POINTS = 600_000  # 3 GB on a CPU


class MiniSegmenter(BlockwiseSegmenter):
    """Instances with embeddings in the space of all-MiniLM-L6-v2.

    Args:
        model: the network.
        compute: where it runs, and in which precision.
        settings: size of the blocks, number of views, and which masks become instances.
    """

    name = "mini"
    embedding_space = "all-MiniLM-L6-v2"

    def __init__(self, model: Mini, *, compute: Compute, settings: MiniSettings) -> None:
        super().__init__(compute.device, settings, usual_points=_BLOCK_POINTS)
        self._compute = compute
        self._model = model.to(compute.device).eval()
        self._views = model.turned_views(settings.augmented_views)
        self._geometry = ThreadPoolExecutor(1, "geometry")

    @torch.inference_mode()
    def _propose(self, scene: Scene, rows: Int64) -> Instances:
        points, colors = scene.points[rows], scene.colors[rows]
        # Whole metres are a whole number of voxels; small numbers keep float32 exact far away.
        cloud = torch.from_numpy(points - np.floor(points.min(axis=0))).to(self._device)
        found = self._model.voxelize(cloud, torch.from_numpy(colors).to(self._device))
        rows_of_voxels = found.rows.cpu().numpy()
        voxels = self._voxels(found.voxels)
        surface = build_surface(voxels)
        coarse = self._geometry.submit(_coarse_masks, surface, voxels.colors)  # beside the network
        features = self._look(found.voxels)
        probabilities = features.structure.softmax(dim=1).cpu().numpy()
        structure = agree_on_structure(surface, probabilities)
        is_object = structure.kind == OBJECT
        rest = np.flatnonzero(is_object[rows_of_voxels])
        fine = self._geometry.submit(
            _fine_masks, scene.take(rows[rest]), rows_of_voxels[rest], len(voxels)
        )
        of_queries = self._masks(features)
        patches = plane_patches(voxels.points, voxels.colors, structure, voxels.voxel_size)
        of_shape, of_color = coarse.result()
        colored = of_color.within(is_object)
        # Pictures and rugs: structure would cut more than half of them away.
        on_structure = of_color.select(np.flatnonzero(2 * colored.sizes < of_color.sizes))
        objects = [m.within(is_object) for m in (of_queries, of_shape, fine.result())]
        masks = Masks.concatenate([*objects, colored, on_structure])
        instances = joined(
            self._read(features, masks, patches), self._structure(structure, probabilities)
        )
        return replace(instances, masks=instances.masks.spread(rows_of_voxels))

    def _look(self, voxels: SparseTensor) -> SceneFeatures:
        """Features of one scene, looked at from all sides."""
        (features,) = self._compute.run(
            lambda: self._model.look(voxels, self._views),
            checked=lambda scenes: scenes[0].fine,
            name=self.name,
        )
        return features

    def _voxels(self, voxels: SparseTensor) -> Scene:
        """The scene as the network sees it."""
        points, colors = voxels.features.cpu().numpy().reshape(-1, 2, 3).swapaxes(0, 1)
        return Scene(points, colors, np.arange(len(points)), self._model.voxel_size)

    def _masks(self, features: SceneFeatures) -> Masks:
        """Masks of the best queries over the network's voxels, hardly any of them twice."""
        seeds = seeds_for_all(features, count=SEEDS, least_object=_LEAST_OBJECT)
        queries = self._model.decoder(features, seeds)
        coarse = (queries.coarse > self._mask_logit).cpu().numpy()
        kept = mask_nms(Masks.of(coarse), queries.quality.cpu().numpy(), iou=_SAME)[:_MOST_MASKS]
        queries = queries.take(torch.from_numpy(kept).to(self._device))
        masks = self._model.decoder.masks(features, queries) > self._mask_logit
        return Masks.of(masks.cpu().numpy())

    def _read(self, features: SceneFeatures, masks: Masks, patches: PlanePatches) -> Instances:
        """The masks that seem to be objects, with what the network reads in them."""
        proposed = masks.select(np.flatnonzero(masks.sizes >= _FEWEST))
        masks = Masks.concatenate([proposed, patches.masks])
        readings = self._model.reader(features, self._members(masks))
        quality = readings.quality.sigmoid().cpu().numpy()
        # What was found twice, in two ways, is more likely to be there.
        scores = quality * (1 + best_overlaps(masks)) / 2
        # What is flat has nothing around it in which to be found once more.
        on_plane = slice(len(proposed), None)
        scores[on_plane] = (quality[on_plane] + patches.fills) / 2
        good = np.flatnonzero(scores >= self._settings.min_score)
        embeddings = readings.embeddings.cpu().numpy()
        return Instances(masks, scores, embeddings, self.embedding_space).select(good)

    def _members(self, masks: Masks) -> MaskMembers:
        """The masks as the network takes them."""
        rows, owner, sizes = (
            torch.from_numpy(part).to(self._device)
            for part in (masks.rows.astype(np.int64), masks.mask_of, masks.sizes)
        )
        return MaskMembers(rows, owner, sizes)

    def _structure(self, structure: Structure, probabilities: Float32) -> Instances:
        """Instances of floor, walls and ceiling; masks over the network's voxels."""
        masks, kinds = structure.masks()
        scores = [
            max(probabilities[mask, kind].mean(), _LEAST_STRUCTURE)  # planes know, too
            for mask, kind in zip(masks, kinds, strict=True)
        ]
        meanings = self._model.structure_meanings.cpu().numpy()
        return Instances(
            Masks.of(masks),
            np.array(scores, np.float32),
            meanings[kinds - 1],
            self.embedding_space,
        )

    @property
    def _mask_logit(self) -> float:
        p = self._settings.mask_threshold
        return float(np.log(p / (1 - p)))


def _coarse_masks(surface: Surface, colors: Float32) -> tuple[Masks, Masks]:
    """Masks over the voxels of the network that shape proposes, and those of colour."""
    rows = np.arange(len(colors))
    found = geometric_segments(surface), color_segments(surface, colors)
    of_shape, of_color = (segment_masks(s, rows, len(rows), least=_FEWEST) for s in found)
    return of_shape, of_color


def _fine_masks(scene: Scene, rows_of_voxels: Int64, voxels: int) -> Masks:
    """Masks over the voxels of the network that the shape of the map's voxels proposes."""
    segments = geometric_segments(build_surface(scene), FINE_CONCAVITIES)
    return segment_masks(segments, rows_of_voxels, voxels, least=_FEWEST)


def load_mini_segmenter(settings: MiniSettings) -> MiniSegmenter:
    """The segmenter with the weights of the package, or those that the settings name.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it holds another network, or the device is not there.
    """
    path = Path(settings.checkpoint).expanduser() if settings.checkpoint else MINI
    trained = load_trained(path)
    if not isinstance(trained.network, Mini):
        raise CheckpointError(f"{path} holds a {type(trained.network).__name__}, not a Mini")
    compute = Compute.named(settings.device, settings.precision)
    return MiniSegmenter(trained.network, compute=compute, settings=settings)
