#!/bin/sh
# A first run on a machine with a GPU, in two halves (docs/gpu.md).
#
#   scripts/gpu.sh pack [FOLDER]            here: builds program, tests and bench worker; puts them,
#                                           stripped and compressed, into FOLDER (target/gpu)
#   scripts/gpu.sh device [FOLDER [OUT]]    there, in a copy of this tree with FOLDER: libtorch, doctor,
#                                           tests, bench and sweeps in under ten minutes; what came of
#                                           it goes to OUT ($OUT, else FOLDER/out)
#
# The second half needs neither cargo nor a network, only a python3 with torch. Without a GPU it is a
# dry run: all that a CPU can do is done, and every line of it that matters says so.
set -eu

me=gpu
root=$(cd "$(dirname "$0")/.." && pwd -P)
. "$root/scripts/pip.sh"
limit_kib=65536 # what a lent machine takes along, the source tree included
target=${CARGO_TARGET_DIR:-$root/target}
folder=${2:-$target/gpu}

# --- pack ------------------------------------------------------------------------------------
# One call for all tests: cargo builds libtorch's bindings anew for packages asked for one by one.
build_tests() {
    cargo test --no-run --release --locked --package slicewise --package slicewise-model \
        --lib --test gpu --test integration --message-format=json
}

# test_program NAME: where what build_tests said has the test program of that crate.
test_program() {
    grep '"executable":"' "$folder/built.json" | grep "\"target\":{[^}]*\"name\":\"$1\"" |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

# put PROGRAM NAME: a stripped, compressed copy.
put() {
    [ -f "$1" ] || fail "expected the built program of $2, got '$1'; see what cargo says: cargo test --no-run --release"
    cp "$1" "$folder/$2"
    strip "$folder/$2"
    gzip -9 -n -f "$folder/$2"
}

kib() { du -sk "$@" | awk '{ sum += $1 } END { print sum + 0 }'; }

pack() {
    for program in cargo strip gzip readelf; do
        command -v "$program" >/dev/null 2>&1 || fail "$program not found on PATH; pack needs it"
    done
    cd "$root"
    "$root/scripts/libtorch.sh"
    say "building program, bench worker and tests"
    cargo build --release --locked --package slicewise --bin slicewise --example bench_worker
    rm -rf "$folder"
    mkdir -p "$folder"
    build_tests >"$folder/built.json" || fail "the tests could not be built; see the above"
    put "$target/release/slicewise" slicewise
    put "$target/release/examples/bench_worker" bench_worker
    put "$(test_program slicewise_model)" test-model
    put "$(test_program gpu)" test-gpu
    put "$(test_program integration)" test-program
    rm "$folder/built.json"
    runpath=$(readelf -d "$target/release/slicewise" | sed -n 's/.*R\(UN\)\{0,1\}PATH.*\[\(.*\)\].*/\2/p' |
        tr ':' '\n' | grep '^/' | head -n 1)
    {
        echo "commit=$(git -C "$root" describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown)"
        echo "built_in=$root"
        echo "built_target=$target"
        echo "runpath=$runpath"
        echo "libtorch=$(sed -n 's/^version=\([0-9.]*\).*/\1/p' "$root/scripts/libtorch.sh")"
    } >"$folder/facts"
    packed=$(kib "$folder")
    sources=$(git ls-files -z -- . ':!results' | xargs -0 du -k | awk '{ sum += $1 } END { print sum + 0 }')
    results=$(git ls-files -z -- results | xargs -0 du -k | awk '{ sum += $1 } END { print sum + 0 }')
    (cd "$folder" && du -k -- * | awk -v me="$me" '{ printf "%s: %7d KiB  %s\n", me, $1, $2 }') >&2
    say "$packed KiB in $folder and $sources KiB of sources: $((packed + sources)) of $limit_kib KiB"
    [ $((packed + sources)) -lt "$limit_kib" ] ||
        fail "expected less than $limit_kib KiB to carry, got $((packed + sources)); leave a test program out"
    say "carry ${folder#"$root/"}, and leave results/ ($results KiB) behind: git sparse-checkout set --no-cone '/*' '!/results/'"
    say "then, there: scripts/gpu.sh device ${folder#"$root/"}"
}

# --- device ----------------------------------------------------------------------------------
left() { echo $((deadline - $(date +%s))); }

# step NAME SECONDS COMMAND...: within its time and what is left of the whole. Its output goes to a
# log; the end of it is shown if it fails, and the rest goes on.
step() {
    name=$1 seconds=$2
    shift 2
    [ "$(left)" -lt "$seconds" ] && seconds=$(left)
    if [ "$seconds" -lt 5 ]; then
        say "LEFT OUT: $name: no time left"
        failed="$failed $name(no-time)"
        return 1
    fi
    began=$(date +%s)
    code=0
    timeout -k 5 "$seconds" "$@" >"$out/logs/$name.log" 2>&1 || code=$?
    took=$(($(date +%s) - began))
    if [ "$code" = 0 ]; then
        say "$name: done in $took s"
        return 0
    fi
    [ "$code" = 124 ] && say "$name: stopped after $seconds s"
    tail -n 15 "$out/logs/$name.log" >&2
    say "FAILED: $name, exit code $code after $took s"
    failed="$failed $name"
    return 1
}

# unpack NAME WHERE
unpack() {
    mkdir -p "$(dirname "$2")"
    gzip -dc "$folder/$1.gz" >"$2" || fail "$folder/$1.gz: cannot be unpacked; pack again"
    chmod +x "$2"
}

# Where the build looked for libtorch there has to be one: a link to PyTorch's, whose own run path is
# relative. Where none can be made the loader is told.
link_libtorch() {
    libraries=$(python3 -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))' 2>/dev/null) || libraries=
    if [ -z "$libraries" ]; then
        say "LEFT OUT: PyTorch as a peer: $(command -v python3 || echo python3) cannot import torch"
        libraries=$root/.libtorch/torch/lib
    fi
    [ -f "$libraries/libtorch_cpu.so" ] ||
        fail "expected libtorch in $libraries, got none; this machine needs a python3 with torch $libtorch"
    got=$(sed -n "s/^__version__ = ['\"]\([^'\"]*\)['\"].*/\1/p" "$libraries/../version.py")
    [ "${got%%+*}" = "$libtorch" ] ||
        fail "wrong version in $libraries: expected $libtorch, got ${got:-none}; install torch==$libtorch"
    if ! [ -f "$runpath/libtorch_cpu.so" ]; then
        torch=$(dirname "$runpath")
        if mkdir -p "$(dirname "$torch")" 2>/dev/null && ln -sfn "$(dirname "$libraries")" "$torch" 2>/dev/null; then
            say "libtorch: $torch is a link to $(dirname "$libraries")"
        else
            LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
            export LD_LIBRARY_PATH
            say "libtorch: $torch cannot be made, so LD_LIBRARY_PATH=$LD_LIBRARY_PATH"
        fi
    fi
}

