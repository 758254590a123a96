#!/bin/sh
# sh tests/test_prepare.sh
#
# What tools/prepare does with good, hostile and broken input, and with faults of the system
# (prepare_faults.sh). Needs a C compiler; with GNU parallel on the machine the shards run
# under it too. The kill test has five points here; sh tests/kill_prepare.sh 50 has more.

. "$(dirname "$0")/lib.sh"
prepare=$tmp/prepare
model=$top/demo/tiny.tango
cd "$tmp" || exit 1
programs prepare clips sound
mkdir waves json
./clips waves 12

# exits STATUS COMMAND...
exits()
{
    expected=$1
    shift
    "$@" >"$tmp/out.txt" 2>"$tmp/err.txt"
    got=$?
    [ "$got" -eq "$expected" ] && return 0
    echo "exit $got, expected $expected"
    head -n 5 "$tmp/err.txt"
    return 1
}

# has FILE TEXT...
has()
{
    file=$1
    shift
    for text; do
        grep -qF -- "$text" "$file" && continue
        echo "no \"$text\" in $file:"
        head -n 12 "$file"
        return 1
    done
}

same() { diff -r -x .prepare "$1" "$2"; }

# --- wavcaps -----------------------------------------------------------------------------
cp waves/011.wav waves/noted.wav
cat >json/a.json <<'END'
{"num_captions_per_audio": 1, "data": [
  {"id": "000.wav", "caption": "  spaces stay \n", "duration": 1},
  {"id": "001", "caption_1": "caption_1 counts", "href": "\u00e9"},
  {"id": "000", "caption": "a duplicate"},
  {"id": "../escape", "caption": "x"}, {"id": "/etc/passwd", "caption": "x"},
  {"id": "nul\u0000byte", "caption": "x"}, {"id": ".hidden", "caption": "x"},
  {"id": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "caption": "x"},
  {"id": "silent", "caption": "x"}, {"id": "short", "caption": "x"},
  {"id": "nan", "caption": "x"}, {"id": "cut", "caption": "x"},
  {"id": "empty", "caption": "x"}, {"id": "linked", "caption": "x"},
  {"id": "nowhere", "caption": "x"}, {"id": "002", "caption": null}]}
END
echo '{"data": [{"id": "003", "caption": "of the second file"},
    {"id": "noted.flac", "caption": "x"}, {"id": "001", "caption": "again"}]}' >json/b.json
echo '{"FreeSound": ["noted.wav"]}' >black.json
ln -s /etc/passwd waves/linked.wav
run_wavcaps="$prepare wavcaps --audio_dir waves --json_dir json -m $model
    --seconds 1.28 --blacklist black.json --output_dir"
# shellcheck disable=SC2086
claim "wavcaps: skipped clips give exit 3" exits 3 $run_wavcaps set --json
claim "wavcaps: the summary adds up" has out.txt '"total": 19, "done": 3, "written": 3,' \
    '"kept": 0, "skipped": 13, "duplicates": 2, "excluded": 1,' \
    '"missing": 1, "unreadable": 4, "silent": 1, "too_short": 1, "bad_id": 5' \
    '"no_caption": 1, "duplicate": 2, "blacklisted": 1'
claim "wavcaps: skipped.jsonl says why" has set/skipped.jsonl \
    '{"index": 2, "id": "000", "reason": "duplicate"' '"reason": "bad_id"' \
    '"nan", "reason": "unreadable"' '"nowhere", "reason": "missing"' \
    '"noted.flac", "reason": "blacklisted"' '"short", "reason": "too_short"'
claim "wavcaps: stderr names them too" has err.txt "unreadable: index 11, cut" \
    "missing: index 14, nowhere"
layout_of() { (cd "$1" && find . -path ./.prepare -prune -o ! -type d -print | sort); }
layout_of set >layout.txt
for id in 000 001 003; do
    claim "wavcaps: the four files of $id" has layout.txt "./captions/$id.txt" \
        "./latent_vectors/$id.pt" "./mel_spectrograms/$id.png" "./original_wavs/$id.wav"
done
claim "wavcaps: nothing else" test "$(wc -l <layout.txt)" -eq 14
claim "wavcaps: captions keep every byte" test "$(od -An -c set/captions/000.txt | tr -d ' \n')" \
    = 'spacesstay\n'
claim "wavcaps: links are absolute" test "$(readlink set/original_wavs/003.wav)" \
    = "$(pwd -P)/waves/003.wav"
