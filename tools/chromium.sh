#!/bin/sh
# Makes sure that a Chromium or Chrome is there for the tests of the report; as root on Debian it
# installs one. It fails rather than skips: a report nobody looked at in a browser is not tested.
for browser in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$browser" >/dev/null 2>&1; then
        exit 0
    fi
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian's chromium for the tests in a browser" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null &&
        command -v chromium >/dev/null 2>&1 && exit 0
fi
echo "make test-services needs a browser: install Chromium or Chrome (Debian: apt-get install chromium) and try again" >&2
exit 1
