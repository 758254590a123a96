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
# ends the run. Rows of a list that are broken, empty or repeat an audiocap_id are named,
# left out and listed in failed.tsv; the columns that are not needed hold what they like.
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

# read_list FILE NAME: makes $run/rows, "youtube_id start" a record of an RFC 4180 file,
# header driven. Rows that are wrong go to $run/broken, "line N: what"; columns that are
# not needed hold what they like. What is wrong with the whole file: reason and status 1.
#
# Lines and fields are cut by split, a long line costs no more than many short ones. A
# quotation mark that is never closed would swallow good rows: where the text does not
# fit its quotation marks, only the first line is wrong and the others are read anew. All
# between the first and the last have an even number of marks, so each is read twice at
# most.
read_list()
{
    tr '\000' '?' <"$1" | awk -v bom="$(printf '\357\273\277')" -v broken="$run/broken" '
        function fatal(what) {
            print "line " first ": " what | "cat 1>&2"
            failed = 1
            exit 1
        }
        function trouble(number, what) { print "line " number ": " what >broken }
        # Text that nobody looks at is not kept.
        function grow(s) {
            size += length(s)
            if (size > 1048576) why = "a field above 1 MiB"
            if (length(field[n]) < 100) field[n] = field[n] substr(s, 1, 100)
        }
        function next_field() { field[++n] = ""; size = 0 }
        function plain(s,   count, i, cell) {
            count = split(s, cell, ",")
            for (i = 1; i <= count; i++) {
                if (i > 1) next_field()
                grow(cell[i])
            }
        }
        # Lines from..to into field[1..n]. Between two quotation marks that touch stands
        # an empty text; the two mean one.
        function cut(from, to,   i, j, count, piece, quoted, opened, closes) {
            n = quoted = opened = 0
            why = ""
            next_field()
            for (i = from; i <= to; i++) {
                if (i > from) grow("\n")
                count = split(line[i], piece, "\"")
                for (j = 1; j <= count; j++) {
                    if (j > 1) { quoted = !quoted; opened = 1 }
                    closes = i == to && j == count
                    if (quoted) grow(piece[j])
                    else if (opened && !closes && piece[j] == "") grow("\"")
                    else {
                        if (opened && piece[j] != "" && substr(piece[j], 1, 1) != ",")
                            why = "text after a quoted field"
                        plain(piece[j])
                        if (!closes && piece[j] != "" &&
                            substr(piece[j], length(piece[j])) != ",")
                            why = "a quotation mark inside a plain field"
                    }
                }
            }
            return why == ""
        }
        function header(   i) {
            columns = n
            for (i = 1; i <= n; i++) { times[field[i]]++; place[field[i]] = i }
            for (i = 1; i <= 4; i++) {
                if (!times[wanted[i]]) fatal("no column " wanted[i])
                if (times[wanted[i]] > 1) fatal("two columns " wanted[i])
            }
        }
        function record(   id, clip, start) {
            if (!columns) { header(); return }
            if (n != columns) {
                trouble(first, "expected " columns " fields, found " n)
                return
            }
            id = field[place["audiocap_id"]]
            clip = field[place["youtube_id"]]
            start = field[place["start_time"]]
            if (id !~ /^[0-9]+$/ || length(id) > 18)
                trouble(first, "audiocap_id is not a whole number")
            else if (start !~ /^[0-9]+$/ || length(start) > 6)
                trouble(first, "start_time is not a whole number")
            else if (clip !~ /^[A-Za-z0-9_-]+$/ || length(clip) != 11)
                trouble(first, "audiocap_id " id ": not a youtube_id")
            else if (id in seen) trouble(first, "audiocap_id " id " is there twice")
            else { seen[id] = 1; print clip, start }
        }
        # One line that is whole, or says why not.
        function alone(i) {
            first = number[i]
            if (line[i] == "") trouble(first, "an empty line")
            else if (cut(i, i)) record()
            else wrong()
        }
        function wrong() { if (columns) trouble(first, why); else fatal(why) }
        # The lines collected, up to the one that closes the last quotation mark.
        function collected(   i) {
            first = number[1]
            if (lines == 1) { alone(1); lines = 0; return }
            if (cut(1, lines)) { record(); lines = 0; return }
            wrong()
            for (i = 2; i < lines; i++) alone(i)
            line[1] = line[lines]
            number[1] = number[lines]
            lines = 1
        }
        BEGIN {
            split("audiocap_id youtube_id start_time caption", wanted, " ")
            printf "" >broken
        }
        {
            if (NR == 1 && substr($0, 1, 3) == bom) $0 = substr($0, 4)
            sub(/\r$/, "")
            line[++lines] = $0
            number[lines] = NR
            odd = split($0, piece, "\"")
            odd = odd > 0 && odd % 2 == 0
            if (odd ? lines > 1 : lines == 1) collected()
        }
        END {
            if (failed) exit 1
            if (lines) {
                first = number[1]
                why = "a quoted field does not end"
                wrong()
                for (i = 2; i <= lines; i++) alone(i)
            }
            if (!columns) { first = 1; fatal("no header") }
        }' >"$run/rows" 2>"$run/why" && return
    kind=$(wrong_kind "$1" "$2")
    reason=$(head -n 1 "$run/why")
    reason="$2: ${reason:-cannot read it; is the disk full?}${kind:+; it is $kind}"
    return 1
}

