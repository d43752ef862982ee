#!/usr/bin/env bash
# Makes the environment from the lock file: setup.sh PYTHON VENV MEMBER...
# uv does it five times faster than pip; where uv cannot be had, pip does it alone.
set -euo pipefail
python=$1 venv=$2
shift 2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; '$python' is $("$python" --version 2>&1). Name another: make setup PYTHON=python3.12" >&2
    exit 1
}
[ -x "$venv/bin/python" ] || { echo "Making the environment in $venv …"; "$python" -m venv "$venv"; }
pip="$venv/bin/python -m pip --disable-pip-version-check --quiet"

# uv does not read pip's configuration, so the index and the certificate are handed over.
setting() { $pip config list 2>/dev/null | sed -n "s/^[^=]*\.$1='\(.*\)'$/\1/p" | tail -n 1; }
index=${UV_DEFAULT_INDEX:-$(setting index-url)}
certificate=${SSL_CERT_FILE:-$(setting cert)}
[ -z "$index" ] || export UV_DEFAULT_INDEX=$index
[ -z "$certificate" ] || export SSL_CERT_FILE=$certificate

echo "Installing dependencies …"
editable=()
for member in "$@"; do editable+=(-e "./$member"); done
if $pip install uv 2>/dev/null; then
    export VIRTUAL_ENV=$PWD/$venv
    [[ $venv = /* ]] && export VIRTUAL_ENV=$venv
    "$venv/bin/uv" pip install --quiet --require-hashes -r requirements.lock
    "$venv/bin/uv" pip install --quiet --no-deps --no-build-isolation "${editable[@]}"
else
    $pip install --require-hashes -r requirements.lock
    $pip install --no-deps --no-build-isolation "${editable[@]}"
fi
