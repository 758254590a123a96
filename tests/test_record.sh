#!/bin/sh
# test_record.sh: what a sound of demo/generate tells of itself, and `generate --replay`.
#
#     sh tests/test_record.sh         needs a C compiler ($CC, or cc) and nothing else
# shellcheck disable=SC2016 # $ is for the inner shell

. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
cp "$top/demo/tiny.tango" . || exit 1
programs generate sound
quick="--steps 2 --seconds 0.64"

# make ARGUMENTS...: status 0, nothing on stderr
make()
{
    # shellcheck disable=SC2086
    ./generate -m tiny.tango -q $quick "$@" 2>stderr </dev/null || { cat stderr; return 1; }
    [ ! -s stderr ]
}

# tells FILE TEXT: `sound info` shows TEXT
tells()
{
    ./sound info "$1" >said && grep -qF -- "$2" said || { cat said; return 1; }
}

# refuses STATUS TEXT ARGUMENTS...: one line on stderr, which holds TEXT
refuses()
{
    want=$1 text=$2
    shift 2
    ./generate -m tiny.tango -q "$@" >stdout 2>stderr </dev/null
    status=$?
    [ "$status" -eq "$want" ] || { echo "status $status, expected $want"; cat stderr; return 1; }
    [ "$(wc -l <stderr)" -eq 1 ] || { echo "not one line:"; cat stderr; return 1; }
    grep -qF -- "$text" stderr || { echo "no '$text' in:"; cat stderr; return 1; }
    [ -z "$(find . -name '.?*')" ]
}

# replays FILE ARGUMENTS...: the same bytes come of it, and that is said
replays()
{
    file=$1
    shift
    rm -f again.*
    ./generate -m tiny.tango --replay "$file" "$@" 2>stderr || { cat stderr; return 1; }
    grep -qF "replay  the same bytes as $file" stderr || { cat stderr; return 1; }
}

