# Programs of newer Debians, unpacked beside this machine's own: sourced, not run. Sets state, the
# folder that everything fetched is kept in.
# shellcheck shell=bash

if [ "$(id -u)" = 0 ]; then
    state=/var/cache/holdfast-tests
else
    state=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast-tests
fi
state=${HOLDFAST_TEST_STATE:-$state}

# With all their libraries, down to libc, by an apt of their own: an empty package database and this
# machine's own mirror, so nothing of the machine changes. The programs are then told where their
# loader and libraries are. Calls unavailable, which the sourcing script has, where that fails.
fetch_debian() { # WHAT SUITE PACKAGE FOLDER PROGRAMS-BELOW-IT
    local what=$1 suite=$2 package=$3 folder=$4 programs=$5 apt=$state/apt mirror file
    command -v patchelf >/dev/null || unavailable "$what: patchelf is not installed"
    mirror=$(sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb( \[[^]]*\])? +([^ ]+).*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1) || true
    [ -n "$mirror" ] || unavailable "$what: this machine has no Debian mirror set"
    say "fetching $what from Debian $suite"
    rm -rf "$apt" "$folder.new"
    mkdir -p "$apt"/{lists/partial,cache/archives/partial} "$folder.new"
    : >"$apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        >"$apt/sources.list"
    local options=(-o "Dir::State=$apt" -o "Dir::State::status=$apt/status"
        -o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourcelist=$apt/sources.list"
        -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root -o Debug::NoLocking=1)
    { apt-get "${options[@]}" update && apt-get "${options[@]}" --yes --no-install-recommends \
        --download-only install "$package"; } >"$state/fetch-$package.log" 2>&1 ||
        unavailable "$what: apt could not fetch it ($state/fetch-$package.log)"
    for file in "$apt"/cache/archives/*.deb; do
        dpkg-deb -x "$file" "$folder.new"
    done
    rm -rf "$apt"
    relocate "$folder.new" "$folder" "$programs"
    chmod -R a+rX "$folder.new"
    rm -rf "$folder" && mv "$folder.new" "$folder"
}

relocate() { # FOLDER FINAL-FOLDER PROGRAMS
    local libraries=$2/usr/lib/x86_64-linux-gnu loader file
    loader=$(cd "$1" && find . -name 'ld-linux-x86-64.so.2' -type f | head -n 1)
    for file in "$1"/$3; do
        patchelf --set-interpreter "$2/${loader#./}" --set-rpath "$libraries" --force-rpath \
            "$(readlink -f "$file")"
    done
    for file in "$1"/usr/lib/x86_64-linux-gnu/*.so.*; do
        # The C library finds its own parts by itself; everything else is shown where it is.
        case $(basename "$file") in ld-linux* | libc.so*) continue ;; esac
        [ -L "$file" ] || patchelf --set-rpath "$libraries" --force-rpath "$file"
    done
}
