# Source this (bash or zsh) to run the package from a checkout that tools/setup_environment.sh
# has prepared:  source tools/env.sh && python -m seg3d_ros.node.main
# SEG3D_ROS=jazzy: the folders that were prepared with it.

_seg3d_root=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)

# seg3d_prepend VARIABLE FOLDER: put an existing folder first in a colon-separated variable, once.
seg3d_prepend() {
  [ -d "$2" ] || return 0
  local old
  eval "old=\${$1:-}"
  case ":$old:" in
    *":$2:"*) ;;
    *) eval "export $1=\"\$2\${old:+:\$old}\"" ;;
  esac
}

_seg3d_suffix=${SEG3D_ROS:+-$SEG3D_ROS}
[ -z "$_seg3d_suffix" ] || export ROS_DISTRO=$SEG3D_ROS

export VIRTUAL_ENV=$_seg3d_root/.venv$_seg3d_suffix
seg3d_prepend PATH "$VIRTUAL_ENV/bin"

if [ -d "$VIRTUAL_ENV/share/rclpy" ]; then # ROS 2 from wheels: the venv is an ament prefix
  export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1 # spares each interpreter a second start for LD_LIBRARY_PATH
  seg3d_prepend AMENT_PREFIX_PATH "$VIRTUAL_ENV"
  seg3d_prepend CMAKE_PREFIX_PATH "$VIRTUAL_ENV"
  for _seg3d_dir in $(find "$VIRTUAL_ENV"/lib/python3*/site-packages -maxdepth 1 -name 'ros_*.libs'); do
    seg3d_prepend LD_LIBRARY_PATH "$_seg3d_dir"
  done
  seg3d_prepend LD_LIBRARY_PATH "$VIRTUAL_ENV/lib"
fi

_seg3d_install=$_seg3d_root/.ws$_seg3d_suffix/install
seg3d_prepend AMENT_PREFIX_PATH "$_seg3d_install"
seg3d_prepend CMAKE_PREFIX_PATH "$_seg3d_install"
seg3d_prepend LD_LIBRARY_PATH "$_seg3d_install/lib"
for _seg3d_dir in $(find "$_seg3d_install" -maxdepth 5 -name '*-packages' 2>/dev/null); do
  seg3d_prepend PYTHONPATH "$_seg3d_dir" # lib/python3.x/site-packages, Debian: dist-packages
done
seg3d_prepend PYTHONPATH "$_seg3d_root" # the library live from the checkout, messages from .ws

# One frame has to fit into Fast DDS's shared memory, or it is lost without a word.
case "${ROS_DISTRO:-}" in
  humble | iron | jazzy) # Fast DDS 2
    export FASTRTPS_DEFAULT_PROFILES_FILE=${FASTRTPS_DEFAULT_PROFILES_FILE:-$_seg3d_root/config/fastdds.xml}
    ;;
  *)
    export FASTDDS_DEFAULT_PROFILES_FILE=${FASTDDS_DEFAULT_PROFILES_FILE:-$_seg3d_root/config/fastdds.xml}
    ;;
esac
# Reuse the memory of a received frame (seg3d_ros/node/heap.py says why and how).
export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-1}
export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-33554432}
export MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-536870912}

# Threads of torch that wait sleep, as in seg3d_ros/threads.py: spinning ones hold up each other.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}

unset _seg3d_root _seg3d_install _seg3d_dir _seg3d_suffix
unset -f seg3d_prepend
