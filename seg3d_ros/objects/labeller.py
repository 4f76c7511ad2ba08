"""Labels of objects: the words in force, and the names that a person has taught."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seg3d_ros.objects.map_object import with_candidates
from seg3d_ros.objects.naming import rank_labels
from seg3d_ros.objects.prototypes import with_prototypes
from seg3d_ros.objects.sizes import floor_of
from seg3d_ros.objects.taught_names import TaughtNames
from seg3d_ros.objects.tracking import Track
from seg3d_ros.scene import Scene
from seg3d_ros.text.vocabulary import Vocabulary


class Labeller:
    """Names the objects of tracks. Its owner holds a lock.

    Attributes:
        vocabulary: words in force; None: none.
        taught: names by hand, and what they look like.
    """

    def __init__(self) -> None:
        self.vocabulary: Vocabulary | None = None
        self.taught = TaughtNames()
        self._floor: float | None = None  # height in the map frame, metres

    def forget_floor(self) -> None:
        """Drop the floor: the map is another one."""
        self._floor = None

    def see_floor(self, scene: Scene) -> None:
        """Take the height of the floor from a scene, if it shows one."""
        height = floor_of(scene)
        self._floor = self._floor if height is None else height

    def label(
        self, tracks: Sequence[Track], among: Sequence[Track], *, steady: bool = True
    ) -> None:
        """Give tracks the candidates that the witnesses find among the words in force.

        Args:
            tracks: changed in place.
            among: all tracks; what is taught is told from what they look like.
            steady: see `naming.rank_labels`.
        """
        known = [track.known for track in tracks]
        ranked = rank_labels(known, self.vocabulary, floor=self._floor, steady=steady)
        if self.taught.prototypes:
            population = [track.known for track in among if track.shown]
            ranked = with_prototypes(ranked, known, self.taught.prototypes, population)
        for track, candidates in zip(tracks, ranked, strict=True):
            if candidates or track.known.candidates:
                track.known = with_candidates(track.known, candidates)

    def label_known(self, among: Sequence[Track], *, steady: bool = True) -> None:
        """Label all known objects."""
        self.label([track for track in among if track.confirmed], among, steady=steady)

    def learn(
        self, tracks: Sequence[Track], among: Sequence[Track], renamed: Iterable[str] = ()
    ) -> None:
        """Learn the names that a person gave and label tracks; all, where that may rename them.

        Args:
            tracks: of the objects that were named; changed in place, like those below.
            among: all tracks.
            renamed: names that a person just gave or took.
        """
        before = self.taught.prototypes
        self.taught.relearn((t.known for t in among if t.shown), renamed=renamed)
        if before or self.taught.prototypes:
            self.label_known(among)
        else:
            self.label(tracks, among)
