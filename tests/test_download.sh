#!/bin/sh
# sh tests/test_download.sh [PART]
#
# The download scripts beside a local server that drops, truncates, refuses and lies
# (download_server.py). ffmpeg and 7z are the real ones where they are installed; yt-dlp is a
# stand-in, but for one clip that the real one fetches where it is installed. Nothing leaves
# this machine. Needs python3 and curl; skipped without.
# shellcheck disable=SC2015,SC2016,SC2030,SC2031,SC2059,SC2086,SC2123,SC2317
# claims are called by name

. "$(dirname "$0")/lib.sh"
for tool in python3 curl; do
    have $tool || { echo "skipped: $tool is not installed"; finish; }
done

# Most of the time goes into short waits and small processes: six parts, each with a server
# and a folder of its own, run side by side.
part=${1-}
if [ -z "$part" ]; then
    running=
    trap 'kill $running 2>/dev/null; rm -rf "$tmp"' EXIT
    for part in files hostile audiocaps wavcaps locks parsers; do
        sh "$0" $part >"$tmp/$part" 2>&1 &
        running="$running $!"
    done
    wait
    for part in files hostile audiocaps wavcaps locks parsers; do
        sed '/^[0-9]* passed, [0-9]* failed$/d' "$tmp/$part"
        counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$tmp/$part")
        [ -n "$counts" ] || { echo "FAIL  part $part ended early"; counts='0 1'; }
        passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
    done
    finish
fi
here() { [ "$part" = "$1" ]; }

unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
no_proxy='*'
HOME=$tmp
export no_proxy HOME

audiocaps=$top/tools/download_audiocaps.sh
wavcaps=$top/tools/download_wavcaps.sh
checkpoint=$top/tools/download_checkpoint.sh
shell=${TEST_SHELL:-sh}
www=$tmp/www
mkdir "$www" "$tmp/bin" "$tmp/videos"
: >"$tmp/plan"
python3 "$tests/download_server.py" "$www" "$tmp/plan" "$tmp/requests" "$tmp/port" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$tmp"' EXIT
tries=0
while [ ! -f "$tmp/port" ] && [ $tries -lt 100 ]; do sleep 0.2; tries=$((tries + 1)); done
base=http://127.0.0.1:$(cat "$tmp/port") || exit 1

# plan PATH BEHAVIOUR...: what the next requests for PATH meet; also forgets old requests.
plan()
{
    plan_path=$1
    shift
    printf '%s\t%s\n' "$plan_path" "$*" >>"$tmp/plan"
    : >"$tmp/requests"
}

calm() { : >"$tmp/plan"; : >"$tmp/requests"; }

# Stand-ins. What yt-dlp meets is in videos/ID: a message that it fails with, each time or
# as often as a number before it says; without such a file the clip is there.
cat >"$tmp/bin/yt-dlp" <<'STUB'
#!/bin/sh
for word; do
    case $previous in --output) out=$word ;; --cookies) cp "$word" "$STUB_FOLDER/cookies" ;; esac
    previous=$word
