#!/usr/bin/env bash
# Installs what building, tests and the demo need, and says what it does. Does nothing the second
# time, and needs no network then. `make setup` runs it.
#
#   SV0_VENV   where the Python environment goes (default: .venv in the repository)
set -euo pipefail
cd "$(dirname "$0")/../.."

swift_version=6.3
packages=(
  librdkafka-dev libcurl4-openssl-dev libssl-dev libpq-dev libsimdjson-dev # linked by sv0
  libexpat1-dev                                                            # linked by sv0
  pkg-config g++ libxml2 make                                              # to build
  postgresql-15 nginx-light python3-venv                                   # tests and demo
)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 69; }

check_swift() {
  command -v swift >/dev/null || fail "Swift $swift_version is not installed." \
    "Get it from https://www.swift.org/install/linux/ (choose Debian 12), put its usr/bin on PATH, and try again."
  local found
  found=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9.]+$' || true)
  [ "$(printf '%s\n' "$swift_version" "${found:-0}" | sort -V | head -n 1)" = "$swift_version" ] || fail \
    "Swift $swift_version or newer is needed, and this is ${found:-unknown}. Get it from https://www.swift.org/install/linux/."
}

# Prints the packages that are not installed. Another python3 on PATH may do without python3-venv.
missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [ "$package" = python3-venv ] && python3 -c 'import ensurepip, venv' 2>/dev/null && continue
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      printf '%s\n' "$package"
  done
}

install_packages() {
  local missing as_root=()
  if ! command -v dpkg-query >/dev/null || ! grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
    say "this is not Debian 12; install the counterparts of these yourself if the build misses one: ${packages[*]}"
    return
  fi
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "these packages are missing; as root, run: deploy/local/install-packages.sh ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing with apt: ${missing[*]}"
  "${as_root[@]}" deploy/local/install-packages.sh "${missing[@]}"
}

# The stamp names the requirements and the Python they were installed for.
create_environment() {
  local environment=${SV0_VENV:-.venv} stamp
  stamp=$(cat deploy/local/requirements.txt <(python3 -c 'import sys; print(sys.version, sys.executable)') | sha256sum)
  [ "$(cat "$environment/.requirements.sha256" 2>/dev/null)" != "$stamp" ] || return 0
  say "installing deploy/local/requirements.txt from PyPI into $environment (about 330 MB)"
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --requirement deploy/local/requirements.txt >&2 ||
    fail "PyPI could not be reached or refused a package (see above); try again with a network connection."
  chmod +x "$environment"/lib/python3*/site-packages/noida_db/noida-db
  printf '%s\n' "$stamp" >"$environment/.requirements.sha256"
}

check_swift
install_packages
create_environment
