#!/bin/sh
# shellcheck disable=SC2015,SC2317
# download_audiocaps.sh: the captions and the sound of AudioCaps.                    MIT-0
#
#     sh tools/download_audiocaps.sh -o audiocaps                      everything
#     sh tools/download_audiocaps.sh -o audiocaps --subset val,test --jobs 8
#     prepare audiocaps --root_dir audiocaps --output_dir set          what comes next
#
# Fetches train.csv, val.csv and test.csv (files of that name that are there already are
# used as they are), then ten seconds of sound for each clip, as 16 kHz mono 16-bit WAV:
# DIR/<split>/<youtube_id>_<start>.wav. Several captions of one clip share its file.
#
# Run it again at any time: only what is missing is fetched. Clips that the source no
# longer has are listed in DIR/gone.tsv (split, youtube_id, start, reason) and not asked
# for again without --retry-gone; what failed for another reason is in DIR/failed.tsv and
# is tried again by the next run. A source that asks for a sign-in five times in a row
# ends the run.
# shellcheck source=tools/download.sh
. "$(dirname -- "$0")/download.sh"

lists_v1=https://raw.githubusercontent.com/cdjkim/audiocaps/master/dataset
lists_v2=https://raw.githubusercontent.com/cdjkim/audiocaps/master/dataset2.0
video_url='https://www.youtube.com/watch?v='

usage='download_audiocaps.sh -o DIR [--subset train,val,test] [options]'
about='Fetches the lists of AudioCaps and the clips they name, as 16 kHz mono WAV.'
options='
- subset LIST train, val, test; several with commas (default all)
- limit N only the first N clips of each subset
- release v1|v2 which edition of the lists (default v1)
- video-url URL where clips come from; the youtube_id is put behind it
- cookies FILE cookies for yt-dlp, where the source wants a sign-in
- retry-gone . ask again for clips in gone.tsv'
after_help='--base-url is the folder of the lists. Exit status: 0 done, 1 failed, 2 wrong
usage, 3 finished, but some clips are gone or failed (gone.tsv, failed.tsv).'

seconds=10
header_bytes=44

operand() { usage_error "unexpected \"$1\"; -h shows the usage"; }

# ---- Lists ---------------------------------------------------------------------------

