#!/bin/sh
# Prints a Python >= 3.11 for the virtual environment: the one already in .venv, else python3 where it
# is new enough (scientific wheels come late for the newest), else the newest other one on the PATH.
for candidate in .venv/bin/python python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
echo "medxmodal needs Python 3.11 or newer and finds none: install one, or say make PYTHON=/path/to/python3" >&2
exit 1
