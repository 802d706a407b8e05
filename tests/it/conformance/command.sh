#!/bin/sh
# A mover of folders with four files, for the conformance suite: `sh command.sh ROOT`; node N is the folder ROOT/N.
# Each report waits for its answer, so that it is never ahead of what it may do.
set -eu
export LC_ALL=C
read -r job
root=$1
id=${job#*'"from":{"id":'}
from=$root/${id%%,*}
id=${job#*'"to":{"id":'}
to=$root/${id%%,*}
name=${job#*'"name":"'}
name=${name%%'"'*}
part=$to/.part-$SHARDFERRY_MIGRATION
gone=$from/.gone-$SHARDFERRY_MIGRATION

say() { printf '%s\n' "$1"; }
ask() {
    say "$1"
    read -r _go || exit 1
}
fail() {
    say "{\"type\":\"error\",\"class\":\"$1\",\"message\":\"$2\",\"from_scratch\":$3}"
    exit 1
}

copy() {
    [ -d "$from/$name" ] || fail retriable 'the source is gone' false
    [ ! -d "$to/$name" ] || fail permanent 'the name is taken' false
    done=0
    case $job in
    *'"checkpoint":{"cursor":"'*)
        done=${job#*'"checkpoint":{"cursor":"'}
        done=${done%%'"'*}
        ;;
    esac
    [ -d "$part" ] || done=0
    mkdir -p "$part"
    nth=0
    for file in a b c d; do
        nth=$((nth + 1))
        [ "$nth" -gt "$done" ] || continue
        ask '{"type":"throttle","bytes":100}'
        cp "$from/$name/$file" "$part/$file"
        ask "{\"type\":\"checkpoint\",\"cursor\":\"$nth\",\"bytes\":${nth}00,\"bytes_total\":400,\"wait\":true}"
    done
}

digest() { cat "$1/a" "$1/b" "$1/c" "$1/d" | sha256sum; }

verify() {
    [ -d "$from/$name" ] || fail retriable 'the source is gone' false
    copy=$part
    [ -d "$copy" ] || copy=$to/$name
    [ -f "$copy/d" ] || fail retriable 'the copy is gone' true
    ask '{"type":"verified","bytes":0,"bytes_total":800,"wait":true}'
    ours=$(digest "$from/$name")
    ask '{"type":"verified","bytes":400,"bytes_total":800,"wait":true}'
    theirs=$(digest "$copy")
    say "{\"type\":\"evidence\",\"algorithm\":\"sha256\",\
\"source\":{\"items\":4,\"bytes\":400,\"digest\":\"${ours%% *}\"},\
\"destination\":{\"items\":4,\"bytes\":400,\"digest\":\"${theirs%% *}\"}}"
}

case $SHARDFERRY_STEP in
copy) copy ;;
verify) verify ;;
activate)
    if [ -d "$part" ]; then
        mv "$part" "$to/$name"
    elif [ ! -d "$to/$name" ]; then
        fail permanent 'there is no copy' false
    fi
    ;;
release_source)
    if [ -d "$from/$name" ] && [ ! -d "$gone" ]; then
        [ -d "$to/$name" ] || fail retriable 'this may be the only copy' false
        mv "$from/$name" "$gone"
    fi
    rm -rf "$gone"
    ;;
discard_destination) rm -rf "$part" ;;
*) exit 64 ;;
esac