# Gets a list to $run/fetched and gives it its name, in a dry run only the first.
fetch_list()
{
    note "list   $1"
    fetch "$lists/$1" "$run/fetched" - - || fail "$lists/$1: $reason"
    read_list "$run/fetched" "$lists/$1" || fail "$reason"
    [ -s "$run/rows" ] || fail "$lists/$1: no row that can be used"
    list=$run/fetched
    [ -z "$opt_dry_run" ] || return 0
    list=$1
    publish "$run/fetched" "$1" || check_stop
}

# Gets the lists and makes $run/clips: "split youtube_id start", each clip once.
make_clips()
{
    : >"$run/clips"
    for split in $subsets; do
        list=$split.csv
        [ ! -L "$list" ] || fail "$list: is a link"
        [ -f "$list" ] || fetch_list "$list"
        read_list "$list" "$split.csv" || fail "$reason"
        awk -v name="$split.csv" '{ print "warning: " name ": " $0 "; skipped" }' \
            "$run/broken" >&2
        [ -s "$run/rows" ] || fail "$split.csv: no row that can be used"
        awk -v subject="$split$tab-$tab-" '{ print "failed\t" subject "\t" $0 }' \
            "$run/broken" >>"$run/log" || fail "$run/log: cannot write"
        awk -v split_name="$split" -v limit="${opt_limit:-0}" '
            !($0 in seen) {
                seen[$0] = 1
                if (!limit || ++n <= limit) print split_name, $0
            }' "$run/rows" >>"$run/clips" || fail "$run: cannot write"
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
#
# yt-dlp hands a section to ffmpeg as "-ss BEGIN -t SECONDS" before -i (real_download of
# FFmpegFD in its downloader/external.py, 2026.10.26). What comes of that differs: ffmpeg
# 9.0.2 starts AAC at the next frame of 1024 samples, 7.0.2 at the place
# (findings/ffmpeg-aac-seek.sh). The times of the samples are right in both. So the
# section begins a second early and ends a second late, and a filter behind -i cuts by
# these times, to the sample; only here are they known, the file that is left does not say
# where it begins. It holds samples, not AAC or Opus once more, which would cost quality
# and turn what is missing in front into silence. M4A comes first: Opus in WebM comes 1 ms
# early from the one version and 8 ms early from the other.
get_section()
{
    at=${start#"${start%%[!0]*}"} at=${at:-0}    # 08 is no number to a shell
    lead=$((at > 0))
    cut=atrim=start=$lead:end=$((lead + seconds))
    tries=0
    while :; do
        rm -f "$scratch"/raw.*
        set -- --ignore-config --no-playlist --no-progress --no-warnings --no-cache-dir \
            --socket-timeout "$timeout" --retries 3 \
            --format 'bestaudio[ext=m4a]/bestaudio/best' \
            --download-sections "*$((at - lead))-$((at + seconds + 1))" \
            --force-keyframes-at-cuts \
            --downloader-args "ffmpeg_o:-vn -af $cut -c:a pcm_f32le -f wav" \
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
        full_disk "$scratch/error" && return 1
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
        -flags:a +bitexact -f wav "$scratch/clip.wav" 2>"$scratch/error" </dev/null
    ffmpeg_status=$?
    reason="ffmpeg: $(last_error "$scratch/error")"
    [ "$reason" != 'ffmpeg: ' ] || reason='ffmpeg: no sound in the section'
    # It may end well although its last bytes found no room.
    ! full_disk "$scratch/error" && [ "$ffmpeg_status" -eq 0 ] &&
        [ "$(file_size "$scratch/clip.wav")" -gt "$header_bytes" ]
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
    if get_section && transcode; then
        publish "$scratch/clip.wav" "$target" && record written "$subject" -
        rm -f "$run/blocked"
    elif stopped; then
        :
    elif [ -z "$raw" ] && [ "$verdict" = gone ]; then
        printf '%s\t%s\n' "$subject" "$(printable "$reason")" >>"$state/gone" ||
            stop_all "$state/gone: cannot write; is the disk full?"
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
    awk -F "$tab" 'FILENAME == known { gone[$1 " " $2 " " $3] = 1; next }
        !($0 in gone)' known="$run/gone" "$run/gone" "$run/clips" >"$run/wanted" ||
        fail "$run: cannot write"
}

# Parts $run/wanted into $run/here, clips that are in place, and $run/missing.
find_missing()
{
    : >"$run/files"
    for split in $subsets; do
        [ ! -L "$split" ] || fail "$split: is a link; nothing is written through it"
        [ ! -d "$split" ] ||
            find "$split" -type f -name "*.wav" -size "+${header_bytes}c" \
                >>"$run/files" ||
            fail "$split: cannot read this folder"
    done
    : >"$run/here"
    awk -v here="$run/here" 'FILENAME == files { have[$0] = 1; next }
        ($1 "/" $2 "_" $3 ".wav") in have { print >here; next }
        { print }' files="$run/files" "$run/files" "$run/wanted" >"$run/missing" ||
        fail "$run: cannot write"
}

write_reports()
{
    [ ! -f "$state/gone" ] || awk -F "$tab" 'NF == 4' "$state/gone" >"$run/gone" ||
        fail "$run: cannot write"
    awk -F "$tab" '$1 == "failed" { print $2 "\t" $3 "\t" $4 "\t" $5 }' "$run/log" \
        >"$run/failed" || fail "$run: cannot write"
    columns=split${tab}youtube_id${tab}start${tab}reason
    report gone.tsv "$columns" "$run/gone"
    report failed.tsv "$columns" "$run/failed"
    # Gone clips count where this run asked for them.
    awk -F "$tab" '
        FILENAME == asked { split($0, w, " "); want[w[1], w[2], w[3]] = 1; next }
        ($1, $2, $3) in want { print "gone\t" $0 }' asked="$run/clips" "$run/clips" \
        "$run/gone" >>"$run/log" || fail "$run: cannot write"
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
if [ -n "$opt_cookies" ]; then
    [ -r "$opt_cookies" ] || fail "$opt_cookies: cannot read"
    cookies=$(absolute "$opt_cookies")
fi
if [ -n "$opt_dry_run" ]; then need curl awk; else need curl awk yt-dlp ffmpeg; fi

begin
make_clips
check_stop
drop_gone
find_missing
if [ -n "$opt_dry_run" ]; then
    total=$(($(wc -l <"$run/wanted")))
    here=$(($(wc -l <"$run/here")))
    known=$(($(wc -l <"$run/gone")))
    echo "$total clips, $here there already, $((total - here)) to fetch,\
 $known known to be gone"
    exit 0
fi
awk '{ print "kept\t" $1 "\t" $2 "\t" $3 "\t-" }' "$run/here" >>"$run/log" ||
    fail "$run/log: cannot write"
for split in $subsets; do make_folder "$split"; done
run_workers get_clip "$run/missing"
write_reports
summary clips
finish
