#!/bin/sh
# test_serve.sh: `generate --serve`, requests and answers as demo/generate_serve.h has them.
#
#     sh tests/test_serve.sh          needs a C compiler ($CC, or cc) and nothing else
# shellcheck disable=SC2016 # $ is for the inner shell

. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
mkdir demo && ln -s "$top/demo/tiny.tango" demo/tiny.tango || exit 1
programs generate
short='"steps": 1, "seconds": 0.32'
long='"steps": 900, "sampler": "ddim", "seconds": 10'

# serve [OPTIONS...]: requests from the file `in`, answers to `out`; status 0, nothing on stderr
serve()
{
    ./generate -q --serve "$@" <in >out 2>stderr || { echo "status $?"; cat stderr; return 1; }
    [ ! -s stderr ] && lines_only out || { cat stderr out; return 1; }
}

# Every line is an object of JSON.
lines_only() { ! grep -v '^{.*}$' "$1"; }

# answers TEXT...: the file `out` has a line that holds all the texts, one after the other
answers()
{
    pattern=
    for text; do pattern="$pattern$(printf %s "$text" | sed 's/[][\\.*^$]/\\&/g').*"; done
    grep -q "$pattern" out || { echo "no $pattern in"; cut -c1-300 out; return 1; }
}

# count N TEXT: so many lines of `out` hold it
count() { [ "$(grep -cF -- "$2" out)" -eq "$1" ] || { cut -c1-300 out; return 1; }; }

# refuses TEXT OPTIONS...: wrong usage, said in one line
refuses()
{
    text=$1
    shift
    ./generate -q --serve "$@" </dev/null >out 2>stderr
    [ $? -eq 2 ] && [ ! -s out ] && [ "$(wc -l <stderr)" -eq 1 ] && grep -qF -- "$text" stderr
}

# ---- the example of the head comment
sed -n 's/^       > //p' "$top/demo/generate_serve.h" >in
sed -n 's/^       < //p' "$top/demo/generate_serve.h" | grep -v '"progress"' >want
claim "the example runs"                      serve
grep -v '"progress"' out >got
as_shown()
{
    [ "$(wc -l <got)" -eq "$(wc -l <want)" ] || { cut -c1-200 got; return 1; }
    exec 3<got
    while read -r line; do
        read -r found <&3
        case $found in
        "${line%...}"*) ;;
        *) echo "expected $line, found"; echo "$found" | cut -c1-200; return 1 ;;
        esac
    done <want
}
claim "with the answers that it shows"        as_shown
claim "and its progress"                      answers '{"id": 1, "event": "progress", "part": "unet", "take": 0, "step": 2, "steps": 2, '
./generate -q --steps 2 -s 0.64 -o b.wav "dog barks"
claim "its file is as long as the program's"  sh -c '[ "$(tail -c 20480 a.wav | cksum)" = "$(tail -c 20480 b.wav | cksum)" ]'

# ---- sounds
for bits in 16 24 32 f32; do
    echo "{\"id\": 1, \"prompt\": \"rain\", $short, \"bits\": \"$bits\", \"vocoder\": \"hifigan\"}" >in
    claim "$bits: a sound in the answer"      serve --no-metadata
    # shellcheck disable=SC2086
    ./generate -q --no-metadata --steps 1 -s 0.32 --bits $bits --vocoder hifigan -o w.wav rain
    if have base64; then
        claim "$bits: the samples of a file"  sh -c 'sed -n "s/.*\"audio\": \"\([^\"]*\)\".*/\1/p" out | base64 -d >raw && tail -c "$(wc -c <raw)" w.wav | cmp - raw && [ "$(wc -c <raw)" -gt 10000 ]'
    fi
done
printf '%s\n' "{\"id\": 1, \"prompt\": \"rain\", $short, \"samples\": 2, \"seed\": 8}" \
    "{\"id\": 2, \"prompt\": \"rain\", $short, \"samples\": 2, \"seed\": 8, \"output\": \"t.wav\", \"threads\": 1}" \
    "{\"id\": 3, \"prompt\": \"rain\", $short, \"seed\": 9, \"output\": \"u.flac\"}" >in
