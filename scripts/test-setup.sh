#!/bin/sh
# Tests of ./just and the scripts beside this file: every way in which fetching can go wrong.
# Runs offline in seconds: `python3 -m pip`, `df`, `cargo` and `just` are stubs on PATH.
set -u

here=$(cd "$(dirname "$0")/.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
real_python=$(command -v python3) || { echo "test-setup: python3 is needed to test its stub"; exit 1; }
real_python=$("$real_python" -c 'import sys; print(sys.executable)')
unset LIBTORCH LIBTORCH_USE_PYTORCH LIBTORCH_BYPASS_VERSION_CHECK VIRTUAL_ENV CXX CUDA_VISIBLE_DEVICES
# Where libtorch.sh looks for /proc, /dev and libcuda; the machine's own GPU, if any, plays no part.
export SLICEWISE_TEST_MACHINE=$work/machine

# PATH of every test: these commands and the stubs, so that "not installed" can be played.
mkdir "$work/system"
for tool in awk cat chmod cp cut df dirname env grep head mkdir mktemp mv rm sed sh sleep tail timeout uname; do
    ln -s "$(command -v "$tool")" "$work/system/$tool"
done

stub() { # stub NAME: its text from stdin
    { printf '#!%s/system/sh\n' "$work"; cat; } >"$repo/stubs/$1"
    chmod +x "$repo/stubs/$1"
}

# A repository with the scripts alone, and a python3 whose pip does what $PIP says.
fresh() {
    repo=$work/repo
    rm -rf "$repo"
    rm -rf "$SLICEWISE_TEST_MACHINE"
    mkdir -p "$repo/stubs" "$repo/scripts" "$SLICEWISE_TEST_MACHINE"
    cp "$here/just" "$repo/"
    cp -r "$here"/scripts/*.sh "$here/scripts/requirements" "$repo/scripts/"
    PATH=$repo/stubs:$work/system
    PIP=ok TORCH=2.11.0+cpu
    export PIP TORCH
    stub python3 <<STUB
[ "\$1 \${2-}" = "-m pip" ] || case "\$*" in
    *"import torch"* | *"from torch"*) [ -n "\$TORCH" ] && echo "\$TORCH"; exit ;;
    *) exec "$real_python" "\$@" ;;
esac
[ "\$PIP" = none ] && { echo "No module named pip" >&2; exit 1; }
[ "\$3" = --version ] && { echo "pip 24.0 from a stub"; exit; }
echo "install TMPDIR=\$TMPDIR PIP_USER=\$PIP_USER PIP_TARGET=\${PIP_TARGET-unset} \$*" >>"$repo/calls"
cuda=
while [ \$# -gt 0 ]; do
    case \$1 in
        --target) target=\$2 ;;
        --requirement) case \$2 in */libtorch-cuda.txt) cuda=1 ;; esac; cat "\$2" >/dev/null || exit ;;
    esac
    shift
done
echo "WARNING: chatter" >&2
case \$PIP in
    offline) echo "WARNING: Retrying: Failed to establish a new connection" >&2
             echo "ERROR: No matching distribution found for it" >&2; exit 1 ;;
    full) echo "ERROR: Could not install: [Errno 28] No space left on device" >&2; exit 1 ;;
    unavailable) echo "ERROR: No matching distribution found for it" >&2; exit 1 ;;
    altered) echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If" >&2
             echo "    torch==2.11.0 from a connection:" >&2; echo "        Expected sha256 12ab" >&2
             echo "             Got        34cd" >&2; exit 1 ;;
    broken) echo "ERROR: no luck" >&2; echo "see the manual" >&2; exit 1 ;;
esac
for folder in torch/lib torch/include torch/_inductor torchgen bin nibabel nvidia/cu13/lib nvidia/cu13/include; do
    mkdir -p "\$target/\$folder"
done
for file in torch/__init__.py torch/lib/libc10.so torch/lib/libtorch.so torch/lib/libtorch_python.so \
    torch/lib/libtorch_cuda.so nvidia/cu13/lib/libcupti.so.13 nvidia/cu13/lib/libcudart.so.13 \
    nvidia/cu13/lib/libnvperf_host.so; do
    echo >"\$target/\$file"
done
echo "__version__ = '\$TORCH'" >"\$target/torch/version.py"
[ "\$PIP" = slow ] && sleep 1
[ "\$PIP" = hollow ] || echo >"\$target/torch/lib/libtorch_cpu.so"
printf '#!%s/system/sh\necho just 1.46.0\n' "$work" >"\$target/bin/just"
chmod +x "\$target/bin/just"
STUB
}