claim "wavcaps: files have mode 0644" test -z "$(find set -type f ! -perm 644)"
cp -R -P set once
find set -type f -exec ls -li --time-style=full-iso {} + | sort >before.txt 2>/dev/null
# shellcheck disable=SC2086
claim "a second run keeps everything" exits 3 $run_wavcaps set --json
claim "a second run writes nothing" has out.txt '"written": 0, "kept": 3'
find set -type f -exec ls -li --time-style=full-iso {} + | sort >after.txt 2>/dev/null
claim "a second run touches no file" cmp before.txt after.txt
rm set/captions/001.txt
echo cut >set/latent_vectors/003.pt
rm set/original_wavs/000.wav
# shellcheck disable=SC2086
claim "lost and cut outputs" exits 3 $run_wavcaps set --json
claim "are made again, alone" has out.txt '"written": 3, "kept": 0'
claim "with the same bytes" same once set
# shellcheck disable=SC2086
claim "other parameters are refused" exits 1 $run_wavcaps set --latent-order 8,16,T
claim "by name" has err.txt "latent_order"
claim "and change nothing" diff -r once set
cp waves/004.wav waves/nowhere.wav
# shellcheck disable=SC2086
claim "a sound that came later" exits 3 $run_wavcaps set --json
claim "is added" has out.txt '"written": 1, "kept": 3'
rm waves/nowhere.wav
# shellcheck disable=SC2086
claim "dry run: the same verdict" exits 3 $run_wavcaps other --dry-run --json
claim "dry run: writes nothing" test ! -e other
mkdir twice
echo '{"data": [], "d\u0061ta": []}' >twice/a.json
claim "a key twice stops" exits 1 "$prepare" wavcaps --audio_dir waves --json_dir twice \
    --no-latents --output_dir other
claim "by its offset" has err.txt "twice/a.json" "offset 13"
claim "sounds among the outputs stop" exits 1 "$prepare" wavcaps --json_dir json --no-latents \
    --audio_dir set/original_wavs --output_dir set
# A sound that changes its suffix leaves no old link behind.
mkdir one_wave one_json
cp waves/000.wav one_wave/a.flac
echo '{"data": [{"id": "a", "caption": "x"}]}' >one_json/a.json
run_a="$prepare wavcaps --audio_dir one_wave --json_dir one_json --no-latents --output_dir aset"
claim "a.flac" exits 0 sh -c "umask 077; exec $run_a"
claim "umask or not: mode 0644" test -z "$(find aset -type f ! -perm 644)"
mv one_wave/a.flac one_wave/a.wav
rm aset/captions/a.txt
# shellcheck disable=SC2086
claim "becomes a.wav" exits 0 $run_a
claim "with one link" test "$(ls aset/original_wavs)" = a.wav
# Records that move from shard to shard, and some that go.
wavcaps_list()
{
    for id; do printf '%s{"id": "%s", "caption": "c"}' "$between" "$id"; between=,; done
}
run_moving="$prepare wavcaps --audio_dir waves --json_dir moving --no-latents --seconds 0.32
    --output_dir"
mkdir moving
echo "[$(between='' && wavcaps_list 000 001 002 003 004)]" >moving/a.json
for shard in 0/2 1/2; do
    # shellcheck disable=SC2086
    claim "moving: shard $shard" exits 0 $run_moving mset --shard $shard
done
echo "[$(between='' && wavcaps_list 003 002 001 000)]" >moving/a.json
for shard in 1/2 0/2; do
    # shellcheck disable=SC2086
    claim "moving: shard $shard of other metadata" exits 0 $run_moving mset --shard $shard \
        --prune
done
claim "moving: merge" exits 0 "$prepare" merge --output_dir mset
# shellcheck disable=SC2086
claim "moving: at once" exits 0 $run_moving mset2
claim "moving: is the same" same mset2 mset
echo "[$(between='' && wavcaps_list 003 002)]" >moving/a.json
# shellcheck disable=SC2086
claim "moving: shards, then one run" exits 0 $run_moving mset --prune
claim "moving: removed records leave nothing" test "$(ls mset/captions)" = "002.txt
003.txt"
echo "[$(between='' && wavcaps_list 003 004 002)]" >moving/a.json
# shellcheck disable=SC2086
claim "moving: shard 0/3 of new metadata" exits 0 $run_moving mset --shard 0/3
claim "moving: merge waits for the others" exits 1 "$prepare" merge --output_dir mset
claim "moving: and names them" has err.txt "1/3 2/3"
for shard in 1/3 2/3; do
    # shellcheck disable=SC2086
    claim "moving: shard $shard" exits 0 $run_moving mset --shard $shard
