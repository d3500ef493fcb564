#!/usr/bin/env bash
# Build a Docker image of Debian's Python without an image registry, which stands for the official
# one: in it pip takes what it installs from WHEELS alone.
#
#     build_python_image.sh TAG FOLDER WHEELS     FOLDER must not exist; the caller deletes it
set -euo pipefail

tag=$1
root=$2
wheels=$3

debootstrap --variant=minbase --include=python3,python3-venv bookworm "$root"
rm -rf "$root"/var/cache/apt "$root"/var/lib/apt/lists \
    "$root"/usr/share/doc "$root"/usr/share/locale "$root"/usr/share/man
ln -s python3 "$root/usr/bin/python"
install -d "$root/wheels"
install -m 644 "$wheels"/*.whl "$root/wheels"

tar --create --directory="$root" --one-file-system . |
    docker import \
        --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
        --change 'ENV PIP_NO_INDEX=1' \
        --change 'ENV PIP_FIND_LINKS=/wheels' \
        - "$tag"
