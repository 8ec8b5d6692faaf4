#!/usr/bin/env bash
# Who comes to be whom, by Principal Mapper and by sv0: both read one account of moto, each by its
# own calls, and every difference is told. Leaves nothing running. `make compare-pmapper` builds sv0
# and calls this with its path, and with the seed of the account's crowd.
set -euo pipefail
cd "$(dirname "$0")/../.."

sv0=$1 seed=$2
python=${SV0_VENV:-.venv}/bin/python
work=.sv0-compare
workers=''
export PYTHONDONTWRITEBYTECODE=1

finish() {
  local status=$?
  trap - EXIT
  [ -z "$workers" ] || { kill -TERM "$workers" && wait "$workers"; } 2>/dev/null || true
  "$sv0" local down --dir "$work" >/dev/null || status=$?
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

peer=$(deploy/local/peer-environment.sh pmapper)/bin/python
mkdir -p "$work"
servers=$("$sv0" local up --dir "$work" --with moto)
eval "$servers"
"$python" Tests/PrincipalMapper/account.py "$seed"

export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_REGION=eu-west-1
export SV0_HTTP_LISTEN=127.0.0.1:0 SV0_EVALUATOR_QUIET=500ms SV0_TENANT=acme
export ACME_EXTERNAL_ID=acme-demo-external-id
sed "s|@MOTO@|$SV0_MOTO|" Tests/PrincipalMapper/connection.yaml.in >"$work/connection.yaml"
{
  "$sv0" migrate
  "$sv0" topics apply
  "$sv0" connection apply -f "$work/connection.yaml"
} >&2
"$sv0" run >"$work/workers.log" 2>&1 &
workers=$!
"$sv0" scan start --connection aws --wait >&2
"$sv0" graph hops --output json >"$work/hops.ndjson"
"$peer" Tests/PrincipalMapper/compare.py "$work/hops.ndjson"