# read_list FILE: "audiocap_id youtube_id start" a record of an RFC 4180 file, header
# driven; a wrong youtube_id becomes "-bad-". Anything else that is wrong: a message and
# status 1.
read_list()
{
    tr -d '\000' <"$1" | cmp -s - "$1" || { echo "$1: holds a NUL byte" >&2; return 1; }
    awk -v file="$1" -v bom="$(printf '\357\273\277')" '
        function bad(what) {
            print file ": line " first ": " what | "cat 1>&2"
            failed = 1
            exit 1
        }
        # Fields of the record into field[1..n]; a quoted field may hold anything.
        function cut(s,   n, at) {
            n = 0
            while (1) {
                n++
                if (substr(s, 1, 1) == "\"") {
                    field[n] = ""
                    s = substr(s, 2)
                    while (1) {
                        at = index(s, "\"")
                        if (!at) bad("a quoted field does not end")
                        field[n] = field[n] substr(s, 1, at - 1)
                        s = substr(s, at + 1)
                        if (substr(s, 1, 1) != "\"") break
                        field[n] = field[n] "\""
                        s = substr(s, 2)
                    }
                    if (s != "" && substr(s, 1, 1) != ",")
                        bad("text after a quoted field")
                } else {
                    at = index(s, ",")
                    field[n] = at ? substr(s, 1, at - 1) : s
                    s = at ? substr(s, at) : ""
                    if (index(field[n], "\""))
                        bad("a quotation mark inside a plain field")
                }
                if (length(field[n]) > 1048576) bad("a field above 1 MiB")
                if (s == "") return n
                s = substr(s, 2)
            }
        }
        function record(s,   n, i) {
            n = cut(s)
            if (!columns) {
                columns = n
                for (i = 1; i <= n; i++) {
                    if (field[i] in place) bad("two columns " field[i])
                    place[field[i]] = i
                }
                for (i = 1; i <= 4; i++)
                    if (!(wanted[i] in place)) bad("no column " wanted[i])
                return
            }
            if (n != columns) bad("expected " columns " fields, found " n)
            id = field[place["audiocap_id"]]
            clip = field[place["youtube_id"]]
            start = field[place["start_time"]]
            if (id !~ /^[0-9]+$/ || length(id) > 18)
                bad("audiocap_id is not a whole number")
            if (start !~ /^[0-9]+$/ || length(start) > 6)
                bad("start_time is not a whole number")
            if (id in seen) bad("audiocap_id " id " is there twice")
            seen[id] = 1
            if (clip !~ /^[A-Za-z0-9_-]+$/ || length(clip) != 11) clip = "-bad-"
            print id, clip, start
        }
        BEGIN {
            split("audiocap_id youtube_id start_time caption", wanted, " ")
            quotes = 0
        }
        {
            if (pending == "") first = NR
            line = $0
            if (NR == 1 && substr(line, 1, 3) == bom) line = substr(line, 4)
            sub(/\r$/, "", line)
            quotes += gsub(/"/, "\"", line)
            whole = quotes % 2 == 0
            pending = pending line
            if (!whole) { pending = pending "\n"; next }
            if (pending == "") bad("an empty line")
            record(pending)
            pending = ""
            quotes = 0
        }
        END {
            if (failed) exit 1
            if (pending != "") bad("a quoted field does not end")
            if (!columns) { first = 1; bad("no header") }
        }' "$1"
}

# Gets the lists and makes $run/clips: "split youtube_id start", each clip once.
make_clips()
{
    : >"$run/clips"
    for split in $subsets; do
        list=$split.csv
        [ ! -L "$list" ] || fail "$list: is a link"
        if [ ! -f "$list" ]; then
            [ -z "$opt_dry_run" ] || list=$run/$split.csv
            note "list   $split.csv"
            fetch "$lists/$split.csv" "$run/fetched" - - ||
                fail "$lists/$split.csv: $reason"
            read_list "$run/fetched" >"$run/rows" 2>"$run/why" ||
                fail "$lists/$split.csv: $(sed "s|^$run/fetched: ||" "$run/why")"
            publish "$run/fetched" "$list" || check_stop
        fi
        read_list "$list" >"$run/rows" 2>"$run/why" || fail "$(cat "$run/why")"
        awk -v split_name="$split" -v limit="${opt_limit:-0}" '
            $2 == "-bad-" { print split_name, $2, $1 > bad; next }
            !(($2, $3) in seen) {
                seen[$2, $3] = 1
                if (!limit || ++n <= limit) print split_name, $2, $3
            }' bad="$run/bad.$split" "$run/rows" >>"$run/clips" ||
            fail "$run: cannot write"
        [ ! -f "$run/bad.$split" ] || while read -r split_name clip id; do
            record failed "$split_name$tab-$tab-" "audiocap_id $id: not a youtube_id"
        done <"$run/bad.$split"
    done
}

# ---- Clips ---------------------------------------------------------------------------

# What the answer of yt-dlp means: gone, blocked (asks for a sign-in or is tired of us),
# or worth another try.
classify()
{
    if grep -qiE -e 'not a bot|HTTP Error 429|rate.?limit' \
        -e 'too many requests|try again later' "$1"; then
        echo blocked
    elif grep -qiE -e 'video (is )?(not available|unavailable|private)' \
        -e 'video (is )?no longer available' \
        -e 'private video|removed (by|for|because)' \
        -e '(been|was) (removed|deleted|terminated)' \
        -e 'available in your country|does not exist|copyright' \
        -e 'members.only|confirm your age' \
        -e 'HTTP Error (404|410)|closed (their|his|her) ' \
        -e 'account .* (closed|terminated)' "$1"; then
        echo gone
    else
        echo again
    fi
}

