"""Settings of the viewer."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.settings import SettingError, check_settings, setting

_MIN_TOKEN = 12  # characters; those that are made have 22


@dataclass(frozen=True)
class ViewerSettings:
    """Settings of the browser viewer."""

    enabled: bool = setting(False, "Serve a page that shows map and objects in a browser.")
    host: str = setting(
        "127.0.0.1",
        "Interface that the page is served on; on any but the loopback the page's address holds a "
        "secret token.",
    )
    port: int = setting(8080, "Port of the page; 0: any free one.", low=0, high=65535)
    token: str = setting("", "Secret in the page's address; empty: a new one at each start.")
    read_only: bool = setting(False, "The page shows, but changes nothing.")
    max_points: int = setting(
        1_500_000,
        "Points that a page draws at most; of larger maps it shows distant parts coarser.",
        low=10_000,
        high=20_000_000,
    )
    max_rate: float = setting(2.0, "Map data sent to a page at most, MB/s.", low=0.1, high=1000.0)

    def __post_init__(self) -> None:
        check_settings(self)
        if not self.host:
            raise SettingError("host", "is empty; use 127.0.0.1, or 0.0.0.0 for all")
        if self.token and (len(self.token) < _MIN_TOKEN or not _is_plain(self.token)):
            raise SettingError(
                "token",
                f"has {len(self.token)} characters; give at least {_MIN_TOKEN} letters, digits, "
                "- or _, or none for a new one at each start",
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the page."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class ViewedSettings(PerceptionSettings):
    """Settings of an engine and of the page that shows it."""

    viewer: ViewerSettings = field(default_factory=ViewerSettings)


def _is_plain(token: str) -> bool:
    return token.isascii() and token.replace("-", "").replace("_", "").isalnum()