done
claim "moving: merge of the new shards alone" exits 0 "$prepare" merge --output_dir mset
# What a shard could not use, and one run can; and the other way round.
mkdir few && cp waves/00[023].wav few
echo "[$(between='' && wavcaps_list 000 001 002 003)]" >moving/a.json
run_few="$prepare wavcaps --audio_dir few --json_dir moving --no-latents --seconds 0.32
    --output_dir"
# shellcheck disable=SC2086
claim "journals: shard 1/2 without a sound" exits 3 $run_few jset --shard 1/2
cp waves/001.wav few
# shellcheck disable=SC2086
claim "journals: one run that has it" exits 0 $run_few jset
claim "journals: the sound is in the set" has jset/dataset_info.json '"id": "001"'
rm -r jset
# shellcheck disable=SC2086
claim "journals: shard 1/2 with it" exits 0 $run_few jset --shard 1/2
rm few/001.wav jset/captions/001.txt
# shellcheck disable=SC2086
claim "journals: one run without it, when a file is lost" exits 3 $run_few jset
claim "journals: what is lost is not in the set" has jset/dataset_info.json '"missing": 1'
# shellcheck disable=SC2086
claim "journals: shard 0/2" exits 0 $run_few jset --shard 0/2
claim "journals: merge says the same" exits 3 "$prepare" merge --output_dir jset

# --- audiocaps ---------------------------------------------------------------------------
mkdir -p ac/train ac/val ac/test
for i in 0 1 2 3; do cp waves/00$i.wav "ac/train/10$i.wav"; done
mv ac/train/101.wav ac/train/-bcdefghijk_30.wav
mv ac/train/102.wav ac/train/Yabcdefghijk.wav
cp waves/005.wav ac/test/ABCDEFGHIJK.wav
printf 'audiocap_id,youtube_id,start_time,caption\r\n100,abcdefghij_,5,"a, quoted ""one"""\r\n101,-bcdefghijk,30,minus\r\n102,abcdefghijk,0,with Y\r\n7x,abcdefghijk,0,bad\r\n8,../../../x,0,bad\r\n103,zzzzzzzzzzz,1,\r\n9,zzzzzzzzzzz,1,gone\r\n' >ac/train.csv
printf 'caption,start_time,youtube_id,audiocap_id\nother order,1,ABCDEFGHIJK,100\n' >ac/test.csv
claim "audiocaps: exit 3" exits 3 "$prepare" audiocaps --root_dir ac --output_dir acset \
    --no-latents --seconds 1 --json
claim "audiocaps: counts" has out.txt '"total": 8, "done": 4' '"bad_id": 2, "no_caption": 1'
layout_of acset >layout.txt
claim "audiocaps: names by index, with gaps" has layout.txt ./mel-spectrogram/000000.npy \
    ./mel-spectrogram/000000.png ./original-audio/000002.wav ./caption/000007.txt
claim "audiocaps: no latents asked, none made" sh -c '! grep -q latent layout.txt'
claim "audiocaps: commas and quotes" test "$(cat acset/caption/000000.txt)" = 'a, quoted "one"'
claim "audiocaps: manifest" has acset/dataset_info.json \
    '"split_indices": {"train": [0, 1, 2], "val": [], "test": [7]}' '"mel": "torchaudio"' \
    '"frames": 100' '"format": "tango-dataset", "version": 1'
echo '100,abcdefghij_,5,twice' >>ac/train.csv
claim "audiocaps: a repeated audiocap_id is skipped" exits 3 "$prepare" audiocaps \
    --root_dir ac --output_dir acset2 --no-latents --seconds 0.32
claim "with file, row and offset" has err.txt "train.csv: row 8 (offset "
printf 'a,b\n"x,y\n' >ac/val.csv
claim "audiocaps: a table without the columns stops" exits 1 "$prepare" audiocaps --root_dir ac \
    --output_dir acset2 --no-latents

# --- folder ------------------------------------------------------------------------------
mkdir -p fo/sub/deep
i=0
while [ $i -lt 12 ]; do
    name=$(printf %03d $i)
    cp "waves/$name.wav" "fo/sub/$name.wav"
    printf '{"file": "sub/%s.wav", "captions": ["clip %d", "b"], "split": "%s"}\n' "$name" $i \
        "$([ $((i % 4)) -eq 3 ] && echo test || echo train)" >>fo/list.jsonl
    i=$((i + 1))
