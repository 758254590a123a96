# Sourced by test_prepare.sh, with its program, its clips and an empty folder:
#
# tools/prepare when inputs vanish, cannot be listed or change under it, when a clock jumps and
# when outputs are inputs. Faults that need a file system of their own are injected with
# LD_PRELOAD (faults.c); without that, as under sanitizers, those claims are left out.

mkdir waves
./clips waves 12

# again NAME: a copy of NAME, called out.
again() { rm -rf out && cp -R -P "$1" out; }

# becomes NAME: what is called out.
becomes() { rm -rf "$1" && mv out "$1"; }

faults=
case ${CFLAGS-} in *-fsanitize*) ;; *)
    # shellcheck disable=SC2086
    if $cc ${CFLAGS-} -shared -fPIC "$tests/faults.c" -ldl -o faults.so 2>log.txt &&
        LD_PRELOAD=./faults.so FAULT_OPEN=tiny.tango "$prepare" folder --input_dir waves \
            --output_dir probe -m "$model" 2>&1 | grep -q "Permission denied"; then
        faults=LD_PRELOAD=$tmp/faults.so
    fi
esac
[ -n "$faults" ] || echo "no faults can be injected here: claims that need them are left out"

# fault NAME STATUS SETTING... COMMAND...: the claim, if faults can be injected.
fault()
{
    [ -n "$faults" ] || return 0
    fault_name=$1 fault_status=$2
    shift 2
    claim "$fault_name" exits "$fault_status" env "$faults" "$@"
}

# --- folder ------------------------------------------------------------------------------
mkdir -p fo/sub
for i in 0 1 2 3 4 5 6 7; do
    cp "waves/00$i.wav" "fo/sub/s$i.wav"
    echo "clip $i" >"fo/sub/s$i.txt"
done
options="--no-latents --seconds 0.32 --threads 1"
# folder IN [OPTION...]: into out.
folder()
{
    in=$1
    shift
    # shellcheck disable=SC2086
    "$prepare" folder --input_dir "$in" --output_dir out $options "$@"
}
claim "a set" exits 0 folder fo
becomes full
untouched() { diff -r full out; }
mkdir nothing
again full
claim "an empty input folder is an error" exits 1 folder nothing
claim "with --prune too" exits 1 folder nothing --prune
claim "and is named" has err.txt "nothing" "no record"
claim "the set is as it was" untouched
mkdir -p one/sub
cp fo/sub/s6.* one/sub
run_fo="$prepare folder --input_dir fo --output_dir out $options"
for prune in "" --prune; do
    # shellcheck disable=SC2086
    fault "a folder that cannot be listed on $prune" 1 FAULT_READDIR=3 $run_fo $prune
    # shellcheck disable=SC2086
    fault "a name that cannot be looked at $prune" 1 FAULT_STAT=s2.wav $run_fo $prune
    # shellcheck disable=SC2086
    fault "a folder that cannot be opened $prune" 1 FAULT_OPEN=sub $run_fo $prune
    # shellcheck disable=SC2086
    fault "a caption that cannot $prune" 1 FAULT_OPEN=s3.txt $run_fo $prune
done
claim "leave the set as it was" untouched
# shellcheck disable=SC2086
fault "outputs that cannot be looked at" 1 FAULT_STAT=000003.png $run_fo
# shellcheck disable=SC2086
fault "also of an item that the input no longer has" 1 FAULT_STAT=000000.png "$prepare" \
    folder --input_dir one --output_dir out $options
claim "leave the set as it was, too" diff -r -x 'tmp-*' full out

# Records that are no longer there: in the middle, at the end, all but one.
cp -R fo less
rm less/sub/s2.* less/sub/s7.*
claim "fewer inputs are no failure" exits 0 folder less --json
claim "the summary says so" has out.txt '"total": 8, "done": 8, "written": 0, "kept": 8' \
    '"without_input": 2'
claim "and stderr" has err.txt "2 items are kept that the input no longer has" "sub/s2" \
    "--prune"
