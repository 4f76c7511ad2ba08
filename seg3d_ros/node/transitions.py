"""Answers to requests for transitions that the state does not have.

In Humble and in Jazzy (rclpy 7.1.6) such a request raises and is never answered, so that who asked
waits for ever (ros2/rclpy#1209; mended by #1319, which Kilted has).
"""

from __future__ import annotations

from lifecycle_msgs.srv import ChangeState
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Have `~/change_state` of a node answer "no success" where rclpy would raise."""
    (service,) = (service for service in node.services if service.srv_type is ChangeState)
    change = service.callback

    def answer(
        request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        try:
            return change(request, response)
        except rclpy_implementation.RCLError:
            asked = request.transition.label or f"number {request.transition.id}"
            node.get_logger().error(f"no transition {asked} leads out of the state the node is in")
            response.success = False
            return response

    service.callback = answer