done
cp waves/000.wav fo/sub/deep/walked.wav
printf 'one newline goes\n\n' >fo/sub/deep/walked.txt
run_folder="$prepare folder --input_dir fo -m $model --seconds 0.64 --latent-format both"
# shellcheck disable=SC2086
claim "folder: all done" exits 0 $run_folder --output_dir one --threads 1
claim "folder: one final newline is removed" test "$(od -An -c one/caption/000012.txt |
    tr -d ' \n')" = 'onenewlinegoes\n'
# shellcheck disable=SC2086
claim "folder: two threads" exits 0 $run_folder --output_dir two --threads 2
claim "folder: threads do not change a byte" diff -r one two
for i in 0 1 2; do
    [ $i -eq 1 ] && continue
    # shellcheck disable=SC2086
    claim "shard $i/3" exits 0 $run_folder --output_dir shards --shard $i/3
done
claim "merge: a missing shard" exits 1 "$prepare" merge --output_dir shards
claim "is named" has err.txt "1/3"
: >shards/.prepare/journal-1-of-3.jsonl
claim "merge: a shard killed at its start" exits 1 "$prepare" merge --output_dir shards
claim "is missing, too" has err.txt "missing" "1/3"
claim "a shard writes no manifest" test ! -e shards/dataset_info.json
# shellcheck disable=SC2086
claim "shard 1/3" exits 0 $run_folder --output_dir shards --shard 1/3
claim "merge" exits 0 "$prepare" merge --output_dir shards --json
claim "merge counts" has out.txt '"total": 13, "done": 13, "written": 0, "kept": 13'
claim "merged shards are one run" same one shards

# --- folder: FLAC, levels
same_samples() { for file in one/original-audio/*.wav; do
    id=${file##*/} && ./sound convert "$1/original-audio/${id%.wav}.flac" a.wav && cmp a.wav "$file" || return 1; done; }
# shellcheck disable=SC2086
claim "--audio-format flac" exits 0 $run_folder --output_dir fl --audio-format flac
claim "writes FLAC" test "$(ls fl/original-audio | head -n 1) $(ls fl/original-audio | grep -c wav)" = "000000.flac 0"
claim "of 16 bits" sh -c './sound info fl/original-audio/000000.flac | grep -q "flac 16 bit, 1 channel, 16000 Hz"'
claim "of the samples of WAV" same_samples fl
claim "mels and latents are the same" sh -c 'diff -r one/mel-spectrogram fl/mel-spectrogram && diff -r one/latent-vector fl/latent-vector'
claim "the manifest names it" has fl/dataset_info.json '"audio": "original-audio/000000.flac"' '"flac": 16'
# shellcheck disable=SC2086
claim "again, all is kept" exits 0 $run_folder --output_dir fl --audio-format flac --json
claim "and nothing is written" has out.txt '"written": 0, "kept": 13'
rm fl/original-audio/000003.flac
# shellcheck disable=SC2086
claim "a lost one" exits 0 $run_folder --output_dir fl --audio-format flac --json
claim "comes again" has out.txt '"written": 1, "kept": 12'
# shellcheck disable=SC2086
claim "not as WAV" exits 1 $run_folder --output_dir fl
claim "which is said" has err.txt "made with other parameters" '"flac": 16'
for i in 0 1; do
    # shellcheck disable=SC2086
    claim "shard $i/2 of it" exits 0 $run_folder --output_dir flm --audio-format flac --shard $i/2
done
claim "merge of them" exits 0 "$prepare" merge --output_dir flm
claim "is one run" same fl flm
# shellcheck disable=SC2086
claim "--audio-format flac24" exits 0 $run_folder --output_dir fl24 --audio-format flac24
claim "writes 24 bits" sh -c './sound info fl24/original-audio/000001.flac | grep -q "flac 24 bit"'
if have flac; then
    claim "flac -t accepts them" sh -c 'flac -t -s fl/original-audio/*.flac fl24/original-audio/*.flac'
fi
claim "another format is a usage error" exits 2 "$prepare" folder --input_dir fo --output_dir x --no-latents --audio-format mp3
run_level="$prepare folder --input_dir fo --no-latents --seconds 0.64"
for level in rms=-30 rms=-40; do
    # shellcheck disable=SC2086
    claim "--level $level" exits 0 $run_level --output_dir level$level --level $level
