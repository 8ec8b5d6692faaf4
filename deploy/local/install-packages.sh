#!/usr/bin/env bash
# Installs the named Debian packages, as root, without starting any of their services: tests and the
# demo start private servers. `deploy/local/setup.sh` calls it with what is missing.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "install-packages: run as root" >&2; exit 77; }

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d/sv0.conf
aside=$(mktemp -d)

# Leaves the machine's own policy and cluster settings as they were.
restore() {
  rm -f "$policy" "$clusters"
  [ ! -e "$aside/policy-rc.d" ] || mv "$aside/policy-rc.d" "$policy"
  rm -rf "$aside"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# invoke-rc.d asks this before it starts a service; 101 forbids it.
[ ! -e "$policy" ] || mv "$policy" "$aside/policy-rc.d"
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

# Read by PostgreSQL's postinst: no cluster "main".
mkdir -p "$(dirname "$clusters")"
echo 'create_main_cluster = false' >"$clusters"

nginx_before=$(dpkg-query -W -f '${db:Status-Status}' nginx-common 2>/dev/null || true)
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@"
# A fresh nginx would start with the next boot.
if [ "$nginx_before" != installed ] && command -v systemctl >/dev/null; then
  systemctl disable --quiet nginx.service 2>/dev/null || true
fi