sees_gpu() { env "$@" "$program" doctor 2>/dev/null | grep -q 'cuda:0'; }

# sweep NAME JOBS SECONDS EXPERIMENT
sweep() {
    began=$(date +%s)
    # Workers inherit what the program runs under.
    if step "$1" "$3" env ${preload:+"LD_PRELOAD=$preload"} "$program" sweep "$4" --jobs "$2" --out "$out/records/$1" --cache "$folder/cache"; then
        echo "$1,$2,$(($(date +%s) - began))" >>"$out/sweeps.csv"
    fi
}

device() {
    [ -f "$folder/facts" ] || fail "expected what pack made in $folder, got no $folder/facts; run: scripts/gpu.sh pack"
    deadline=$(($(date +%s) + ${SLICEWISE_GPU_SECONDS:-570}))
    out=${3:-${OUT:-$folder/out}}
    failed=
    cd "$root"
    fact() { sed -n "s/^$1=//p" "$folder/facts"; }
    runpath=$(fact runpath) libtorch=$(fact libtorch) built_in=$(fact built_in) built_target=$(fact built_target)
    rm -rf "$out/logs" "$out/records" "$out/sweeps.csv"
    mkdir -p "$out/logs" "$out/records"
    say "built of commit $(fact commit) in $built_in"

    # The tests of the program look for it, and for experiments, where they were built.
    if [ "$built_in" != "$root" ] && ! [ -e "$built_in" ]; then
        mkdir -p "$(dirname "$built_in")" 2>/dev/null && ln -s "$root" "$built_in" 2>/dev/null || true
    fi
    unpacked=$folder/unpacked
    program=$unpacked/release/slicewise
    unpack slicewise "$program"
    unpack bench_worker "$unpacked/release/examples/bench_worker"
    for name in test-model test-gpu test-program; do unpack "$name" "$unpacked/$name"; done
    if ! [ -x "$built_target/release/slicewise" ]; then
        mkdir -p "$built_target/release" 2>/dev/null && ln -s "$program" "$built_target/release/slicewise" 2>/dev/null || true
    fi
    link_libtorch

    # float32 on a GPU is not to be TF32, which the program sees to for its workers.
    NVIDIA_TF32_OVERRIDE=0
    CARGO_TARGET_DIR=$unpacked
    PYTHONUNBUFFERED=1
    export NVIDIA_TF32_OVERRIDE CARGO_TARGET_DIR PYTHONUNBUFFERED
    preload=
    if sees_gpu; then
        device=cuda:0
    elif [ -f "$libraries/libtorch_cuda.so" ] && sees_gpu LD_PRELOAD="$libraries/libtorch_cuda.so"; then
        device=cuda:0
        preload=$libraries/libtorch_cuda.so
        say "the program does not load libtorch_cuda by itself: it is loaded before it (LD_PRELOAD)"
    else
        device=cpu
        say "=========================================================================="
        say "DRY RUN: no GPU is seen here. Nothing below says anything about a GPU."
        say "=========================================================================="
        [ "${SLICEWISE_REQUIRE_GPU:-}" != 1 ] || fail "SLICEWISE_REQUIRE_GPU=1, but no GPU is seen"
    fi
    # What our own programs run under, and python does not.
    SLICEWISE_GPU_PRELOAD=$preload
    export SLICEWISE_GPU_PRELOAD
    set -- env
    if [ -n "$preload" ]; then set -- env LD_PRELOAD="$preload"; fi

    if step doctor 60 "$@" "$program" doctor; then cat "$out/logs/doctor.log" >&2; fi

    # Tests that want a GPU say SKIPPED without one; their halves for a CPU run in any case.
    patience=240 # of a slow machine, for a dry run
    if [ "$device" != cpu ]; then
        set -- "$@" SLICEWISE_REQUIRE_GPU=1
        patience=120
    fi
    for kind in model gpu program; do
        case $kind in
            model) which="gpu padding_slices tiles_ training_set_stays break_ends" ;;
            gpu) which= ;;
            program) which=gpu:: ;;
        esac
        if [ "$kind" = program ] && ! [ -x "$built_target/release/slicewise" ]; then
            say "LEFT OUT: tests of the program: expected it in $built_target/release, which cannot be made here"
            failed="$failed tests-program"
            continue
        fi
        # shellcheck disable=SC2086 # several words
        step "tests-$kind" "$patience" "$@" "$unpacked/test-$kind" $which --include-ignored --test-threads=2 --nocapture || true
        grep -h '^SKIPPED\|^test result' "$out/logs/tests-$kind.log" 2>/dev/null | sort | uniq -c >&2 || true
    done

    if [ "$device" = cpu ]; then
        # Two processes stand for many, the smallest sweep for Table 2.
        bench="--seconds 1 --budget 60 --processes 1 2" many="2 1" experiment=$root/experiments/smoke.yaml patience=150
    else
        start_mps "$@"
        bench="--seconds 4 --budget 210 --processes 1 8 16" many="16 8 1" experiment=$root/bench/gpu.yaml patience=150
    fi
    # shellcheck disable=SC2086
    step bench 230 python3 bench/gpu.py --device "$device" --out "$out" $bench || true
    grep -h 'LEFT OUT' "$out/logs/bench.log" >&2 2>/dev/null || true

    sed "s/^name:/device: $device\nname:/" "$experiment" >"$out/experiment.yaml"
    echo "sweep,jobs,seconds" >"$out/sweeps.csv"
    for jobs in $many; do
        sweep "sweep-$jobs" "$jobs" "$patience" "$out/experiment.yaml" || true
    done
    stop_mps
    if [ -f "$out/gpu.md" ]; then
        {
            echo
            echo "The same sweep, start to report, by jobs side by side:"
            echo
            sed 's/,/ | /g; s/^/| /; s/$/ |/; 1s/$/\n|---|---:|---:|/' "$out/sweeps.csv"
        } >>"$out/gpu.md"
    fi
    # Eight files come back from a lent machine, so many small ones are one.
    tar -czf "$out/records.tar.gz" --exclude=checkpoints --exclude=pictures -C "$out" records && rm -r "$out/records"
    tar -czf "$out/logs.tar.gz" -C "$out" logs && rm -r "$out/logs"
    [ "$device" != cpu ] || say "DRY RUN: nothing above says anything about a GPU"
    [ -z "$failed" ] || fail "of what could be run this failed:$failed (see $out/logs.tar.gz)"
    say "all that could be run was right; results are in $out, $(left) s were left"
}

