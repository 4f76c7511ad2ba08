"""SpaCeFormer on a room: this package's engine beside NVIDIA's, with the same random weights.

    python -m benchmarks.gpu_spaceformer                      a room of 100,000 voxels on the GPU
    python -m benchmarks.gpu_spaceformer --checkpoint FILE    with the released weights
    python -m benchmarks.gpu_spaceformer --device cpu --voxels 3000 --repeats 1    does it run?

NVIDIA's engine joins where `warpconvnet` is installed; in its first calls it tunes its kernels.
Random weights are seeded; what they find means nothing. Their masks cover most of the room, where
those of a trained network are small, so the way from the network to instances is timed only with
`--checkpoint`. A variant ends after `--seconds` at the latest, with the runs that it has made by
then; one that fails is told, and the next one goes on.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from seg3d_ros.compute import pick_device
from seg3d_ros.networks.spaceformer.network import CHECKPOINT_PREFIX, Spaceformer
from seg3d_ros.recordings.scene_file import PointCloud, voxelize_cloud
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.masks.postprocess import Queries
from seg3d_ros.segmenters.settings import SpaceformerSettings
from seg3d_ros.segmenters.spaceformer import VOXEL_SIZE_M, SpaceformerSegmenter
from seg3d_ros.segmenters.spaceformer_engine import Engine, load_engine

SEED = 0
POINTS_PER_VOXEL = 12
BOX_AREA_M2 = 1.5  # sides and top of a piece of furniture


@dataclass(frozen=True)
class Measured:
    """An engine at work; milliseconds and megabytes."""

    engine: str
    runs: int
    network_ms: float
    segment_ms: float | None
    peak_mb: float
    queries: Queries


def main() -> int:
    """Measure what the command line asks for and print it."""
    options = parse()
    device = pick_device(options.device)
    scene = make_room(options.voxels)
    print(f"{describe(device)}, torch {torch.__version__}")
    print(f"room of {len(scene):,} voxels; median of up to {options.repeats} warm runs\n")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = options.checkpoint or random_checkpoint(Path(folder) / "random.ckpt")
        runs = []
        for engine, precision in variants(device, options.precision):
            settings = SpaceformerSettings(device=str(device), engine=engine, precision=precision)
            try:
                runs.append(run(checkpoint, scene, settings, options))
            except (ImportError, RuntimeError, MemoryError) as error:
                print(f"{engine} {precision} failed: {' '.join(str(error).split())[:200]}")
    print(
        f"{'engine':<18}{'runs':>6}{'network ms':>12}{'cloud to instances ms':>24}{'peak MB':>10}"
    )
    for item in runs:
        whole = "-" if item.segment_ms is None else f"{item.segment_ms:.1f}"
        print(
            f"{item.engine:<18}{item.runs:>6}{item.network_ms:>12.1f}{whole:>24}"
            f"{item.peak_mb:>10.0f}"
        )
    for item in runs[1:]:
        print(
            f"\n{item.engine} beside {runs[0].engine}: {agreement(runs[0].queries, item.queries)}"
        )
    return 0


def parse() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description="Measure SpaCeFormer's engines.")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--voxels", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0, help="of a measurement at most")
    parser.add_argument("--precision", nargs="+", choices=("fp32", "fp16", "bf16"))
    parser.add_argument("--checkpoint", type=Path, help="released weights; else random ones")
    return parser.parse_args()


def variants(device: torch.device, precisions: list[str] | None) -> list[tuple[str, str]]:
    """(engine, precision) to measure, the yardstick for parity first."""
    on_gpu = device.type == "cuda"
    chosen = precisions or (["fp32", "fp16", "bf16"] if on_gpu else ["fp32"])
    engines = ["torch"]
    if on_gpu and importlib.util.find_spec("warpconvnet"):
        engines.append("warpconvnet")
    return [(engine, precision) for engine in engines for precision in chosen]


def run(
    checkpoint: Path, scene: Scene, settings: SpaceformerSettings, options: argparse.Namespace
) -> Measured:
    """Time one engine on one scene."""
    gc.collect()  # the engine before
    engine = load_engine(checkpoint, settings)
    points = torch.from_numpy(scene.points).to(engine.compute.device)
    colors = torch.from_numpy(scene.colors).to(engine.compute.device) * 2 - 1
    segmenter = SpaceformerSegmenter(engine, settings)
    if engine.compute.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with torch.no_grad():
        times = warm_times_s(lambda: engine(points, colors), engine, options)
        queries = engine(points, colors)
    segment_ms = None
    if options.checkpoint:
        whole = warm_times_s(lambda: segmenter.segment(scene), engine, options)
        segment_ms = statistics.median(whole) * 1e3
    on_cpu = Queries(*(tensor.float().cpu() for tensor in vars(queries).values()))
    name = f"{engine.name} {settings.precision}"
    network_ms = statistics.median(times) * 1e3
    return Measured(name, len(times), network_ms, segment_ms, peak_mb(engine), on_cpu)


def warm_times_s(
    function: Callable[[], object], engine: Engine, options: argparse.Namespace
) -> list[float]:
    """Times of calls, the GPU's queue emptied around each; the first three warm up.

    After `--seconds` no further call is begun; the last one counts even if none was warm.
    """
    times: list[float] = []
    end = time.perf_counter() + options.seconds
    for _ in range(min(3, options.repeats) + options.repeats):
        synchronize(engine)
        start = time.perf_counter()
        function()
        synchronize(engine)
        times.append(time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    return times[min(3, options.repeats, len(times) - 1) :]


def synchronize(engine: Engine) -> None:
    """Wait for the GPU, if there is one."""
    if engine.compute.device.type == "cuda":
        torch.cuda.synchronize(engine.compute.device)


def peak_mb(engine: Engine) -> float:
    """Most memory that was in use: PyTorch's on a GPU, the whole process's on a CPU."""
    if engine.compute.device.type == "cuda":
        return torch.cuda.max_memory_allocated(engine.compute.device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def agreement(one: Queries, other: Queries) -> str:
    """Differences of two engines' answers, in deviations of the first one's."""

    def apart(a: torch.Tensor, b: torch.Tensor) -> str:
        difference = (a - b).abs() / a.std()
        return f"{difference.mean():.2g} (worst {difference.max():.2g})"

    flipped = ((one.masks > 0) != (other.masks > 0)).float().mean()
    cosine = torch.nn.functional.cosine_similarity(one.embeddings, other.embeddings).min()
    return (
        f"logits {apart(one.logits, other.logits)} and masks {apart(one.masks, other.masks)} "
        f"deviations apart, {float(flipped):.3%} of mask bits differ, "
        f"smallest cosine of embeddings {float(cosine):.4f}"
    )


def random_checkpoint(path: Path) -> Path:
    """A file as released, with seeded weights."""
    torch.manual_seed(SEED)
    state = Spaceformer().state_dict()
    torch.save({"state_dict": {CHECKPOINT_PREFIX + n: t for n, t in state.items()}}, path)
    return path


def make_room(voxels: int) -> Scene:
    """Floor, walls and furniture with about this many voxels."""
    rng = np.random.default_rng(SEED)
    area = voxels * VOXEL_SIZE_M**2
    side = np.sqrt(area / 4)  # floor, walls 2.5 m high or as high as it is wide, furniture
    height = min(2.5, side / 2)
    surfaces = [
        ((0, 0, 0), (side, 0, 0), (0, side, 0)),
        ((0, 0, 0), (side, 0, 0), (0, 0, height)),
        ((0, 0, 0), (0, side, 0), (0, 0, height)),
        ((0, side, 0), (side, 0, 0), (0, 0, height)),
    ]
    missing = area - side**2 - 3 * side * height
    for _ in range(max(1, round(missing / BOX_AREA_M2))):
        size = rng.uniform(0.3, 0.7, 3) * min(1, side / 2)
        corner = np.append(rng.uniform(0, side - size[:2]), 0)
        x, y, z = np.diag(size)
        surfaces += [(corner + z, x, y), (corner, x, z), (corner, y, z)]
        surfaces += [(corner + y, x, z), (corner + x, y, z)]
    parts = [spread(np.array(surface, float), rng) for surface in surfaces]
    # The middle of voxels: noise on their faces would spread each surface over two layers.
    points = np.concatenate(parts) + VOXEL_SIZE_M / 2
    shades = rng.integers(30, 225, (len(parts), 3))
    colors = np.repeat(shades, [len(part) for part in parts], axis=0)
    colors = colors + rng.integers(-30, 30, colors.shape)
    cloud = PointCloud(points.astype(np.float32), np.clip(colors, 0, 255).astype(np.uint8))
    return voxelize_cloud(cloud, VOXEL_SIZE_M)[0]


def spread(surface: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(P, 3) random points on a parallelogram: corner and two sides."""
    corner, a, b = surface
    area = float(np.linalg.norm(np.cross(a, b)))
    count = int(POINTS_PER_VOXEL * area / VOXEL_SIZE_M**2)
    u, v = rng.random((2, count, 1))
    return corner + u * a + v * b + rng.normal(0, 0.002, (count, 3))


def describe(device: torch.device) -> str:
    """The machine, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU with {torch.get_num_threads()} threads"


if __name__ == "__main__":
    raise SystemExit(main())