done
claim "is told in the manifest" has levelrms=-30/dataset_info.json '"level": "rms", "level_target": -30.0, "limit": -1.0'
claim "and nowhere else" sh -c '! grep -q level one/dataset_info.json one/.prepare/set.json'
# 10 dB are 1.1513 of a natural logarithm, except where a mel is at its floor.
log_mels() { od -An -v -tf4 -w4 -j128 "$1/mel-spectrogram/000000.npy"; }
log_mels levelrms=-30 >a.txt && log_mels levelrms=-40 >b.txt
claim "10 dB are 10 dB in the mel" sh -c 'paste a.txt b.txt | awk "{ d = \$1 - \$2 - 1.1513; n += d < 0.01 && d > -0.01 } END { print n, NR; exit !(n > NR / 4) }"'
# shellcheck disable=SC2086
claim "a level belongs to a set" exits 1 $run_level --output_dir levelrms=-30 --level rms=-31
claim "which is said, too" has err.txt "made with other parameters"
# shellcheck disable=SC2086
claim "no level of that name" exits 2 $run_level --output_dir x --level loud
claim "is made" test ! -e x
mv shards/mel-spectrogram/000004.npy lost.npy
claim "merge: a lost output" exits 1 "$prepare" merge --output_dir shards
claim "names its index" has err.txt "index 4"
if have parallel; then
    # shellcheck disable=SC2086
    claim "GNU parallel runs the shards" exits 0 parallel --will-cite -j 2 $run_folder \
        --output_dir para --threads 1 --shard {}/4 ::: 0 1 2 3
    claim "their merge" exits 0 "$prepare" merge --output_dir para
    claim "is one run" same one para
fi
# A clip more: old ones are kept where the index is the same, all is as if made at once.
cp waves/001.wav fo/aaa.wav && echo first >fo/aaa.txt
# shellcheck disable=SC2086
claim "changed metadata" exits 0 $run_folder --output_dir two
# shellcheck disable=SC2086
claim "the same at once" exits 0 $run_folder --output_dir three
claim "gives the same set" same three two
rm fo/aaa.wav fo/aaa.txt
# shellcheck disable=SC2086
claim "and back" exits 0 $run_folder --output_dir two --prune
claim "without leftovers" same one two
# Killed between the last clip's renames and its line, and that clip is removed then.
cp -R fo fewer
rm fewer/sub/deep/walked.*
sed '$d' two/.prepare/journal-0-of-1.jsonl >journal.txt
cp journal.txt two/.prepare/journal-0-of-1.jsonl
run_fewer="$prepare folder --input_dir fewer -m $model --seconds 0.64 --latent-format both"
# shellcheck disable=SC2086
claim "a kill, and a removed clip" exits 0 $run_fewer --output_dir two --prune
# shellcheck disable=SC2086
claim "the same from nothing" exits 0 $run_fewer --output_dir four
claim "leaves nothing of it" same four two
for bad in '{"file": "../../etc/passwd", "caption": "x"}' '{"file": "/etc/passwd", "caption": "x"}' \
    '{"file": "link/x.wav", "caption": "x"}' '{"file": "a\\b.wav", "caption": "x"}' \
    '{"caption": "x"}' '{"file": "", "caption": "x"}'; do
    rm -rf hostile hset && mkdir hostile
    ln -s "$tmp/waves" hostile/link
    printf '%s\n' "$bad" >hostile/l.jsonl
    claim "bad_path: $bad" exits 3 "$prepare" folder --input_dir hostile --output_dir hset \
        --no-latents
    claim "says so" has hset/skipped.jsonl '"reason": "bad_path"'
done
echo '{"file": "x.wav", "capt' >hostile/l.jsonl
claim "a torn line of metadata is skipped" exits 3 "$prepare" folder --input_dir hostile \
    --output_dir hset2 --no-latents
claim "by file and line" has err.txt "l.jsonl: line 1 (offset 0)"
rm -rf stolen && mkdir -p stolen elsewhere && ln -s ../elsewhere stolen/caption
claim "an output folder that is a link stops" exits 1 "$prepare" folder --input_dir fo \
    --output_dir stolen --no-latents
claim "and nothing leaves" test -z "$(ls elsewhere)"
mkdir -p "deep/$(printf 'd/%.0s' $(seq 70))"
claim "folders nested over 64 deep stop" exits 1 "$prepare" folder --input_dir deep \
    --output_dir hset2 --no-latents
