"""MaskFormer as the recordings describe it, and the batch they were made with."""

from __future__ import annotations

import torch

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.maskformer.network import MaskFormer
from seg3d_ros.networks.minkunet import MinkUNet


def network_of(recording):
    """The network with the recorded weights; all of them have their place."""
    config = recording.description["config"]
    network = MaskFormer(
        MinkUNet(**config["backbone"]), backbone_voxel_size=config["voxel_size"], **config["head"]
    )
    network.load_state_dict(recording.below("param/"))
    return network


def batch_of(recording):
    """The recorded scenes, colours as the network wants them."""
    count = len(recording.description["scenes"])
    scenes = [recording.below(f"in/{scene}/") for scene in range(count)]

    def joined(name):
        return torch.cat([scene[name] for scene in scenes])

    points = joined("coords")
    return SceneBatch(
        points=points,
        colors=joined("colors") / 255,
        normals=torch.zeros_like(points),
        segment=joined("segment").long(),
        instance=joined("instance").long(),
        sizes=tuple(len(scene["coords"]) for scene in scenes),
        names=tuple(str(scene) for scene in range(count)),
    )


def scene_outputs(recording, mode):
    """Recorded (logits, masks) of each scene, in "eval" or "train" mode."""
    logits = recording.arrays[f"{mode}/logits"]
    return [(own, recording.arrays[f"{mode}/mask/{scene}"]) for scene, own in enumerate(logits)]
