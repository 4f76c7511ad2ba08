"""Click once on each of ten objects of the bundled recording, and draw what that gives.

    python tools/draw_clicks.py docs/clicks.png
    python tools/draw_clicks.py docs/click_failures.png desk radiator

Each click is on the surface nearest to the middle of what is seen of the object.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from seg3d_ros.engine.clicks import Prompted
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.pictures.captions import draw_boxes, draw_captions
from seg3d_ros.pictures.id_colors import NO_OBJECT, object_ids
from seg3d_ros.pictures.room_render import painted, shoot
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.scene import Float32, Scene

DEMO_ROOM = Path(__file__).parents[1] / "data" / "demo_room"
CLICKED = (
    "sofa", "armchair", "table", "chair", "nightstand", "bookcase", "plant", "ball", "milk",
    "trash can",
)  # fmt: skip
SIZE = (1200, 900)
CLICK_PX = 9


def main() -> None:
    """Fuse the recording, click, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("objects", nargs="*", default=CLICKED, help="names in objects.json")
    arguments = parser.parse_args()
    engine = Engine(PerceptionSettings.of({"segmentation.model": "geometric"}))
    for recorded in open_recording(DEMO_ROOM).frames():
        engine.integrate(to_frame(recorded))
    scene = engine.map.snapshot()
    truth = {
        item["name"]: item
        for item in reversed(json.loads((DEMO_ROOM / "objects.json").read_text())["objects"])
    }
    clicks = np.array([click_on(scene, truth[name]) for name in arguments.objects])
    found = [click(engine, at, name) for at, name in zip(clicks, arguments.objects, strict=True)]
    draw(scene, found, clicks).save(arguments.picture)


def click_on(scene: Scene, item: dict[str, list[float]]) -> Float32:
    """(3,) the voxel in an object's box that is nearest to the middle of all of them."""
    inside = np.abs(scene.points - item["center"]) < np.array(item["size"]) / 2
    own = scene.points[inside.all(axis=1)]
    nearest: Float32 = own[np.linalg.norm(own - own.mean(axis=0), axis=1).argmin()]
    return nearest


def click(engine: Engine, at: Float32, name: str) -> Prompted:
    """Object at a click; prints its estimated IoU."""
    made = engine.segment_at(at[None], np.ones(1, bool), name=name)
    print(f"{name}: {len(made.object)} voxels, predicted IoU {made.predicted_iou:.2f}")
    return made


def draw(scene: Scene, found: list[Prompted], clicks: Float32) -> Image.Image:
    """The objects in colour in a grey room, with their names and the clicks."""
    objects = [made.object for made in found]
    ids = object_ids(scene, objects)
    shot = shoot(scene.points, ids != NO_OBJECT, voxel_size=scene.voxel_size, size=SIZE)
    image = shot.paint(painted(scene.colors, ids))
    draw_boxes(image, objects, shot.view, shot.depth)
    pen = ImageDraw.Draw(image)
    for u, v, _ in shot.view.project(clicks):
        pen.circle((u, v), CLICK_PX, fill="white", outline="black", width=3)
    image = shot.reduced(image)
    draw_captions(image, objects, shot.picture_view)
    return image


if __name__ == "__main__":
    main()
