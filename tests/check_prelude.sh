#!/bin/sh
# sh tests/check_prelude.sh     The four headers begin with one and the same prelude.

. "$(dirname "$0")/lib.sh"

prelude()
{
    sed -n '/^\/\* ---- prelude begin /,/^\/\* ---- prelude end /p' "$top/$1"
}

closed()
{
    prelude "$1" | tail -n 1 | grep -q '^/\* ---- prelude end '
}

once()
{
    [ "$(grep -c '^/\* ---- prelude begin ' "$top/$1")" -eq 1 ]
}

for header in $headers; do
    prelude "$header" >"$tmp/$header"
    claim "$header has one prelude" once "$header"
    claim "$header closes its prelude" closed "$header"
    claim "$header has the prelude of tango_io.h" cmp "$tmp/tango_io.h" "$tmp/$header"
done
claim "the prelude has at most 60 lines" [ "$(wc -l <"$tmp/tango_io.h")" -le 60 ]
finish
