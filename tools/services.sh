#!/bin/sh
# Makes sure that the real services of `make test-services` are on this machine: a browser, a PACS (Orthanc
# with DICOMweb), PostgreSQL, a FHIR server (npm packages, beside its tests) and openssl. As root on Debian it
# installs what is missing. It fails rather than skips: a source that met no real server is not tested.
case $0 in
*/*) cd "${0%/*}/.." || exit 1 ;;
*) cd .. || exit 1 ;;
esac
FHIR=tests/services/fhir_server
OLDEST_NODE=18

here() {
    command -v "$1" >/dev/null 2>&1
}

one_of() {
    for file in "$@"; do
        [ -e "$file" ] && return 0
    done
    return 1
}

node_is_new_enough() {
    here node && node -e "process.exit(parseInt(process.versions.node) < $OLDEST_NODE ? 1 : 0)"
}

# Debian packages of what is not here.
missing() {
    here Orthanc || one_of /usr/sbin/Orthanc || echo orthanc
    one_of /usr/share/orthanc/plugins/libOrthancDicomWeb.so || echo orthanc-dicomweb
    here postgres || one_of /usr/lib/postgresql/*/bin/postgres || echo postgresql
    node_is_new_enough || echo nodejs
    here npm || echo npm
    here openssl || echo openssl
}

failed=0
sh tools/chromium.sh || failed=1

wanted=$(missing)
if [ -n "$wanted" ] && [ "$(id -u)" -eq 0 ] && here apt-get; then
    echo "Installing Debian's" $wanted >&2
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # one word a package
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $wanted >/dev/null
    wanted=$(missing)
fi
if [ -n "$wanted" ]; then
    echo "make test-services needs, and cannot install here (that takes root on Debian):" $wanted >&2
    echo "Install them and try again (Debian: apt-get install" $wanted"); Node.js from $OLDEST_NODE on" >&2
    failed=1
fi

if here npm && ! cmp -s "$FHIR/package-lock.json" "$FHIR/node_modules/.installed"; then
    echo "Installing the FHIR server of the tests" >&2
    if npm ci --prefix "$FHIR" --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then
        cp "$FHIR/package-lock.json" "$FHIR/node_modules/.installed"
    else
        echo "make test-services needs the packages of $FHIR/package-lock.json from npm's registry" >&2
        failed=1
    fi
fi
exit "$failed"
