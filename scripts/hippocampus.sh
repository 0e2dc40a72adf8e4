#!/bin/sh
# scripts/hippocampus.sh SRC DEST: makes DEST a folder that the dataset `msd` reads, of the hippocampi in SRC.
#
# SRC has images/ and labels/ with hippocampus_NNN.nii.gz, as in some copies of the Medical
# Segmentation Decathlon's Task04. DEST gets links to them and a dataset.json. The Decathlon's own
# archive has these already: set data.path to its folder instead.
set -eu

fail() {
    echo "$0: $1" >&2
    exit 1
}

[ $# -eq 2 ] || fail "expected SRC DEST, got $# argument(s)"
for folder in images labels; do
    [ -d "$1/$folder" ] || fail "$1/$folder: not found (expected a folder of hippocampus_NNN.nii.gz)"
done
source=$(cd "$1" && pwd -P)
mkdir -p "$2"
ln -sfn "$source/images" "$2/imagesTr"
ln -sfn "$source/labels" "$2/labelsTr"
# Names and values as in the Decathlon's dataset.json.
cat >"$2/dataset.json" <<'JSON'
{
  "name": "Hippocampus",
  "licence": "CC-BY-SA 4.0",
  "labels": {"0": "background", "1": "anterior", "2": "posterior"},
  "file_ending": ".nii.gz"
}
JSON