done
id=${word##*=}
echo "$*" >>"$STUB_FOLDER/calls"
rule=$STUB_FOLDER/videos/$id
[ -z "$STUB_SLOW" ] || sleep "$STUB_SLOW"
if [ -f "$rule" ]; then
    read -r times text <"$rule"
    if [ "$times" -gt 0 ]; then
        echo "$((times - 1)) $text" >"$rule"
        echo "ERROR: [youtube] $id: $text" >&2
        exit 1
    fi
fi
cp "$STUB_FOLDER/sound.wav" "${out%.%*}.wav"
STUB
cat >"$tmp/stub_ffmpeg" <<'STUB'
#!/bin/sh
for word; do [ "$previous" != -i ] || in=$word; previous=$word; done
if grep -q broken "$in"; then echo "Invalid data found when processing input" >&2; exit 1; fi
cp "$in" "$word"
STUB
printf '#!/bin/sh\nexec python3 "%s" 7z "$@"\n' "$tests/download_tools.py" >"$tmp/stub_7z"
real_ytdlp=$(command -v yt-dlp || :)
real_ffmpeg=1
have ffmpeg || { cp "$tmp/stub_ffmpeg" "$tmp/bin/ffmpeg"; real_ffmpeg=; }
have 7z || have 7zz || have 7za || cp "$tmp/stub_7z" "$tmp/bin/7z"
chmod +x "$tmp"/bin/* "$tmp"/stub_*
STUB_FOLDER=$tmp STUB_SLOW=
PATH=$tmp/bin:$PATH
export STUB_FOLDER STUB_SLOW PATH
python3 "$tests/download_tools.py" sound "$tmp/sound.wav" 1
echo broken >"$tmp/broken"

# script STATUS FILE OPTION...: runs it with short pauses; output in $tmp/said.
script()
{
    expected=$1 file=$2
    shift 2
    "$shell" "$file" --retry-delay 0 --timeout 10 --jobs 2 "$@" >"$tmp/said" 2>&1 </dev/null
    got=$?
    [ "$got" -eq "$expected" ] && return
    echo "exit $got, expected $expected"
    cat "$tmp/said"
    return 1
}

says() { grep -qF -- "$1" "$tmp/said" || { echo "does not say: $1"; cat "$tmp/said"; return 1; }; }
asked() { grep -c "^$1" "$tmp/requests" | grep -qx "$2" || { echo "asked for $1:"; cat "$tmp/requests"; return 1; }; }
same() { [ "$1" = "$2" ] || { echo "found: $1"; echo "expected: $2"; return 1; }; }
tree() { (cd "$1" && find . | sort | tr '\n' ' '); }

# ---- Usage ---------------------------------------------------------------------------

usage_rules()
{
    for file in $audiocaps $wavcaps; do
        script 0 "$file" -h && says 'usage: download_' && says '--base-url URL' || return 1
        script 2 "$file" && says 'usage error: -o DIR is needed' || return 1
        script 2 "$file" -o "$tmp/x" --bogus && says 'unknown option --bogus' || return 1
        script 2 "$file" -o "$tmp/x" -Z && says 'unknown option -Z' || return 1
        script 2 "$file" -o "$tmp/x" extra && says 'unexpected "extra"' || return 1
        script 2 "$file" -o && says 'option -o needs a value' || return 1
        script 2 "$file" -o "$tmp/x" --jobs=0 && says 'from 1 to 256' || return 1
        script 2 "$file" -o "$tmp/x" -j 99999999999999999999 && says 'whole number' || return 1
        script 2 "$file" -o "$tmp/x" --quiet=1 && says 'takes no value' || return 1
        script 2 "$file" -o "$tmp/x" --base-url 'file:///etc/passwd' && says 'http://' || return 1
        script 2 "$file" -o "$tmp/x" --subset nonsense && says 'expected some of' || return 1
    done
    script 2 "$checkpoint" -o "$tmp/x" && says 'a model is needed' || return 1
    script 2 "$checkpoint" -o "$tmp/x" ../../etc/passwd && says 'unknown model' || return 1
    script 2 "$checkpoint" -o "$tmp/x" a/.. && says 'unknown model' || return 1
    script 0 "$checkpoint" --list && says tango2-full || return 1
    [ ! -e "$tmp/x" ]
}

missing_tools_are_named()
{
    mkdir "$tmp/few"
    for tool in "$shell" sh dirname basename date sed awk tr printf cat cut grep mkdir rm; do
        for place in /bin /usr/bin; do
            [ ! -x $place/$tool ] || ln -sf $place/$tool "$tmp/few/$tool"
        done
    done
    kept_path=$PATH PATH=$tmp/few
    script 1 "$wavcaps" -o "$tmp/x"
    status=$?
    PATH=$kept_path
    [ $status -eq 0 ] && says 'curl is missing: package curl' && says 'p7zip-full' &&
        says 'ffmpeg is missing: package ffmpeg' && [ ! -e "$tmp/x" ]
}

if here hostile; then
    claim 'usage: options, values, exit status 2' usage_rules
    claim 'missing tools: all named, each with its package' missing_tools_are_named
fi

# ---- One file at a time: download_checkpoint.sh ---------------------------------------

model=$www/declare-lab/tango
mkdir -p "$model" "$www/google/flan-t5-large" "$www/stabilityai/stable-diffusion-2-1/scheduler" \
    "$www/configs" "$www/zenodo/7600541"
cat >"$model/main_config.json" <<'JSON'
{"text_encoder_name": "google/flan-t5-large", "scheduler_name": "stabilityai/stable-diffusion-2-1",
 "unet_model_name": null, "unet_model_config_path": "configs/diffusion_model_config.json"}
JSON
echo '{"vae": 1}' >"$model/vae_config.json"
echo '{"stft": 1}' >"$model/stft_config.json"
python3 -c 'import sys; sys.stdout.buffer.write(bytes(i * i % 251 for i in range(300000)))' \
    >"$model/pytorch_model_main.bin"
echo vae >"$model/pytorch_model_vae.bin"
echo stft >"$model/pytorch_model_stft.bin"
echo '# not for us' >"$model/README.md"
echo '{"d_model": 1}' >"$www/google/flan-t5-large/config.json"
echo t5 >"$www/google/flan-t5-large/model.safetensors"
mkdir -p "$www/Bai-YT/ConsistencyTTA" "$www/Sony/soundctm/soundctm_ckpt/030000" \
    "$www/stabilityai/stable-diffusion-2-1/tokenizer" "$www/some/sd21"
for file in unet_state_dict.pt vae_state_dict.pt ConsistencyTTA.zip; do
    echo $file >"$www/Bai-YT/ConsistencyTTA/$file"
done
for file in pytorch_model.bin ema_0.999_030000.pt teacher.bin; do
    echo $file >"$www/Sony/soundctm/soundctm_ckpt/030000/$file"
done
echo pieces >"$www/google/flan-t5-large/spiece.model"
echo '{"steps": 1}' >"$www/stabilityai/stable-diffusion-2-1/scheduler/scheduler_config.json"
echo '{"unet": 1}' >"$www/configs/diffusion_model_config.json"
echo audioldm >"$www/zenodo/7600541/audioldm-s-full"
mkdir -p "$www/FacebookAI/roberta-base"
echo '{"a": 2}' >"$www/FacebookAI/roberta-base/vocab.json"
echo 'c d' >"$www/FacebookAI/roberta-base/merges.txt"
big=/declare-lab/tango/resolve/main/pytorch_model_main.bin

get()
{
    status=$1
    shift
    script "$status" "$checkpoint" -o "$tmp/c" --base-url "$base" --code-url="$base" \
        --zenodo_url "$base" "$@"
}

whole_model()
{
    same "$(tree "$tmp/c")" ". ./tango ./tango/main_config.json ./tango/pytorch_model_main.bin\
 ./tango/pytorch_model_stft.bin ./tango/pytorch_model_vae.bin ./tango/spiece.model\
 ./tango/stft_config.json ./tango/vae_config.json " &&
        cmp "$tmp/c/tango/pytorch_model_main.bin" "$model/pytorch_model_main.bin"
}

anew() { rm -rf "$tmp/c"; calm; }

all_pieces() { anew; get 0 tango && whole_model && says 'complete'; }
nothing_twice() { calm; get 0 tango && asked $big 0 && says '0 written'; }

drops_are_resumed()
{
    anew
    plan $big drop:100000 drop:50000
    get 0 tango && whole_model && grep -qx "$big bytes=100000- 206 " "$tmp/requests" &&
        grep -qx "$big bytes=150000- 206 " "$tmp/requests"
}

later_run_resumes()
{
    anew
    plan $big drop:100000
    get 1 tango --retries 0 && says 'failed: tango/pytorch_model_main.bin' &&
        [ ! -e "$tmp/c/tango/pytorch_model_main.bin" ] && get 0 tango && whole_model &&
        grep -qx "$big bytes=100000- 206 " "$tmp/requests"
}

no_ranges()
{
    anew
    plan $big drop:100000 norange drop:5 ok
    get 0 tango && whole_model
}

# Cut short without notice, a part that is too long, wrong bytes in a small file.
wrong_bytes()
{
    anew
    mkdir -p "$tmp/c/.download/parts"
    cat "$model"/*.bin "$model"/*.bin >"$tmp/c/.download/parts/tango+pytorch_model_main.bin"
    plan $big short:1000 wrong
    plan /declare-lab/tango/resolve/main/vae_config.json wrong
    get 0 tango && whole_model && asked $big 3 &&
        cmp "$tmp/c/tango/vae_config.json" "$model/vae_config.json"
}

wrong_for_ever()
{
    anew
    plan $big wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong
    get 1 tango --retries 3 && says 'sha256 digest is not the one published' && asked $big 4 &&
        [ ! -e "$tmp/c/tango/pytorch_model_main.bin" ]
}

busy_server() { anew; plan $big 500 503 429 502; get 0 tango && whole_model && asked $big 5; }

retry_after()
{
    anew
    plan $big 429:1
    began=$(date +%s)
    get 0 tango && whole_model && [ $(($(date +%s) - began)) -ge 1 ]
}

gone_file() { anew; plan $big 404; get 1 tango && says 'gone: tango/pytorch_model_main.bin' && asked $big 1; }
refused_file() { anew; plan $big 403; get 1 tango && says 'a token is needed' && asked $big 1; }

redirections()
{
    anew
    plan $big "away:file:///etc/passwd"
    plan /declare-lab/tango/resolve/main/vae_config.json "away:$base/declare-lab/tango/vae_config.json"
    get 1 tango --retries 0 && says 'failed: tango/pytorch_model_main.bin' &&
        cmp "$tmp/c/tango/vae_config.json" "$model/vae_config.json" &&
        [ ! -e "$tmp/c/tango/pytorch_model_main.bin" ]
}

nobody_there() { anew; script 1 "$checkpoint" -o "$tmp/c" --base-url http://127.0.0.1:1 --retries 1 tango && says 'failed: tango/-'; }

# What convert knows is not fetched; another's configurations are, from where it names them.
other_configurations()
{
    anew
    mkdir -p "$www/some/one" "$www/some/t5" "$www/some/schedule/scheduler"
    cp "$model"/* "$www/some/one"
    sed 's|google/flan-t5-large|some/t5|; s|stabilityai/stable-diffusion-2-1|some/schedule|
        s|diffusion_model_config|other|' "$model/main_config.json" >"$www/some/one/main_config.json"
    echo '{"unet": 2}' >"$www/configs/other.json"
    echo '{"t5": 2}' >"$www/some/t5/config.json"
    echo '{"tokens": 2}' >"$www/some/t5/tokenizer.json"
    echo '{"schedule": 2}' >"$www/some/schedule/scheduler/scheduler_config.json"
    get 0 some/one && cat "$tmp/c/one/unet_config.json" "$tmp/c/one/text_encoder_config.json" \
        "$tmp/c/one/scheduler_config.json" "$tmp/c/one/tokenizer.json" >"$tmp/found" &&
        same "$(cat "$tmp/found")" '{"unet": 2}
{"t5": 2}
{"schedule": 2}
{"tokens": 2}' || return 1
    plan /api/models/some/schedule/tree/main/scheduler 401
    rm -rf "$tmp/c"
    get 1 some/one && says 'failed: one/scheduler_config.json'
}

# A text encoder of Stable Diffusion has a tokenizer in a folder of its own.
clip_tokenizer()
{
    anew
    cp "$model"/* "$www/some/sd21"
    sed 's|google/flan-t5-large|stabilityai/stable-diffusion-2-1|' "$model/main_config.json" \
        >"$www/some/sd21/main_config.json"
    echo '{"a": 1}' >"$www/stabilityai/stable-diffusion-2-1/tokenizer/vocab.json"
    echo 'a b' >"$www/stabilityai/stable-diffusion-2-1/tokenizer/merges.txt"
    get 0 some/sd21 && same "$(cd "$tmp/c/sd21" && echo tokenizer/*)" \
        'tokenizer/merges.txt tokenizer/vocab.json'
}

# ConsistencyTTA with its T5, SoundCTM with the tokenizer and AudioLDM's VAE.
distilled_models()
{
    anew
    get 0 consistencytta soundctm &&
        same "$(tree "$tmp/c")" ". ./audioldm-s-full ./audioldm-s-full/audioldm-s-full.ckpt\
 ./audioldm-s-full/merges.txt ./audioldm-s-full/vocab.json ./consistencytta ./consistencytta/unet_state_dict.pt ./consistencytta/vae_state_dict.pt\
 ./flan-t5-large ./flan-t5-large/config.json ./flan-t5-large/model.safetensors\
 ./flan-t5-large/spiece.model ./soundctm ./soundctm/ema_0.999_030000.pt\
 ./soundctm/pytorch_model.bin ./soundctm/spiece.model " &&
        cmp "$tmp/c/soundctm/pytorch_model.bin" "$www/Sony/soundctm/soundctm_ckpt/030000/pytorch_model.bin"
}

changed_file()
{
    calm
    printf 'XXX' | dd of="$tmp/c/tango/pytorch_model_main.bin" conv=notrunc 2>/dev/null
    get 0 tango && asked $big 0 && get 0 tango --verify && asked $big 1 && whole_model
}

several_models()
{
    anew
    get 3 tango audioldm-s-full nobody/nothing && says 'nothing: not complete' &&
        cmp "$tmp/c/audioldm-s-full/audioldm-s-full.ckpt" "$www/zenodo/7600541/audioldm-s-full"
}

dry_run() { anew; get 0 tango -n && says 'pytorch_model_main.bin' && asked $big 0 && same "$(find "$tmp/c" -type f)" "$tmp/c/tango/main_config.json"; }

token_stays_hidden()
{
    anew
    echo hf_secret >"$tmp/token"
    get 0 tango --token-file "$tmp/token" && whole_model && ! grep -rq hf_secret "$tmp/c" &&
        grep -q "^$big - 200 Bearer hf_secret" "$tmp/requests"
}

hostile_list()
{
    anew
    mkdir -p "$www/evil/one"
    cp "$model"/* "$www/evil/one"
    printf '%s' '[{"type":"file","size":5,"path":"../../../up"},{"type":"file","size":5,"path":"/etc/x"}]' \
        >"$www/evil/one/.tree"
    get 1 evil/one && same "$(tree "$tmp/c")" '. ./one ' || return 1
    for text in '[{"path":"x","size":1' '[]]' '{"a" 1}' '["a",]' '' 'x{' '[{"path":"a\","size":1}]'; do
        printf '%s' "$text" >"$www/evil/one/.tree"
        get 1 evil/one --retries 0 && says 'list of files is not valid JSON' || return 1
    done
}

hostile_config()
{
    anew
    mkdir -p "$www/evil/two"
    cp "$model"/* "$www/evil/two"
    echo '{"text_encoder_name": "../../t5", "scheduler_name": "a/b/c/../..",
        "unet_model_config_path": "configs/../../x.json"}' >"$www/evil/two/main_config.json"
    get 1 evil/two && says 'is no repository' && says 'is not below configs/'
}

# What the source itself published is looked at too, once.
wrong_kinds()
{
    anew
    mkdir -p "$www/evil/three"
    cp "$model"/* "$www/evil/three"
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n' \
        >"$www/evil/three/pytorch_model_vae.bin"
    printf '\n<!DOCTYPE html><p>' >"$www/evil/three/pytorch_model_stft.bin"
    echo '{"vae": 1' >"$www/evil/three/vae_config.json"
    get 3 evil/three tango --retry-delay 60 &&
        says 'three/pytorch_model_vae.bin: a Git LFS pointer' &&
        says 'three/pytorch_model_stft.bin: an HTML page' &&
        says 'three/vae_config.json: no JSON text, or cut short' &&
        asked /evil/three/resolve/main/pytorch_model_vae.bin 1 &&
        same "$(cd "$tmp/c/three" && echo *_vae* *_stft* vae*)" '*_vae* *_stft* vae*'
}

# A page in place of the configuration that has no digest, now or from an earlier time.
page_in_place()
{
    anew
    mkdir -p "$www/some/two"
    cp "$model"/* "$www/some/two"
    sed 's|diffusion_model_config|two|' "$model/main_config.json" >"$www/some/two/main_config.json"
    echo '{"unet": 3}' >"$www/configs/two.json"
    plan /configs/two.json page
    get 0 some/two && cmp "$tmp/c/two/unet_config.json" "$www/configs/two.json" || return 1
    echo '<html></html>' >"$tmp/c/two/unet_config.json"
    get 0 some/two && ! grep -q html "$tmp/c/two/unet_config.json"
}

# A list whose next page is elsewhere would be half a list.
list_goes_on_elsewhere()
{
    anew
    plan /api/models/declare-lab/tango/tree/main elsewhere
    get 1 tango --retries 0 && says 'goes on at another place'
}

token_is_no_output()
{
    anew
    mkdir -p "$tmp/c/tango"
    echo hf_secret >"$tmp/c/tango/vae_config.json"
    get 1 tango --token-file "$tmp/c/tango/vae_config.json" && says 'nothing is written over it' &&
        same "$(cat "$tmp/c/tango/vae_config.json")" hf_secret
}

links_are_not_followed()
{
    anew
    mkdir -p "$tmp/c" "$tmp/elsewhere"
    ln -s "$tmp/elsewhere" "$tmp/c/tango"
    get 1 tango && says 'is a link' && [ -z "$(ls "$tmp/elsewhere")" ]
}

one_at_a_time()
{
    anew
    mkdir -p "$tmp/c/.download"
    ln -s $$ "$tmp/c/.download/lock"
    get 1 tango && says "process $$ is at work here" || return 1
    rm "$tmp/c/.download/lock"
    ln -s 999999999 "$tmp/c/.download/lock"
    get 0 tango && whole_model
}

if here files; then
    claim 'checkpoint: all pieces, nothing left over' all_pieces
    claim 'checkpoint: a second run fetches nothing' nothing_twice
    claim 'checkpoint: --verify finds changed bytes' changed_file
    claim 'dropped connections are resumed' drops_are_resumed
    claim 'a later run resumes' later_run_resumes
    claim 'a server without ranges' no_ranges
    claim 'cut short, too long, wrong bytes: fetched anew' wrong_bytes
    claim 'wrong bytes for ever: bounded, nothing in place' wrong_for_ever
fi
if here hostile; then
    claim '500, 503, 429, 502, then well' busy_server
    claim 'Retry-After is kept' retry_after
    claim '404: gone, one request' gone_file
    claim '403: refused, one request' refused_file
    claim 'redirections lead to the web only' redirections
    claim 'no server: an error' nobody_there
    claim 'configurations that convert does not know' other_configurations
    claim 'the tokenizer of CLIP' clip_tokenizer
    claim 'ConsistencyTTA, SoundCTM and what they need besides' distilled_models
    claim 'several models, one missing: status 3' several_models
    claim 'a dry run fetches lists only' dry_run
    claim 'the token is in no file' token_stays_hidden
    claim 'hostile and broken lists' hostile_list
    claim 'hostile configuration' hostile_config
    claim 'a pointer, a page and half a text are refused' wrong_kinds
    claim 'a page is not kept as a configuration' page_in_place
    claim 'a list that goes on elsewhere is refused' list_goes_on_elsewhere
    claim 'nothing is written over the token' token_is_no_output
    claim 'links are not followed' links_are_not_followed
    claim 'the lock: one run at a time, a dead one is taken over' one_at_a_time
fi

# ---- download_audiocaps.sh -------------------------------------------------------------

printf '%s\r\n' 'audiocap_id,youtube_id,start_time,caption' '1,-bcdefghijk,30,"a dog, ""loud"""' \
    '2,AAAAAAAAAAA,0,a bird' '3,GGGGGGGGGGG,10,gone' '4,../../../xx,10,evil' \
    '5,NNNNNNNNNNN,7,"two' 'lines"' >"$www/train.csv"
printf '%s\n' 'audiocap_id,youtube_id,start_time,caption' '1,VVVVVVVVVVV,5,one' \
    '2,VVVVVVVVVVV,5,the same clip' >"$www/val.csv"
printf '%s\n' 'audiocap_id,youtube_id,start_time,caption' '1,TTTTTTTTTTT,5,one' >"$www/test.csv"

clips()
{
    status=$1
    shift
    script "$status" "$audiocaps" --output_dir="$tmp/a" --base-url "$base" \
        --video-url 'http://127.0.0.1/?v=' "$@"
}

fresh_clips() { rm -rf "$tmp/a"; rm -f "$tmp/videos"/* "$tmp/calls"; calm; : >"$tmp/calls"; }
calls() { same "$(grep -c . "$tmp/calls")" "$1"; }

all_clips()
{
    fresh_clips
    echo '99 Video unavailable. This video has been removed' >"$tmp/videos/GGGGGGGGGGG"
    echo '2 HTTP Error 503: Service Unavailable' >"$tmp/videos/NNNNNNNNNNN"
    clips 3 --json -j2 && says '"total":7,"done":5,"written":5,"kept":0,"gone":1,"failed":1' &&
        calls 8 && same "$(tree "$tmp/a")" ". ./.download ./.download/gone ./failed.tsv ./gone.tsv\
 ./test ./test.csv ./test/TTTTTTTTTTT_5.wav ./train ./train.csv ./train/-bcdefghijk_30.wav\
 ./train/AAAAAAAAAAA_0.wav ./train/NNNNNNNNNNN_7.wav ./val ./val.csv ./val/VVVVVVVVVVV_5.wav " &&
        grep -q "^train	GGGGGGGGGGG	10	ERROR: .*removed$" "$tmp/a/gone.tsv" &&
        grep -q 'audiocap_id 4: not a youtube_id' "$tmp/a/failed.tsv" &&
        cmp "$tmp/a/train.csv" "$www/train.csv"
}

# The section is asked for with a second around it, and cut where its times are known.
sections()
{
    fresh_clips
    mkdir "$tmp/a"
    printf '%s\n' audiocap_id,youtube_id,start_time,caption 1,AAAAAAAAAAA,0,a \
        2,BBBBBBBBBBB,1,b 3,CCCCCCCCCCC,030,c 4,DDDDDDDDDDD,08,d >"$tmp/a/test.csv"
    clips 0 --subset test -j 1 && same "$(sed 's/.*-sections \([^ ]*\) .*-af \([^ ]*\) .*/\1 \2/' \
        "$tmp/calls")" '*0-11 atrim=start=0:end=10
*0-12 atrim=start=1:end=11
*29-41 atrim=start=1:end=11
*7-19 atrim=start=1:end=11' && [ -f "$tmp/a/test/CCCCCCCCCCC_030.wav" ]
}

