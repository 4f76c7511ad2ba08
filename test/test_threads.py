"""OpenMP's variables are set once, and a user's choice stays."""

import os
import subprocess
import sys

import pytest

from seg3d_ros.threads import configure_openmp


@pytest.fixture
def variables(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return os.environ


def test_waiting_threads_sleep_and_a_core_is_left(variables, monkeypatch):
    for cores, threads in ((1, "1"), (2, "1"), (8, "7")):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: range(n))
        variables.pop("OMP_NUM_THREADS", None)
        configure_openmp(spare_cores=1)
        assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
        assert variables["OMP_NUM_THREADS"] == threads


def test_without_spare_cores_their_number_is_left_to_openmp(variables):
    configure_openmp()
    assert "OMP_NUM_THREADS" not in variables


def test_what_the_user_has_set_stays(variables):
    variables.update(OMP_WAIT_POLICY="ACTIVE", OMP_NUM_THREADS="5")
    configure_openmp(spare_cores=1)
    assert (variables["OMP_WAIT_POLICY"], variables["OMP_NUM_THREADS"]) == ("ACTIVE", "5")


@pytest.mark.parametrize(
    "module", ["seg3d_ros.cli", pytest.param("seg3d_ros.node.main", marks=pytest.mark.ros)]
)
def test_torch_is_not_loaded_before_they_are_set(module):
    if module.startswith("seg3d_ros.node"):
        pytest.importorskip("rclpy")
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
