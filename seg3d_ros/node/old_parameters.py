"""Parameters by the names that they had before they were grouped."""

from __future__ import annotations

from collections.abc import Iterable

from seg3d_ros.errors import InputError

_GROUPS = {
    "input": (
        "point_cloud_topics", "cameras", "compressed_color", "compressed_depth", "sync_slop",
        "tf_timeout", "min_range", "max_range", "edge_ratio", "crop_min", "crop_max",
    ),
    "map": ("voxel_size", "max_voxels", "max_weight", "carve_free_space"),
    "tracking": (
        "confirm_views", "merge_views", "forget_after", "max_objects", "min_object_voxels",
        "match_iou",
    ),
    "model.NAME": (
        "checkpoint", "device", "precision", "block_points", "augmented_views", "min_score",
        "mask_threshold", "min_mask_points", "split_gap", "nms_iou", "max_instances",
    ),
    "text": ("vocabulary",),
    "node": ("fixed_frame", "map_file", "clear_on_time_jump", "autostart"),
}  # fmt: skip
NEW_NAMES = {name: f"{group}.{name}" for group, names in _GROUPS.items() for name in names} | {
    "model": "segmentation.model",
    "segment_radius": "segmentation.radius",
    "segment_period": "segmentation.period",
    "prompt_model": "prompt.model",
    "prompt_checkpoint": "model.point_sam.checkpoint",
    "text_weights": "text.weights",
    "text_student": "text.student",
    "engine": "model.spaceformer.engine",
    "lassm_variant": "model.lassm.variant",
}


def refuse_old_names(given: Iterable[str]) -> None:
    """Check names of parameters that a user gives.

    Raises:
        InputError: some are old ones, whose values would be lost; says the new names.
    """
    if old := sorted(NEW_NAMES.keys() & set(given)):
        renamed = ", ".join(f"{name} is now {NEW_NAMES[name]}" for name in old)
        raise InputError(f"parameters have new names: {renamed}")