# A click 3 s behind the start, 8 s into AAC, comes after 3 s, to a sample of 44100 Hz, and
# nothing in front of it is silent.
real_clip()
{
    mkdir -p "$tmp/real" "$www/v"
    ln -sf "$real_ytdlp" "$tmp/real/yt-dlp"
    python3 "$tests/download_tools.py" click "$tmp/click.wav" 16 8
    ffmpeg -nostdin -v error -i "$tmp/click.wav" -c:a aac -b:a 192k "$tmp/click.m4a" &&
        mv "$tmp/click.m4a" "$www/v/TTTTTTTTTTT" || return 1
    (PATH=$tmp/real:$PATH script 0 "$audiocaps" -o "$tmp/y" --base-url "$base" \
        --video-url "$base/v/" --subset test) &&
        same "$(python3 "$tests/download_tools.py" rate "$tmp/y/test/TTTTTTTTTTT_5.wav")" '16000 1' &&
        same "$(wc -c <"$tmp/y/test/TTTTTTTTTTT_5.wav" | tr -d ' ')" 320044 &&
        python3 "$tests/download_tools.py" clicked "$tmp/y/test/TTTTTTTTTTT_5.wav" 3
}

clip_format()
{
    [ -z "$real_ffmpeg" ] ||
        same "$(python3 "$tests/download_tools.py" rate "$tmp/a/train/-bcdefghijk_30.wav")" '16000 1'
}

