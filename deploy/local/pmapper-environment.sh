#!/usr/bin/env bash
# Installs Principal Mapper into an environment of its own, .venv-pmapper, and prints its Python.
# Does nothing the second time. `make bench` (P5) and `make compare-pmapper` call it.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=$PWD/.venv-pmapper
requirements=deploy/local/pmapper-requirements.txt
stamp=$(sha256sum <"$requirements")
if [ "$(cat "$environment/.requirements.sha256" 2>/dev/null)" != "$stamp" ]; then
  echo "setup: installing $requirements from PyPI into .venv-pmapper (about 60 MB)" >&2
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --requirement "$requirements" >&2
  printf '%s\n' "$stamp" >"$environment/.requirements.sha256"
fi
echo "$environment/bin/python"
