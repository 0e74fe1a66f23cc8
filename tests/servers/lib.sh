# Shared by the servers that tests start: sourced, not run. Sets state from scripts/lib.sh as well.
#
# A server lives in one folder DIR: data, logs, and run/NAME.pid of each of its processes. Processes
# are ended by these records only, which hold the time of birth beside the number, so that a number
# that went to another process in the meantime ends nobody.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

unavailable() {
    say "$*"
    exit 77
}

# Nothing for one that has ended and that nobody has waited for yet.
born() { # PID
    sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" {print $20}'
}

alive() { # DIR NAME
    local pid birth
    [ -s "$1/run/$2.pid" ] && read -r pid birth <"$1/run/$2.pid" && [ "$(born "$pid")" = "${birth:-none}" ]
}

# In a session of its own: an interrupt of the tests does not reach it, stop does.
launch() { # DIR NAME COMMAND...
    local dir=$1 name=$2
    shift 2
    setsid "$@" >>"$dir/log/$name.out" 2>&1 </dev/null 9>&- &
    echo "$! $(born $!)" >"$dir/run/$name.pid"
}

end() { # DIR NAME
    local pid birth
    # Not itself: what end_with left to stop the server has that record.
    if alive "$1" "$2" && read -r pid birth <"$1/run/$2.pid" && [ "$pid" != $$ ]; then
        kill -TERM "$pid" 2>/dev/null || true
        within 15 ended "$1" "$2" || kill -KILL -- "-$pid" 2>/dev/null || true
        within 5 ended "$1" "$2" || say "process $pid ($2) does not end"
    fi
    rm -f "$1/run/$2.pid"
}
ended() { ! alive "$@"; }

# Tries until it works; a condition that others bring about has no other way to be waited for.
within() { # SECONDS COMMAND...
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.05
    done
}

listens() { # PORT
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

await_port() { # DIR NAME PORT SECONDS
    within "$4" listens_or_ended "$1" "$2" "$3" && alive "$1" "$2" || {
        tail -n 5 "$1/log/$2".* >&2
        die "$2 does not answer"
    }
}
listens_or_ended() { listens "$3" || ended "$1" "$2"; }

# Sets port to the first of 20 neighbours that nobody uses, below those the kernel gives out: to PORT,
# where that is still free. They are this server's for as long as one of its processes
# lives: each inherits the lock. Without it servers that start side by side find the same port free.
reserve_ports() { # PORT|any
    local folder=/tmp/holdfast-ports-$UID lock
    mkdir -p -m 700 "$folder"
    for port in ${1#any} $(seq 10000 20 18980 | shuf); do
        exec {lock}>"$folder/$port"
        if flock -n "$lock" && unused "$port"; then
            return
        fi
        exec {lock}>&-
    done
    die "no port is free"
}
unused() { # PORT
    local each
    for ((each = $1; each < $1 + 20; each++)); do
        ! listens "$each" || return 1
    done
}

# Ends the server when the process does that asked for it, however that ends.
end_with() { # DIR PID|parent
    [ "$2" != parent ] || set -- "$1" "$PPID"
    launch "$1" watch bash -c 'tail --pid="$1" -f /dev/null; exec "$2" stop "$3"' \
        watch "$2" "$(realpath "$0")" "$1"
}