second_run()
{
    : >"$tmp/calls"
    clips 3 --json && calls 0 && says '"written":0,"kept":5,"gone":1' || return 1
    rm "$tmp/a/val/VVVVVVVVVVV_5.wav"
    clips 3 && calls 1 && [ -f "$tmp/a/val/VVVVVVVVVVV_5.wav" ] || return 1
    : >"$tmp/calls"
    rm "$tmp/videos/GGGGGGGGGGG"
    clips 3 --retry-gone && calls 1 && [ ! -e "$tmp/a/gone.tsv" ] && [ -f "$tmp/a/train/GGGGGGGGGGG_10.wav" ]
}

subsets() { fresh_clips; clips 0 --subset test,val && [ ! -e "$tmp/a/train" ] && calls 2; }
limits() { fresh_clips; clips 3 --subset train --limit 2 && calls 2; }

blocked()
{
    fresh_clips
    for id in -bcdefghijk AAAAAAAAAAA GGGGGGGGGGG NNNNNNNNNNN VVVVVVVVVVV TTTTTTTTTTT; do
        echo '9 Sign in to confirm you are not a bot.' >"$tmp/videos/$id"
    done
    clips 1 --retries 0 -j 1 && says 'refuses clip after clip' && says '--cookies' && calls 5 &&
        [ ! -e "$tmp/a/gone.tsv" ]
}