calls() { grep -c install "$repo/calls" 2>/dev/null || true; }

# check NAME CONDITION...: one test.
check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        sed 's/^/    stderr: /' "$work/stderr"
    fi
}

# succeeds COMMAND...
succeeds() { "$@" >"$work/stdout" 2>"$work/stderr"; }

# fails_with PATTERN COMMAND...: it fails and says so in one line, announcements aside.
fails_with() {
    pattern=$1
    shift
    "$@" >"$work/stdout" 2>"$work/stderr" && return 1
    grep -v ': fetching \|: installing \|: replacing ' "$work/stderr" >"$work/lines"
    [ "$(grep -c '' "$work/lines")" = 1 ] && grep -q "$pattern" "$work/lines"
}

is_whole() {
    [ -f "$repo/.libtorch/torch/version.py" ] && [ -f "$repo/.libtorch/torch/lib/libtorch_cpu.so" ] &&
        [ ! -e "$repo/.libtorch.partial" ]
}
is_absent() { [ ! -e "$repo/.libtorch" ] && [ ! -e "$repo/.libtorch.partial" ]; }
fetched() { [ "$(calls)" = "$1" ] || [ "$1$(calls)" = 0 ]; }
libtorch=$work/repo/scripts/libtorch.sh
just=$work/repo/just

# --- libtorch.sh: fetching -------------------------------------------------------------------
fresh
check "first use fetches" succeeds "$libtorch"
check "first use leaves it whole" is_whole
check "pip unpacks beside the target" grep -q "TMPDIR=$repo/.libtorch.partial" "$repo/calls"
rm "$repo/stubs/python3"
check "second use needs no python3" succeeds "$libtorch"
check "second use fetches nothing" fetched 1

fresh
PIP_USER=1 PIP_TARGET=/elsewhere; export PIP_USER PIP_TARGET
check "pip settings against --target are overruled" succeeds "$libtorch"
unset PIP_USER PIP_TARGET
check "they are not seen by pip" grep -q "PIP_USER=0 PIP_TARGET=unset" "$repo/calls"

fresh
rm "$repo/stubs/python3"
check "no python3" fails_with "python3 not found on PATH" "$libtorch"
fresh
PIP=none
check "no pip" fails_with "has no pip" "$libtorch"
fresh
PIP=offline
check "no network" fails_with "no connection to PyPI" "$libtorch"
check "no network leaves nothing" is_absent
PIP=ok
check "and works once there is one" succeeds "$libtorch"
fresh
PIP=full
check "disk full on the way" fails_with "disk full while fetching torch 2.11.0" "$libtorch"
check "disk full leaves nothing" is_absent
fresh
echo 'echo "Filesystem 1024-blocks Used Available"; echo "disk 9000000 1 2097152 1% /"' | stub df
check "disk too small" fails_with "expected 3 GiB free, got 2 GiB" "$libtorch"
check "disk too small fetches nothing" fetched 0
fresh
PIP=unavailable
check "no wheel for this machine" fails_with "PyPI has no torch 2.11.0 for this machine" "$libtorch"
fresh
PIP=broken
check "any other failure of pip" fails_with "pip could not install torch 2.11.0: ERROR: no luck" "$libtorch"
fresh
TORCH=2.10.0
check "pip delivers another version" fails_with "expected torch 2.11.0.*got version 2.10.0" "$libtorch"
check "which is not kept" is_absent
fresh
PIP=hollow
check "pip delivers no library" fails_with "left no usable libtorch" "$libtorch"
check "which is not kept either" is_absent

fresh
PIP=altered
check "another file than the one pinned" fails_with \
    "not the one pinned: expected a SHA-256 listed in scripts/requirements/libtorch-cpu.txt, got 34cd" "$libtorch"
check "which is not kept" is_absent

# --- libtorch.sh: with and without a GPU -----------------------------------------------------
driver() { # driver VERSION: NVIDIA's driver, both halves of it
    mkdir -p "$SLICEWISE_TEST_MACHINE/proc/driver/nvidia"
    echo "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  $1  Release Build  (a@b)" \
        >"$SLICEWISE_TEST_MACHINE/proc/driver/nvidia/version"
    echo 'echo "	libcuda.so.1 (libc6,x86-64) => /usr/lib/libcuda.so.1"' | stub ldconfig
}
has() { [ -e "$repo/.libtorch/$1" ]; }
lacks() { ! has "$1"; }
lib=torch/lib

