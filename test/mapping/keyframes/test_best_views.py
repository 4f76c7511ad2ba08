"""Best views show an object whole, near and from several sides."""

import numpy as np
from support import toy_room
from support.toy_frames import box_surface, toy_keyframe

from seg3d_ros.mapping.keyframes.best_views import MOST_VIEWS, best_views

BOX = toy_room.BOXES[0]
POINTS = box_surface(BOX)


def around(degrees: float, distance: float = 1.2, height: float = 0.8) -> np.ndarray:
    """Pose on a circle around the box, looking at it."""
    angle = np.radians(degrees)
    x, y, _ = BOX.center
    eye = (x + distance * np.cos(angle), y + distance * np.sin(angle), height)
    return toy_room.looking_at(eye, tuple(BOX.center))


def test_the_box_of_a_view_is_that_of_its_color():
    keyframe = toy_keyframe(around(180))
    (view,) = best_views(POINTS, [keyframe])
    _, color = toy_room.cast(around(180))
    rows, columns = np.nonzero((color == BOX.color).all(axis=-1))
    truth = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert np.allclose(view.box, truth, atol=6)
    towards = around(180)[:3, 3] - POINTS.mean(axis=0)
    assert np.allclose(view.direction, towards / np.linalg.norm(towards))


def test_nearer_sharper_and_whole_is_better():
    near, far = toy_keyframe(around(180), 1), toy_keyframe(around(180, 2.4), 2)
    blurred = toy_keyframe(around(180), 3, sharpness=0.5)
    aside = toy_room.looking_at(tuple(around(180)[:3, 3]), (1.0, 0.25, 0.25))
    cut = toy_keyframe(aside, 4)
    for worse in (far, blurred, cut):
        alone = [best_views(POINTS, [keyframe])[0].score for keyframe in (near, worse)]
        assert alone[0] > alone[1] > 0
        assert [view.keyframe.id for view in best_views(POINTS, [worse, near])] == [near.id]


def test_views_come_from_several_sides_and_are_few():
    keyframes = [toy_keyframe(around(angle), n + 1) for n, angle in enumerate(range(90, 280, 5))]
    views = best_views(POINTS, keyframes)
    assert 3 <= len(views) <= MOST_VIEWS
    assert [view.score for view in views] == sorted((v.score for v in views), reverse=True)
    cosines = [a.direction @ b.direction for a in views for b in views if a is not b]
    assert max(cosines) < np.cos(np.radians(20)) + 1e-9


def test_known_views_stay_in_the_contest_and_are_not_made_anew():
    first = best_views(POINTS, [toy_keyframe(around(180), 1)])
    assert best_views(POINTS, [], known=first) == first
    both = best_views(POINTS, [toy_keyframe(around(120), 2)], known=first)
    assert len(both) == 2 and first[0] in both
    worse = best_views(POINTS, [toy_keyframe(around(180, 2.0), 3)], known=first)
    assert worse == first


def test_a_picture_of_something_else_is_no_view():
    assert best_views(POINTS, [toy_keyframe(toy_room.looking_at((0, 0, 1), (-2, 0.1, 0)))]) == ()
