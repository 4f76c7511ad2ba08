"""One still scene to named objects, without a map, ROS or a camera."""

from __future__ import annotations

from dataclasses import replace

from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.objects.object_map import ObjectMap
from seg3d_ros.packages import require_packages
from seg3d_ros.pictures.export import FinerPoints
from seg3d_ros.pictures.results import Results
from seg3d_ros.recordings.scene_file import PointCloud, voxelize_cloud
from seg3d_ros.segmenters.registry import load_segmenter
from seg3d_ros.segmenters.segmenter import Segmenter
from seg3d_ros.segmenters.weights import SPACEFORMER
from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.vocabulary import Vocabulary
from seg3d_ros.text.vocabulary_files import load_vocabulary_file
from seg3d_ros.timings import StageTimings


class SceneSegmentation:
    """Loads a segmenter and the words once, then segments any number of scenes.

    Attributes:
        segmenter: cuts scenes into instances.
        vocabulary: names them; None where the segmenter gives no embeddings.
        settings: those in force.
    """

    def __init__(self, settings: PerceptionSettings, labels: list[str]) -> None:
        """Load everything, so that what is missing or wrong is said before the work begins.

        Args:
            settings: of everything.
            labels: words that name the objects; empty: the household list.

        Raises:
            ValueError: a setting or a label cannot be one, or weights are those of another model.
            FileNotFoundError: weights of the segmenter or of its text encoder are not here.
            ImportError: packages are missing; the message says what to install.
        """
        self.settings = settings
        self.segmenter: Segmenter = load_segmenter(
            settings.model, network=settings.network, postprocess=settings.postprocess
        )
        space = self.segmenter.embedding_space
        self.vocabulary: Vocabulary | None = None
        if space:
            words = labels or load_vocabulary_file("household")
            network = settings.network
            encoder = load_text_encoder(space, folder=network.text_folder, device=network.device)
            self.vocabulary = Vocabulary(words, encoder=encoder, cache=EmbeddingCache())
        elif labels:
            Vocabulary(labels)  # for its checks

    def run(self, cloud: PointCloud, *, name: str, voxel_size: float | None = None) -> Results:
        """Segment a point cloud.

        Args:
            cloud: at least one point, z up.
            name: of the scene, for the report.
            voxel_size: metres; None: that of the settings.
        """
        timings = StageTimings()
        with timings.measure("voxelize"):
            scene, rows = voxelize_cloud(cloud, voxel_size or self.settings.map.voxel_size)
        with timings.measure("segment"):
            instances = self.segmenter.segment(scene)
        with timings.measure("track"):
            # There is but one view: whatever it shows is an object.
            objects = ObjectMap(replace(self.settings.tracking, confirm_views=1))
            objects.update(scene, instances)
        if self.vocabulary is not None:
            with timings.measure("relabel"):
                objects.relabel(self.vocabulary)
        report = {
            "scene": name,
            "model": self.segmenter.name,
            "device": self.segmenter.device,
            "points": len(cloud),
            "map_voxels": len(scene),
            "voxel_size": scene.voxel_size,
            "stages": timings.as_dict(),
        }
        finer = FinerPoints(cloud.points, rows)
        return Results(scene, objects.confirmed(), self.segmenter.name, report, finer)


def default_model(checkpoint: str = "") -> str:
    """Name of the segmenter of a checkpoint, or of the best one whose weights are here.

    Args:
        checkpoint: weights that the user gives; empty: where downloads go.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it holds the weights of no segmenter.
    """
    if checkpoint:
        require_packages("a learned model", ("torch",))
        from seg3d_ros.segmenters.checkpoint_model import segmenter_of_checkpoint

        return segmenter_of_checkpoint(checkpoint)
    return "spaceformer" if SPACEFORMER.path.is_file() else "mini"