# A FLAC file of no samples whose COMMENT is the text, which has under 250 bytes.
told()
{
    n=$((8 + ${#1}))
    { printf 'fLaC\0\0\0\42\20\0\20\0\0\0\0\0\0\0\3\350\0\360\0\0\0\0'; head -c 16 /dev/zero
        printf '\204\0\0\'"$(printf %03o $((12 + n)))"'\0\0\0\0\1\0\0\0\'"$(printf %03o $n)"'\0\0\0COMMENT=%s' "$1"; }
}

claim "a run writes what it was"              make -n "loud hiss" --sampler dpm --seed 7 "a dog barks"
for text in "ENCODER: tango " "COPYRIGHT: CC BY 4.0" "TITLE: a dog barks" '"prompt": "a dog barks"' \
    '"negative": "loud hiss"' '"seed": 7' '"sampler": "dpm"' '"steps": 2' '"guidance": 3' '"model": "tiny.tango"' \
    '"vocoder": "griffin-lim"' '"options": ["--steps", "2", "--seconds", "0.64", "--negative", "loud hiss",'; do
    claim "out.wav tells $text"               tells out.wav "$text"
done
claim "it is a sound all the same"            tells out.wav "wav pcm 16 bit, 1 channel, 16000 Hz, 10240 frames"
claim "--replay makes it again"               replays out.wav -o again.wav
claim "the same bytes"                        cmp out.wav again.wav
claim "on one thread, too"                    replays out.wav -t 1 -o again.wav
claim "--no-metadata says nothing"            make -n "loud hiss" --sampler dpm --seed 7 --no-metadata -o none.wav "a dog barks"
claim "44 bytes and the samples"              [ "$(wc -c <none.wav)" -eq $((44 + 2 * 10240)) ]
claim "which are the same"                    sh -c './sound convert out.wav a.wav --no-metadata && cmp a.wav none.wav'

claim "FLAC by the ending"                    make -o dog.flac "a dog barks"
claim "tells the same"                        tells dog.flac "TITLE: a dog barks"
claim "is a FLAC file"                        tells dog.flac "flac 16 bit, 1 channel, 16000 Hz, 10240 frames"
claim "of the samples of WAV"                 sh -c './generate -m tiny.tango -q --steps 2 --seconds 0.64 --no-metadata -o a.wav "a dog barks" && ./sound convert dog.flac b.wav --no-metadata && cmp a.wav b.wav'
claim "and comes again"                       replays dog.flac -o again.flac
claim "by its own kind where none is given"   sh -c './generate -m tiny.tango -q --replay dog.flac && cmp dog.flac out.flac'
claim "24 bits"                               make --bits 24 -o wide.FLAC "a dog barks"
claim "come again"                            replays wide.FLAC -o again.flac
if have flac; then
    claim "flac -t accepts both"              flac -t -s dog.flac wide.FLAC
fi
claim "another kind has the same samples"     sh -c './generate -m tiny.tango --replay dog.flac -o again.wav 2>&1 | grep -qF "the same samples as dog.flac, in another file"'
claim "one of several sounds"                 make --samples 3 -o n.wav "heavy rain falls"
claim "comes again by itself"                 replays n_02.wav -o again.wav
claim "the best of several too"               sh -c 'cp n_01.wav b.wav; ./sound info n_01.wav | grep -qF "\"seed\": 1, \"sample\": 0"'
printf '%s\n' '{"prompt": "rain", "seed": 3, "steps": 3}' >lines
claim "a line of --prompts"                   make --prompts lines --eta 0.5 -o l.wav
claim "tells options of both"                 tells l_01.wav '"options": ["--steps", "2", "--seconds", "0.64", "--eta", "0.5", "--seed", "3", "--steps", "3"]'
claim "comes again by itself, too"            replays l_01.wav -o again.wav
claim "no list of them is repeated"           refuses 2 "--replay contradicts --prompts" --replay l_01.wav --prompts lines -o again.wav
claim "a stage of HiFi-GAN"                   make --vocoder hifigan --bits f32 -o f.wav rain
claim "comes again"                           replays f.wav -o again.wav
claim "a text with quotes and tabs"           make --guidance=2 -o "q.flac" -- "-a \"dog\"	\\ barks"
claim "comes again"                           replays q.flac -o again.flac
claim "a text that is no UTF-8"               make -o u.wav "$(printf 'caf\351 \377')"
claim "is told with U+FFFD"                    tells u.wav 'TITLE: caf\xef\xbf\xbd \xef\xbf\xbd'
claim "which is another sound, and said"      refuses 1 "samples differ" --replay u.wav -o again.wav
claim "what standard output gets is the file" sh -c './generate -m tiny.tango -q --steps 1 --vocoder hifigan -o - x >p.wav && ./generate -m tiny.tango -q --steps 1 --vocoder hifigan -o w.wav x && cmp p.wav w.wav'
claim "--json holds prompt, negative, model"  sh -c './generate -m tiny.tango -q --json --steps 1 -s 0.64 -n hiss -o j.wav "a \"dog\"" | grep -F "\"model\": \"tiny.tango\", \"model_checksum\": \"" | grep -qF "\"prompt\": \"a \\\"dog\\\"\", \"negative\": \"hiss\""'

# ---- what differs
claim "other kernels are said"                refuses 1 "samples differ; made with tango" --replay out.wav -o again.wav --kernels reference
claim "with their names"                      grep -q "now with tango .* and reference" stderr
LC_ALL=C sed 's/"model_checksum": "../"model_checksum": "zz/' out.wav >altered.wav
claim "another model is said before the work" refuses 1 "altered.wav: made with tiny.tango, checksum zz" --replay altered.wav -o again.wav
LC_ALL=C sed 's/TITLE=a dog/TITLE=A dog/' dog.flac >title.flac
claim "another text alone is no other sound"  sh -c './generate -m tiny.tango --replay title.flac -o again.flac 2>&1 | grep -qF "the same samples as title.flac"'
./sound convert out.wav rate.wav --rate 8000
claim "another rate is another sound"         refuses 1 "rate.wav: another length or rate" --replay rate.wav -o again.wav
./sound convert out.wav loud.wav --level peak 2>stderr
claim "so is another level"                   refuses 1 "loud.wav: " --replay loud.wav -o again.wav
rm -f again.wav
claim "a file without a record"               refuses 1 "none.wav: it does not say how it was made" --replay none.wav -o again.wav
claim "a missing file"                        refuses 1 "nowhere.wav: no such file" --replay nowhere.wav
claim "text"                                  refuses 1 "not a WAV or FLAC file" --replay "$tests/test_record.sh"
claim "the file itself is no output"          refuses 1 "the same file as out.wav" --replay out.wav -o ./out.wav
claim "a prompt beside it"                    refuses 2 "takes the prompt from its file" --replay out.wav rain
claim "an option of the sound beside it"      refuses 2 "takes --steps from its file" --replay out.wav --steps 3
claim "standard output"                       refuses 2 "not with --best or -o -" --replay out.wav -o -
for ending in ogg mp3 flac2; do
    claim ".$ending is wrong usage"           refuses 2 "ends in .wav or .flac" --steps 900 -s 600 -o x.$ending rain
done
claim "FLAC has no floats"                    refuses 2 "FLAC has 16 or 24" --steps 900 -s 600 --bits f32 -o x.flac rain

# ---- records that no generate wrote
alien() { told "$1" >alien.flac; refuses "$2" "$3" --replay alien.flac -o again.wav; }
claim "no JSON"                               alien '{"program": "tango' 1 "it does not say how"
claim "of another program"                    alien '{"program": "other 1"}' 1 "it does not say how"
claim "without a model"                       alien '{"program": "tango 9", "prompt": "x"}' 1 "made with a model, checksum not known"
claim "an option that writes"                 alien '{"program": "tango 9", "options": ["--output", "/etc/x"]}' 1 'asks for "--output"'
claim "a folder of stages"                    alien '{"program": "tango 9", "options": ["--dump", "."]}' 1 'asks for "--dump"'
claim "a short option"                        alien '{"program": "tango 9", "options": ["-o", "x"]}' 1 'asks for "-o"'
claim "a word that is no option"              alien '{"program": "tango 9", "options": ["rain"]}' 1 'asks for "rain"'
claim "an option that there is not"           alien '{"program": "tango 9", "options": ["--colour"]}' 1 'asks for "--colour"'
claim "an option without its value"           alien '{"program": "tango 9", "options": ["--steps"]}' 1 "has --steps without a value"
claim "a number"                              alien '{"program": "tango 9", "options": [5]}' 1 "is no text"
claim "a value out of range"                  alien '{"program": "tango 9", "options": ["--steps", "0"]}' 2 "--steps"
sum=$(./sound info out.wav | sed -n 's/.*"model_checksum": "\([0-9a-f]*\)".*/\1/p')
claim "a sample that there is not"            alien '{"program": "tango 9", "model_checksum": "'"$sum"'", "sample": 9, "prompt": "x"}' 1 "sample 9 of 1"
claim "nothing was written"                   test ! -e again.wav
claim "takes of one stream"                   make --samples 2 --dump pair -o pair.wav x
claim "come again, each"                      replays pair_01.wav
claim "takes of one noise"                    make --samples 2 --noise pair/noise.npy -o noised.wav x
claim "are told as one of them"               replays noised_01.wav
claim "those of one latent"                   ./generate -m tiny.tango -q --seed 3 --latent pair/latent.npy -o decoded.wav
claim "too"                                   replays decoded_01.wav
claim "parts made anew"                       make --steps 3 --init pair_00.wav --fill 0.2:0.4 --fill 0.5:0.6 --sampler heun -o anew.wav rain
claim "are made again"                        replays anew.wav
claim "a loop with sigmas of Karras"          make -s 1 --loop --window 0.48 --sampler dpm-sde --sigmas karras -o round.wav rain
claim "goes round again"                      replays round.wav
claim "a finished sound"                      make --trim --fade-out 0.1 --rate 22050 --level rms=-30 --limit -9 -o finished.flac "a dog barks"
claim "tells how"                             tells finished.flac '"--trim", "--fade-out", "0.1", "--rate", "22050", "--level", "rms=-30", "--limit", "-9"'
claim "and is made again"                     replays finished.flac -o again.flac
mkdir players && printf '#!/bin/sh\n' >players/paplay && chmod +x players/paplay
claim "a sound that is heard"                 sh -c 'PATH=$PWD/players:$PATH ./generate -m tiny.tango -q --steps 1 -s 0.64 --play -o heard.flac rain'
claim "does not tell it"                      sh -c '! ./sound info heard.flac | grep -F -e --play'
claim "a finish beside it"                    refuses 2 "takes --level from its file" --replay finished.flac --level peak
finish
