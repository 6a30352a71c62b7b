#!/bin/sh
# Makes netui one executable, with Python and its libraries in it, by pyinstaller. Runs in a Debian 11 with a newer
# Python (tests/lab/roots.py, build_root): what it makes runs on that system's C library and newer ones.
#
#   tools/single.sh OUTPUT      OUTPUT/netui (one file), OUTPUT/tree/ (the same as a folder, which starts sooner), and
#                               OUTPUT/THIRD-PARTY.txt, the licences of what both carry
set -eu
cd "$(dirname "$0")/.."
output=$1
export LD_LIBRARY_PATH=/opt/python/lib PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export PIP_CONSTRAINT="$PWD/constraints.txt"
/opt/python/bin/python3 -m venv /tmp/venv
/tmp/venv/bin/pip install -q . -r tools/single.txt
cat >/tmp/netui-main.py <<'END'
import os
import sys

# the loader's path is for this program, not for ip, nft and ssh
for name in ("LD_LIBRARY_PATH",):
    before = os.environ.pop(f"{name}_ORIG", None)
    os.environ.pop(name, None)
    if before is not None:
        os.environ[name] = before

from netui.entry import main

sys.exit(main())
END
# python-iptables looks for its own library beside the modules
wrapper=$(ls /tmp/venv/lib/python3*/site-packages/libxtwrapper*.so)
for form in onefile onedir; do
  /tmp/venv/bin/pyinstaller --log-level ERROR --noconfirm "--$form" --strip --name netui \
    --distpath "/tmp/made/$form" --workpath /tmp/work --specpath /tmp \
    --collect-submodules netui --collect-data netui --collect-submodules textual --collect-data textual \
    --collect-all iptc --add-binary "$wrapper:." --collect-submodules rich._unicode_data --hidden-import humanize --hidden-import docker \
    --exclude-module tkinter --exclude-module pip --exclude-module setuptools /tmp/netui-main.py
done
mkdir -p "$output"
cp /tmp/made/onefile/netui "$output/netui"
cp -r /tmp/made/onedir/netui "$output/tree"
/tmp/venv/bin/python tools/third_party.py "$output/tree/_internal" "$output/THIRD-PARTY.txt"
