#!/usr/bin/env bash
# The walk-through: scan an account with planted exposures, look at what is found and why, change
# one thing, scan again. Leaves nothing running. `make demo` builds sv0 and calls this with its path.
#
#   SV0_KAFKA, SV0_POSTGRES + SV0_POSTGRES_OWNER   use these servers instead of private ones
set -euo pipefail
cd "$(dirname "$0")/../.."

sv0=$1
python=${SV0_VENV:-.venv}/bin/python
work=.sv0-demo
workers='' receiver=''
export PYTHONDONTWRITEBYTECODE=1

step() { printf '\n── %s\n' "$*"; }

# Ends one of our own children and waits for it.
end() { [ -z "$1" ] || { kill -TERM "$1" && wait "$1"; } 2>/dev/null || true; }

finish() {
  local status=$?
  trap - EXIT
  end "$workers"
  end "$receiver"
  "$sv0" local down --dir "$work" >/dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    printf '\nThe demo failed (exit status %s). The last lines of %s/workers.log:\n' "$status" "$work"
    tail -n 30 "$work/workers.log" || true
  fi >&2
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Fills in a file's @NAME@ markers: template output NAME=value…
fill() {
  local output=$2 substitutions=() pair
  for pair in "${@:3}"; do substitutions+=(-e "s|@${pair%%=*}@|${pair#*=}|g"); done
  sed "${substitutions[@]}" "deploy/demo/$1" >"$output"
}

mkdir -p "$work"
: >"$work/workers.log"
: >"$work/received.ndjson"
: >"$work/receiver.url"

step "Private servers: broker, Postgres, and an AWS API (moto)"
servers=$("$sv0" local up --dir "$work" --with moto)
eval "$servers"
"$python" deploy/demo/estate.py
"$python" deploy/demo/workloads.py
"$python" deploy/demo/acquired.py

step "Database, topics, connection, sink, owners"
export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_REGION=eu-west-1
# One shared machine: a free port for health, and no long quiet period before an evaluation.
export SV0_HTTP_LISTEN=127.0.0.1:0 SV0_EVALUATOR_QUIET=500ms
# All that the accounts hold was made a moment ago, so here a key is old after a second.
export SV0_EVALUATOR_SECRET_AGE=1s
export ACME_EXTERNAL_ID=acme-demo-external-id
SV0_DEMO_WEBHOOK_SECRET=whsec_$(head -c 24 /dev/urandom | base64)
export SV0_DEMO_WEBHOOK_SECRET
"$python" deploy/demo/receiver.py "$work/received.ndjson" >"$work/receiver.url" 2>"$work/receiver.log" &
receiver=$!
until [ -s "$work/receiver.url" ]; do kill -0 "$receiver"; sleep 0.1; done
fill connection.yaml.in "$work/connection.yaml" "MOTO=$SV0_MOTO"
fill acquired.yaml.in "$work/acquired.yaml" "MOTO=$SV0_MOTO"
fill sink.yaml.in "$work/sink.yaml" "WEBHOOK=$(cat "$work/receiver.url")"
"$sv0" migrate
"$sv0" topics apply
"$sv0" connection apply -f "$work/connection.yaml"
"$sv0" connection apply -f "$work/acquired.yaml"
"$sv0" sink apply -f "$work/sink.yaml"
"$sv0" owner apply -f deploy/demo/owners.yaml
"$sv0" run >>"$work/workers.log" 2>&1 &
workers=$!

step "First scan"
"$sv0" scan start --tenant acme --connection aws-acquired --wait
"$sv0" scan start --tenant acme --connection aws-prod --wait

step "What is exposed, as it was sent; and what waits until somebody asks for it"
"$sv0" findings --tenant acme
"$sv0" findings --tenant acme --held

step "One finding, and its evidence down to the API response"
finding=$("$sv0" findings --tenant acme --output json | "$python" -c '
import json, sys
findings = [json.loads(line) for line in sys.stdin]
print(next(f["finding_info"]["uid"] for f in findings if "invoice-webhook" in json.dumps(f)))')
"$sv0" findings show "$finding" --tenant acme

step "How anyone on the internet becomes an administrator"
"$sv0" path anyone deploy-admin --tenant acme

step "Which data an identity comes to, and who comes to the payroll"
"$sv0" path function:nightly-export data-domain:hr --tenant acme
"$sv0" who-can acme-workforce-payroll --tenant acme
"$sv0" exposure --to data-domain:hr --strength effective --tenant acme

step "Now something changes"
"$python" deploy/demo/change.py
"$sv0" scan start --tenant acme --connection aws-prod --wait

step "What changed"
"$sv0" graph changes --tenant acme
"$sv0" findings --tenant acme --changed

step "Done"
echo "The webhook received $(wc -l <"$work/received.ndjson") verified messages. Logs are in $work/; nothing is left running."
