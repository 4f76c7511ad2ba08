"""One view through XMask3D at its released sizes, with random weights: seconds of each stage.

On a CPU they are those of the process, on one thread, which other programs do not change.

    python -m benchmarks.xmask3d_view            on a GPU if there is one
    python -m benchmarks.xmask3d_view --cpu

Takes 7 GB of memory and, on one core of a CPU, some minutes.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from seg3d_ros.mapping.keyframes.keyframe import view_of
from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.clip_masks import embed_masks
from seg3d_ros.networks.xmask3d.diffusion import DiffusionFeatures
from seg3d_ros.networks.xmask3d.diffusion_weights import diffusion_networks
from seg3d_ros.networks.xmask3d.network import FrozenNetworks, XMask3D, released_network
from seg3d_ros.networks.xmask3d.view_input import ViewInput, prepare_view
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.sensing.frame_filter import FrameFilter

ROOM = Path(__file__).parents[1] / "data/demo_room"
CLASSES = 19
T = TypeVar("T")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", action="store_true")
    use_gpu = torch.cuda.is_available() and not parser.parse_args().cpu
    device = torch.device("cuda" if use_gpu else "cpu")
    torch.set_num_threads(torch.get_num_threads() if use_gpu else 1)
    view = demo_view().to(device)
    network, frozen = released_network().eval().to(device), random_networks().to(device)
    where = torch.cuda.get_device_name() if use_gpu else f"CPU, {torch.get_num_threads()} threads"
    print(f"{where}; {len(view.points)} points, {len(view.voxels.voxels.grid)} voxels")
    with torch.inference_mode():
        for _ in range(2 if use_gpu else 1):
            stages(network, frozen, view)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory of the process {peak:.1f} GB")
    if use_gpu:
        print(f"peak memory on the GPU {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")


def stages(network: XMask3D, frozen: FrozenNetworks, view: ViewInput) -> None:
    """Time each stage of a view."""
    diffusion, image = frozen.diffusion, view.image[None]
    captioner, pyramid = (
        network.backbone[name] for name in ("feature_extractor", "feature_projections")
    )
    pixel_decoder, queries = (
        network.sem_seg_head[name] for name in ("pixel_decoder", "predictor")
    )
    text = torch.randn(CLASSES, 768, device=image.device)
    base = torch.arange(CLASSES, device=image.device) < CLASSES // 2
    classes = OpenClasses(text, network.null, base)
    points = timed("points: MinkUNet34C and 18A", lambda: network.points(view.voxels))
    latent, _ = timed("image: VAE encoder", lambda: diffusion.encode(image))
    caption = captioner(points.condition)
    timed("image: U-Net, stopped early", lambda: diffusion.denoise(latent, caption))
    every = timed("image: all diffusion features", lambda: diffusion(image, caption))
    levels = timed("masks: pyramid", lambda: pyramid(every, (512, 512)))
    pixels = timed("masks: pixel decoder", lambda: pixel_decoder(levels))
    found = timed("masks: query decoder", lambda: queries(pixels)[-1])
    timed("masks: CLIP, 50 of them", lambda: embed_masks(frozen.clip, view.image, found.logits[0]))
    timed("whole view, full form", lambda: network.label_view(view, frozen, classes))


def timed(name: str, run: Callable[[], T]) -> T:
    """Result of a stage, whose seconds are printed."""
    start = _clock()
    result = run()
    print(f"{name:<34} {_clock() - start:8.3f} s", flush=True)
    return result


def _clock() -> float:
    """Seconds of a GPU that has done its work, else of the process."""
    if not torch.cuda.is_initialized():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def demo_view() -> ViewInput:
    """The last frame of the demo room, in the map of all frames."""
    room = VoxelMap(MapSettings(voxel_size=0.02), FrameFilter())
    frames = [to_frame(recorded) for recorded in open_recording(ROOM).frames()]
    for frame in frames:
        room.integrate(frame)
    view = view_of(frames[-1])
    found = None if view is None else prepare_view(room.snapshot(), view)
    assert found is not None
    return found


def random_networks() -> FrozenNetworks:
    """Stable Diffusion 1 and CLIP ViT-L/14 with random weights."""
    unet, vae = diffusion_networks((320, 640, 1280, 1280), (128, 256, 512, 512), context_width=768)
    config = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        projection_dim=768,
        patch_size=14,
        hidden_act="quick_gelu",
    )
    clip = CLIPVisionModelWithProjection(config).eval().requires_grad_(False)
    return FrozenNetworks(DiffusionFeatures(unet, vae, torch.randn(77, 768)), clip)


if __name__ == "__main__":
    main()
