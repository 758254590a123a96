#!/bin/sh
# sh tests/check_layout.sh
#
# A header is a house with numbered rooms. The contents in its title block list them, and a
# banner such as
#     /* ==== 3 >>fft ==== Real FFT, power-of-two sizes ==== */
# opens each: public rooms among the declarations and again in the implementation, private
# ones in the implementation only.

. "$(dirname "$0")/lib.sh"

# Each function reads the header named $1 and prints what is wrong.

contents()
{
    awk '/^#ifndef/ { exit } match($0, /^ *[0-9]+ >>[a-z0-9_]+/) { print $1, $2 }' "$top/$1"
}

banners()
{
    awk -v part="$2" '
        /^#define .*_IMPLEMENTED/ { implementation = 1 }
        /^\/\* ==== [0-9]+ >>/ && (part == "all" || (part == "code") == implementation) {
            title = $0
            sub(/^[^>]*>>[a-z0-9_]+ ==== /, "", title)
            sub(/ =*[ =]*\*\/$/, "", title)
            print $3, $4, title
        }' "$top/$1"
}

numbered_in_order()
{
    contents "$1" | awk '
        $1 != NR { print "room " $1 " is line " NR " of the contents"; bad = 1 }
        seen[$2]++ { print $2 " is listed twice"; bad = 1 }
        END { if (NR == 0) print "no contents"; exit bad || NR == 0 }'
}

rooms_agree()
{
    contents "$1" | sort -u >"$tmp/contents"
    banners "$1" code | cut -d' ' -f1,2 | sort >"$tmp/code"
    banners "$1" all | cut -d' ' -f1,2 | sort -u >"$tmp/banners"
    diff "$tmp/contents" "$tmp/banners" || return 1
    # Every room stands in the implementation, once.
    diff "$tmp/contents" "$tmp/code"
}

declared_in_order()
{
    banners "$1" declarations | awk '
        $1 <= last { print $1 " " $2 " stands after room " last; bad = 1 }
        { last = $1 }
        END { exit bad }'
}

# Private helper rooms may stand where they are needed; the public ones keep their order.
implemented_in_order()
{
    banners "$1" declarations | cut -d' ' -f1,2 >"$tmp/public"
    banners "$1" code | cut -d' ' -f1,2 | grep -xFf "$tmp/public" >"$tmp/code"
    diff "$tmp/public" "$tmp/code"
}

same_titles()
{
    banners "$1" declarations >"$tmp/public"
    banners "$1" code | grep -xvFf "$tmp/public" | cut -d' ' -f1,2 >"$tmp/other"
    cut -d' ' -f1,2 "$tmp/public" | grep -xFf "$tmp/other" && return 1
    return 0
}

narrow()
{
    awk 'length($0) > 90 { print FILENAME ":" FNR ": " length($0) " columns"; bad = 1 }
         /\t/ { print FILENAME ":" FNR ": a tab"; bad = 1 }
         / $/ { print FILENAME ":" FNR ": space at the end"; bad = 1 }
         END { exit bad }' "$@"
}

# The text of LICENSE, in the last comment of the header.
licence()
{
    tail -n 40 "$top/$1" | tr -d '*/' | tr -s ' \n' ' ' >"$tmp/tail"
    text=$(tr -d '*/' <"$top/LICENSE" | tr -s ' \n' ' ')
    grep -qF "${text% }" "$tmp/tail"
}

for header in $headers; do
    claim "$header: contents are numbered in order" numbered_in_order "$header"
    claim "$header: contents and banners name the same rooms" rooms_agree "$header"
    claim "$header: declarations keep the order of the contents" declared_in_order "$header"
    claim "$header: the implementation keeps the order too" implemented_in_order "$header"
    claim "$header: both banners of a room have one title" same_titles "$header"
    claim "$header: lines fit 90 columns, no tabs" narrow "$top/$header"
    claim "$header: ends with the licence" licence "$header"
done
for folder in demo tools tests tests/fuzz; do
    set -- "$top/$folder"/*.c
    [ -f "$1" ] && claim "$folder: lines fit 90 columns, no tabs" narrow "$@"
done
finish
