#!/bin/sh
# shellcheck disable=SC2015,SC2317
# download_wavcaps.sh: the captions and the sound of WavCaps.                        MIT-0
#
#     sh tools/download_wavcaps.sh -o wavcaps --subset SoundBible    the small one, to try
#     sh tools/download_wavcaps.sh -o wavcaps --jobs 8               all 400,000 clips
#     prepare wavcaps --audio_dir wavcaps/audio/SoundBible \
#         --json_dir wavcaps/json/SoundBible \
#         --blacklist wavcaps/blacklist/FILE.json --output_dir set   what comes next
#
# For each subset: captions to DIR/json/<subset>, the parts of the archive to
# DIR/archives/<subset> (each checked by size and SHA-256), its clips to
# DIR/audio/<subset> as 16 kHz mono FLAC, and then the archive is removed. The lists of
# clips that also are in test sets go to DIR/blacklist. Clips are unpacked a few hundred
# at a time, so the disk needs room for the archive and the result, not for the whole
# unpacked set beside them.
#
# Run it again at any time: parts go on where they broke off, only missing clips are
# unpacked, and a subset that is complete is left alone. Clips that have a caption but no
# sound at the source are listed in DIR/gone.tsv, what could not be fetched, unpacked or
# decoded in DIR/failed.tsv.
# shellcheck source=tools/download.sh
. "$(dirname -- "$0")/download.sh"

hub_url=https://huggingface.co
repository=datasets/cvssp/WavCaps
all_subsets='AudioSet_SL BBC_Sound_Effects FreeSound SoundBible'

usage='download_wavcaps.sh -o DIR [--subset SoundBible,FreeSound] [options]'
about='Fetches WavCaps: captions, archives, clips as 16 kHz mono FLAC.'
options='
- subset LIST AudioSet_SL, BBC_Sound_Effects, FreeSound, SoundBible (default all)
- revision NAME branch or commit of the data set (default main)
- metadata-only . captions and blacklists, no sound
- no-transcode . clips as they are at the source: 32 kHz FLAC
- keep-archives . do not remove an archive once it is unpacked
- token-file FILE file with an access token, should the source want one
- verify . check the digests of files that are already there too'
after_help='Exit status: 0 done, 1 failed, 2 wrong usage, 3 finished, but something was
skipped (gone.tsv, failed.tsv).'

batch_size=200

operand() { usage_error "unexpected \"$1\"; -h shows the usage"; }

# ---- Files of the source -------------------------------------------------------------

# add_rows FOLDER TARGET PATTERN: what a folder of the source holds and a case pattern
# takes, as rows "url target size digest" at the end of $run/rows.
add_rows()
{
    list_hub "$repository" "$1" "$run/listing" || {
        record failed "$1" "$reason"
        return 1
    }
    while IFS=$tab read -r path size digest; do
        name=${path##*/}
        [ "$path" = "$1/$name" ] && safe_name "$name" || continue
        case $name in
        *_2s.json) continue ;;     # the same captions once more, without short clips
        *.json) suffix=json ;;
        *.zip | *.z[0-9][0-9] | *.z[0-9][0-9][0-9]) suffix=archive ;;
        *) continue ;;
        esac
        [ "$suffix" = "$3" ] || continue
        printf '%s\t%s\t%s\t%s\n' "$hub_url/$repository/resolve/$revision/$path" \
            "$2/$name" "$size" "$digest" >>"$run/rows" || fail "$run/rows: cannot write"
    done <"$run/listing"
}

# What is in $run/rows and not in place yet, in bytes.
bytes_to_fetch()
{
    while IFS=$tab read -r url target size digest; do
        in_place "$target" "$size" - || echo "$size"
    done <"$run/rows" | awk '{ n += $1 } END { printf "%.0f", n }'
}

# fetch_all: the rows, on all workers. Status 1 if one of them did not come.
fetch_all()
{
    before=$(($(count gone) + $(count failed)))
    run_workers fetch_row "$run/rows"
    [ $(($(count gone) + $(count failed))) -eq "$before" ]
}

# ---- Archives ------------------------------------------------------------------------

