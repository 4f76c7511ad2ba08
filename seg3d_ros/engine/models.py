"""Networks of the engine: segmenters and text encoder, each loaded when it is needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.warm_up import warm_up, warm_up_clicks
from seg3d_ros.errors import DeviceLostError
from seg3d_ros.imaging.encoder import ImageEncoder, load_image_encoders
from seg3d_ros.kernel_folder import note_compiled
from seg3d_ros.packages import require_packages
from seg3d_ros.scene import Bool, Float32, Instances, Scene, View
from seg3d_ros.segmenters.registry import load_prompt_segmenter, load_segmenter
from seg3d_ros.segmenters.segmenter import (
    PromptResult,
    PromptSegmenter,
    Segmenter,
    SemanticLabels,
    SemanticSegmenter,
)
from seg3d_ros.segmenters.weights import SPACEFORMER
from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.encoder import TextEncoder
from seg3d_ros.text.known_words import KnownWords
from seg3d_ros.text.student import load_space_encoder
from seg3d_ros.text.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


class Models:
    """Models that the settings name, loaded at first use.

    Attributes:
        device_lost: whether no network can run any more; only a new process can go on.
    """

    def __init__(self, settings: PerceptionSettings) -> None:
        self.device_lost = False
        self._settings = settings

    def load(self) -> None:
        """Load all of them.

        Raises:
            InputError: no model has this name, or weights are those of another one.
            FileNotFoundError: weights are not on this machine.
            ImportError: packages are missing.
        """
        _ = self.segmenter, self.prompt_segmenter, self.encoder, self.image_encoders

    @cached_property
    def segmenter(self) -> Segmenter:
        """Cuts scenes into instances."""
        settings = self._settings
        return load_segmenter(settings.segmentation.model, settings.model, text=settings.text)

    @cached_property
    def prompt_segmenter(self) -> PromptSegmenter:
        """Answers clicks."""
        return load_prompt_segmenter(self._settings.prompt.model, self._settings.model)

    @cached_property
    def encoder(self) -> TextEncoder | None:
        """Text encoder that labels and objects share; None where the segmenter embeds nothing."""
        space, text = self.segmenter.embedding_space, self._settings.text
        if not space:
            return None
        return load_space_encoder(
            space, folder=text.folder, student=text.student, device=text.device
        )

    @cached_property
    def image_encoders(self) -> tuple[ImageEncoder, ...]:
        """Encoders of pictures of objects; none without words to name these."""
        imaging = self._settings.imaging
        if self.encoder is None:
            return ()
        return load_image_encoders(imaging.encoder, folder=imaging.folder, device=imaging.device)

    @cached_property
    def known_words(self) -> KnownWords | None:
        """Words of the witnesses in the space of the text encoder."""
        return KnownWords(self.encoder, EmbeddingCache()) if self.encoder else None

    @property
    def text_model(self) -> str:
        """Name of the text encoder; empty when there is none."""
        return self.segmenter.embedding_space or ""

    @property
    def labels_points(self) -> bool:
        """Whether the segmenter labels every point, as views show them."""
        return isinstance(self.segmenter, SemanticSegmenter)

    def segment(self, scene: Scene) -> Instances:
        """Cut a scene into instances; see `Segmenter`."""
        with self.watched_device():
            return self.segmenter.segment(scene)

    def label(self, scene: Scene) -> SemanticLabels | None:
        """Classes of the points of a scene; None where the segmenter labels objects alone."""
        if not isinstance(self.segmenter, SemanticSegmenter):
            return None
        with self.watched_device():
            return self.segmenter.label(scene)

    def views_waiting(self, views: Sequence[View]) -> int:
        """Number of views that the segmenter has not looked at yet; 0 where it looks at none."""
        segmenter = self.segmenter
        return segmenter.waiting(views) if isinstance(segmenter, SemanticSegmenter) else 0

    def segment_at(self, scene: Scene, points: Float32, foreground: Bool) -> PromptResult:
        """Segment the clicked object; see `PromptSegmenter`."""
        with self.watched_device():
            return self.prompt_segmenter.segment_at(scene, points, foreground)

    @contextmanager
    def watched_device(self) -> Iterator[None]:
        """Context in which the loss of a GPU is noted."""
        try:
            yield
        except DeviceLostError:
            self.device_lost = True
            raise

    def embed_vocabulary(
        self,
        labels: Sequence[str],
        templates: Sequence[str],
        *,
        version: int,
        between: Callable[[], None] = lambda: None,
    ) -> Vocabulary:
        """Vocabulary in the space of the text encoder; see `Vocabulary`."""
        return Vocabulary(
            labels,
            templates=templates,
            encoder=self.encoder,
            cache=EmbeddingCache() if self.encoder else None,
            version=version,
            known_words=self.known_words,
            between=between,
        )

    def warm_up(self) -> None:
        """Compile kernels and run the network once, so that the first frame is not late."""
        warm_up(self.segmenter)
        note_compiled()

    def warm_up_clicks(self) -> None:
        """Compile kernels and run the network once, so that the first click is not late."""
        with self.watched_device():
            warm_up_clicks(self.prompt_segmenter)

    def warm_up_encoder(self) -> None:
        """Load the text encoder, so that the first new word is not late."""
        if self.encoder is not None:
            try:
                self.encoder.encode(["warm-up"])
            except FileNotFoundError as error:  # enough for words that the cache knows
                logger.warning("only words that were used before can be used: %s", error)


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
