#!/usr/bin/env bash
# What the images do that needs no Docker: every wheel is there for each target, and the node starts from such wheels.
#   deploy/rehearse.sh [FOLDER]      FOLDER: for environments, some 700 MB; a temporary one if left out
# Asks the package registry. A Python that this machine has not (3.10, 3.12) is named and left out.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -ge 1 ]; then
  folder=$1
  mkdir -p "$folder" && folder=$(cd "$folder" && pwd)
else
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi

python() { # VERSION: the interpreter with that version, if any
  for candidate in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python; do
    "$candidate" -c 'import venv' 2>/dev/null && { command -v "$candidate"; return; }
  done
  return 1
}

resolve() { # NAME  PYTHON_VERSION  MACHINE  EXTRAS: markers are those of the interpreter, so it must be of that version
  interpreter=$(python "$2") || { echo "$1: no python$2 on this machine, not looked at"; return 0; }
  [ -d "$folder/python$2" ] || "$interpreter" -m venv "$folder/python$2"
  platforms=()
  for each in manylinux2014 manylinux_2_17 manylinux_2_24 manylinux_2_26 manylinux_2_27 manylinux_2_28; do
    platforms+=(--platform "${each}_$3")
  done
  "$folder/python$2/bin/python" -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed \
    --target "$folder/nothing" --only-binary=:all: "${platforms[@]}" --constraint constraints.txt \
    --report "$folder/$1.json" ".[$4]"
  "$folder/python$2/bin/python" - "$1" "$folder/$1.json" <<'PYTHON'
import json, sys
wheels = [each["metadata"]["name"] for each in json.load(open(sys.argv[2]))["install"]]
shadows = sorted({name for name in wheels if name.startswith(("tensorrt", "nvidia", "PyGObject", "pycairo"))})
if shadows:
    sys.exit(f"{sys.argv[1]}: wheels that hide what the system gives: {', '.join(shadows)}")
print(f"{sys.argv[1]}: {len(wheels)} packages, each with a wheel")
PYTHON
}

resolve edge-amd64 3.12 x86_64 edge
resolve edge-arm64 3.12 aarch64 edge
resolve edge-jetpack6 3.10 aarch64 edge,build
resolve edge-jetpack7 3.12 aarch64 edge,build

version=3.12
interpreter=$(python $version) || { interpreter=$(command -v python3); version="3, not 3.12 as in the image"; }
echo "a node from wheels, python$version"
"$interpreter" -m venv --clear "$folder/node"
"$folder/node/bin/pip" install --quiet --disable-pip-version-check --constraint constraints.txt '.[edge]'
mkdir -p "$folder/etc"
bash deploy/provision.sh "$folder/etc/certs" edge-1 > /dev/null
cp deploy/sites/demo.yaml "$folder/etc/site.yaml"
sed -e "s#/recordings/#$PWD/sim/recordings/#" -e "s#/var/lib/vedette#$folder/data#" deploy/compose/edge.yaml \
  > "$folder/etc/edge.yaml"
cd "$folder"  # nothing of the checkout is on the path
"$folder/node/bin/vedette-edge" check "$folder/etc/edge.yaml"