# list_archive FILE: "path<TAB>size" of every plain file in it. 7z checks the parts'
# presence.
list_archive()
{
    run_child "$seven" l -slt -ba -- "$1" >"$run/slt" 2>"$scratch/error" </dev/null ||
        return 1
    tr -d '\r\t' <"$run/slt" | awk '
        function flush() {
            plain = folder != "+" && attributes !~ /^D/ && attributes !~ / [dlbcps]/
            plain = plain && !link
            if (path != "" && plain) printf "%s\t%s\n", path, size
            path = size = folder = attributes = ""
            link = 0
        }
        /^Path = / { flush(); path = substr($0, 8) }
        /^Size = / { size = substr($0, 8) }
        /^Folder = / { folder = $3 }
        /^Attributes = / { attributes = substr($0, 14) }
        /^Symbolic Link = ./ { link = 1 }
        END { flush() }'
}

# clips_of LISTING: "path<TAB>stem" of sound files with names that may be ours, each stem
# once; other sound files to $run/odd. Wild cards would mean something else to 7z.
clips_of()
{
    awk -F "$tab" -v odd="$run/odd" '
        {
            name = $1
            if (length(name) > 4096) name = substr(name, length(name) - 4095)
            sub(/.*[\/\\]/, "", name)
            if (name !~ /\.(flac|wav)$/) next
            stem = name
            sub(/\.[a-z]+$/, "", stem)
            if (name !~ /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/ || length(name) > 200 ||
                $1 ~ /[*?\\]/)
                print name > odd
            else if (!(stem in seen)) { seen[stem] = 1; print $1 "\t" stem }
        }' "$1"
}

# stems_of FOLDER FILE: the clips that are there. What cannot be read is not taken for
# empty.
stems_of()
{
    find "$1" -type f \( -name '*.flac' -o -name '*.wav' \) -size +0 >"$run/found" ||
        fail "$1: cannot read this folder"
    sed 's|.*/||; s|\.[a-z]*$||' "$run/found" >"$2" || fail "$2: cannot write"
}

# unpack_batch "FILE": a worker's item, a list of paths inside $archive.
unpack_batch()
{
    rm -rf -- "$scratch/unpacked"
    mkdir -- "$scratch/unpacked"
    # e drops all folders, so no path of the archive leads anywhere.
    if ! run_child "$seven" e -y -aos -spd -scsUTF-8 -o"$scratch/unpacked" "-i@$1" -- \
        "$archive" >"$scratch/error" 2>&1 </dev/null; then
        full_disk "$scratch/error"
    fi
    # Damaged files are written all the same, with a line "ERROR: what : path".
    grep -a '^ERROR' "$scratch/error" >"$scratch/errors"
    sed 's|.*[ /]||' "$scratch/errors" >"$scratch/broken"
    cut -f 1 "$1.rows" | sed 's|.*/||' >"$scratch/names"
    while IFS= read -r name <&4; do
        ! stopped || break
        keep_clip "$scratch/unpacked/$name" "$name"
    done 4<"$scratch/names"
    rm -rf -- "$scratch/unpacked"
}

# keep_clip FILE NAME: transcodes one clip and gives it its name.
keep_clip()
{
    subject=$subset$tab$2
    if [ ! -f "$1" ] || [ -L "$1" ] || grep -aqxF -- "$2" "$scratch/broken"; then
        reason=$(grep -aF -- "$2" "$scratch/errors" |
            sed 's/^ERROR: //; s/ : .*//' | head -n 1)
        record failed "$subject" "does not unpack: ${reason:-not a plain file}"
        return
    fi
    result=$1 target=audio/$subset/$2
    if [ -z "$opt_no_transcode" ]; then
        result=$scratch/clip.flac target=audio/$subset/${2%.*}.flac
        run_child ffmpeg -nostdin -v error -y -protocol_whitelist file -i "$1" \
            -map 0:a:0 \
            -ac 1 -ar 16000 -c:a flac -sample_fmt s16 -map_metadata -1 -fflags +bitexact \
            -flags:a +bitexact -f flac "$result" 2>"$scratch/ffmpeg" </dev/null
        ffmpeg_status=$?
        # It may end well although its last bytes found no room.
        if full_disk "$scratch/ffmpeg" || [ "$ffmpeg_status" -ne 0 ]; then
            record failed "$subject" "ffmpeg: $(tail -n 1 "$scratch/ffmpeg")"
            rm -f -- "$result" "$1"
            return
        fi
    else
        reason=$(wrong_kind "$1" "$2")
        [ -z "$reason" ] || { record failed "$subject" "$reason"; return; }
    fi
    chmod 644 "$result"
    publish "$result" "$target" && record written "$subject" -
    rm -f -- "$1"
}

