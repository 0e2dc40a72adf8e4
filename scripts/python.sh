#!/bin/sh
# Puts nibabel and SimpleITK, the independent NIfTI readers that tests compare with, into
# .tools/python.
# Nothing of it reaches the program; tests find it through SLICEWISE_PYTHONPATH.
set -eu

me=python
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/scripts/pip.sh"

require_pip "nibabel and SimpleITK for the tests"
# numpy is compiled for one version of Python, so another python3 needs another copy.
wanted="$(python3 -c 'import sys; print("# python%d.%d" % sys.version_info[:2])')
$(cat "$root/scripts/requirements/python.txt")"
is_installed() {
    [ "$(cat "$root/.tools/python/wanted" 2>/dev/null)" = "$wanted" ]
}

if ! is_installed; then
    lock python
    if is_installed; then exit; fi
    scratch=$root/.tools/python.partial
    say "fetching nibabel, SimpleITK and numpy from PyPI into $root/.tools/python (for the tests, once)"
    fetch "$scratch" "nibabel and SimpleITK" python --quiet
    printf '%s\n' "$wanted" >"$scratch/packages/wanted"
    rm -rf "$root/.tools/python"
    mv "$scratch/packages" "$root/.tools/python"
fi
