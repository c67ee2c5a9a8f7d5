#!/bin/bash
# Start a one-node Ceph gateway on loopback, run every test marked s3 against it, stop it and remove its data.
# Needs the Debian packages radosgw ceph-osd ceph-mon ceph-mgr, and the start script named by CEPH_RGW.
set -euo pipefail
cd "$(dirname "$0")/.."

gateway=${CEPH_RGW:-../shared/engines/ceph_rgw.sh}
python=${PYTHON:-python}
CEPH_D=$(mktemp -d)
export CEPH_D PORT=${PORT:-5904} AK=AKIDAKIDAKID SK=SECRETSECRETSECRET

finish() {
    "$gateway" stop || true
    "$gateway" wipe
}
trap finish EXIT

"$gateway" start
AUGMILL_TEST_S3="http://$AK:$SK@127.0.0.1:$PORT" "$python" -m pytest -m s3 "$@"
