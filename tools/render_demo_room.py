"""Render the bundled recording data/demo_room: a furnished room seen by a hand-held RGB-D camera.

The furniture is the CC0 library of Debian's sweethome3d-furniture:

    apt-get download sweethome3d-furniture && dpkg -x sweethome3d-furniture_*.deb furniture
    python tools/render_demo_room.py \
        furniture/usr/share/sweethome3d/furniture/BlendSwap-CC-0.sh3f data/demo_room

Needs numpy, scipy, pillow, open3d and trimesh. The result is the same on every run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from demo_room.camera import CAMERA, DEPTH_UNIT, measure_depth, photograph, walk
from demo_room.light import EXPOSURE, BakedLight
from demo_room.models import Library
from demo_room.room import Room, build_room
from numpy.typing import NDArray

from seg3d_ros.objects.box import upright_box
from seg3d_ros.recordings.recording import RecordedFrame
from seg3d_ros.recordings.tum_writer import write_tum
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.synthesis.ray_scene import Hits, RayScene
from seg3d_ros.synthesis.rig import pixel_rays

SEED = 7
RATE_HZ = 5.0
FIRST_STAMP_NS = 1_700_000_000_000_000_000
SMOOTHING = 2  # colour is rendered this much larger, then reduced


def main() -> None:
    """Render every frame and write the lists that make it a TUM-style recording."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("library", type=Path, help="BlendSwap-CC-0.sh3f")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--every", type=int, default=1, help="render every n-th frame only")
    arguments = parser.parse_args()
    rng = np.random.default_rng(SEED)
    library = Library(arguments.library)
    room = build_room(library, rng)
    scene = RayScene(room.meshes)
    poses = walk(arguments.frames, rng)
    light = BakedLight(scene, _survey(scene, poses), rng)
    numbers = range(0, len(poses), arguments.every)
    write_tum(
        arguments.output,
        (_record(number, scene, light, poses[number], room.sky, rng) for number in numbers),
    )
    _write_objects(arguments.output, room, library)
    library.close()


def _survey(scene: RayScene, poses: list[NDArray[np.float64]]) -> Hits:
    """The surfaces that the camera will see, from its own places."""
    hits = [scene.cast(*pixel_rays(CAMERA, pose)) for pose in poses[::2]]
    columns = [vars(hit).values() for hit in hits]
    return Hits(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _record(
    number: int,
    scene: RayScene,
    light: BakedLight,
    pose: NDArray[np.float64],
    sky: int,
    rng: np.random.Generator,
) -> RecordedFrame:
    """Colour and depth image of one pose."""
    print(f"frame {number}", flush=True)
    hits = scene.cast(*pixel_rays(CAMERA, pose, split=SMOOTHING))
    radiance = hits.colors * light.at(hits.points, hits.normals) * EXPOSURE
    radiance[hits.mesh == sky] = hits.colors[hits.mesh == sky] * 2.5
    color = photograph(radiance, SMOOTHING, rng)

    origins, directions = pixel_rays(CAMERA, pose)
    hits = scene.cast(origins, directions)
    distance = np.where(hits.mesh == sky, np.inf, hits.distance)
    facing = -(hits.normals * directions).sum(axis=1) / np.linalg.norm(directions, axis=1)
    size = (CAMERA.height, CAMERA.width)
    depth = measure_depth(distance.reshape(size), facing.reshape(size), rng)
    stamp_ns = FIRST_STAMP_NS + round(number * 1e9 / RATE_HZ)
    return RecordedFrame(stamp_ns, pose, DepthImage(color, depth, DEPTH_UNIT, CAMERA))


def _write_objects(folder: Path, room: Room, library: Library) -> None:
    """Write the furniture as a list to compare results with, and the authors to thank."""
    objects, authors = [], {}
    for number, (item, mesh) in enumerate(zip(room.placed, room.objects(), strict=True), start=1):
        box = upright_box(mesh.vertices[np.unique(mesh.faces)])
        model = library.models[item.model]
        authors[model.key] = model
        objects.append(
            {
                "id": number,
                "name": item.name,
                "model": model.key,
                "center": np.round(box.center, 4).tolist(),
                "size": np.round(box.size, 4).tolist(),
                "yaw": round(box.yaw, 4),
            }
        )
    document = {"units": "metres, radians; the room's frame, z up", "objects": objects}
    (folder / "objects.json").write_text(json.dumps(document, indent=2) + "\n")
    rows = [f"| {m.title} | {m.creator} | `{m.key}` |\n" for m in authors.values()]
    (folder / "ATTRIBUTION.md").write_text(ATTRIBUTION + "".join(rows))


ATTRIBUTION = """# The demo room: origin and licence

A furnished room seen by a hand-held RGB-D camera. It is a rendering: no real place, no person.
`tools/render_demo_room.py` of this project makes it; colour is lit by a window and a lamp, depth
has the steps, noise and drop-outs of a structured-light camera.

The furniture comes from the library BlendSwap-CC-0 1.8 of Sweet Home 3D (Debian package
`sweethome3d-furniture`), whose models their authors dedicated to the public domain (CC0 1.0,
<https://creativecommons.org/publicdomain/zero/1.0/>). The images, depth maps, poses and
`objects.json` of this folder are dedicated to the public domain under CC0 1.0 as well.

The licence asks for no credit; these authors deserve it:

| model | author | folder in the library |
|---|---|---|
"""


if __name__ == "__main__":
    main()