claim "the set is as it was, journal included" untouched
claim "--prune" exits 0 folder less --prune
becomes pruned
claim "the same from nothing" exits 0 folder less
claim "has the same bytes" same out pruned
again full
claim "one input of eight is left" exits 0 folder one
claim "all outputs are" same full out
cp waves/009.wav less/sub/a.wav
echo "a new one" >less/sub/a.txt
again full
claim "fewer inputs, and a new one" exits 0 folder less
claim "the new one has the first index" has out/caption/000000.txt "a new one"
for i in 2 7; do
    claim "clip $i keeps its files" cmp "full/mel-spectrogram/00000$i.npy" \
        "out/mel-spectrogram/00000$i.npy"
    claim "and its place in the manifest" has out/dataset_info.json \
        "{\"index\": $i, \"id\": \"sub/s$i\""
done
claim "every other is there" sh -c 'for i in 0 1 3 4 5 6; do
    grep -q "\"id\": \"sub/s$i\"" out/dataset_info.json || exit 1; done'
claim "a loader reads it" exits 0 "$prepare" show --output_dir out
becomes whole
again full
for shard in 0/3 1/3 2/3; do
    claim "shard $shard of it" exits 0 folder less --shard $shard
done
claim "merge" exits 0 "$prepare" merge --output_dir out
claim "is the same" same whole out
claim "--prune later" exits 0 folder less --prune
becomes pruned
claim "the same from nothing" exits 0 folder less
claim "has the same bytes" same out pruned
# Only the last of them is seen: the indices before the kept ones are vacant.
mkdir -p last/sub
cp fo/sub/s7.* last/sub
again full
rm out/mel-spectrogram/00000[0-3].npy
claim "kept items behind lost ones" exits 0 folder last --json
claim "leave vacant indices" has out.txt '"total": 7, "done": 4, "written": 1, "kept": 3' \
    '"excluded": 3, "reasons": {"vanished": 3}'
