#!/usr/bin/env bash
# Makes every environment the project needs, below .venv and .local, and nothing outside the checkout. With the argument
# `bench` also the one that only benchmarks and fuzzing need; with `tests` the programs of Debian or Ubuntu that tests
# start and pip does not have, as root or in CI: on a machine of your own you install them, or their tests are skipped.
# Python 3.13 is taken from the PATH or from pyenv, else fetched by uv; uv is taken from the PATH, else installed by pip.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .local/venvs

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

find_uv() {
  if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then command -v uv; return; fi
  if [ ! -x .local/uv/bin/uv ]; then
    say "installing uv into .local/uv"
    python3 -m venv .local/uv >&2 && .local/uv/bin/pip install --quiet 'uv>=0.9' >&2 \
      || fail "uv is not on the PATH and could not be installed with python3 -m venv and pip: install uv, then run make again"
  fi
  echo "$PWD/.local/uv/bin/uv"
}

find_python() {
  # a pyenv shim answers for versions that are not active: only a Python that really runs counts
  local candidate
  for candidate in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1; then
      "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
      return
    fi
  done
  say "no Python 3.13 on the PATH or under pyenv: fetching one with uv"
  "$uv" python install --quiet 3.13 >&2 && "$uv" python find --managed-python 3.13 && return
  fail "Python 3.13 was not found and could not be fetched: install it (for example with pyenv install 3.13), then run make again"
}

make_environment() { # folder, locked requirements, "project" when it needs the project itself
  local target=$1 locked=local/locked/$2.txt
  if ! cmp -s "$locked" "$target/.made-from"; then
    say "making $target"
    "$uv" venv --quiet --allow-existing --python "$python" "$target"
    VIRTUAL_ENV="$PWD/$target" "$uv" pip sync --quiet --require-hashes "$locked"
    if [ "${3:-}" = project ]; then
      VIRTUAL_ENV="$PWD/$target" "$uv" pip install --quiet --no-deps --editable .
    fi
    cp "$locked" "$target/.made-from"
  fi
}

debian_package() { # package, programs of which one is enough
  local package=$1 program as_root=()
  shift
  for program in "$@"; do if command -v "$program" >/dev/null 2>&1; then return; fi; done
  if [ "$(id -u)" != 0 ]; then
    if [ "${CI:-}" != true ]; then say "$package is not installed: its tests will be skipped"; return; fi
    as_root=(sudo -n)
  fi
  say "installing the package $package"
  { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install --yes --no-install-recommends "$package"; } >.local/"$package.log" 2>&1 \
    || say "$package could not be installed (.local/$package.log)"
}

uv=$(find_uv)
python=$(find_python)
export UV_PYTHON_DOWNLOADS=never
make_environment .venv dev project
make_environment .local/venvs/cloud cloud
make_environment .local/venvs/sam sam
make_environment .local/venvs/runtime runtime
if [ "${1:-}" = bench ]; then make_environment .local/venvs/bench bench project; fi
if [ "${1:-}" = tests ]; then
  debian_package chromium chromium chromium-browser google-chrome google-chrome-stable
  debian_package prometheus prometheus
fi
printf '%s\n' "$uv" >.local/uv-path
dirname "$python" >.local/python-bin
