#!/usr/bin/env bash
# Prepare the checkout for `make`. Each part is made again only when what it is made from changed:
#   system packages (apt)  ->  .venv (Python packages)  ->  .ws (colcon: messages and package)
# A ROS 2 that is sourced is used; without one, Kilted's runtime comes as Python packages.
# SEG3D_ROS=jazzy: Jazzy's instead, in folders of its own (.venv-jazzy, .ws-jazzy), with the libraries
# of Ubuntu 24.04 and without PyTorch, as rosdep installs them.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${SEG3D_ROS:-}
venv=.venv${wanted:+-$wanted}
ws=.ws${wanted:+-$wanted}

unset VIRTUAL_ENV PYTHONHOME
PATH=${PATH//"$PWD/$venv/bin:"/} # or a new .venv would be made by the old one's Python

say() { echo "[setup] $*" >&2; }

fail() {
  say "$*"
  exit 1
}

hash_files() { cat "$@" | sha256sum; }

is_fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; } # is_fresh STAMP HASH

find_ros() { # the sourced distribution's name, or "wheels"
  local where
  [ -z "$wanted" ] || { echo wheels; return; }
  where=$([ -n "${ROS_DISTRO:-}" ] && python3 -c "import rclpy; print(rclpy.__file__)" 2>/dev/null) || true
  case "$where" in
    "" | "$PWD"/.venv*/*) echo wheels ;;
    *) echo "$ROS_DISTRO" ;;
  esac
}

find_python() {
  local name
  if [ "$wanted" = jazzy ]; then
    for name in python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python3.12 \
      "$(uv python find 3.12 2>/dev/null)"; do
      "$name" -c "" 2>/dev/null && { echo "$name"; return; }
    done
    fail "ROS=jazzy needs Python 3.12, which its packages are built for: no python3.12 is on the PATH,
    in pyenv or in uv. Ubuntu 24.04 has it as python3.12; else: pyenv install 3.12, or uv python install 3.12"
  fi
  for name in python3 python3.12 python3.13 python3.11 python3.10; do
    if "$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo python3
}

missing_system_packages() { # by their names in Debian and Ubuntu
  local python=$1 libraries
  "$python" -c "import ensurepip" 2>/dev/null || printf '%s\n' "$python" "$python-venv"
  "$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null \
    || echo "$python-dev"
  command -v c++ >/dev/null || echo build-essential
  command -v cmake >/dev/null || echo cmake
  libraries=$(/sbin/ldconfig -p)
  # Open3D loads these.
  [[ $libraries == *libusb-1.0.so.0* ]] || echo libusb-1.0-0
  [[ $libraries == *libEGL.so.1* ]] || echo libegl1
  [[ $libraries == *libGL.so.1* ]] || echo libgl1
  [[ $libraries == *libgomp.so.1* ]] || echo libgomp1
}

install_system_packages() {
  local packages sudo=()
  mapfile -t packages < <(missing_system_packages "$1")
  [ ${#packages[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || fail "please install what Debian calls: ${packages[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    sudo=(sudo -n)
    "${sudo[@]}" true 2>/dev/null || fail "please run this, then make again:
    sudo apt-get update && sudo apt-get install --no-install-recommends ${packages[*]}"
  fi
  say "installing ${packages[*]}"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -qq --no-install-recommends \
    "${packages[@]}" >/dev/null
}

check_python() {
  "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
    || fail "Python 3.10 to 3.13 is needed, this is $("$1" --version)"
  [ "$ros" != wheels ] || [ "$(uname -m)" = x86_64 ] \
    || fail "ROS 2 comes as Python packages for x86-64 only: install ROS 2 and source it"
}

create_venv() {
  local python options=()
  python=$(find_python)
  install_system_packages "$python"
  check_python "$python"
  [ "$ros" = wheels ] || options=(--system-site-packages)
  say "a new $venv for ROS 2 ($ros); this takes minutes"
  rm -rf "$venv" "$ws"
  "$python" -m venv "${options[@]}" "$venv"
  touch $venv/COLCON_IGNORE
}

install_python_packages() {
  local requirements=(".[text,diffusion,clouds,train,agents,dev,references]") constraints=tools/constraints.txt
  if [ "$wanted" = jazzy ]; then
    requirements=(".[dev,ros-jazzy-wheels]") constraints=tools/constraints_jazzy.txt
  elif [ "$ros" = wheels ]; then
    requirements=(".[text,diffusion,clouds,train,agents,dev,references,ros-wheels]")
  else
    # ROS's compiled messages were built for one major version of NumPy.
    requirements+=("$(python3 -c 'import numpy; print("numpy<" + str(int(numpy.__version__[0]) + 1))')")
    command -v colcon >/dev/null || requirements+=(colcon-common-extensions)
  fi
  say "installing Python packages"
  $venv/bin/pip install -qq --disable-pip-version-check --constraint "$constraints" \
    --editable "${requirements[@]}"
  [ -n "$wanted" ] || $venv/bin/pip install -qq --disable-pip-version-check --no-deps \
    --requirement tools/spconv.txt || say "no spconv for this Python: the tests against it will be skipped"
  [ "$ros" != wheels ] || relocate_wheels
}

relocate_wheels() { # exported CMake targets name two folders of the machine that built the wheels
  local python_include numpy_include
  python_include=$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
  numpy_include=$($venv/bin/python -c 'import numpy; print(numpy.get_include())')
  find $venv/share -name '*.cmake' -exec sed -i -E \
    -e "s#/opt/python/[^;\"]*/numpy/_?core/include#$numpy_include#g" \
    -e "s#/opt/python/[^;\"]*/include/python3\.[0-9]+#$python_include#g" {} +
}