claim "that a loader passes" exits 0 "$prepare" show --output_dir out
again full
rm -r less && cp -R fo less && rm less/sub/s4.txt
claim "a caption that is gone" exits 0 folder less
claim "changes nothing" same full out
claim "--prune: an item less" exits 3 folder less --prune
claim "whose files are gone" test ! -e out/caption/000004.txt
# A kill between the renames of a clip leaves files of two clips: sizes alone do not tell.
for in in one more; do
    again full
    printf 'clip 1' >out/caption/000000.txt
    rm -rf more && cp -R fo more && cp waves/009.wav more/z.wav && echo more >more/z.txt
    claim "half of another clip, then other metadata ($in)" exits 0 folder $in
    claim "no item has a caption of another ($in)" test "$(cat out/caption/000000.txt)" = \
        "$(sed -n 's/^{"index": 0, .*"caption": "\([^"]*\)", "frames.*/\1/p' \
        out/dataset_info.json)"
done
# Files of a clip that cannot be made again stay.
again full
: >fo/sub/s3.wav
rm out/caption/000003.txt
claim "a sound that broke" exits 3 folder fo
claim "costs no file" test -e out/original-audio/000003.wav
# shellcheck disable=SC2086
fault "a sound that cannot be opened is no reason to" 1 FAULT_OPEN=s3.wav $run_fo --prune
claim "costs no file, either" test -e out/original-audio/000003.wav
claim "--prune takes them" exits 3 folder fo --prune
claim "as it says" test ! -e out/original-audio/000003.wav
cp waves/003.wav fo/sub/s3.wav

# --- wavcaps, audiocaps ------------------------------------------------------------------
mkdir json
echo '{"data": [{"id": "000", "caption": "a"}, {"id": "001", "caption": "b"}]}' >json/a.json
echo '[{"id": "001", "caption": "again"}, {"id": "002", "caption": "c"}]' >json/b.json
wavcaps()
{
    # shellcheck disable=SC2086
    "$prepare" wavcaps --audio_dir "$1" --json_dir json --output_dir out $options "$2"
}
rm -rf out
claim "wavcaps" exits 0 wavcaps waves --json
becomes full
again full
mv json/b.json b.json
claim "wavcaps: a list less" exits 0 wavcaps waves --json
claim "wavcaps: its item stays" has out/dataset_info.json '"id": "002"'
claim "wavcaps: with its files" test -e out/captions/002.txt
mv b.json json
claim "wavcaps: the list is back" exits 0 wavcaps waves --json
claim "wavcaps: all is as it was" same full out
again full
claim "wavcaps: sounds that are not mounted" exits 0 wavcaps nothing --json
claim "wavcaps: change nothing" untouched
rm out/captions/001.txt
claim "wavcaps: nor where a file is lost" exits 3 wavcaps nothing --json
claim "wavcaps: the others of it stay" test -e out/mel_spectrograms/001.png
again full
run_wc="$prepare wavcaps --audio_dir waves --json_dir json --output_dir out $options"
# shellcheck disable=SC2086
fault "wavcaps: lists that cannot be opened" 1 FAULT_OPEN=json $run_wc
# shellcheck disable=SC2086
fault "wavcaps: one that cannot" 1 FAULT_OPEN=b.json $run_wc
echo '{"data": []}' >json/a.json
echo '[]' >json/b.json
claim "wavcaps: no record at all" exits 1 wavcaps waves --json
claim "wavcaps: the set is as it was" untouched
mkdir -p ac/train ac/val
for i in 0 1 2; do cp "waves/00$i.wav" "ac/train/10$i.wav"; done
cp waves/003.wav ac/val/200.wav
header=audiocap_id,youtube_id,start_time,caption
row() { echo "$1,abcdefghijk,0,caption of $1"; }
{ echo $header; row 100; row 101; row 102; } >ac/train.csv
{ echo $header; row 200; } >ac/val.csv
run_ac="$prepare audiocaps --root_dir ac --output_dir out $options"
rm -rf out
# shellcheck disable=SC2086
claim "audiocaps" exits 0 $run_ac
becomes full
again full
# shellcheck disable=SC2086
fault "audiocaps: a table that cannot be looked at" 1 FAULT_STAT=val.csv $run_ac
# shellcheck disable=SC2086
fault "audiocaps: one that cannot be opened" 1 FAULT_OPEN=val.csv $run_ac
claim "audiocaps: the set is as it was" untouched
mv ac/val.csv val.csv
# shellcheck disable=SC2086
claim "audiocaps: a table less" exits 0 $run_ac
claim "audiocaps: the set is as it was" untouched
mv val.csv ac/val.csv
# An item gets another number, and so other files, while its sound is not there.
{ echo $header; row 99; row 100; row 101; row 102; } >ac/train.csv
cp waves/004.wav ac/train/99.wav
mv ac/train/101.wav .
# shellcheck disable=SC2086
claim "audiocaps: numbers that move without a sound" exits 1 $run_ac
claim "audiocaps: are named" has err.txt "1 finished items get another number" "101"
claim "audiocaps: the set is as it was" untouched
# shellcheck disable=SC2086
claim "audiocaps: --prune gives it up" exits 3 $run_ac --prune
mv 101.wav ac/train

# --- records that are broken -------------------------------------------------------------
{ printf '\357\273\277,%s,extra\n' $header
    echo '0,100,abcdefghijk,0,good,"any ""thing"'
    echo '1,101,abcdefghijk,0,cut off'
    echo 'by a line end'
    echo
    echo '2,102,abcdefghijk,0,"a ""quote""",'
    echo '3,100,abcdefghijk,0,twice,'
    printf '4,103,abcdefghijk,0,last,\377\n'; } >ac/train.csv
rm ac/val.csv
cp waves/005.wav ac/train/103.wav
rm -rf out
# shellcheck disable=SC2086
claim "csv: broken rows are skipped" exits 3 $run_ac --json
claim "csv: and counted" has out.txt '"done": 3' '"skipped": 3' '"bad_record": 3'
claim "csv: by file and row" has err.txt "train.csv: row 2 (offset " "train.csv: row 3 (" \
    "train.csv: row 5 (" "an earlier row has this audiocap_id"
claim "csv: also in the list" has out/skipped.jsonl '"reason": "bad_record"' '"id": "100"'
claim "csv: the others are there" has out/dataset_info.json '"caption": "good"' \
    '"caption": "a \"quote\""' '"caption": "last"'
# What a list of captions looks like that somebody joined without quotes.
{ echo "$header"
    echo '101,abcdefghijk,30,good'
    echo '102,abcdefghijk,30,an engine runs loudly with muffled'
    echo 'speech behind it'
    echo 'and, far away, birds'
    echo '103,abcdefghijk,10,"rain, then thunder"'
    echo '104,abcdefghijk,10'
    echo '105,abcdefghijk,0,cut at the end'
    echo 'of the list'; } >ac/train.csv
rm -rf out
# shellcheck disable=SC2086
claim "csv: a caption cut in two is no caption" exits 3 $run_ac --json
claim "csv: and one record" has out.txt '"total": 5' '"bad_record": 3'
claim "csv: with its id" has out/skipped.jsonl '"id": "102"' '"id": "105"' "goes on in the next line"
claim "csv: its neighbours are there" has out/dataset_info.json '"caption": "good"' \
    '"caption": "rain, then thunder"'
rm -rf li && mkdir li
cp waves/00[0-4].wav li
{ printf '\357\273\277{"file": "000.wav", "caption": "a", "x": NaN}\n'
    echo '{"file_name": "001.wav", "text": "b", "y": [-Infinity, Infinity]}'
    echo '{"file": "002.wav", "caption": "torn'
    echo '[1]'
    echo '{"file": "002.wav", "caption": NaN}'
    echo '{"file": "003.wav", "caption": "c", "split": "dev"}'
    echo '{"file": "004.wav", "caption": "d", "split": "other"}'; } >li/l.jsonl
rm -rf out
claim "jsonl: broken lines are skipped" exits 3 folder li --json
claim "jsonl: and counted" has out.txt '"done": 3' '"no_caption": 2, "bad_record": 3'
claim "jsonl: by file and line" has err.txt "l.jsonl: line 3 (offset " "l.jsonl: line 4 (" \
    "l.jsonl: line 7 ("
claim "jsonl: a set all the same" has out/dataset_info.json '"val": [5]' '"caption": "b"'
printf '\357\273\277{"data": [{"id": "000", "caption": "a", "n": NaN}, {"id": NaN, "caption": "b"},
    {"id": "001", "id": "002", "caption": "c"}, {"id": "002", "caption": "half \\ud83d"},
    {"id": "003", "caption": "d\303"}, 7, {"id": "004", "caption": "d", "w": {"x": [1]}}]}' \
    >json/a.json
