#!/bin/sh
# Sets a checkout up: a virtual environment with the versions of constraints.txt.
#
#   tools/setup.sh run|dev     run: what netui needs; dev: what its tests and checks need, too
#
# PYTHON, VENV and CONSTRAINTS name another interpreter, folder and file of versions. As root on
# a Debian what is missing is installed by apt; elsewhere, and for an ordinary user, it does
# without where that can be, and says in one line what is lost.
set -eu
cd "$(dirname "$0")/.."
what=${1:-dev}
python=${PYTHON:-python3}
venv=${VENV:-.venv}
export PIP_CONSTRAINT="${CONSTRAINTS:-$PWD/constraints.txt}"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say() { echo "set-up: $*" >&2; }
stop() { say "$*"; exit 1; }

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# Debian packages by apt. What it says is shown where it fails, and nowhere else.
install() {
  say "installing $*"
  if ! { apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$scratch/apt" 2>&1; then
    tail -n 5 "$scratch/apt" >&2
    return 1
  fi
}

# pip for someone who may not install python3-venv: the same wheel, from Debian's own package of it.
pip_from_debian() {
  command -v apt-get >/dev/null || return 1
  say "python3-venv is missing: taking pip alone from Debian's python3-pip-whl"
  (
    cd "$scratch"
    mkdir -p apt-state/lists/partial apt-cache/archives/partial
    set -- -qq -o "Dir::State=$scratch/apt-state" -o "Dir::State::status=/var/lib/dpkg/status" \
      -o "Dir::Cache=$scratch/apt-cache"
    apt-get "$@" update && apt-get "$@" download python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb pip-whl
  ) >"$scratch/apt" 2>&1 || { tail -n 5 "$scratch/apt" >&2; return 1; }
  "$python" -m venv --clear --without-pip "$venv" || return 1
  for wheel in "$scratch"/pip-whl/usr/share/python-wheels/pip-*.whl; do
    PYTHONPATH=$wheel PIP_CONSTRAINT='' "$venv/bin/python" -m pip install -q --no-index "$wheel" || return 1
  done
}

make_venv() {
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    stop "netui needs Python 3.11 or newer; here: $("$python" --version 2>&1 || true). PYTHON=… names another"
  if "$python" -c 'import ensurepip' 2>/dev/null || { can_install && install python3-venv; }; then
    "$python" -m venv --clear "$venv"
  else
    pip_from_debian || stop "python3-venv is missing; as root: apt-get install python3-venv"
  fi
}

# Whether this Python's extensions can be compiled: compiler, the C library's headers, Python's own.
can_compile() {
  include=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  compiler=$("$venv/bin/python" -c 'import sysconfig; print((sysconfig.get_config_var("CC") or "cc").split()[0])')
  printf '#include <Python.h>\nint main(void) { return 0; }\n' >"$scratch/probe.c"
  "$compiler" -I"$include" -c "$scratch/probe.c" -o "$scratch/probe.o" 2>/dev/null
}

# python-iptables comes as source only. netui works without it.
python_iptables() {
  [ "$(uname -s)" = Linux ] || return 0
  why=
  if ! can_compile && ! { can_install && install gcc libc6-dev python3-dev && can_compile; }; then
    why="no C compiler here (as root: apt-get install gcc libc6-dev python3-dev; then make clean)"
  fi
  requirements iptables >"$scratch/iptables"
  if ! "$venv/bin/python" -m pip install -q -r "$scratch/iptables" >"$scratch/pip" 2>&1; then
    why=${why:-$(grep -i 'error' "$scratch/pip" | tail -n 1)}
    say "without python-iptables, $why: legacy tables are read by iptables-legacy-save instead, a process for each reading"
  fi
}

# The requirements of pyproject.toml: python-iptables alone (iptables), or the others.
requirements() {
  "$venv/bin/python" - "$1" <<'END'
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    for line in tomllib.load(file)["project"]["dependencies"]:
        if line.startswith("python-iptables") == (sys.argv[1] == "iptables"):
            print(line)
END
}

"$venv/bin/python" -m pip --version >/dev/null 2>&1 || make_venv
python_iptables
requirements others >"$scratch/requirements"
[ "$what" = run ] || cat requirements-dev.txt >>"$scratch/requirements"
"$venv/bin/python" -m pip install -q -r "$scratch/requirements"
"$venv/bin/python" -m pip install -q --no-deps -e .
touch "$venv/.run"
[ "$what" = run ] || touch "$venv/.stamp"
