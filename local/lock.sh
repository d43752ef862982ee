#!/usr/bin/env bash
# Resolves requirements.lock (everything) and one lock per image: lock.sh MEMBER...
# The files name no index, so they install from any (docs/adr/0009).
set -euo pipefail
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-package procurement-shared "$@"
}
members=()
for member in "$@"; do members+=("$member/pyproject.toml"); done
compile --all-extras "${members[@]}" requirements-dev.in -o requirements.lock
for member in "$@"; do
    case $member in
        shared | local) ;;
        *) printf 'hatchling\neditables\n' | compile "$member/pyproject.toml" - -c requirements.lock -o "$member/requirements.lock" ;;
    esac
done
if grep -nE 'https?://' requirements.lock ./*/requirements.lock; then
    echo "A lock file names an index host." >&2
    exit 1
fi
