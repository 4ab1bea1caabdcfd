#!/bin/sh
# The steps that both images share: install from the source in this folder, collect licences, make a user.
# Usage: install.sh VARIANT, an index of PyTorch such as cpu or cu130; `kept` takes torch from the configured index.
set -eu
variant=$1
if [ "$variant" != kept ]; then
    sed '/^torch==/s/$/+'"$variant"'/' constraints.txt > /tmp/constraints.txt
    export PIP_EXTRA_INDEX_URL="https://download.pytorch.org/whl/$variant"
else
    cp constraints.txt /tmp/constraints.txt
fi
python3 -m pip install --no-compile -c /tmp/constraints.txt '.[dicom,cluster]'

mkdir -p /licences
cp LICENSE NOTICE /licences/
python3 - <<'EOF'
import shutil
from importlib.metadata import distributions
from pathlib import Path

for package in distributions():
    for file in package.files or ():
        if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE")) and ".dist-info" in str(file):
            target = Path("/licences", package.metadata["Name"])
            target.mkdir(exist_ok=True)
            shutil.copy(str(package.locate_file(file)), target / file.name)
EOF

id survembed >/dev/null 2>&1 || useradd --uid 10001 --create-home --home-dir /study survembed
rm -rf /tmp/constraints.txt