claim "several takes"                         serve
claim "are several sounds"                    answers '{"id": 1, "event": "sound", "take": 1, "seed": 9,' '"file": null, "audio": "'
claim "or files"                              answers '{"id": 2, "event": "sound", "take": 1, "seed": 9,' '"file": "t_01.wav"}'
claim "which the result lists"                answers '{"id": 2, "event": "result", "files": ["t_00.wav", "t_01.wav"]'
claim "and FLAC"                              sh -c '[ "$(head -c 4 u.flac)" = fLaC ]'
printf '%s\n' "{\"id\": 1, \"prompt\": \"rain\", $short, \"guidance\": 1, \"negative\": \"x\"}" >in
claim "what has no effect"                    serve
claim "is a note"                             answers '{"id": 1, "event": "note", "message": "--negative has no effect: guidance is off"}'

mkdir players && printf '#!/bin/sh\nsleep 1; exit 3\n' >players/ffplay && chmod +x players/ffplay
printf '%s\n' "{\"id\": 1, \"prompt\": \"rain\", $short, \"play\": true, \"output\": \"p.wav\"}" "{\"id\": 2, \"prompt\": \"rain\", $short}" >in
limit=
have timeout && limit="timeout 60"
fails_to_play() { PATH=$PWD/players:/usr/bin:/bin $limit ./generate -q --serve <in >out 2>stderr && [ ! -s stderr ]; }
claim "a player that fails"                   fails_to_play
claim "is the error of its request"           answers '{"id": 1, "event": "error", "line": 1, "status": 1, "message": "ffplay failed with status 3; the sound is in p.wav"}'
claim "which has no result"                   count 1 '"event": "result"'
claim "and the next one is made"              answers '{"id": 2, "event": "result"'
claim "ready tells of the threads"            sh -c './generate -q --serve -t 3 </dev/null | grep -q "\"threads\": 3,"'

# ---- ids
printf '%s\n' "{\"id\": \"a\\u00e9\\\"{\", \"prompt\": \"x\", $short}" "{\"id\": [1, {\"x\": null}], \"prompt\": \"x\", $short}" \
    "{\"id\": -1.50e3, \"prompt\": \"x\", $short}" "{\"id\": {}, \"prompt\": \"x\", $short}" "{\"id\": true, \"prompt\": \"x\", $short}" \
    "{\"prompt\": \"x\", $short}" "{\"id\": null, \"prompt\": \"x\", $short}" "{\"prompt\":\"x\",$short,\"id\":7}" >in
claim "an id is any JSON"                     serve
for id in '"a\u00e9\"{"' '[1, {"x": null}]' -1.50e3 '{}' true 7; do
    claim "$id comes back"                    answers "{\"id\": $id, \"event\": \"result\""
done
claim "none is null"                          count 2 '{"id": null, "event": "result"'

# ---- what is no request
deep=$(awk 'BEGIN { for (i = 0; i < 2000; i++) printf "[" }')
printf '%s\n' '{"id": 1, "prompt": "rain"' '[1]' '"prompt"' "$deep" '{"id": 5, "prompt": "a", "prompt": "b"}' \
    '{"id": NaN, "prompt": "x"}' "{\"id\": \"$(printf %01030d 0)\", \"prompt\": \"x\"}" '{"cancel": 1, "id": 1}' '{"cancel": 9}' \
    '' '   ' '{"id": 12, "prompt": 1}' '{"id": 13}' '{"id": 14, "prompt": "x", "colour": "red"}' '{"id": 15, "prompt": "x", "model": "y"}' \
    '{"id": 16, "prompt": "x", "output": "-"}' '{"id": 17, "prompt": "x", "output": "nowhere/x.wav"}' '{"id": 18, "prompt": "x", "seed": {}}' \
    '{"id": 19, "prompt": "x", "loop": true, "crop": 1}' '{"id": 20, "prompt": "x", "output": "x.mp3"}' '{"id": 21, "prompt": "a\u0000b"}' \
    '{"id": 22, "prompt": "x", "init": "nowhere.wav"}' '{"id": 23, "prompt": "x", "serve": true}' '{"id": 24, "prompt": "x", "help": true}' \
    "{\"id\": 25, \"prompt\": \"x\", $short}" >in
