"""Quality of service of publishers and subscriptions, and whether two of them go together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """The policies that can keep a publisher and a subscription apart.

    Attributes:
        reliable: lost messages are sent again.
        latched: late subscribers get the last messages (transient local).
        deadline_ns: longest time between two messages, None for none.
    """

    reliable: bool
    latched: bool = False
    deadline_ns: int | None = None

    def __str__(self) -> str:
        words = ["reliable" if self.reliable else "best effort"]
        return ", ".join(words + ["latched"] * self.latched)


@dataclass(frozen=True)
class Endpoint:
    """A publisher or a subscription.

    Attributes:
        node: fully qualified name of its node.
        kind: type of its messages.
        quality: what it offers, or asks for.
    """

    node: str
    kind: str
    quality: Quality


def mismatch(offered: Quality, asked: Quality) -> str:
    """Name of the first policy that a publisher does not fulfil for a subscription, or ""."""
    if asked.reliable and not offered.reliable:
        return "reliability"
    if asked.latched and not offered.latched:
        return "durability"
    if asked.deadline_ns is not None and (
        offered.deadline_ns is None or offered.deadline_ns > asked.deadline_ns
    ):
        return "deadline"
    return ""


def overriding_value(policy: str) -> str:
    """Value of a policy of a subscription that goes with every publisher."""
    return {"reliability": "best_effort", "durability": "volatile"}.get(policy, "0")