with_cookies()
{
    fresh_clips
    echo biscuit >"$tmp/jar"
    cd "$tmp" && clips 0 --subset test --cookies jar && cmp "$tmp/jar" "$tmp/cookies" && ! grep -rq biscuit "$tmp/a"
}

transient() { fresh_clips; echo '9 Connection reset' >"$tmp/videos/TTTTTTTTTTT"; clips 1 --subset test --retries 2 && calls 3 && grep -q reset "$tmp/a/failed.tsv" && rm "$tmp/videos"/T* && clips 0 --subset test && [ ! -e "$tmp/a/failed.tsv" ]; }

undecodable()
{
    fresh_clips
    mv "$tmp/sound.wav" "$tmp/kept.wav"
    cp "$tmp/broken" "$tmp/sound.wav"
    clips 1 --subset test
    status=$?
    mv "$tmp/kept.wav" "$tmp/sound.wav"
    [ $status -eq 0 ] && grep -q 'ffmpeg: ' "$tmp/a/failed.tsv" && [ ! -e "$tmp/a/test/TTTTTTTTTTT_5.wav" ]
}

# bad_list TEXT MESSAGE
bad_list()
{
    fresh_clips
    mkdir "$tmp/a"
    printf "$1" >"$tmp/a/test.csv"
    clips 1 --subset test && says "$2" && calls 0
}

bad_lists()
{
    head='audiocap_id,youtube_id,start_time,caption\n'
    bad_list 'a,b\n' 'line 1: no column audiocap_id' &&
        bad_list 'youtube_id,caption,audiocap_id,start_time,caption\n' 'two columns caption' &&
        bad_list '' 'no header' &&
        bad_list '<html>\n' 'no column audiocap_id; it is an HTML page' &&
        bad_list 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n' 'a Git LFS pointer' &&
        bad_list "$head" 'no row that can be used'
}

# Each is named and counted, the rows around it are done.
bad_rows()
{
    fresh_clips
    mkdir "$tmp/a"
    printf '%b\n' audiocap_id,youtube_id,start_time,caption 1,AAAAAAAAAAA,1,a \
        2,BBBBBBBBBBB,1 '' 1,BBBBBBBBBBB,1,b NaN,BBBBBBBBBBB,1,a 2,BBBBBBBBBBB,Infinity,a \
        2,BBBBBBBBBBB,30.0,a '2,BBBBBBBBBB\0000,1,a' '2,BBBBBBBBBBB,1,"a"b' \
        '2,BBBBBBBBBBB,1,a "b"' 9,CCCCCCCCCCC,3,'"rain, then ""thunder"""' \
        '2,BBBBBBBBBBB,1,a 6" pipe' >"$tmp/a/test.csv"
    clips 3 --subset test --json && says '"total":12,"done":2,' &&
        same "$(cd "$tmp/a/test" && echo *)" 'AAAAAAAAAAA_1.wav CCCCCCCCCCC_3.wav' &&
        same "$(sed -n 's/^test	-	-	//p' "$tmp/a/failed.tsv" | sort -k 2n)" \
            "$(sed -n 's/^warning: test.csv: \(.*\); skipped$/\1/p' "$tmp/said")" &&
        same "$(cut -f 4 "$tmp/a/failed.tsv" | sed 1d | sort -k 2n)" \
            'line 3: expected 4 fields, found 3
line 4: an empty line
line 5: audiocap_id 1 is there twice
line 6: audiocap_id is not a whole number
line 7: start_time is not a whole number
line 8: start_time is not a whole number
line 9: audiocap_id 2: not a youtube_id
line 10: text after a quoted field
line 11: a quotation mark inside a plain field
line 13: a quoted field does not end'
}

# As published in AudioCaps 2.0: captions cut in two by a line break.
broken_in_two()
{
    fresh_clips
    mkdir "$tmp/a"
    printf '%s\n' audiocap_id,youtube_id,start_time,caption '39898,AAAAAAAAAA1,30,a dog barks' \
        '39899,AAAAAAAAAA2,30,an engine runs loudly with muffled' 'speech behind it' \
        '48170,AAAAAAAAAA3,0,wind blows followed by a loud' bang \
        '48171,AAAAAAAAAA4,10,"rain, then thunder"' >"$tmp/a/train.csv"
    clips 3 --subset train --json && says '"total":6,"done":4,' &&
        says 'train.csv: line 4: expected 4 fields, found 1' && says 'train.csv: line 6:'
}

# An unclosed quotation mark costs its own row, not those up to the next one.
unclosed()
{
    fresh_clips
    mkdir "$tmp/a"
    printf '%s\n' audiocap_id,youtube_id,start_time,caption '1,AAAAAAAAAA1,1,"a dog' \
        2,AAAAAAAAAA2,2,two '3,AAAAAAAAAA3,3,"three, ""3"""' '4,AAAAAAAAAA4,4,"four' 'lines"' \
        5,AAAAAAAAAA5,5,five '6,AAAAAAAAAA6,6,"six' >"$tmp/a/train.csv"
    clips 3 --subset train --json && says '"total":6,"done":4,' && says 'line 2: text after' &&
        says 'line 8: a quoted field does not end'
}

# What pandas adds: a column of row numbers without a name; what nobody needs holds anything.
other_columns()
{
    fresh_clips
    mkdir "$tmp/a"
    printf '%s\n' ',caption,start_time,x,youtube_id,x,audiocap_id' \
        '0,,1,NaN,AAAAAAAAAA1,-Infinity,1' '1,"a, b",2,{},AAAAAAAAAA2,nan,2' >"$tmp/a/train.csv"
    printf '2,c\000d\001,3,,AAAAAAAAAA3,,3\n' >>"$tmp/a/train.csv"
    clips 0 --subset train && same "$(cd "$tmp/a/train" && echo *)" \
        'AAAAAAAAAA1_1.wav AAAAAAAAAA2_2.wav AAAAAAAAAA3_3.wav'
}

