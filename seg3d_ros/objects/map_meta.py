"""Description of a map file: meta.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import seg3d_ros
from seg3d_ros.errors import InputError

FORMAT_VERSION = 3
READ_VERSIONS = (1, 2, 3)  # 1: origin zero; 2: with an origin; 3: with this description
MAX_META_BYTES = 1 << 20
_PACKAGE = "seg3d_ros"
_IDENTITY = (
    (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0),
)  # fmt: skip


class MapVersionError(InputError):
    """A map was written in a form that this program does not read."""


@dataclass(frozen=True)
class MapMeta:
    """Description of a map.

    Attributes:
        fixed_frame: frame that its positions are in; empty: unknown.
        voxel_size: edge of a voxel, metres; 0: unknown.
        spaces: names of the spaces that its objects' embeddings lie in.
        format_version: of the file.
        package_version: of the program that wrote it; empty: unknown.
    """

    fixed_frame: str = ""
    voxel_size: float = 0.0
    spaces: tuple[str, ...] = ()
    format_version: int = FORMAT_VERSION
    package_version: str = seg3d_ros.__version__

    def to_json(self) -> bytes:
        """Content of meta.json. The map is one submap, whose frame is the fixed frame."""
        submap = {"id": 0, "map_from_submap": _IDENTITY}
        content = {"package": _PACKAGE, **asdict(self), "submaps": [submap]}
        return json.dumps(content, indent=2).encode()


def is_of_package(data: bytes) -> bool:
    """Whether this is the meta.json of a map, in whatever version.

    Raises:
        ValueError: it is no JSON.
    """
    content = json.loads(data)
    return isinstance(content, dict) and content.get("package") == _PACKAGE


def parse_meta(data: bytes) -> MapMeta:
    """Read meta.json.

    Raises:
        InputError: it is damaged.
        MapVersionError: the map has another format, or more than one submap.
    """
    content = json.loads(data)
    if not is_of_package(data):
        raise InputError("its meta.json is not of seg3d_ros")
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise MapVersionError(f"its version is {version}, this program reads {read_versions()}")
    submaps = content.get("submaps")
    if not isinstance(submaps, list) or not submaps:
        raise InputError("meta.json lists no submaps")
    if len(submaps) > 1 or submaps[0] != json.loads(MapMeta().to_json())["submaps"][0]:
        raise MapVersionError(
            f"it has {len(submaps)} submaps or moved ones, this program reads maps of one"
        )
    spaces = content.get("spaces")
    if not isinstance(spaces, list):
        raise InputError("meta.json lists no spaces")
    return MapMeta(
        fixed_frame=_text(content, "fixed_frame"),
        voxel_size=_number(content, "voxel_size"),
        spaces=tuple(map(str, spaces)),
        package_version=_text(content, "package_version"),
    )


def read_versions() -> str:
    """The formats that are read, as words."""
    *others, newest = map(str, READ_VERSIONS)
    return f"{', '.join(others)} and {newest}"


def _text(content: dict[str, object], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value.isprintable():
        raise InputError(f"meta.json has the {name} {value!r}")
    return value


def _number(content: dict[str, object], name: str) -> float:
    value = content.get(name)
    if not isinstance(value, float | int):
        raise InputError(f"meta.json has the {name} {value!r}")
    return float(value)
