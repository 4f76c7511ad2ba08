"""Superpoints, and LaSSM of the released sizes with random weights on a furnished room."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.bench_geometric import furnished_room
from benchmarks.table import Row, measure, print_table
from seg3d_ros.networks.lassm.inputs import prepare_input
from seg3d_ros.networks.lassm.instances import find_instances
from seg3d_ros.networks.lassm.network import pool_superpoints
from seg3d_ros.networks.lassm.releases import RELEASES
from seg3d_ros.scene import Float32, Int64, Scene
from seg3d_ros.segmenters.superpoints import segment_cloud, segment_mesh
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor

REPEATS = 3
_SIDE_M = 4.4  # 100,000 voxels of the network
_CELL_M = 0.225  # as many superpoints as a real scan of 110,000 voxels has, some 1,290
_EDGE = 548  # vertices of the mesh, which is a square
_VARIANTS = ("scannet", "scannet200")


def run() -> list[Row]:
    """Time superpoints, then each stage of the network."""
    scene = furnished_room(_SIDE_M)
    cloud = measure(lambda: segment_cloud(scene.points), repeats=REPEATS)
    rows = [_mesh_row(), Row(f"superpoints of a cloud of {len(scene)}", cloud)]
    # As many as in a scan of a real room, of which this one is too tidy to have them.
    superpoints = np.unique(scene.points // _CELL_M, axis=0, return_inverse=True)[1].reshape(-1)
    with torch.inference_mode():
        return rows + [
            row for variant in _VARIANTS for row in _stages(variant, scene, superpoints)
        ]


def _stages(variant: str, scene: Scene, superpoints: Int64) -> list[Row]:
    torch.manual_seed(0)
    release = RELEASES[variant]
    network = release.build().eval()
    config = network.input_config
    inputs = prepare_input(scene.points, scene.colors, superpoints, config)
    sizes = torch.bincount(inputs.superpoint_of)

    def backbone() -> torch.Tensor:
        """With its kernel maps, which a grid keeps."""
        grid = VoxelGrid(inputs.voxels.grid.coordinates)
        return network.backbone(SparseTensor(grid, inputs.voxels.features))

    features = backbone()
    pooled = pool_superpoints(inputs, features)
    heads = network.decoder(pooled).stages[-1]
    stages = {
        "voxels": lambda: prepare_input(scene.points, scene.colors, superpoints, config),
        "backbone": backbone,
        "pooling": lambda: pool_superpoints(inputs, features),
        "decoder": lambda: network.decoder(pooled),
        "instances": lambda: find_instances(heads, sizes, top_k=release.top_k, min_points=1),
    }
    note = f"{len(sizes)} superpoints, {len(heads.masks)} queries"
    return [
        Row(f"lassm {variant}: {name}", measure(stage, repeats=REPEATS), note=note)
        for name, stage in stages.items()
    ]


def _mesh_row() -> Row:
    vertices, faces = _wavy_mesh()
    name, yardstick = "", None
    try:
        import open3d
    except ImportError:
        pass
    else:
        cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(vertices))
        name = "Open3D estimate_normals"
        yardstick = measure(cloud.estimate_normals, repeats=REPEATS)
    ours = measure(lambda: segment_mesh(vertices, faces), repeats=REPEATS)
    return Row(f"superpoints of {len(vertices)} vertices", ours, name, yardstick)


def _wavy_mesh() -> tuple[Float32, Int64]:
    """A square with steps and waves, its faces in no order."""
    rng = np.random.default_rng(0)
    rows = np.arange(_EDGE**2).reshape(_EDGE, _EDGE)
    x, y = (0.01 * axis.ravel() for axis in np.mgrid[:_EDGE, :_EDGE])
    height = 0.3 * np.sin(3 * x) * np.cos(2 * y) + 0.2 * (x % 1 > 0.5)
    height += rng.normal(0, 0.001, len(x))
    a, b, c, d = (
        part.ravel() for part in (rows[:-1, :-1], rows[1:, :-1], rows[:-1, 1:], rows[1:, 1:])
    )
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    return np.stack([x, y, height], 1).astype(np.float32), rng.permutation(faces)


if __name__ == "__main__":
    print_table(run())