# The message of a tool: its last line that says ERROR, or its last line.
last_error()
{
    grep -a ERROR "$1" >"$1.errors" || cp "$1" "$1.errors"
    tail -n 1 "$1.errors" | cut -c 1-300
}

# The section into $scratch/raw.*; sets raw, or verdict and reason.
get_section()
{
    tries=0
    while :; do
        rm -f "$scratch"/raw.*
        set -- --ignore-config --no-playlist --no-progress --no-warnings --no-cache-dir \
            --socket-timeout "$timeout" --retries 3 --format bestaudio/best \
            --download-sections "*$start-$((start + seconds))" --force-keyframes-at-cuts \
            --output "$scratch/raw.%(ext)s"
        if [ -n "$cookies" ]; then  # yt-dlp writes to the file, so each worker has a copy
            (umask 077; cp -- "$cookies" "$scratch/cookies")
            set -- "$@" --cookies "$scratch/cookies"
        fi
        : >"$scratch/headers"
        run_child yt-dlp "$@" -- "$video_url$clip" >"$scratch/error" 2>&1
        section_status=$?
        raw=
        for file in "$scratch"/raw.*; do
            [ -f "$file" ] && [ ! -L "$file" ] && [ -s "$file" ] || continue
            case $file in *.part | *.ytdl | *.temp.*) ;; *) raw=$file ;; esac
        done
        [ "$section_status" -ne 0 ] || [ -z "$raw" ] || return 0
        verdict=$(classify "$scratch/error") reason=$(last_error "$scratch/error")
        reason=${reason:-yt-dlp ended with status $section_status and no file}
        case $reason in *'No space left'*) stop_all "$scratch: disk full" ;; esac
        [ "$verdict" != gone ] && ! stopped || return 1
        tries=$((tries + 1))
        [ "$tries" -le "$retries" ] || return 1
        pause "$(wait_before "$tries")"
    done
}

# 16 kHz mono WAV of $raw. Only plain files are opened, whatever a play list inside says.
transcode()
{
    run_child ffmpeg -nostdin -v error -y -protocol_whitelist file -i "$raw" -map 0:a:0 \
        -ac 1 -ar 16000 -t "$seconds" -c:a pcm_s16le -map_metadata -1 -fflags +bitexact \
        -flags:a +bitexact -f wav "$scratch/clip.wav" 2>"$scratch/error" </dev/null &&
        [ "$(file_size "$scratch/clip.wav")" -gt $header_bytes ] && return
    reason="ffmpeg: $(last_error "$scratch/error")"
    [ "$reason" != 'ffmpeg: ' ] || reason='ffmpeg: no sound in the section'
    case $reason in *'No space left'*) stop_all "$scratch: disk full" ;; esac
    return 1
}

# A run of five blocked clips, over all workers, ends everything.
note_blocked()
{
    echo x >>"$run/blocked"
    [ "$(wc -l <"$run/blocked")" -lt 5 ] ||
        stop_all "the source refuses clip after clip ($reason);\
 wait a while, or use --cookies"
}