rm -rf out
claim "json: broken items are skipped" exits 3 wavcaps waves --json
claim "json: and counted" has out.txt '"done": 2' '"bad_id": 1, "bad_record": 4'
claim "json: by file and item" has err.txt "a.json: item 3 (offset " "a.json: item 6 ("
claim "json: the others are there" test "$(ls out/captions)" = "000.txt
004.txt"
for text in '{"data": [{"id": "000", "caption": "a"}' '{"data": [{"id": "000"} {"id": "001"}]}' \
    '{"data": [{"id": "0"}], "x": 1 2}'; do
    echo "$text" >json/a.json
    claim "json: damage between items stops: $text" exits 1 wavcaps waves --json
done

# --- outputs that are inputs -------------------------------------------------------------
own="$prepare folder --output_dir own --seconds 0.32 --input_dir"
# shellcheck disable=SC2086
claim "a set with latents" exits 0 $own fo -m "$model"
cp -R own before
cp "$model" own/latent-vector/000000.npy.tango
ln -s own/latent-vector/000000.npy.tango link.tango
for path in own/latent-vector/000000.npy.tango link.tango; do
    # shellcheck disable=SC2086
    claim "a model among the outputs is refused: $path" exits 1 $own fo -m $path
done
rm own/latent-vector/000000.npy.tango
echo s1 >own/caption/black.txt
# shellcheck disable=SC2086
claim "a blacklist among them" exits 1 $own fo -m "$model" --blacklist own/caption/black.txt
rm own/caption/black.txt
mkdir around && mv own around/own && ln -s around/own own
cp fo/sub/s0.* around
echo '{"file": "own/original-audio/000001.wav", "caption": "x"}' >around/l.jsonl
# shellcheck disable=SC2086
claim "a sound among them" exits 1 $own around -m "$model"
claim "is named" has err.txt "is both read and written to"
rm around/l.jsonl
ln -s own/skipped.jsonl around/l.jsonl
# shellcheck disable=SC2086
claim "a list that is one of them" exits 1 $own around -m "$model"
claim "nothing of them has changed" diff -r before around/own
for path in ../../x /etc/passwd captions/../x; do
    for key in caption_file mel mel_image audio; do
        cp -R before/. out/
        sed "s#\(\"index\": 7.*\)\"$key\": \"[^\"]*\"#\1\"$key\": \"$path\"#" \
            before/dataset_info.json >out/dataset_info.json
        claim "show: $key $path is refused, also of what is not shown" exits 1 "$prepare" \
            show --output_dir out --split val
    done