fresh
check "without a driver the CPU's half is fetched" succeeds "$libtorch"
check "by its list, with hashes" grep -q -- "--require-hashes --no-deps .*/libtorch-cpu.txt" "$repo/calls"
for kept in $lib/libtorch.so $lib/libtorch_cpu.so $lib/libc10.so torch/include torch/version.py \
    nvidia/cu13/lib/libcupti.so.13 nvidia/cu13/lib/libcudart.so.13; do
    check "it keeps $kept" has $kept
done
for dropped in $lib/libtorch_cuda.so $lib/libtorch_python.so torch/__init__.py torch/_inductor torchgen \
    bin nvidia/cu13/include nvidia/cu13/lib/libnvperf_host.so; do
    check "it drops $dropped" lacks $dropped
done
driver 580.82.07
check "a driver that comes later brings the rest" succeeds "$libtorch"
check "by the other list" grep -q "/libtorch-cuda.txt" "$repo/calls"
check "which is whole" has $lib/libtorch_cuda.so
check "in its place" is_whole
check "and is kept" succeeds "$libtorch"
check "once and for all" fetched 2
rm -r "$SLICEWISE_TEST_MACHINE"
check "also when the driver goes" succeeds "$libtorch"
check "then nothing is fetched" fetched 2

fresh
driver 595.10
check "with a driver all is fetched at once" succeeds "$libtorch"
check "all of it" has torch/_inductor
check "at once" fetched 1
fresh
driver 595.10
echo 'echo "Filesystem 1024-blocks Used Available"; echo "disk 9000000 1 7340032 1% /"' | stub df
check "disk too small for CUDA" fails_with "libtorch with CUDA: expected 8 GiB free, got 7 GiB" "$libtorch"
check "but not where the GPUs are hidden" succeeds env CUDA_VISIBLE_DEVICES= "$libtorch"
check "then the CPU's half comes" lacks $lib/libtorch_cuda.so
fresh
driver 570.86.15
check "an older driver is of no use" succeeds "$libtorch"
check "which is said" grep -q "driver 570.86.15 is older than 580.*LIBTORCH" "$work/stderr"
check "so the CPU's half comes" lacks $lib/libtorch_cuda.so
check "which is kept" succeeds "$libtorch"
check "quietly" test ! -s "$work/stderr"
fresh
driver 595.10
rm "$repo/stubs/ldconfig"
echo | stub ldconfig
check "a driver without libcuda (a container) is none" succeeds "$libtorch"
check "and brings the CPU's half" lacks $lib/libtorch_cuda.so
fresh
driver 595.10
rm -r "$SLICEWISE_TEST_MACHINE/proc"
check "libcuda without a driver is none either" succeeds "$libtorch"
check "it too brings the CPU's half" lacks $lib/libtorch_cuda.so
mkdir -p "$SLICEWISE_TEST_MACHINE/dev" "$SLICEWISE_TEST_MACHINE/usr/lib/wsl/lib"
: >"$SLICEWISE_TEST_MACHINE/dev/dxg"
: >"$SLICEWISE_TEST_MACHINE/usr/lib/wsl/lib/libcuda.so.1"
check "Windows' driver (WSL) is one" succeeds "$libtorch"
check "and brings the rest" has $lib/libtorch_cuda.so

# --- libtorch.sh: interruptions and company --------------------------------------------------
fresh
mkdir -p "$repo/.libtorch.partial/packages/torch/old"
check "a left-over of a killed download is removed" succeeds "$libtorch"
check "and nothing of it is taken" test ! -e "$repo/.libtorch/torch/old"
fresh
PIP=slow
"$libtorch" 2>"$work/stderr" &
pid=$!
tries=100
while [ "$(calls)" != 1 ] && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
kill -TERM $pid
wait $pid
check "an interrupted download fails" test $? -ne 0
check "an interrupted download leaves nothing" is_absent
check "the next one succeeds" succeeds "$libtorch"
check "the next one is whole" is_whole
fresh
PIP=slow
"$libtorch" 2>"$work/stderr.1" &
first=$!
"$libtorch" 2>"$work/stderr" &
second=$!
wait $first; first=$?
wait $second; second=$?
check "two at once both succeed" test "$first$second" = 00
check "two at once fetch once" fetched 1
check "two at once leave it whole" is_whole
fresh
mkdir -p "$repo/.libtorch/torch/lib"
echo "__version__ = '2.10.0'" >"$repo/.libtorch/torch/version.py"
echo >"$repo/.libtorch/torch/lib/libtorch_cpu.so"
check "an older libtorch is replaced" succeeds "$libtorch"
check "by the right one" grep -q 2.11.0 "$repo/.libtorch/torch/version.py"
check "in its place" test ! -e "$repo/.libtorch/packages"