# unpack SUBSET: the clips that are not there yet, in batches.
unpack()
{
    subset=$1
    archive=$(find "archives/$1" -type f -name '*.zip' | sort | head -n 1)
    [ -n "$archive" ] || { record failed "$1$tab-" 'the archive has no .zip'; return 1; }
    note "unpack $archive"
    : >"$run/odd"
    list_archive "$archive" >"$run/listing" ||
        {
            record failed "$1$tab-" "7z cannot open it: $(tail -n 1 "$scratch/error")"
            return 1
        }
    clips_of "$run/listing" >"$run/inside" || fail "$run: cannot write"
    awk -v subject="$1" '{
            gsub(/[^ -~]/, "?")
            print "failed\t" subject "\t" $0 "\ta name that cannot become a file"
        }' "$run/odd" >>"$run/log" || fail "$run/log: cannot write"
    make_folder "audio/$1"
    stems_of "audio/$1" "$run/there"
    rm -rf -- "$run/batches"
    mkdir -- "$run/batches" && : >"$run/kept" || fail "$run: cannot write"
    awk -F "$tab" -v folder="$run/batches" -v most="$batch_size" '
        FNR == NR && FILENAME == there { have[$1] = 1; next }
        $2 in have { print "kept\t" subset "\t-\t-" >kept; next }
        {
            if (n % most == 0) {
                if (file != "") { close(file); close(file ".rows") }
                file = sprintf("%s/%06d", folder, n / most)
                print file
            }
            n++
            print $1 > file
            print > (file ".rows")
        }' there="$run/there" subset="$1" kept="$run/kept" "$run/there" "$run/inside" \
        >"$run/batch_list" && cat "$run/kept" >>"$run/log" || fail "$run: cannot write"
    run_workers unpack_batch "$run/batch_list"
}

# ---- Subsets -------------------------------------------------------------------------

# is_complete SUBSET: an earlier run unpacked this very archive, and all its clips are
# there.
is_complete()
{
    [ -f "$state/complete.$1" ] && [ -d "audio/$1" ] || return 1
    sed -n 's/^source //p' "$state/complete.$1" | cmp -s - "$run/source" || return 1
    sed -n 's/^clip //p' "$state/complete.$1" >"$run/expected"
    stems_of "audio/$1" "$run/there"
    awk 'FILENAME == there { have[$0] = 1; next } !($0 in have) { lost = 1 }
        END { exit lost }' \
        there="$run/there" "$run/there" "$run/expected"
}

remember_complete()
{
    sed 's/^/source /' "$run/source" >"$run/complete" &&
        awk -F "$tab" '{ print "clip " $2 }' "$run/inside" >>"$run/complete" ||
        fail "$run: cannot write"
    publish "$run/complete" "$state/complete.$1" || check_stop
}