done
rm -rf out && cp -R before out
mv out/caption/000005.txt kept.txt && ln -s ../../kept.txt out/caption/000005.txt
claim "show: a caption that is a link is refused" exits 1 "$prepare" show --output_dir out

# --- changes under the run ---------------------------------------------------------------
cp -R fo moving
run_moving="$prepare folder --input_dir moving --seconds 0.32 --threads 1"
rm -rf out
# shellcheck disable=SC2086
claim "a quiet run" exits 0 $run_moving -m "$model" --output_dir out
becomes quiet
cp "$model" model.tango
# shellcheck disable=SC2086
fault "captions vanish, the model is cut" 0 FAULT_NAME=s0.wav \
    FAULT_RUN="rm moving/sub/*.txt; : >model.tango" $run_moving -m model.tango \
    --output_dir out
[ -z "$faults" ] || claim "the set is that of a quiet run" same quiet out
echo '{"file": "sub/s0.wav", "caption": "a"}' >moving/l.jsonl
echo '{"file": "sub/s1.wav", "caption": "b"}' >>moving/l.jsonl
rm -rf out
# shellcheck disable=SC2086
fault "metadata is cut" 3 FAULT_NAME=s0.wav FAULT_RUN=": >moving/l.jsonl" \
    $run_moving --no-latents --output_dir out
[ -z "$faults" ] || claim "what it said counts" has out/caption/000001.txt b
rm -rf moving/* out
./clips moving 3
for i in 0 1 2; do echo "clip $i" >moving/00$i.txt; done
rm moving/[a-z]*.wav
# shellcheck disable=SC2086
fault "a sound is cut while it is read" 3 FAULT_NAME=001.wav FAULT_READS=2 \
    FAULT_RUN=": >moving/001.wav" $run_moving --no-latents --output_dir out
[ -z "$faults" ] || claim "and is no clip" has out/skipped.jsonl '"id": "001"' unreadable
./clips moving 3
rm moving/[a-z]*.wav
rm -rf out
# shellcheck disable=SC2086
fault "a signal inside a clip" 143 FAULT_NAME=001.wav FAULT_READS=2 \
    FAULT_RUN='kill -TERM $PPID' $run_moving --no-latents --output_dir out
[ -z "$faults" ] || claim "ends it there" test "$(ls out/caption)" = 000000.txt
[ -z "$faults" ] || claim "with nothing half written" test -z \
    "$(find out/.prepare -path '*/tmp-*')"
# Another run with other metadata takes the place of lines that this one relies on.
rm -rf out other && cp -R moving other && echo "another caption" >other/000.txt
for shard in 0/2 1/2; do
    # shellcheck disable=SC2086
    claim "shard $shard" exits 0 $run_moving --no-latents --output_dir out --shard $shard
done
rm out/caption/000001.txt
# shellcheck disable=SC2086
fault "a shard of other metadata beside a whole run" 1 FAULT_NAME=001.wav \
    FAULT_RUN="$prepare folder --input_dir other --seconds 0.32 --no-latents --output_dir \
    out --shard 0/2 >/dev/null" $run_moving --no-latents --output_dir out
[ -z "$faults" ] || claim "is said" has err.txt "another run works on this set"

# --- clocks, rates -----------------------------------------------------------------------
mkdir hertz
{ printf 'RIFF\044\102\017\000WAVEfmt \020\000\000\000\001\000\001\000\001\000\000\000'
    printf '\001\000\000\000\001\000\010\000data\000\102\017\000'
    head -c 1000000 /dev/zero; } >hertz/a.wav
echo slow >hertz/a.txt
rm -rf out
claim "a million samples at 1 Hz are not made into months" exits 3 folder hertz
claim "and say so" has out/skipped.jsonl "10 minutes at 1 Hz"
run_fo="$prepare folder --input_dir fo --no-latents --seconds 0.32 --threads 2 --output_dir"
rm -rf out
# shellcheck disable=SC2086
claim "two threads" exits 0 $run_fo quiet2
for step in 6 -6; do
    for call in 3 5 7 9 11 13; do
        rm -rf out
        # shellcheck disable=SC2086
        fault "the clock jumps by $step s at call $call" 0 FAULT_CLOCK=$call \
            FAULT_STEP=$step $run_fo out
        [ -z "$faults" ] || claim "without harm" same quiet2 out
    done
done