# The cookies may lie in the output folder, but nothing is written over them.
input_is_output()
{
    fresh_clips
    mkdir "$tmp/a"
    echo biscuit >"$tmp/a/gone.tsv"
    ln "$tmp/a/gone.tsv" "$tmp/jar2"
    clips 1 --subset test --cookies "$tmp/a/gone.tsv" && says 'is an input of this run' &&
        clips 1 --subset test --cookies "$tmp/jar2" && says 'is an input of this run' &&
        same "$(cat "$tmp/a/gone.tsv")" biscuit && rm "$tmp/a/gone.tsv" && mkdir "$tmp/a/test" &&
        mv "$tmp/jar2" "$tmp/a/test/TTTTTTTTTTT_5.wav" &&
        clips 1 --subset test --cookies "$tmp/a/test/TTTTTTTTTTT_5.wav" &&
        says 'nothing is written over it' && same "$(cat "$tmp/a/test/TTTTTTTTTTT_5.wav")" biscuit
}

html_instead() { fresh_clips; echo '<html>sorry</html>' >"$www/html.csv"; mkdir -p "$www/h"; cp "$www/html.csv" "$www/h/test.csv"; script 1 "$audiocaps" -o "$tmp/a" --base-url "$base/h" --subset test && says 'no column' && [ ! -e "$tmp/a/test.csv" ]; }
list_with_bom() { fresh_clips; mkdir "$tmp/a"; { printf '\357\273\277'; cat "$www/test.csv"; } >"$tmp/a/test.csv"; clips 0 --subset test && calls 1; }
clips_dry_run() { fresh_clips; clips 0 -n && says '6 clips, 0 there already, 6 to fetch' && calls 0 && same "$(tree "$tmp/a")" '. '; }

split_is_a_link()
{
    fresh_clips
    mkdir -p "$tmp/a"
    ln -s "$tmp/elsewhere" "$tmp/a/test"
    clips 1 --subset test && says 'is a link' && [ -z "$(ls "$tmp/elsewhere")" ]
}

stopped_by_signal()
{
    fresh_clips
    STUB_SLOW=1
    "$shell" "$audiocaps" -o "$tmp/a" --base-url "$base" --video-url 'http://127.0.0.1/?v=' -j 1 \
        --subset train >"$tmp/said" 2>&1 &
    victim=$!
    sleep 0.8
    kill -"$1" $victim
    wait $victim
    got=$?
    STUB_SLOW=
    if [ "$1" = TERM ]; then
        same "$got" 143 && says 'the same command goes on' && same "$(find "$tmp/a" -name lock -o -name 'run.*')" '' || return 1
    fi
    clips 3 --subset train --json && says '"done":4,' && same "$(find "$tmp/a" -name lock -o -name 'run.*')" ''
}

# A disk that is full to its last byte ends the run; the next goes on.
full_disk_ends_the_run()
{
    fresh_clips
    mkdir -p "$tmp/full" "$tmp/room"
    cat >"$tmp/full/ffmpeg" <<'STUB'
#!/bin/sh
[ ! -e "$STUB_FOLDER/room/test/AAAAAAAAAAA_1.wav" ] ||
    cat /dev/zero >"$STUB_FOLDER/room/filler" 2>/dev/null
exec "$STUB_FOLDER/stub_ffmpeg" "$@"
STUB
    chmod +x "$tmp/full/ffmpeg"
    mkdir "$tmp/a"
    printf '%s\n' audiocap_id,youtube_id,start_time,caption 1,AAAAAAAAAAA,1,a \
        2,BBBBBBBBBBB,1,b 3,CCCCCCCCCCC,1,c >"$tmp/a/test.csv"
    mount -t tmpfs -o size=1m none "$tmp/room" && cp "$tmp/a/test.csv" "$tmp/room" || return 1
    (PATH=$tmp/full:$PATH script 1 "$audiocaps" -o "$tmp/room" --subset test -j 1) &&
        says 'disk full' && [ ! -e "$tmp/room/failed.tsv" ] &&
        rm "$tmp/room/filler" && script 0 "$audiocaps" -o "$tmp/room" --subset test --json &&
        says '"done":3,"written":2'
}

# In a namespace of its own what is mounted goes away with it.
if [ "$part" = full ]; then
    full_disk_ends_the_run
    status=$?
    umount -l "$tmp/room"
    exit $status
fi

if here audiocaps; then
    ! unshare -rm mount -t tmpfs none "$tmp" 2>/dev/null ||
        claim 'audiocaps: a full disk' unshare -rm "$shell" "$0" full
    claim 'audiocaps: clips, gone, bad ids, retries' all_clips
    claim 'audiocaps: 16 kHz mono' clip_format
    [ -z "$real_ytdlp" ] || [ -z "$real_ffmpeg" ] ||
        claim 'audiocaps: ten seconds of a clip by the real yt-dlp' real_clip
    claim 'audiocaps: a second run does only what is missing' second_run
    claim 'audiocaps: sections, with a second around them' sections
    claim 'audiocaps: subsets' subsets
    claim 'audiocaps: --limit' limits
    claim 'audiocaps: a source that refuses ends the run' blocked
    claim 'audiocaps: cookies from a relative path' with_cookies
    claim 'audiocaps: failures are tried again' transient
    claim 'audiocaps: what is no sound' undecodable
    claim 'audiocaps: bad lists' bad_lists
    claim 'audiocaps: bad rows are named and counted, the others done' bad_rows
    claim 'audiocaps: rows broken in two' broken_in_two
    claim 'audiocaps: a quotation mark without an end' unclosed
    claim 'audiocaps: columns that nobody needs' other_columns
    claim 'audiocaps: nothing is written over the cookies' input_is_output
    claim 'audiocaps: a page instead of a list' html_instead
    claim 'audiocaps: a list with a BOM' list_with_bom
    claim 'audiocaps: dry run' clips_dry_run
    claim 'audiocaps: links are not followed' split_is_a_link
    claim 'audiocaps: SIGTERM, then again' stopped_by_signal TERM
    claim 'audiocaps: SIGKILL, then again' stopped_by_signal KILL
fi

# ---- download_wavcaps.sh ---------------------------------------------------------------

set_root=$www/datasets/cvssp/WavCaps
if here wavcaps; then
for subset in SoundBible FreeSound; do
    mkdir -p "$set_root/json_files/$subset" "$set_root/Zip_files/$subset"
done
mkdir -p "$set_root/json_files/blacklist"
echo '{"data": [{"id": "12", "caption": "a \"id\": \"77\", {x}"}, {"id": "13.wav"},
 {"id":"Ygone.wav"}, {"id": "14"}]}' >"$set_root/json_files/SoundBible/sb_final.json"