claim "input and output in one folder stop" exits 1 "$prepare" folder --input_dir fo \
    --output_dir fo --no-latents
claim "before anything is written" test ! -e fo/.prepare

# --- disk, usage -------------------------------------------------------------------------
claim "no space: exit 1" exits 1 sh -c "ulimit -f 40; exec $run_folder --output_dir full"
all_whole() { (cd full && find . -path ./.prepare -prune -o -type f -exec cmp {} ../one/{} \;); }
claim "no space: no half files" test -z "$(all_whole 2>&1)"
claim "no space: nothing left over" test -z "$(find full/.prepare -path '*/tmp-*')"
# shellcheck disable=SC2086
claim "later the rest" exits 0 $run_folder --output_dir full
claim "is as if nothing had been" same one full
claim "usage: no command" exits 2 "$prepare" --output_dir x
claim "usage: no model" exits 2 "$prepare" folder --input_dir fo --output_dir x
for shard in 3/3 0/0 1 a/b -1/3 1/3x "" 0/99999999; do
    claim "usage: --shard \"$shard\"" exits 2 "$prepare" folder --input_dir fo --output_dir x \
        --no-latents --shard "$shard"
done
claim "usage: nothing is written" test ! -e x
claim "a missing folder" exits 1 "$prepare" folder --input_dir nope --output_dir x --no-latents

# --- show --------------------------------------------------------------------------------
claim "show" exits 0 "$prepare" show --output_dir one --split train --batch 4 --json
claim "show: by index" has out.txt '{"indices": [0, 1, 2, 4], "frames": [64, 64, 64, 64]' \
    '"mel_shape": [4, 64, 64]' '"captions": ["clip 0", "clip 1", "clip 2", "clip 4"]'
cp out.txt plain.txt
claim "show: shuffled" exits 0 "$prepare" show --output_dir one --split train --seed 5 --json
cp out.txt seed5.txt
claim "show: the same seed again" exits 0 "$prepare" show --output_dir one --split train \
    --seed 5 --json
claim "show: the same order" cmp out.txt seed5.txt
claim "show: another epoch" exits 0 "$prepare" show --output_dir one --split train --seed 5 \
    --epoch 1 --json
claim "show: another order" sh -c '! cmp -s out.txt seed5.txt'
claim "show: wavcaps through its pictures" exits 0 "$prepare" show --output_dir set --json
rm one/mel-spectrogram/000000.npy
ln -s /etc/passwd one/mel-spectrogram/000000.npy
claim "show: a link is not followed" exits 1 "$prepare" show --output_dir one
cp -R one evil
for path in ../one/x.npy /etc/passwd mel-spectrogram/../../x; do
    sed "s#\"mel\": \"mel-spectrogram/000001.npy\"#\"mel\": \"$path\"#" one/dataset_info.json \
        >evil/dataset_info.json
    claim "show: $path is refused" exits 1 "$prepare" show --output_dir evil
done
printf '{"format": "tango-dataset", "version": 1, "items": [' >evil/dataset_info.json
claim "show: a cut manifest" exits 1 "$prepare" show --output_dir evil

# --- options without effect --------------------------------------------------------------
claim "options of latents that are not made" exits 3 "$prepare" folder --input_dir waves \
    --output_dir idle --no-latents --seconds 0.32 --latent-format pt --root_dir waves --batch 2 \
    --dry-run
claim "are said" has err.txt "note: --latent-format has no effect: there are no latents" \
    "note: --root-dir has no effect: this command does not read it" \
    "note: --batch has no effect: only show has it"
claim "an epoch without a seed" exits 0 "$prepare" show --output_dir set --epoch 2 --seconds 1
claim "is said" has err.txt "note: --epoch has no effect: without --seed the order is by index" \
    "note: --seconds has no effect: the set is made already"

# --- kill --------------------------------------------------------------------------------
TANGO_BUILT=$TANGO_BUILT sh "$tests/kill_prepare.sh" 5 >kill.txt 2>&1
claim "kill test: $(tail -n 1 kill.txt)" grep -q "5 passed, 0 failed" kill.txt

# --- faults ------------------------------------------------------------------------------
find "$tmp" -mindepth 1 -maxdepth 1 ! -name prepare ! -name clips -exec rm -rf {} +
. "$tests/prepare_faults.sh"
finish