claim "bad lines"                             serve
claim "are all answered"                      count 22 '"event": "error"'
claim "those that are no requests by line"    answers '{"id": null, "event": "error", "line": 4, "status": 1, "message": "json: '
claim "the others by id"                      answers '{"id": 14, "event": "error", "line": 14, "status": 2, "message": "unknown option --colour'
claim "in the words of the program"           answers '{"id": 17, "event": "error", "line": 17, "status": 1, "message": "nowhere/x.wav: cannot create'
claim "contradictions too"                    answers '{"id": 19, "event": "error", "line": 19, "status": 2, "message": "--crop contradicts --loop"}'
claim "and the server goes on"                answers '{"id": 25, "event": "result"'
{ printf '{"id": 1, "prompt": "'; head -c 3000000 /dev/zero | tr '\0' 'x'; printf '"}\n{"id": 2, "prompt": "x", %s}\n' "$short"; } >in
claim "a line of megabytes"                   serve
claim "is refused"                            answers '{"id": null, "event": "error", "line": 1, "status": 2, "message": "a line is longer than 1 MiB"}'
claim "and the next one is line 2"            answers '{"id": 2, "event": "result"'
claim "with one answer each"                  count 1 '"event": "error"'
printf '{"id": 1, "prompt": "x", %s}' "$short" >in
claim "the last line needs no end"            serve
claim "to be one"                             answers '{"id": 1, "event": "result"'
: >in
claim "no requests are well"                  serve
claim "and answered by ready"                 count 1 '{"event": "ready", "protocol": 1,'
head -c 300000 "$top/demo/tiny.tango" >in
claim "a foreign file is no end of it"        serve
claim "each option of a run may stand beside" sh -c 'echo "{\"prompt\": \"x\"}" | ./generate -q --serve --steps 1 -s 0.32 --seed 5 | grep -q "\"event\": \"result\".*\"seed\": 5, .*\"steps\": 1,"'
claim "a prompt may not"                      refuses "a prompt contradicts --serve" x
for option in "-o x.wav" --json "--prompts p" "--shard 1/2" "--replay a.wav" "--dump d"; do
    # shellcheck disable=SC2086
    claim "${option%% *} neither"             refuses "contradict" $option
done
claim "a missing model is said before"        sh -c '! ./generate -m nowhere.tango --serve </dev/null >out 2>stderr && [ ! -s out ] && grep -q nowhere stderr'

