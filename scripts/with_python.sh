#!/bin/sh
# Start a Python script with a Python that is new enough, or say which package brings what is missing.
#   sh scripts/with_python.sh SCRIPT [ARGUMENT…]        PYTHON=… names the interpreter to take
# Called by the Makefile, before there is a virtual environment. POSIX sh and nothing else.

missing() {
    echo "$1 is missing: $2" >&2
    echo "  Debian, Ubuntu: sudo apt install $3" >&2
    echo "  Homebrew:       brew install $4" >&2
    exit 2
}

recent() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

git --version >/dev/null 2>&1 || missing git "repositories are cloned with it" git git

if [ -n "$PYTHON" ]; then
    recent "$PYTHON" || missing "Python 3.11 or newer" "PYTHON=$PYTHON is none" python3 python
    exec "$PYTHON" "$@"
fi
for name in python3 python3.13 python3.12 python3.11 python; do
    if recent "$name"; then
        exec "$name" "$@"
    fi
done
missing "Python 3.11 or newer" "python3 is $(python3 --version 2>/dev/null || echo 'not there')" "python3 python3-venv" python
