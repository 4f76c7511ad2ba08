"""Ids of objects."""

from __future__ import annotations

from collections.abc import Container

MAX_ID = 2**32 - 1  # messages hold ids as uint32


class UnknownObjectError(LookupError):
    """There is no object with the id that was asked for."""

    @classmethod
    def of(cls, object_id: int, known: int) -> UnknownObjectError:
        """Error for an id, where so many objects are known."""
        return cls(f"no object has id {object_id}; {known} objects are known")


class IdCounter:
    """Gives ids from 1 to MAX_ID in turn; when all are given, those that are free again.

    Attributes:
        next_id: the next new id, MAX_ID + 1 when there is none.
    """

    def __init__(self) -> None:
        self.next_id = 1
        self._reused = 0

    def skip_to(self, next_id: int) -> None:
        """Never give a new id below this one."""
        self.next_id = min(max(self.next_id, next_id), MAX_ID + 1)

    def take(self, used: Container[int]) -> int:
        """An id that is not among those in use."""
        if self.next_id <= MAX_ID:
            self.next_id += 1
            return self.next_id - 1
        while True:
            self._reused = self._reused % MAX_ID + 1
            if self._reused not in used:
                return self._reused
