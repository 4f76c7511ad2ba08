"""Audit of the demo room: the objects of the default model stay as good as they are."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="mini needs torch")

from seg3d_ros.engine.engine import Engine
from seg3d_ros.evaluation.audit.run import Audit, audit_recording
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.truth import open_truth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def audit(request) -> Audit:
    folder = request.config.rootpath / "data" / "demo_room"
    truth = open_truth(folder)
    assert truth is not None
    engine = Engine()
    engine.set_first_vocabulary(truth.words)
    return audit_recording(open_recording(folder), truth, engine, period=2.0)


def test_objects_of_the_demo_room_are_found_once_and_keep_their_ids(audit):
    scores = audit.scores
    assert scores.objects >= 25
    assert scores.identity.idf1 > 0.85 and scores.hota.hota > 0.7
    assert scores.identity.switches == 0
    assert scores.duplicates < 0.15 and scores.ghosts < 0.1
    assert scores.never_found < 0.2 and scores.ap50 > 0.75


def test_their_names_are_known(audit):
    assert audit.scores.name_top1 > 0.4 and audit.scores.name_top5 > 0.7
