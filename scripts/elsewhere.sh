#!/bin/sh
# Checks that slicewise compiles for other systems than this: aarch64 Linux and macOS. Types and
# names alone: nothing is linked, so neither their C++ compiler nor their libtorch is needed, and a
# tool that writes empty files stands for the former. A system whose standard library rustup cannot
# fetch is passed over with a line that says so.
set -eu

me=elsewhere
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/scripts/pip.sh"
cd "$root"
scratch=${CARGO_TARGET_DIR:-$root/target}/elsewhere
mkdir -p "$scratch"
cat >"$scratch/tool" <<'TOOL'
#!/bin/sh
# Stands for a compiler and an archiver: makes the file after -o, empty.
before=
for argument in "$@"; do
    [ "$before" = -o ] && : >"$argument"
    before=$argument
done
exit 0
TOOL
chmod +x "$scratch/tool"

has_target() {
    [ -n "$(ls "$(rustc --print sysroot)/lib/rustlib/$1/lib" 2>/dev/null)" ]
}

failed=
for target in aarch64-unknown-linux-gnu aarch64-apple-darwin; do
    has_target $target || timeout 120 rustup target add $target >/dev/null 2>&1 || true
    if ! has_target $target; then
        say "NOT checked for $target: its standard library is not here and rustup cannot fetch it"
        continue
    fi
    name=$(echo $target | tr - _)
    # SDKROOT and the version keep the `cc` crate from asking Apple's tools, which are not here.
    if env "CC_$name=$scratch/tool" "CXX_$name=$scratch/tool" "AR_$name=$scratch/tool" \
        "RANLIB_$name=$scratch/tool" SDKROOT="$scratch" MACOSX_DEPLOYMENT_TARGET=11.0 \
        cargo check --release --locked --workspace --target $target --target-dir "$scratch"; then
        say "compiles for $target"
    else
        say "does not compile for $target"
        failed="$failed $target"
    fi
done
[ -z "$failed" ] || fail "expected to compile for every system, failed for$failed"