workspace_inputs() {
  find seg3d_ros config launch -type f -not -name '*.pyc' | sort # names: their text is linked
  find CMakeLists.txt package.xml msg srv tools/wheel_ros -type f -exec cat {} +
}

build_workspace() {
  local packages=(.)
  [ "$ros" != wheels ] || packages+=(tools/wheel_ros/tf2_msgs)
  say "building messages and package with colcon"
  mkdir -p "$ws"
  # shellcheck source=tools/env.sh
  source tools/env.sh
  colcon --log-base $ws/log build --base-paths "${packages[@]}" --merge-install --symlink-install \
    --build-base $ws/build --install-base $ws/install \
    --cmake-args -DBUILD_TESTING=OFF -DPython3_EXECUTABLE="$PWD/$venv/bin/python" -Wno-dev \
    >$ws/build.txt 2>&1 || { cat $ws/build.txt >&2; fail "colcon build failed"; }
}

compile_kernels() { # for this machine and user; the node does it at its first start, else
  say "compiling kernels"
  $venv/bin/python -m seg3d_ros.engine.compile_kernels \
    || say "that failed: they are compiled at the first start"
}

exec 9<"$0"
flock 9 # one set-up at a time

[[ $wanted =~ ^(jazzy)?$ ]] || fail "ROS=$wanted is unknown; use jazzy, or nothing"
ros=$(find_ros)
if ! [ -e "$venv/for-$ros" ] || ! $venv/bin/python -c "" 2>/dev/null; then
  create_venv
  touch "$venv/for-$ros"
fi
venv_hash=$(hash_files pyproject.toml tools/constraints*.txt tools/spconv.txt "$0")
if ! is_fresh $venv/stamp "$venv_hash"; then
  install_python_packages
  echo "$venv_hash" >$venv/stamp
fi
workspace_hash=$(workspace_inputs | sha256sum)
if ! is_fresh $ws/stamp "$workspace_hash"; then
  build_workspace
  compile_kernels
  echo "$workspace_hash" >$ws/stamp
fi