echo '{"data":[{"id":"1","caption":"x"}]}' >"$set_root/json_files/FreeSound/fsd_final.json"
echo '{}' >"$set_root/json_files/FreeSound/fsd_final_2s.json"
echo '[]' >"$set_root/json_files/blacklist/exclude.json"
deep=mnt/fast/WavCaps
python3 "$tests/download_tools.py" split "$set_root/Zip_files/SoundBible" SoundBible 200000 \
    "$deep/12.flac=$tmp/sound.wav" "$deep/13.flac=$tmp/sound.wav" "$deep/14.flac=$tmp/sound.wav" \
    "$deep/notes.txt=$tmp/broken"
python3 "$tests/download_tools.py" split "$set_root/Zip_files/FreeSound" FreeSound 200000 \
    "../../../../evil.flac=$tmp/sound.wav" "$deep/1.flac=$tmp/sound.wav" "$deep/l.flac=@/etc/passwd" \
    "$deep/.hidden.flac=$tmp/sound.wav" "$deep/crc.flac=!$tmp/sound.wav" "$deep/b.flac=$tmp/broken" \
    "other/1.flac=$tmp/broken" "$deep/s p.flac=$tmp/sound.wav"
fi
first=/datasets/cvssp/WavCaps/resolve/main/Zip_files/SoundBible/SoundBible.z01

sounds()
{
    status=$1
    shift
    script "$status" "$wavcaps" -o "$tmp/w" --base-url "$base" "$@"
}

fresh_sounds() { rm -rf "$tmp/w"; calm; }

one_subset()
{
    fresh_sounds
    plan $first drop:50000 429
    sounds 3 --subset SoundBible --json &&
        says '"total":4,"done":3,"written":3,"kept":0,"gone":1,"failed":0' &&
        same "$(tree "$tmp/w")" ". ./.download ./.download/complete.SoundBible ./audio\
 ./audio/SoundBible ./audio/SoundBible/12.flac ./audio/SoundBible/13.flac\
 ./audio/SoundBible/14.flac ./blacklist ./blacklist/exclude.json ./gone.tsv ./json\
 ./json/SoundBible ./json/SoundBible/sb_final.json " &&
        grep -qx 'SoundBible	Ygone	not in the archive of the source' "$tmp/w/gone.tsv"
}

sound_format()
{
    [ -z "$real_ffmpeg" ] ||
        same "$(python3 "$tests/download_tools.py" rate "$tmp/w/audio/SoundBible/12.flac")" '16000 1'
}

complete_is_left_alone() { calm; sounds 3 --subset SoundBible --json && says '"written":0,"kept":3' && asked $first 0; }

lost_clip()
{
    calm
    rm "$tmp/w/audio/SoundBible/13.flac"
    sounds 3 --subset SoundBible --json --keep-archives && says '"written":1,"kept":2' &&
        [ -f "$tmp/w/archives/SoundBible/SoundBible.z01" ]
}

# A file of the user's beside the parts stays.
as_they_are()
{
    fresh_sounds
    mkdir -p "$tmp/w/archives/SoundBible"
    echo mine >"$tmp/w/archives/SoundBible/mine.txt"
    sounds 3 --subset SoundBible --no_transcode &&
        cmp "$tmp/w/audio/SoundBible/12.flac" "$tmp/sound.wav" &&
        same "$(cd "$tmp/w/archives/SoundBible" && echo *)" mine.txt
}

hostile_archive()
{
    fresh_sounds
    sounds 3 --subset FreeSound && same "$(cd "$tmp/w/audio/FreeSound" && echo *)" '1.flac evil.flac' &&
        [ ! -e "$tmp/evil.flac" ] && [ ! -e "$tmp/w/json/FreeSound/fsd_final_2s.json" ] &&
        grep -q '^FreeSound	crc.flac	does not unpack: CRC Failed' "$tmp/w/failed.tsv" &&
        grep -q '^FreeSound	b.flac	ffmpeg: ' "$tmp/w/failed.tsv" &&
        grep -q '^FreeSound	.hidden.flac	a name' "$tmp/w/failed.tsv" &&
        grep -q '^FreeSound	s p.flac	a name' "$tmp/w/failed.tsv" &&
        [ -f "$tmp/w/archives/FreeSound/FreeSound.zip" ]
}

# Without ffmpeg between, what is no sound is looked for by its first bytes.
no_sound() { fresh_sounds; sounds 3 --subset FreeSound --no-transcode && grep -q '^FreeSound	b.flac	neither FLAC nor WAV' "$tmp/w/failed.tsv" && [ ! -e "$tmp/w/audio/FreeSound/b.flac" ] && [ -f "$tmp/w/archives/FreeSound/FreeSound.zip" ]; }

# A folder that cannot be read is not an empty one.
unreadable_folder()
{
    fresh_sounds
    sounds 3 --subset SoundBible || return 1
    printf '#!/bin/sh\nfind "$@"; exit 1\n' | sed "s|find |$(command -v find) |" >"$tmp/bin/find"
    chmod +x "$tmp/bin/find"
    sounds 1 --subset SoundBible
    status=$?
    rm "$tmp/bin/find"
    [ $status -eq 0 ] && says 'cannot read this folder' && [ -f "$tmp/w/audio/SoundBible/12.flac" ]
}

lost_part() { fresh_sounds; plan $first 404; sounds 3 --subset SoundBible && grep -q 'SoundBible.z01' "$tmp/w/gone.tsv" && [ ! -e "$tmp/w/audio" ] && calm && sounds 3 --subset SoundBible --json && says '"done":3'; }
captions_only() { fresh_sounds; sounds 0 --metadata-only --subset SoundBible,FreeSound --json && says '"total":3,"done":3' && asked $first 0; }
parts_dry_run() { fresh_sounds; sounds 0 -n --subset SoundBible && says 'archives/SoundBible/SoundBible.z01' && same "$(tree "$tmp/w")" '. '; }
unknown_revision() { fresh_sounds; sounds 1 --revision v9 --subset SoundBible && says 'gone from the source' || sounds 1 --revision v9 --subset SoundBible && says 'nothing to fetch'; }

if here wavcaps; then
    claim 'wavcaps: parts, clips, clean-up, list of what is gone' one_subset
    claim 'wavcaps: 16 kHz mono' sound_format
    claim 'wavcaps: a complete subset is left alone' complete_is_left_alone
    claim 'wavcaps: a lost clip comes back, archives kept on request' lost_clip
    claim 'wavcaps: --no-transcode; only the parts are removed' as_they_are
    claim 'wavcaps: hostile archive' hostile_archive
    claim 'wavcaps: what is no sound, without ffmpeg' no_sound
    claim 'wavcaps: a folder that cannot be read' unreadable_folder
    claim 'wavcaps: a lost part' lost_part
    claim 'wavcaps: captions only' captions_only
    claim 'wavcaps: dry run' parts_dry_run
    claim 'wavcaps: unknown revision' unknown_revision
fi

# ---- Locks -----------------------------------------------------------------------------

# A script that takes the lock, notes it in the file NOTES and keeps it until the file GO is
# there; with DIE it ends as if the power failed.
cat >"$tmp/enter" <<'SCRIPT'
options='
- die . ends at once'
usage=enter about=enter
operand() { usage_error "$1"; }
. "$TOP/tools/download.sh"
parse_options "$@"
begin
echo "$run" >>"$NOTES"
[ -z "$opt_die" ] || kill -9 $$
while [ ! -e "$GO" ]; do sleep 0.1; done
[ -d "$run" ] || fail "its folder is gone"
SCRIPT
NOTES=$tmp/notes GO=$tmp/go TOP=$top
export NOTES GO TOP

