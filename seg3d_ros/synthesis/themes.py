"""Themes of rooms, and the furniture that goes with each."""

from __future__ import annotations

from seg3d_ros.synthesis.companions import Company

# What makes a room of each theme; a name may come twice, each comes with some probability.
ANCHORS: dict[str, tuple[str, ...]] = {
    "living": ("sofa", "corner sofa", "tv stand", "bookcase", "rug", "armchair"),
    "bedroom": ("bed", "wardrobe", "dresser", "nightstand", "rug"),
    "kitchen": ("kitchen cabinet", "kitchen cabinet", "sink", "oven", "refrigerator",
                "wall cabinet", "kitchen cabinet", "table"),
    "dining": ("table", "table", "table", "sideboard", "glass cabinet"),
    "bathroom": ("bathtub", "shower", "toilet", "sink", "bathroom vanity", "towel"),
    "office": ("desk", "desk", "bookcase", "filing cabinet", "shelf", "computer"),
    "workshop": ("workbench", "shelf", "table", "ladder", "box"),
    "hall": ("bench", "clothes rack", "wardrobe", "shoes", "rug"),
    "kids": ("bed", "bunk bed", "desk", "table", "shelf", "rug"),
}  # fmt: skip

COMPANY: dict[str, Company] = {
    "table": Company(("chair", "chair", "folding chair"), "around", 6, (0.01, 0.15)),
    "kitchen island": Company(("bar stool", "stool"), "front", 2, (0.01, 0.2)),
    "desk": Company(("office chair", "office chair", "chair"), "front", 1, (0.01, 0.3)),
    "dressing table": Company(("stool", "chair"), "front", 1, (0.01, 0.2)),
    "piano": Company(("stool",), "front", 1, (0.02, 0.2)),
    "sofa": Company(("coffee table", "coffee table", "table"), "front", 1, (0.25, 0.5)),
    "bed": Company(("nightstand", "dresser"), "beside", 2, (0.01, 0.1)),
}
# Things whose front matters face the same way as what carries them.
FACING = frozenset(
    {"tv", "computer", "laptop", "printer", "stereo", "speaker", "radio", "microwave",
     "toaster oven", "coffee maker", "aquarium", "fan", "calendar", "picture frame", "projector",
     "game console", "teddy bear", "doll"}
)  # fmt: skip
