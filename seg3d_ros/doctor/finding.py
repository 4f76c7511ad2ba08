"""Finding of the diagnosis: a trouble, and the line that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        level: "error": nothing of this input reaches the map, or it is wrong there; "warning": a
            part is lost; "note": no trouble.
        subject: topic, frame or setting.
        text: sentence with the measured values.
        remedy: line to type, or setting to change; empty where nothing is to be done.
    """

    level: Level
    subject: str
    text: str
    remedy: str = ""


Findings = Iterator[Finding]