# get_clip "split youtube_id start": a worker's item.
get_clip()
{
    split=${1%% *} start=${1##* } clip=${1#* }
    clip=${clip% *}
    subject=$split$tab$clip$tab$start
    target=$split/${clip}_$start.wav
    if [ ! -L "$target" ] && [ "$(file_size "$target")" -gt $header_bytes ]; then
        record kept "$subject" -
        return
    fi
    if get_section && transcode; then
        publish "$scratch/clip.wav" "$target" && record written "$subject" -
        rm -f "$run/blocked"
    elif stopped; then
        :
    elif [ -z "$raw" ] && [ "$verdict" = gone ]; then
        printf '%s\t%s\n' "$subject" "$(printable "$reason")" >>$state/gone
        rm -f "$run/blocked"
    else
        record failed "$subject" "$reason"
        [ -n "$raw" ] || [ "$verdict" != blocked ] || note_blocked
    fi
    rm -f "$scratch"/raw.* "$scratch/clip.wav"
}

# ---- Reports -------------------------------------------------------------------------

# Clips that are known to be gone leave the list. A torn last line of the journal is
# dropped.
drop_gone()
{
    : >"$run/gone"
    if [ -n "$opt_retry_gone" ]; then
        [ -n "$opt_dry_run" ] || rm -f $state/gone
    elif [ -f $state/gone ]; then
        awk -F "$tab" 'NF == 4' $state/gone >"$run/gone" || fail "$state: cannot write"
        cp "$run/gone" "$run/journal" && mv -f "$run/journal" $state/gone ||
            fail "$state: cannot write"
    fi
    awk -F "$tab" 'FNR == NR && FILENAME == known { gone[$1 " " $2 " " $3] = 1; next }
        !($0 in gone)' known="$run/gone" "$run/gone" "$run/clips" >"$run/wanted"
}

# report NAME FILE: DIR/NAME with a header, sorted; none if there is nothing to report.
report()
{
    if [ -s "$2" ]; then
        { printf 'split\tyoutube_id\tstart\treason\n'; sort -u "$2"; } >"$run/report" &&
            publish "$run/report" "$1" || stop_all "$1: cannot write"
    else
        rm -f -- "$1"
    fi
    check_stop
}

write_reports()
{
    [ ! -f $state/gone ] || awk -F "$tab" 'NF == 4' $state/gone >"$run/gone"
    awk -F "$tab" '$1 == "failed" { print $2 "\t" $3 "\t" $4 "\t" $5 }' "$run/log" \
        >"$run/failed"
    report gone.tsv "$run/gone"
    report failed.tsv "$run/failed"
    # Gone clips count where this run asked for them.
    awk -F "$tab" '
        FILENAME == asked { split($0, w, " "); want[w[1], w[2], w[3]] = 1; next }
        ($1, $2, $3) in want { print "gone\t" $0 }' asked="$run/clips" "$run/clips" \
        "$run/gone" >>"$run/log"
}

parse_options "$@"
subsets=$(choices subset "${opt_subset:-train val test}" train val test) || exit
[ -z "$opt_limit" ] || opt_limit=$(whole limit "$opt_limit" 1 999999999) || exit
case ${opt_release:-v1} in
v1) lists=$lists_v1 ;;
v2) lists=$lists_v2 ;;
*) usage_error "--release: expected v1 or v2, found \"$opt_release\"" ;;
esac
lists=${opt_base_url:-$lists}
lists=${lists%/}
if [ -n "$opt_video_url" ]; then
    check_url video-url "$opt_video_url"
    video_url=$opt_video_url
fi
cookies=
if [ -n "$opt_cookies" ]; then
    [ -r "$opt_cookies" ] || fail "$opt_cookies: cannot read"
    case $opt_cookies in
    /*) cookies=$opt_cookies ;;
    *) cookies=$(pwd)/$opt_cookies ;;
    esac
fi
if [ -n "$opt_dry_run" ]; then need curl awk; else need curl awk yt-dlp ffmpeg; fi

begin
make_clips
check_stop
drop_gone
if [ -n "$opt_dry_run" ]; then
    here=0
    while read -r split clip start; do
        if [ -s "$split/${clip}_$start.wav" ]; then here=$((here + 1)); fi
    done <"$run/wanted"
    total=$(($(wc -l <"$run/wanted")))
    known=$(($(wc -l <"$run/gone")))
    echo "$total clips, $here there already, $((total - here)) to fetch,\
 $known known to be gone"
    exit 0
fi
for split in $subsets; do make_folder "$split"; done
run_workers get_clip "$run/wanted"
write_reports
summary clips
for file in gone.tsv failed.tsv; do [ ! -f $file ] || note "listed in $file"; done
finish