# --- libtorch.sh: the user's own -------------------------------------------------------------
own() { # own VERSION: a libtorch folder as unzipped from a release
    fresh
    mkdir -p "$work/own/lib"
    echo >"$work/own/lib/libtorch_cpu.so"
    echo "$1" >"$work/own/build-version"
    LIBTORCH=$work/own
    export LIBTORCH
}
own 2.11.0+cpu
check "LIBTORCH is taken" succeeds "$libtorch"
check "and nothing fetched" fetched 0
own 2.9.0
check "LIBTORCH of another version" fails_with "LIBTORCH=$work/own: expected 2.11.0, got 2.9.0" "$libtorch"
check "unless the check is off" succeeds env LIBTORCH_BYPASS_VERSION_CHECK=1 "$libtorch"
rm "$work/own/build-version"
check "LIBTORCH of unknown version" fails_with "expected 2.11.0, got none" "$libtorch"
rm -r "$work/own/lib"
check "LIBTORCH without a library" fails_with "holds no lib/libtorch_cpu.so" "$libtorch"
LIBTORCH=own
check "LIBTORCH relative" fails_with "absolute path, got 'own'" "$libtorch"
LIBTORCH=
check "LIBTORCH empty" fails_with "absolute path, got ''" "$libtorch"
fresh
LIBTORCH=$repo/.libtorch/torch # as cargo's [env] exports it to what it runs
check "LIBTORCH at our own place still fetches" succeeds "$libtorch"
check "and is whole" is_whole
LIBTORCH=/nowhere
LIBTORCH_USE_PYTORCH=1
export LIBTORCH_USE_PYTORCH
check "PyTorch goes before LIBTORCH" succeeds "$libtorch"
TORCH=2.12.1+cu130
check "PyTorch of another version" fails_with "expected 2.11.0, got 2.12.1+cu130" "$libtorch"
TORCH=
check "no PyTorch in that python" fails_with "cannot import torch" "$libtorch"
rm "$repo/stubs/python3"
check "no python for PyTorch" fails_with "python3 is not on PATH" "$libtorch"
unset LIBTORCH LIBTORCH_USE_PYTORCH

# --- ./just ----------------------------------------------------------------------------------
version_of_just() { # a just on PATH that says its version, or where it runs and with what
    stub just <<STUB
[ "\$*" = --version ] && { echo "just $1"; exit; }
echo "in \$PWD:"; for a in "\$@"; do echo "<\$a>"; done
STUB
}
fresh
version_of_just 1.46.0
check "a recent just on PATH is run" succeeds "$just" build "two words"
check "in the repository, arguments kept" test "$(cat "$work/stdout")" = "in $repo:
<build>
<two words>"
version_of_just 2.0.0
check "a later one as well" succeeds "$just"
check "and nothing fetched" fetched 0
version_of_just 1.9.9
check "an older one is passed over" succeeds "$just"
check "for the pinned one" fetched 1
check "which lies in .tools" test -x "$repo/.tools/bin/just"
check "and is kept" succeeds "$just"
check "once and for all" fetched 1
fresh
PATH=$repo:$PATH
check "./just on PATH is not taken for just" succeeds timeout 10 "$just"
fresh
PIP=offline
check "no network for just" fails_with "no connection to PyPI, which just 1.46.0" "$just"
fresh
rm "$repo/stubs/python3"
check "neither pip nor cargo for just" fails_with "neither python3 with pip nor cargo" "$just"
stub cargo <<STUB
echo "\$*" >>"$repo/calls"
mkdir -p "$repo/.tools/bin"
printf '#!%s/system/sh\necho just 1.46.0\n' "$work" >"$repo/.tools/bin/just"
chmod +x "$repo/.tools/bin/just"
STUB
check "cargo builds it without pip" succeeds "$just"
check "at the pinned version" grep -q "^install .* --version 1.46.0 --root" "$repo/calls"