# NVIDIA's MPS lets processes share the GPU rather than take turns. A daemon of our own in folders of
# our own; the card's settings stay as they are.
mps=
start_mps() {
    if ! command -v nvidia-cuda-mps-control >/dev/null 2>&1; then
        say "LEFT OUT: MPS: nvidia-cuda-mps-control is not on PATH; processes take turns on the GPU"
        return
    fi
    CUDA_MPS_PIPE_DIRECTORY=$(mktemp -d)
    CUDA_MPS_LOG_DIRECTORY=$CUDA_MPS_PIPE_DIRECTORY
    export CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
    mps=yes
    trap stop_mps EXIT
    if timeout 20 nvidia-cuda-mps-control -d >"$out/logs/mps.log" 2>&1 &&
        timeout 60 "$@" "$program" doctor 2>/dev/null | grep -q 'cuda:0'; then
        say "MPS runs"
    else
        stop_mps
        say "LEFT OUT: MPS: it did not start (see logs/mps.log); processes take turns on the GPU"
    fi
}

stop_mps() {
    [ -n "$mps" ] || return 0
    mps=
    echo quit | timeout 20 nvidia-cuda-mps-control >/dev/null 2>&1 || true
    rm -rf "$CUDA_MPS_PIPE_DIRECTORY"
    unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
}

case ${1:-} in
    pack) pack ;;
    device) device "$@" ;;
    *) fail "expected pack or device, got '${1:-nothing}'; see the top of scripts/gpu.sh" ;;
esac