# Sets PATH to what is there without any kernel lock.
alone_path()
{
    mkdir -p "$tmp/alone"
    for tool in awk basename cat cut date dirname find grep ls mkdir mv ps rm rmdir sed sleep sort sync \
        tail tr uname wc; do
        ln -sf "$(command -v $tool)" "$tmp/alone/$tool"
    done
    shell=$(command -v "$shell")
    PATH=$tmp/alone
}

enter() { "$shell" "$tmp/enter" -o "$tmp/l" "$@"; }

# inside N: so many have entered, waits for the first.
inside()
{
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -s "$NOTES" ] && break
        sleep 0.1
    done
    same "$(grep -c . "$NOTES")" "$1"
}

fresh_lock() { rm -rf "$tmp/l"; : >"$NOTES"; rm -f "$GO"; }
dead_lock() { fresh_lock; enter --die >/dev/null 2>&1; : >"$NOTES"; }

# contest ROUNDS: five at once at a dead lock, one enters and keeps its folder.
contest()
{
    round=0
    while [ $round -lt "$1" ]; do
        round=$((round + 1))
        dead_lock
        all=
        for _ in 1 2 3 4 5; do
            enter >>"$tmp/log" 2>&1 &
            all="$all $!"
        done
        # The four that have to go end first; the one that entered waits for the file.
        waited=0 left=5
        while [ "$left" -gt 1 ] && [ $waited -lt 150 ]; do
            sleep 0.1
            waited=$((waited + 1)) left=0
            for one in $all; do ! kill -0 "$one" 2>/dev/null || left=$((left + 1)); done
        done
        : >"$GO"
        good=0
        for one in $all; do ! wait "$one" || good=$((good + 1)); done
        same "$good $(grep -c . "$NOTES") $(tree "$tmp/l")" '1 1 . ' || return 1
    done
}

contest_alone() { (alone_path; contest 3); }

living()
{
    fresh_lock
    "$shell" "$tmp/enter" -o "$tmp/l" >"$tmp/log" 2>&1 &
    owner=$!
    inside 1 || return 1
    ! enter >"$tmp/said" 2>&1
    status=$?
    : >"$GO"
    wait $owner && [ $status -eq 0 ] && says "process $owner is at work here" && inside 1
}

living_alone() { (alone_path; living); }

# A child that still writes keeps the folder; it ends within moments, and the next run waits.
killed()
{
    fresh_clips
    STUB_SLOW=20
    "$shell" "$audiocaps" -o "$tmp/a" --base-url "$base" --video-url 'http://127.0.0.1/?v=' -j 2 \
        --subset test >"$tmp/log" 2>&1 &
    victim=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -s "$tmp/calls" ] || sleep 0.2
    done
    kill -9 $victim
    STUB_SLOW=
    clips 0 --subset test --json && says '"done":1,' && same "$(tree "$tmp/a")" \
        ". ./test ./test.csv ./test/TTTTTTTTTTT_5.wav "
}

# Process numbers of another namespace mean nothing here: both runs may have the same.
other_namespace()
{
    fresh_lock
    unshare -p -f --mount-proc "$shell" "$tmp/enter" -o "$tmp/l" >"$tmp/log" 2>&1 &
    owner=$!
    inside 1 || return 1
    ! enter >"$tmp/said" 2>&1
    first_status=$?
    ! unshare -p -f --mount-proc "$shell" "$tmp/enter" -o "$tmp/l" >>"$tmp/said" 2>&1
    second_status=$?
    : >"$GO"
    wait $owner && same "$first_status $second_status" '0 0' && says 'is at work here' && inside 1
}

other_namespace_alone() { (alone_path; PATH=$PATH:$tmp/unshare; other_namespace); }

# A run that ends removes .download between two steps of one that begins.
removed_between()
{
    fresh_lock
    : >"$GO"
    mkdir -p "$tmp/between"
    cat >"$tmp/between/mkdir" <<STUB
#!/bin/sh
$(command -v mkdir) "\$@" || exit
case \$2 in */.download) rm "$GO.once" 2>/dev/null && rmdir "\$2" ;; esac
:
STUB
    chmod +x "$tmp/between/mkdir"
    : >"$GO.once"
    (PATH=$tmp/between:$PATH; enter) && inside 1 && [ ! -e "$GO.once" ]
}

# A lock without a kernel behind it, of another host: nobody here can tell.
other_host()
{
    fresh_lock
    mkdir -p "$tmp/l/.download/lock"
    : >"$tmp/l/.download/lock/alone+elsewhere+11111111-2222+4026531836+999999+5"
    ! enter >"$tmp/said" 2>&1 && says 'process 999999 is at work here, on elsewhere' &&
        says "remove $tmp/l/.download/lock" && same "$(cat "$NOTES")" '' || return 1
    rm -r "$tmp/l/.download/lock"
    : >"$GO"
    enter && inside 1
}

if here locks; then
    claim 'lock: a living run keeps it' living
    claim 'lock: without a lock of the kernel too' living_alone
    claim 'lock: five at once at a dead one, one enters' contest 6
    claim 'lock: five at once, without a lock of the kernel' contest_alone
    claim 'lock: killed, then again at once' killed
    claim 'lock: of another host' other_host
    claim 'lock: a run that ends while another begins' removed_between
    if unshare -p -f --mount-proc true 2>/dev/null; then
        claim 'lock: another process namespace' other_namespace
        mkdir -p "$tmp/unshare"
        ln -s "$(command -v unshare)" "$tmp/unshare"
        claim 'lock: another process namespace, without a lock of the kernel' \
            other_namespace_alone
    fi
fi

# ---- Time ------------------------------------------------------------------------------

cat >"$tmp/flat" <<'SCRIPT'
options=
. "$TOP/tools/download.sh"
json_flat "$1" >/dev/null
SCRIPT

# linear SHAPE COMMAND...: four times the text of a shape takes less than eight times the
# time of the processor; FILE in the command is the text.
linear() { python3 "$tests/download_tools.py" linear "$tmp" "$@"; }
json_time() { linear "$1" "$shell" "$tmp/flat" FILE; }
list_time() { linear "$1" "$shell" "$audiocaps" -q -n --subset test -o FILE; }
ids_time() { linear id_spaces "$shell" "$tmp/ids" FILE; }

if here parsers; then
    for shape in numbers members escaped_quotes backslashes long_string long_name deep spaces \
        nested; do
        claim "time: JSON, $shape" json_time $shape
    done
    for shape in quotes commas rows bad_rows lines unclosed; do
        claim "time: list, $shape" list_time $shape
    done
    { echo 'options= '; echo '. "$TOP/tools/download.sh"'; sed -n '/^caption_ids()/,/^}/p' "$wavcaps"; echo 'caption_ids "$1"'; } >"$tmp/ids"
    claim 'time: ids of captions' ids_time
fi

finish