# --- toolchain.sh and python.sh --------------------------------------------------------------
toolchain=$work/repo/scripts/toolchain.sh
fresh
check "no cargo" fails_with "cargo not found on PATH" "$toolchain"
echo | stub cargo
check "no C++ compiler" fails_with "'c++' not found on PATH" "$toolchain"
check "CXX with arguments is looked up by its first word" fails_with "'ccache' not found" env CXX="ccache g++" "$toolchain"
echo | stub c++
check "both there" succeeds "$toolchain"

bench=$work/repo/scripts/bench.sh
fresh
PIP=offline
check "no network for the benchmarks' packages" fails_with "no connection to PyPI, which MONAI" "$bench"
PIP=ok
check "without a PyTorch to import it comes as well" succeeds env TORCH= "$bench"
check "by its list" grep -q "/bench.txt .*/bench-torch.txt" "$repo/calls"
check "with the one in .libtorch it does not" succeeds "$bench"
check "which is another copy" fetched 3
check "and kept" succeeds "$bench"
check "once fetched" fetched 3

python=$work/repo/scripts/python.sh
fresh
PIP=offline
check "no network for the tests' packages" fails_with "no connection to PyPI, which nibabel" "$python"
PIP=ok
check "fetched once there is one" succeeds "$python"
check "and kept" succeeds "$python"
check "not fetched again" fetched 2
echo "another python" >"$repo/.tools/python/wanted"
check "another Python needs another copy" succeeds "$python"
check "which is fetched" fetched 3

# --- chromium.sh -----------------------------------------------------------------------------
chromium=$work/repo/scripts/chromium.sh
fresh
user=0
installs() { # installs CODE: apt-get ends with it; after an update, rightly
    stub id <<STUB
echo $user
STUB
    stub apt-get <<STUB
echo "\$*" >>"$repo/apt-calls"
[ "\$1" = update ] && { echo updated >"$repo/updated"; exit; }
[ -e "$repo/updated" ] || [ $1 = 0 ] || { echo "E: Unable to locate package chromium" ; exit $1; }
[ $1 = 99 ] && { echo "E: no room"; exit 1; }
printf '#!%s/system/sh\necho Chromium 1\n' "$work" >"$repo/stubs/chromium"
chmod +x "$repo/stubs/chromium"
STUB
}
check "no Chromium and no apt-get" fails_with "there is no apt-get" "$chromium"
user=1000
installs 0
check "one who may not install it" fails_with "only root may install it" "$chromium"
user=0
installs 99
check "apt-get that cannot" fails_with "apt-get cannot install it: E: no room" "$chromium"
rm -f "$repo/updated" "$repo/apt-calls"
installs 100
check "looking alone installs nothing" fails_with "not found on PATH (Debian" "$chromium" --find
check "so far" [ ! -e "$repo/apt-calls" ]
check "root installs it, if need be after an update" succeeds "$chromium"
check "and gets its path" grep -qx "$repo/stubs/chromium" "$work/stdout"
mv "$repo/stubs/chromium" "$repo/stubs/google-chrome"
rm "$repo/stubs/apt-get"
check "under another name it is found as well" succeeds "$chromium" --find
check "as that" grep -qx "$repo/stubs/google-chrome" "$work/stdout"

# --- slurm.sh --------------------------------------------------------------------------------
slurm=$work/repo/scripts/slurm.sh
fresh
user=0
installs() { # installs CODE: apt-get ends with it
    stub id <<STUB
echo $user
STUB
    stub apt-get <<STUB
[ "\$1" = update ] && exit
[ $1 = 0 ] || { echo "E: no room"; exit $1; }
for name in slurmctld slurmd munged sbatch squeue scontrol scancel; do
    printf '#!%s/system/sh\n' "$work" >"$repo/stubs/\$name"
    chmod +x "$repo/stubs/\$name"
done
STUB
}
# Where Debian's is installed, the daemons are found outside of PATH, but sbatch is not.
check "no Slurm and no apt-get" fails_with "there is no apt-get" "$slurm"
user=1000
installs 0
check "one who may not install it" fails_with "only root may install it" "$slurm"
user=0
installs 1
check "apt-get that cannot" fails_with "apt-get cannot install it: E: no room" "$slurm"
check "looking alone installs nothing" fails_with "not found on PATH (Debian" "$slurm" --find
installs 0
check "root installs it" succeeds "$slurm"
check "and gets its path" grep -q "/slurmctld$" "$work/stdout"

echo "test-setup: $passed passed, $failed failed"
[ "$failed" = 0 ]
