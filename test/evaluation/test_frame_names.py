"""Names with the help of frames: whose names count, and what each witness knows."""

from __future__ import annotations

import numpy as np
import pytest
from support import toy_room
from support.toy_frames import box_surface
from support.word_vectors import WordVectors

from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.evaluation.frame_names import evaluate_names, name_table
from seg3d_ros.evaluation.scenes import Classes
from seg3d_ros.imaging.crops import square_crop
from seg3d_ros.masks import Masks
from seg3d_ros.recordings.recording import RecordedFrame
from seg3d_ros.recordings.tum_writer import write_tum
from seg3d_ros.scene import Instances
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.text.known_words import CLASSIFIERS, IMAGENET_SPACE, KnownWords
from seg3d_ros.text.vocabulary import Vocabulary

NAMES = ("wall", "bag", "plant")
RED, GREEN = toy_room.BOXES[:2]


class ByColor:
    """Image encoder that takes red things for bags and all others for plants."""

    name, space = "by color", IMAGENET_SPACE

    def encode(self, pictures, boxes) -> np.ndarray:
        crops = np.stack([square_crop(*seen, 16) for seen in zip(pictures, boxes, strict=True)])
        red = crops[:, 4:12, 4:12].mean(axis=(1, 2)).argmax(axis=1) == 0
        classes = np.eye(CLASSIFIERS[IMAGENET_SPACE][0], dtype=np.float32)
        return classes[np.where(red, 728, 738)]


class RightHalf:
    """Segmenter that finds the green box alone, and calls it a bag."""

    name, embedding_space = "right half", WordVectors.name

    def segment(self, scene) -> Instances:
        masks = (scene.points[:, 1] > 0)[None]
        return Instances(
            Masks.of(masks),
            np.ones(1, np.float32),
            WordVectors().encode(["bag"]),
            self.embedding_space,
        )


@pytest.fixture
def dataset(tmp_path) -> ScanNetDataset:
    """A red bag and a green plant, seen from two sides."""
    parts = [box_surface(box, step=0.03) for box in (RED, GREEN)]
    scene = tmp_path / "val" / "room"
    scene.mkdir(parents=True)
    instance = np.repeat([0, 1], [len(part) for part in parts])
    np.save(scene / "coord.npy", np.concatenate(parts).astype(np.float32))
    np.save(scene / "color.npy", np.full((len(instance), 3), 128, np.uint8))
    np.save(scene / "segment.npy", instance + 1)
    np.save(scene / "instance.npy", instance)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    frames = []
    for number, y in enumerate((-0.8, 0.6), 1):
        pose = toy_room.looking_at((-0.4, y, 1.0), (1.0, 0.2, 0.2))
        depth, color = toy_room.cast(pose)
        packed = np.nan_to_num(depth * 1000).astype(np.uint16)
        image = DepthImage(color, packed, 0.001, toy_room.CAMERA)
        frames.append(RecordedFrame(number * 10**9, pose, image))
    write_tum(tmp_path / "recordings" / "room", frames)
    return ScanNetDataset(tmp_path, "val")


def evaluate(dataset: ScanNetDataset):
    encoder = WordVectors()
    vocabulary = Vocabulary(NAMES, encoder=encoder, known_words=KnownWords(encoder))
    classes = Classes(NAMES, tuple(range(len(NAMES))), frozenset({"wall"}))
    return evaluate_names(dataset, RightHalf(), [ByColor()], vocabulary, classes, min_points=50)


def test_the_model_is_asked_for_what_it_found_and_pictures_for_all(dataset) -> None:
    scores = evaluate(dataset)
    assert len(scores.true["all"]) == 2 and len(scores.found["all"]) == 1
    assert scores.found["model"][0] > 0  # it calls the plant a bag
    assert scores.found["pictures"] == [0]
    assert scores.true["pictures"] == [0, 0]
    table = name_table([scores])
    assert "name top 1, true masks (2)" in table and "1.000" in table


def test_a_scene_without_frames_is_told(dataset, tmp_path) -> None:
    (tmp_path / "recordings" / "room").rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="no frames of room"):
        evaluate(dataset)
