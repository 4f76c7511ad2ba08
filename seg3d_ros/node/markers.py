"""RViz markers: a box and a caption for each object."""

from __future__ import annotations

from geometry_msgs.msg import Point, Pose
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from seg3d_ros.node.conversions import upright_pose_msg, vector_msg
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.captions import BOX_EDGES, UNIT_CORNERS
from seg3d_ros.pictures.palette import color_of

LINE_WIDTH_M = 0.01
TEXT_HEIGHT_M = 0.10
BOXES, CAPTIONS = "boxes", "captions"

_ENDS = [corner for edge in BOX_EDGES for corner in UNIT_CORNERS[list(edge)].tolist()]


class MarkerBook:
    """Remembers which objects have markers, so that lost ones are deleted one by one."""

    def __init__(self) -> None:
        self._shown: set[int] = set()

    def update(self, header: Header, objects: tuple[MapObject, ...]) -> MarkerArray:
        """Markers that bring a viewer up to date.

        The topic is latched with depth one, so a late viewer sees only the newest message: it
        holds all objects. A viewer that was there gets explicit deletions of the lost ones.
        """
        current = {item.id for item in objects}
        markers = [_deletion(header, lost) for lost in sorted(self._shown - current)]
        flat = [marker for pair in markers for marker in pair]
        for item in objects:
            flat += [_box(header, item), _caption(header, item)]
        self._shown = current
        return MarkerArray(markers=flat)


def _deletion(header: Header, object_id: int) -> list[Marker]:
    return [
        Marker(header=header, ns=ns, id=_marker_id(object_id), action=Marker.DELETE)
        for ns in (BOXES, CAPTIONS)
    ]


def _box(header: Header, item: MapObject) -> Marker:
    sx, sy, sz = (float(v) for v in item.box.size)
    corners = [Point(x=x * sx, y=y * sy, z=z * sz) for x, y, z in _ENDS]
    marker = _marker(header, item, BOXES, Marker.LINE_LIST)
    marker.pose = upright_pose_msg(item.box.center, item.box.yaw)
    marker.scale.x = LINE_WIDTH_M
    marker.points = corners
    return marker


def _caption(header: Header, item: MapObject) -> Marker:
    marker = _marker(header, item, CAPTIONS, Marker.TEXT_VIEW_FACING)
    marker.pose = Pose()
    x, y, z = (float(v) for v in item.box.center)
    marker.pose.position = Point(x=x, y=y, z=z + 0.5 * float(item.box.size[2]) + TEXT_HEIGHT_M)
    marker.scale = vector_msg((0.0, 0.0, TEXT_HEIGHT_M))
    marker.text = f"{item.label} {item.id}"
    return marker


def _marker(header: Header, item: MapObject, ns: str, kind: int) -> Marker:
    r, g, b = (float(v) / 255.0 for v in color_of(item.id))
    return Marker(
        header=header,
        ns=ns,
        id=_marker_id(item.id),
        type=kind,
        action=Marker.ADD,
        color=ColorRGBA(r=r, g=g, b=b, a=1.0),
    )


def _marker_id(object_id: int) -> int:
    """Marker ids are int32, object ids uint32."""
    return object_id & 0x7FFFFFFF