# ---- one after the other, with somebody at the other end
# waits TEXT...: until `out` has such a line; 20 s at most
waits()
{
    n=0
    until answers "$@" >/dev/null; do
        [ $((n += 1)) -lt 200 ] || { answers "$@"; return 1; }
        sleep 0.1
    done
}
begin()
{
    rm -f pipe && mkfifo pipe || return 1
    : >out
    ./generate -q --serve <pipe >out 2>stderr &
    server=$!
    exec 4>pipe
}
ends() { exec 4>&-; wait "$server"; [ $? -eq "$1" ] || { cat stderr; return 1; }; }
begin
echo "{\"id\": 1, \"prompt\": \"x\", $long, \"output\": \"gone.wav\"}" >&4
echo "{\"id\": 2, \"prompt\": \"x\", $long, \"output\": \"gone.wav\"}" >&4
echo "{\"id\": 3, \"prompt\": \"x\", $short, \"output\": \"here.wav\"}" >&4
echo "{\"id\": 3, \"prompt\": \"x\", $short}" >&4
claim "a run says how far it is"              waits '{"id": 1, "event": "progress", "part": "unet"' '"seconds_left": '
claim "two requests of one id are none"       waits '{"id": null, "event": "error", "line": 4, "status": 2, "message": "\"id\": a request 3 waits or runs"}'
echo '{"cancel": 2}' >&4
claim "one that waits is cancelled"           waits '{"id": 2, "event": "cancelled"}'
echo '{"cancel": 1}' >&4
claim "so is the one that runs"               waits '{"id": 1, "event": "cancelled"}'
claim "and the next has its turn"             waits '{"id": 3, "event": "result"'
echo '{"cancel": 3}' >&4
claim "what is done cannot be cancelled"      waits '"event": "error", "line": 7, "status": 2, "message": "\"cancel\": no request 3 waits or runs"}'
echo "{\"id\": 3, \"prompt\": \"x\", $short}" >&4
claim "its id may come again"                 waits '{"id": 3, "event": "result", "files": []'
claim "at the end of requests it ends"        ends 0
claim "what was cancelled has no file"        test ! -e gone.wav -a -s here.wav
worker() { ps -o pid= --ppid "$server" 2>/dev/null | tr -d ' '; }
begin
echo "{\"id\": 1, \"prompt\": \"x\", $long}" >&4
waits '{"id": 1, "event": "progress", "part": "unet"'
pid=$(worker)
if [ -n "$pid" ]; then
    kill -9 "$pid"
    claim "a worker that dies"                waits '{"id": 1, "event": "error", "line": 1, "status": 1, "message": "ended by signal 9"}'
    echo "{\"id\": 2, \"prompt\": \"x\", $short}" >&4
    claim "is replaced"                       waits '{"id": 2, "event": "result"'
    pid=$(worker)
    echo "{\"id\": 3, \"prompt\": \"x\", $short}" >&4
    waits '{"id": 3, "event": "result"'
    claim "and stays from one to the next"    test "$pid" = "$(worker)"
    kill "$pid"
    n=0
    while kill -0 "$pid" 2>/dev/null && [ $((n += 1)) -lt 20 ]; do sleep 0.1; done
    echo "{\"id\": 4, \"prompt\": \"x\", $short}" >&4
    claim "one that is told to end between them" waits '{"id": 4, "event": "result"'
fi
claim "nobody asks for more"                  ends 0
begin
echo "{\"id\": 1, \"prompt\": \"x\", $long, \"output\": \"gone.wav\"}" >&4
echo "{\"id\": 2, \"prompt\": \"x\", $long}" >&4
waits '{"id": 1, "event": "progress", "part": "unet"'
kill -TERM "$server"
claim "a signal cancels all"                  waits '{"id": 2, "event": "cancelled"}'
claim "also what runs"                        answers '{"id": 1, "event": "cancelled"}'
claim "with status 130"                       ends 130
claim "and leaves no file"                    sh -c '[ ! -e gone.wav ] && [ -z "$(find . -name ".?*")" ]'
rm -f pipe && mkfifo pipe
{ ./generate -q --serve <pipe 2>stderr; echo $? >code; } | head -n 1 >first &
reader=$!
exec 4>pipe
echo "{\"id\": 1, \"prompt\": \"x\", $long}" >&4
wait $reader
claim "a reader that leaves ends it"          sh -c 'grep -q ready first && [ "$(cat code)" -eq 1 ] && grep -q "standard output: writing failed" stderr'
exec 4>&-
if [ -w /dev/full ]; then
    claim "so does a full device"             sh -c '! ./generate -q --serve </dev/null >/dev/full 2>stderr && grep -q "writing failed" stderr'
fi
awk 'BEGIN { for (i = 0; i < 20000; i++) print "[" }' >in
claim "a client may write all before it reads" sh -c 'n=$(./generate -q --serve <in | { sleep 1; wc -l; }); [ "$n" -eq 20001 ]'
awk -v short="$short" 'BEGIN { for (i = 0; i < 1100; i++) printf "{\"id\": %d, \"prompt\": \"x\", \"seconds\": 0}\n", i }' >in
claim "more requests than may wait"           serve
claim "are all answered"                      count 1100 '"event": "error"'
finish
