#!/usr/bin/env bash
# Installs a program that sv0 is compared with into an environment of its own, .venv-NAME, and prints
# that folder. Does nothing the second time. `make bench` and `make compare-pmapper` call it.
#
#   peer-environment.sh pmapper | aiobotocore
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=$PWD/.venv-$1
requirements=deploy/local/$1-requirements.txt
stamp=$(sha256sum <"$requirements")
if [ "$(cat "$environment/.requirements.sha256" 2>/dev/null)" != "$stamp" ]; then
  echo "setup: installing $requirements from PyPI into .venv-$1 (about 60 MB)" >&2
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --requirement "$requirements" >&2
  printf '%s\n' "$stamp" >"$environment/.requirements.sha256"
fi
echo "$environment"