# caption_ids FOLDER: the ids of all captions, without suffix. Text is cut at brackets and
# commas and to what an id may be, so a file of one long line is no trouble; a quoted "id"
# inside a caption does not count, its quotation marks are escaped.
caption_ids()
{
    # shellcheck disable=SC2020
    cat -- "$1"/*.json | tr ',{}' '\n\n\n' | cut -b 1-500 |
        sed -n 's/[[:space:]]*$//
            s/^[[:space:]]*"id"[[:space:]]*:[[:space:]]*"\([^"\\]*\)"$/\1/p' |
        sed 's/\.wav$//; s/\.flac$//' | sort -u
}

# Captions without sound are gone.
compare_captions()
{
    stems_of "audio/$1" "$run/there"
    awk -F "$tab" -v s="$1" '
        $1 == "failed" && $2 == s { sub(/\.[a-z]*$/, "", $3); print $3 }' \
        "$run/log" >>"$run/there" && caption_ids "json/$1" >"$run/ids" ||
        fail "$run: cannot write"
    awk -v s="$1" 'FILENAME == there { have[$0] = 1; next }
        !($0 in have) { print "gone\t" s "\t" $0 "\tnot in the archive of the source" }' \
        there="$run/there" "$run/there" "$run/ids" >>"$run/log" ||
        fail "$run/log: cannot write"
}

# get_sound SUBSET: archive, clips, clean-up.
get_sound()
{
    : >"$run/rows"
    add_rows "Zip_files/$1" "archives/$1" archive || return
    [ -s "$run/rows" ] || { record gone "$1$tab-" 'no archive at the source'; return; }
    cut -f 2- "$run/rows" | sort >"$run/source"
    if is_complete "$1"; then
        note "$1: complete"
        awk -v s="$1" '{ print "kept\t" s "\t" $0 "\t-" }' "$run/expected" \
            >>"$run/log" || fail "$run/log: cannot write"
        compare_captions "$1"
        return
    fi
    bytes=$(bytes_to_fetch)
    need_space "$bytes" "the archive of $1"
    note "fetch  $1: $(human_size "$bytes") in $(($(wc -l <"$run/rows"))) parts"
    make_folder "archives/$1"
    lines=$(($(wc -l <"$run/log")))
    fetch_all
    whole=$?
    forget_files "$lines"
    [ $whole -eq 0 ] || return
    failed_before=$(count failed)
    unpack "$1" || return
    compare_captions "$1"
    if [ "$(count failed)" -gt "$failed_before" ]; then
        note "$1: archive kept, some clips failed"
        return
    fi
    remember_complete "$1"
    is_complete "$1" ||
        { record failed "$1$tab-" 'clips that were written are not there'; return; }
    if [ -z "$opt_keep_archives" ]; then
        cut -f 1 "$run/source" | while IFS= read -r part; do rm -f -- "$part"; done
        rmdir "archives/$1" archives 2>/dev/null || :
    fi
}

# forget_files N: what is counted is clips, so of the files in the log behind line N only
# troubles stay.
forget_files()
{
    awk -v n="$1" 'NR <= n || /^(gone|failed)\t/' "$run/log" >"$run/log.clips" &&
        mv -f "$run/log.clips" "$run/log" || fail "$run/log: cannot write"
}

write_report()
{
    awk -F "$tab" -v word="$1" '$1 == word { sub(/^[a-z]+\t/, ""); print }' \
        "$run/log" >"$run/chosen" || fail "$run: cannot write"
    report "$1.tsv" "subset${tab}id${tab}reason" "$run/chosen"
}

parse_options "$@"
# shellcheck disable=SC2086 # a list of words
subsets=$(choices subset "${opt_subset:-$all_subsets}" $all_subsets) || exit
hub_url=${opt_base_url:-$hub_url}
hub_url=${hub_url%/}
revision=${opt_revision:-main}
safe_name "$revision" || usage_error "--revision: \"$revision\" is no branch or commit"
use_token
needed=curl
[ -n "$opt_metadata_only" ] || needed="$needed 7z"
[ -n "$opt_metadata_only$opt_no_transcode" ] || needed="$needed ffmpeg"
[ -z "$opt_dry_run" ] || needed=curl
# shellcheck disable=SC2086
need $needed sha256sum sha1sum
for seven in 7zz 7z 7za; do ! have $seven || break; done

begin
: >"$run/rows"
for subset in $subsets; do add_rows "json_files/$subset" "json/$subset" json; done
add_rows json_files/blacklist blacklist json
if [ -n "$opt_dry_run" ]; then
    [ -n "$opt_metadata_only" ] ||
        for subset in $subsets; do
            add_rows "Zip_files/$subset" "archives/$subset" archive
        done
    awk -F "$tab" '{ printf "%15d  %s\n", $3, $2 }' "$run/rows"
    echo "$(($(wc -l <"$run/rows"))) files, $(human_size "$(bytes_to_fetch)") to fetch"
    show_troubles
    [ "$(count failed)" -eq 0 ]
    exit
fi
[ -s "$run/rows" ] || { show_troubles; fail 'nothing to fetch'; }
for subset in $subsets; do make_folder "json/$subset"; done
make_folder blacklist
need_space "$(bytes_to_fetch)" 'the captions'
fetch_all
if [ -z "$opt_metadata_only" ]; then
    forget_files 0
    for subset in $subsets; do get_sound "$subset"; done
    things=clips
fi
write_report gone
write_report failed
summary "${things:-files}"
finish
