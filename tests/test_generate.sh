#!/bin/sh
# test_generate.sh: what demo/generate does as a program: options, exit codes, files, messages.
#
#     sh tests/test_generate.sh       needs a C compiler ($CC, or cc) and nothing else

. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
model=$top/demo/tiny.tango
programs generate convert sound
# Files are compared whole here: without the record of how they were made (test_record.sh).
mv generate plain && printf '#!/bin/sh\nexec ./plain --no-metadata "$@"\n' >generate && chmod +x generate
quick="--steps 2 --seconds 0.64"

# expect STATUS TEXT ARGUMENTS...: exit status, one line on stderr that holds TEXT, no out.wav
expect()
{
    want=$1 text=$2
    shift 2
    rm -f out.wav
    ./generate -m "$model" -q "$@" >stdout 2>stderr </dev/null
    status=$?
    [ "$status" -eq "$want" ] || { echo "status $status, expected $want"; cat stderr; return 1; }
    [ "$(wc -l <stderr)" -eq 1 ] || { echo "not one line:"; cat stderr; return 1; }
    grep -q -- "$text" stderr || { echo "no '$text' in:"; cat stderr; return 1; }
    [ ! -s stdout ] && [ ! -e out.wav ] && [ -z "$(find . -name '.?*')" ]
}

# runs ARGUMENTS...: status 0, and nothing on stderr
runs()
{
    # shellcheck disable=SC2086
    ./generate -m "$model" -q $quick "$@" 2>stderr </dev/null || { cat stderr; return 1; }
    [ ! -s stderr ]
}

# protects FILE ARGUMENTS...: refused, because the run needs FILE; it is as it was
protects()
{
    file=$1
    shift
    before=$(cksum <"$file")
    expect 1 "the same file as" "$@" && [ "$(cksum <"$file")" = "$before" ]
}

# threads_refused VALUE: TANGO_THREADS is named, with exit status 2
threads_refused()
{
    TANGO_THREADS=$1
    export TANGO_THREADS
    expect 2 "TANGO_THREADS" x
    refused=$?
    unset TANGO_THREADS
    return $refused
}

# notes TEXT... -- ARGUMENTS...: status 0, and exactly these notes, in order
notes()
{
    : >want
    while [ "$1" != -- ]; do
        echo "note: $1" >>want
        shift
    done
    shift
    # shellcheck disable=SC2086
    ./generate -m "$model" --steps 1 -s 0.64 "$@" >stdout 2>stderr </dev/null || { cat stderr; return 1; }
    grep '^note: ' stderr >found
    diff want found
}

same() { cmp "$1" "$2"; }
size_is() { [ "$(wc -c <"$1")" -eq "$2" ]; }
prints() { "$@" >text && [ -s text ]; }

claim "no prompt is a usage error"            expect 2 "no prompt"
claim "an unknown option is a usage error"    expect 2 "unknown option" --colour red x
claim "a second prompt is a usage error"      expect 2 "second" a dog
claim "steps 0 is a usage error"              expect 2 "steps" --steps 0 x
claim "steps 1001 is a usage error"           expect 2 "steps" --steps 1001 x
claim "steps 2.5 is a usage error"            expect 2 "steps" --steps 2.5 x
claim "seconds nan is a usage error"          expect 2 "seconds" --seconds nan x
claim "seconds 1e9 is a usage error"          expect 2 "seconds" --seconds 1e9 x
claim "seconds -1 is a usage error"           expect 2 "seconds" --seconds -1 x
claim "guidance inf is a usage error"         expect 2 "guidance" --guidance inf x
claim "guidance-from 1.5 is a usage error"    expect 2 "guidance-from" --guidance-from 1.5 x
claim "guidance-until -1 is a usage error"    expect 2 "guidance-until" --guidance-until -1 x
claim "cache 0 is a usage error"              expect 2 "cache" --cache 0 x
claim "rescale 1.5 is a usage error"          expect 2 "rescale" --rescale 1.5 x
claim "rescale nan is a usage error"          expect 2 "rescale" --rescale nan x
claim "rescale -1 is a usage error"           expect 2 "rescale" --rescale -1 x
claim "denormalize nan is a usage error"      expect 2 "denormalize" --denormalize nan,1 x
claim "eta 2 is a usage error"                expect 2 "eta" --eta 2 x
claim "an unknown sampler is a usage error"   expect 2 "sampler" --sampler plms x
claim "an unknown vocoder is a usage error"   expect 2 "vocoder" --vocoder world x
claim "a seed of letters is a usage error"    expect 2 "seed" --seed abc x
claim "an option without value is one too"    expect 2 "needs a value" x --steps
claim "-o - with --json is a usage error"     expect 2 "nothing else" -o - --json x
claim "-o - with --samples is a usage error"  expect 2 "nothing else" -o - --samples 2 x
for value in nan inf nan,1 1,inf 1,nan 1e39,1 1,1e9 1 1,2,3 0x1,1 " 1,2" ""; do
    claim "denormalize '$value' is one too"   expect 2 "MEAN,STD" --denormalize "$value" x
done
claim "a missing model is named"              expect 1 "nowhere.tango" -m nowhere.tango x
claim "a folder is no model"                  expect 1 "regular" -m . x
claim "1000 ddpm steps reach past the schedule" expect 2 "1000 of ddpm reach" --sampler ddpm --steps 1000 x
claim "a missing output folder is named"      expect 1 "nofolder" $quick -o nofolder/out.wav x
claim "a missing noise file is named"         expect 1 "none.npy" --noise none.npy x
claim "a negative seed is a usage error"      expect 2 "from 0 to 4294967295" --seed -5 x
claim "one that torch does not tell from 0"   expect 2 "from 0 to 4294967295" --seed 4294967296 x
claim "nor may a take have one"               expect 2 "at most 4294967294" --seed 4294967295 --samples 2 x
claim "karras is a name"                      expect 2 "spaced, karras" --sigmas even x
claim "fifty steps of lcm at most"            expect 2 "at most 50" --sampler lcm --steps 51 x
claim "a fill of nothing is a usage error"    expect 2 "--fill contradicts a run without --init" --fill 1:2 x
claim "a strength of nothing too"             expect 2 "--strength contradicts" --strength 0.5 x
claim "two starts contradict each other"      expect 2 "--init contradicts --continue" --init a.wav --continue b.wav x
claim "a prompt contradicts --prompts"        expect 2 "contradicts --prompts" --prompts p.txt x
for value in 0/2 3/2 1 1/ /2 a/b 1/2/3 -1/2; do
    claim "shard $value is a usage error"     expect 2 "1 <= I <= N" --shard "$value" --prompts p.txt
done

printf 'not a model at all, and quite a bit longer than nothing' >foreign.tango
head -c 100000 "$model" >cut.tango
cp "$model" flipped.tango
printf '\377' | dd of=flipped.tango bs=1 seek=9000000 conv=notrunc 2>/dev/null
cp "$model" header.tango
printf '\377' | dd of=header.tango bs=1 seek=5000 conv=notrunc 2>/dev/null
: >empty.tango
claim "a foreign file is refused"             expect 1 "foreign.tango" -m foreign.tango x
claim "a cut model is refused with an offset" expect 1 "offset" -m cut.tango x
claim "a flipped weight is refused"           expect 1 "offset" -m flipped.tango x
claim "a flipped header is refused"           expect 1 "header.tango" -m header.tango x
claim "an empty file is refused"              expect 1 "empty.tango" -m empty.tango x

claim "the default run writes out.wav"        runs "a dog barks"
claim "of the planned size"                   size_is out.wav 20524
mv out.wav first.wav
claim "-o - writes the same bytes to stdout"  sh -c './generate -m "$0" -q --steps 2 --seconds 0.64 -o - "a dog barks" >pipe.wav' "$model"
claim "equal to the file"                     same pipe.wav first.wav
claim "and leaves no file"                    test ! -e out.wav
claim "HiFi-GAN is heard while it works"      sh -c './generate -m "$0" -q --steps 1 --vocoder hifigan -o - x >pipe.wav && ./generate -m "$0" -q --steps 1 --vocoder hifigan -o whole.wav x' "$model"
claim "and gives the bytes of the file"       same pipe.wav whole.wav
claim "of floats too"                         sh -c './generate -m "$0" -q --steps 1 --vocoder hifigan --bits f32 -o - x >pipe.wav && ./generate -m "$0" -q --steps 1 --vocoder hifigan --bits f32 -o whole.wav x && cmp pipe.wav whole.wav' "$model"
claim "a reader that leaves is an error"      sh -c '{ ./generate -m "$0" -q --steps 1 --vocoder hifigan -o - x 2>e; echo $? >code; } | head -c 10 >/dev/null; grep -q writing e && grep -qx 1 code' "$model"
claim "one thread gives the same bytes"       runs -t 1 -o t1.wav "a dog barks"
claim "equal again"                           same t1.wav first.wav
claim "TANGO_THREADS says how many threads"   sh -c 'TANGO_THREADS=1 ./generate -m "$0" -q --json --steps 1 -s 0.64 -o t.wav x | grep -q "\"threads\": 1,"' "$model"
claim "--threads goes before it"              sh -c 'TANGO_THREADS=none ./generate -m "$0" -q --json -t 1 --steps 1 -s 0.64 -o t.wav x | grep -q "\"threads\": 1,"' "$model"
claim "an empty one is none"                  env TANGO_THREADS= ./generate -m "$model" -q --steps 1 -s 0.64 -o t.wav x
for value in 0 65 -1 1.5 2x " 2" 18446744073709551617; do
    claim "TANGO_THREADS '$value' is a usage error" threads_refused "$value"
done
claim "another seed is another sound"         sh -c './generate -m "$0" -q --steps 2 --seconds 0.64 --seed 1 -o s.wav "a dog barks" && ! cmp -s s.wav first.wav' "$model"
claim "HiFi-GAN is longer by 32 samples"      runs --vocoder hifigan -o h.wav "a dog barks"
claim "160 T + 32 samples"                    size_is h.wav 20588
claim "--cache 1 changes nothing"             runs --cache 1 -o c1.wav "a dog barks"
claim "equal once more"                       same c1.wav first.wav
claim "--cache 2 is another sound"            sh -c './generate -m "$0" -q --steps 2 --seconds 0.64 --cache 2 -o s.wav "a dog barks" && ! cmp -s s.wav first.wav' "$model"
claim "guidance until 0 is guidance off"      sh -c './generate -m "$0" -q --steps 2 --seconds 0.64 --guidance-until 0 -o s.wav "a dog barks" && ./generate -m "$0" -q --steps 2 --seconds 0.64 --guidance 1 -o t.wav "a dog barks" && cmp s.wav t.wav' "$model"
claim "32-bit float output"                   runs --bits f32 -o f.wav x
claim "--samples numbers the files"           runs --samples 2 -o n.wav x
claim "both are there"                        test -s n_00.wav -a -s n_01.wav -a ! -e n.wav
claim "each take has a seed of its own"       sh -c './generate -m "$0" --steps 2 --seconds 0.64 --seed 4 --samples 3 -o take.wav "a bell" 2>e && grep -q "take_02.wav.*seed 6" e' "$model"
claim "which alone makes it again"            runs --seed 6 -o alone.wav "a bell"
claim "to the byte"                           same alone.wav take_02.wav
claim "--json has them"                       sh -c './generate -m "$0" -q --json --steps 1 --seconds 0.64 --seed 4 --samples 3 -o j.wav x | grep -q "\"seeds\": \[4, 5, 6\]"' "$model"
for sampler in euler-a heun dpm-sde lcm; do
    claim "$sampler runs"                     runs --sampler $sampler -o $sampler.wav "a dog barks"
    claim "$sampler is another sound"         sh -c '! cmp -s $0.wav first.wav' $sampler
done
claim "dpm runs with sigmas of Karras"        runs --sampler dpm --sigmas karras -o karras.wav "a dog barks"
claim "other than without"                    sh -c './generate -m "$0" -q --steps 2 --seconds 0.64 --sampler dpm -o s.wav "a dog barks" && ! cmp -s s.wav karras.wav' "$model"
claim "ddim has none"                         notes "--sigmas has no effect: only dpm, dpm-sde, euler, heun and unipc have them" -- --sampler ddim --sigmas karras -o o.wav rain
claim "a whole second of Griffin-Lim"         sh -c './generate -m "$0" -q --steps 1 --seconds 1 -o s.wav x && [ "$(wc -c <s.wav)" -eq 32044 ]' "$model"
claim "0.04 s too"                            runs --seconds 0.04 -o short.wav x
# ---- from a sound
# differs A B FROM TO: the samples FROM to TO of two WAVs of 16 bits, whether they are other ones
part() { tail -c +$((45 + 2 * $2)) "$1" | head -c $((2 * ($3 - $2))); }
claim "--init starts from a sound"            sh -c './generate -m "$0" -q --steps 4 --init first.wav -o i.wav rain && [ "$(wc -c <i.wav)" -eq 20524 ]' "$model"
claim "a little of the run is near it"        sh -c './generate -m "$0" -q --json --steps 4 --init first.wav --strength 0.25 -o i.wav rain >j && grep -q "\"strength\": 0.25" j' "$model"
claim "no step of it is refused"              expect 2 "leaves none of 4 steps" --steps 4 --init first.wav --strength 0.2 x
claim "--fill beyond the end is refused"      expect 2 "640 ms, the end" --init first.wav --fill 0.5:0.7 x
claim "and one that ends before it begins"    expect 2 "640 ms, the end" --init first.wav --fill 0.5:0.4 x
claim "and words"                             expect 2 "FROM:TO" --init first.wav --fill 0.5,0.6 x
claim "--fill keeps the rest of the latent"   sh -c './generate -m "$0" -q --steps 3 --init first.wav --fill 0.2:0.4 --dump filled -o f.wav rain && ./generate -m "$0" -q --steps 3 --init first.wav --fill 0.2:0.4 --seed 9 --dump refilled -o f.wav rain' "$model"
# Row r of channel c lies at float 16 r of its 256; 0.2 to 0.4 s are rows 5 to 9.
rows() { for c in 0 1 2 3 4 5 6 7; do tail -c +$((129 + 4 * 16 * (16 * c + $2))) "$1" | head -c $((64 * ($3 - $2))); done; }
claim "what is before it"                     sh -c '[ -n "$1" ] && [ "$1" = "$2" ]' - "$(rows filled/latent.npy 0 5 | cksum)" "$(rows refilled/latent.npy 0 5 | cksum)"
claim "and behind it"                         sh -c '[ "$1" = "$2" ]' - "$(rows filled/latent.npy 10 16 | cksum)" "$(rows refilled/latent.npy 10 16 | cksum)"
claim "and makes what is filled anew"         sh -c '[ "$1" != "$2" ]' - "$(rows filled/latent.npy 5 10 | cksum)" "$(rows refilled/latent.npy 5 10 | cksum)"
claim "--continue goes on"                    sh -c './generate -m "$0" -q --steps 2 --continue first.wav -s 1.28 -o more.wav rain && [ "$(wc -c <more.wav)" -eq 41004 ]' "$model"
claim "not where nothing is left"             expect 2 "lasts 0.64 s or more already" --continue first.wav -s 0.64 x
claim "an output is looked at before a start" expect 1 "nofolder" --init none.wav -o nofolder/o.wav x
claim "a start may not be written over"       protects first.wav --steps 2 --init first.wav -o first.wav x
claim "a loop has whole frames"               sh -c './generate -m "$0" -q --steps 2 --seconds 0.64 --loop --vocoder hifigan --bits f32 -o round.wav rain && [ "$(wc -c <round.wav)" -eq 41018 ]' "$model"
claim "and no crop"                           expect 2 "--crop contradicts --loop" --loop --crop 0.5 x
claim "nor a cache"                           expect 2 "--cache contradicts --loop" --loop --cache 2 x
claim "a window of two rows is refused"       expect 2 "8 or more" --window 0.08 x
memory_of() { ./generate -m "$model" -q --json --steps 1 --vocoder hifigan -o w.wav "$@" rain | sed 's/.*"memory": \([0-9]*\).*/\1/'; }
claim "four times the length takes little more memory with windows" sh -c 'echo $1 $2 $3; [ $(($2 * 2)) -lt $(($1 * 3)) ] && [ $(($2 * 3)) -lt "$3" ]' - "$(memory_of -s 10 --window 2.56)" "$(memory_of -s 40 --window 2.56)" "$(memory_of -s 40)"
head -c 44 first.wav >none.wav
printf '\000\000\000\000' | dd of=none.wav bs=1 seek=40 conv=notrunc 2>/dev/null
claim "a sound of 0 samples is refused"       expect 1 "none.wav: no samples" --init none.wav x
# 800 s at 1000 Hz, as a pipe writes them: without a size.
{ printf 'RIFF\377\377\377\377WAVEfmt \020\000\000\000\001\000\001\000\350\003\000\000\320\007\000\000\002\000\020\000data\377\377\377\377'; head -c 1600000 /dev/zero; } >hours.wav
claim "a sound of hours is refused"           expect 1 "hours.wav: longer than 600 s; give --seconds" --init hours.wav x
claim "but for --seconds"                     runs --init hours.wav -o h.wav x
claim "a text is no sound"                    expect 1 "foreign.tango" --init foreign.tango x
claim "an empty prompt is a prompt"           runs -- ""
claim "rescale 1 is another sound"            sh -c './generate -m "$0" -q --steps 2 --seconds 0.64 --rescale 1 -o s.wav "a dog barks" && ! cmp -s s.wav first.wav' "$model"
claim "without guidance rescale does nothing" sh -c './generate -m "$0" --steps 2 --seconds 0.64 --guidance 1 --rescale 1 -o s.wav x 2>e && ./generate -m "$0" -q --steps 2 --seconds 0.64 --guidance 1 --rescale 0 -o t.wav x && cmp s.wav t.wav' "$model"
claim "which is said"                         grep -q "^note: --rescale has no effect: guidance is off" e
claim "a window without steps is said"        sh -c './generate -m "$1" --steps 2 -s 0.5 --guidance-from 0.6 --guidance-until 0.5 -o w.wav dog 2>&1 | grep -q "^note: guidance is off: no step lies from 0.6 to 0.5 of 2"' - "$model"
claim "and a cache that no step uses"         sh -c './generate -m "$1" --steps 1 -s 0.5 --cache 5 -o w.wav dog 2>&1 | grep -q "^note: --cache has no effect"' - "$model"
loud="--steps 2 --seconds 0.64 --guidance 30 --rescale 0 x"
# shellcheck disable=SC2086
says() { want=$1; shift; ./generate -m "$model" $loud "$@" 2>stderr >stdout && cat stderr stdout && grep -q "$want" stderr; }
no_clip() { od -An -v -td2 -j44 "$1" | awk '{ for (i = 1; i <= NF; i++) { a = $i < 0 ? -$i : $i; if (a > top) top = a; if (a >= 32767) n++ } } END { print top, n; exit !(top >= 32766 && n < 3) }'; }
claim "what is too loud is lowered and said"  says "lowered by [0-9]* dB" -o loud.wav
claim "to full scale, nothing is cut off"     no_clip loud.wav
claim "each of several sounds by itself"      says "lowered by [0-9]* dB" --samples 2 -o two.wav
claim "the first"                             no_clip two_00.wav
claim "the second"                            no_clip two_01.wav
claim "24 bits are lowered too"               says "lowered by [0-9]* dB" --bits 24 -o loud24.wav
claim "--clip cuts off, and counts"           says " samples clipped" --clip -o clipped.wav
claim "as many as there are at the ends"      sh -c 'n=$(od -An -v -td2 -j44 clipped.wav | awk "{ for (i = 1; i <= NF; i++) n += \$i == 32767 || \$i == -32768 } END { print n }"); said=$(sed -n "s/.* \([0-9,]*\) samples clipped/\1/p" stderr | tr -d ,); echo "$n $said"; [ "$said" -gt 100 ] && [ "$said" -le "$n" ] && [ "$n" -le $((said + 3)) ]'
claim "floats keep every level"               says "16000 Hz$" --bits f32 -o loud32.wav
claim "--json tells both"                     sh -c './generate -m "$0" -q --json --steps 2 --seconds 0.64 --guidance 30 --rescale 0 -o l.wav x >j && grep -q "\"lowered_db\": \[[1-9]" j && grep -q "\"clipped\": \[0\]" j' "$model"
peak_is() { od -An -v -td2 -j44 "$1" | awk -v want="$2" '{ for (i = 1; i <= NF; i++) { a = $i < 0 ? -$i : $i; if (a > top) top = a } } END { print top; exit !(top > want * 0.97 && top <= want) }'; }
claim "--level peak is one factor"            says "lowered by [0-9]* dB to -1.0 dBTP" --level peak -o peak.wav
claim "to 0.89 of full scale or a little less" peak_is peak.wav 29205
claim "--level lufs"                          says "to -23.0 LUFS" --level lufs=-23 -o lufs.wav
claim "is held back by its limit"             says "LUFS, held back by the limit of -3 dBTP" --level lufs=-3 --limit -3 -o held.wav
claim "which is that of the peak"             peak_is held.wav 23198
claim "each of several sounds has its own"    says "two_01.wav .*seed 1  lowered by [0-9]* dB to -30.0 dBFS" --level rms=-30 --samples 2 -o two.wav
claim "--level none is --clip"                sh -c 'cmp clipped.wav "$0" || ./generate -m "$1" -q --steps 2 --seconds 0.64 --guidance 30 --rescale 0 --level none -o "$0" x && cmp "$0" clipped.wav' none_level.wav "$model"
claim "floats are levelled where it is asked" says "to -6.0 dBTP" --bits f32 --level peak=-6 -o f32.wav
claim "--json tells rule, target and outcome" sh -c './generate -m "$0" -q --json --steps 2 --seconds 0.64 --samples 2 --level lufs=-1 -o l.wav x >j && grep -q "\"level\": \"lufs\", \"level_target\": -1, \"limit\": -1, \"lowered_db\": \[-[0-9.]*, -[0-9.]*\], \"held_back\": \[true, true\]" j' "$model"
claim "and no target without a rule"          sh -c './generate -m "$0" -q --json --steps 2 --seconds 0.64 -o l.wav x | grep "\"level\": \"fit\", \"lowered_db\": " | grep -vq target' "$model"
claim "a level waits for the whole wave"      sh -c './generate -m "$0" -q --steps 1 --vocoder hifigan --level peak -o - x >pipe.wav && ./generate -m "$0" -q --steps 1 --vocoder hifigan --level peak -o whole.wav x && cmp pipe.wav whole.wav' "$model"
printf '%s\n' '{"prompt": "x", "level": "peak=-9", "rate": "48000", "trim": true}' >levels.txt
claim "lines of --prompts have levels, too"   sh -c './generate -m "$0" -q --steps 1 -s 0.64 --prompts levels.txt -o line.wav && ./sound info --loudness line_01.wav | grep "48000 Hz.*, -9.0 dBTP"' "$model"
claim "--rate"                                says "0.640 s  44100 Hz" --rate 44100 -o r.wav
claim "has as many samples"                   size_is r.wav $((44 + 2 * 28224))
claim "which --json tells"                    sh -c './generate -m "$0" -q --json --steps 1 -s 0.64 --rate 22050 -o l.wav x | grep -q "\"lengths\": \[14112\], \"frames\": 14112, \"rate\": 22050, \"duration\": 0.64" ' "$model"
claim "--fade-in begins with silence"         runs --fade-in 0.1 -o fade.wav "a dog barks"
claim "and ends as before"                    sh -c 'tail -c 17000 fade.wav >a.raw; tail -c 17000 first.wav | cmp - a.raw && ! cmp -s fade.wav first.wav'
claim "--trim leaves no silence at the ends"  sh -c './generate -m "$0" -q --steps 2 --seconds 1.28 --trim -o t.wav "a dog barks" && od -An -v -td2 -j44 -w2 t.wav | awk "{ a = \$1 < 0 ? -\$1 : \$1; if (NR == 1) first = a; last = a; if (a > top) top = a } END { print first, last, top; exit !(first >= top / 1000 && last >= top / 1000) }"' "$model"
# A loop at another rate is the middle of three rounds at that rate, to the last bit or two.
./generate -m "$model" -q --steps 2 -s 0.64 --loop --vocoder hifigan -o round.wav rain
./generate -m "$model" -q --steps 2 -s 0.64 --loop --vocoder hifigan --rate 44100 -o fast.wav rain
{ printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0\200\76\0\0\0\175\0\0\2\0\20\0data\0\360\0\0'
    for i in 1 2 3; do tail -c +45 round.wav; done; } >rounds.wav
claim "a loop stays one at another rate"      sh -c './sound convert rounds.wav three.wav --rate 44100 --clip && od -An -v -td2 -w2 -j$((44 + 56448)) -N56448 three.wav >a && od -An -v -td2 -w2 -j44 fast.wav >b && paste a b | awk "{ d = \$1 - \$2; if (d > 2 || d < -2) bad++ } END { print NR, bad + 0; exit !(NR == 28224 && !bad) }"'
for option in --trim "--fade-in 0.1" "--fade-out 0.1"; do
    # shellcheck disable=SC2086
    claim "a loop has no ends (${option%% *})" expect 2 "${option%% *} contradicts --loop" --loop $option x
done
for option in "--rate 8000" "--rate 44.1" "--fade-in -1" "--fade-out x" "--level loud" "--level rms=3" "--limit 1"; do
    # shellcheck disable=SC2086
    claim "$option is a usage error"          expect 2 "${option%% *}: expected" $option x
done
claim "so is a limit of nothing"              expect 2 "is of --level rms and lufs" --limit -2 x
claim "and a level beside --clip"             expect 2 "contradicts --level rms" --clip --level rms x
# A player that notes what it is given.
mkdir players && printf '#!/bin/sh\necho noise; cat; echo "${0##*/} $*" >>words; exit "$(cat code)"\n' >players/ffplay
chmod +x players/ffplay && echo 0 >code
claim "--play plays what is written"          sh -c 'echo text | PATH=$PWD/players:/bin ./generate -m "$0" -q --json --steps 1 -s 0.64 --samples 2 --play -o p.wav x >j && [ "$(wc -l <j)" -eq 1 ] && [ "$(cat words)" = "ffplay -nodisp -autoexit -loglevel error p_00.wav
ffplay -nodisp -autoexit -loglevel error p_01.wav" ]' "$model"
claim "a name is no address"                  sh -c 'PATH=$PWD/players:/bin ./generate -m "$0" -q --steps 1 -s 0.64 --play -o a:b.wav x && [ "$(tail -n 1 words)" = "ffplay -nodisp -autoexit -loglevel error ./a:b.wav" ]' "$model"
claim "without a player nothing is made"      sh -c 'mkdir bare; ln -s "$(command -v sh)" "$(command -v env)" bare; PATH=$PWD/bare ./generate -m "$0" -q --play -o n.wav x 2>e; [ $? -eq 1 ] && grep -q "aplay, paplay, afplay or ffplay is needed" e && [ ! -e n.wav ]' "$model"
claim "a player that fails leaves the sound"  sh -c 'echo 3 >code; PATH=$PWD/players:/bin ./generate -m "$0" -q --steps 1 -s 0.64 --play -o n.wav x 2>e; [ $? -eq 1 ] && grep -q "ffplay failed with status 3; the sound is in n.wav" e && [ -s n.wav ]' "$model"
claim "a stream is not played"                expect 2 "contradicts -o -" -o - --play x
claim "the shipped model rescales guidance"  sh -c './generate -m "$0" "a dog barks" 2>e && grep -q "guidance 3 rescaled" e' "$model"
claim "the README's first command is near full scale" grep "lowered by [0-2][.0-9]* dB" e
claim "and nothing of it is cut off"          no_clip out.wav
for steps in 500 800; do
    claim "$steps steps of a short sound have room" sh -c './generate -m "$0" -q --steps $1 -s 0.32 -o steps.wav a' "$model" "$steps"
done
claim "invalid UTF-8 is text too"             runs -- "$(printf 'caf\351 \377\376')"
claim "-- lets a prompt begin with a dash"    runs -- "-dog"
claim "--dump writes every stage"             runs --dump stages --sampler dpm "a dog barks"
for stage in tokens mask text tokens_uncond mask_uncond text_uncond noise timesteps sigmas unet_000 unet_001 \
    latent_000 latent_001 latent latent_scaled mel wave; do
    claim "stages/$stage.npy"                 test -s "stages/$stage.npy"
done
claim "--latent decodes a dumped latent"      ./generate -m "$model" -q --latent stages/latent.npy -o l1.wav
claim "--noise repeats a dumped noise"        runs --noise stages/noise.npy --seed 5 --sampler dpm -o l2.wav "a dog barks"
claim "both give the same sound"              sh -c './generate -m "$0" -q --latent stages/latent.npy --seed 5 -o l3.wav && cmp l2.wav l3.wav' "$model"
claim "a noise of another shape is refused"   expect 1 "noise.npy" --seconds 1.28 --noise stages/noise.npy x
claim "tokens are no latent"                  expect 1 "axes" --latent stages/tokens.npy
cp "$model" own.tango && cp stages/latent.npy in.npy && ln -s in.npy soft.npy && ln in.npy hard.wav
claim "an output may not be the model"        protects own.tango $quick -m own.tango -o ./own.tango x
claim "nor a latent"                          protects in.npy --latent in.npy -o in.npy
claim "nor what a link leads to"              protects in.npy --latent soft.npy -o in.npy
claim "nor a link to it"                      protects in.npy --latent in.npy -o soft.npy
claim "nor a hard link"                       protects in.npy --latent in.npy -o hard.wav
cp "$model" n_01.tango
claim "nor the model as a numbered file"      protects n_01.tango $quick -m n_01.tango --samples 2 -o n.tango x
claim "nor a noise"                           protects stages/noise.npy $quick --noise stages/noise.npy --sampler dpm -o stages/noise.npy x
claim "--dump does not replace the noise"     protects stages/noise.npy $quick --noise stages/noise.npy --sampler dpm --dump stages x
claim "nor the latent"                        protects stages/latent.npy --latent stages/latent.npy --dump stages
claim "an output among the stages is refused" expect 1 "in the folder of --dump" --dump stages -o stages/mel.npy x
claim "also in a folder that is new"          expect 1 "in the folder of --dump" --dump fresh -o ./fresh/mel.npy x
runs --samples 2 --dump pair -o pair.wav x
claim "several sounds need a name"            expect 2 "one sound" --latent pair/latent.npy -o -
claim "and no file is called -"               sh -c '[ -z "$(ls -d ./-* 2>/dev/null)" ]'
claim "an output that cannot be made is said before the work" expect 1 "nofolder" --steps 900 --seconds 600 -o nofolder/x.wav x
claim "a negative text without guidance is said" notes "--negative has no effect: guidance is off" -- -n y --guidance 1 -o o.wav rain
claim "eta of another sampler, a last sigma of ddim" notes "--eta has no effect: only ddim has it" -- --eta 0.5 --sampler dpm --final zero -o o.wav rain
claim "clipping of floats"                    notes "--clip has no effect: floats hold what is too loud" -- --bits f32 --clip -o o.wav rain
claim "a last noise level of ddim"            notes "--final has no effect: only dpm, dpm-sde, euler and unipc have it" -- --eta 0.5 --sampler ddim --final zero -o o.wav rain
for option in "--seconds 1" "--steps 3" "--guidance 2" "--noise stages/noise.npy" "--samples 2" "--init first.wav"; do
    # shellcheck disable=SC2086
    claim "$option contradicts a latent"      expect 2 "${option%% *} contradicts --latent" $option --latent stages/latent.npy
done
claim "a prompt does, but for --best"         expect 2 "a prompt contradicts --latent" --latent stages/latent.npy x
programs encode
claim "encode writes what --latent reads"     sh -c './encode -q -m "$0" first.wav -o e.npy && ./generate -m "$0" -q --latent e.npy -o l.wav' "$model"
claim "and --noise"                           runs --noise e.npy -o l.wav x
claim "--init takes standard input"           sh -c 'cat first.wav | ./generate -m "$0" -q --steps 2 --init - -o i.wav rain && ./generate -m "$0" -q --steps 2 --init first.wav -o k.wav rain && cmp i.wav k.wav' "$model"
head -c 65537 /dev/zero | tr '\0' x >long.txt
claim "a prompt over 64 KiB is refused"       expect 2 "a prompt of 65537 bytes, expected at most 65536" "$(cat long.txt)"
claim "and a negative text"                   expect 2 "a negative text of 65537 bytes" -n "$(cat long.txt)" x
claim "and a line"                            sh -c '! ./generate -m "$0" -q --steps 1 -s 0.32 --prompts long.txt 2>e && grep -q "^usage error: long.txt:1: a prompt of 65537 bytes" e' "$model"
# ---- what the model was trained on
claim "--list has 31 kinds of sound"          sh -c './generate -m "$0" --list >kinds && [ "$(wc -l <kinds)" -eq 31 ] && grep -qx "a dog barks" kinds && grep -qx "wind howls" kinds' "$model"
claim "none of which has unknown words"       sh -c 'while read -r kind; do ./generate -m "$0" --steps 1 -s 0.04 --vocoder hifigan -o k.wav "$kind" 2>&1 | grep "^note" && exit 1; done <kinds; true' "$model"
claim "an unknown word is said"               notes "the model was not trained on these words: zebra, Quiz, caf\\xc3\\xa9" -- "A dog-bark, the zebra's (Quiz) caf$(printf '\303\251') - while RAIN falls."
claim "and known ones are not"                notes -- "The dog's bark; heavy RAIN-falls... two-tone, hi-hat!"
claim "--json has them"                       sh -c './generate -m "$0" -q --json --steps 1 -s 0.32 -o j.wav "zebra rain" | grep -qF "\"unknown_words\": [\"zebra\"], "' "$model"
./convert -q "$tests/golden/models/v1" -o untold.tango 2>/dev/null
claim "another model does not say"            expect 1 "untold.tango: it does not say what it was trained on" -m untold.tango --list
claim "in --json neither"                     sh -c './generate -m untold.tango -q --json --steps 1 -s 0.32 -o j.wav zebra | grep -qF "\"unknown_words\": null, "'
# ---- a picture
programs spectrogram
claim "--picture draws what is made"          runs --bits f32 --picture p.png -o p.wav "a bell"
claim "as spectrogram does"                   sh -c './spectrogram -q -m "$0" --axes --wave p.wav -o q.png && cmp p.png q.png' "$model"
claim "with the same end, level and rate"     runs --bits f32 --seconds 0.64 --fade-out 0.3 --rate 44100 --level peak=-20 --picture p.png -o p.wav "a bell"
claim "as spectrogram does, too"              sh -c './spectrogram -q -m "$0" --axes --wave p.wav -o q.png && cmp p.png q.png' "$model"
claim "several takes under each other"        runs --bits f32 --samples 2 --picture p.png -o p.wav "a bell"
claim "as spectrogram again"                  sh -c './spectrogram -q -m "$0" --axes --wave p_00.wav p_01.wav -o q.png && cmp p.png q.png' "$model"
claim "at most 16"                            expect 2 "room for 16 sounds, not for 17" --samples 17 --picture p.png x
claim "a picture's folder is looked at first" expect 1 "nofolder" --steps 900 -s 600 --picture nofolder/p.png x
claim "it takes no input's place"             protects first.wav --init first.wav --picture first.wav x
claim "nor the sound's"                       expect 1 "the same file as" --picture ./same -o same x
claim "nor a stage's"                         expect 1 "in the folder of --dump" --dump stages --picture stages/mel.npy x
claim "it is a file"                          expect 2 "is no file" --picture - x
# ---- many prompts
printf 'a dog barks\n\n{"prompt": "rain", "seed": 7, "vocoder": "hifigan"}\r\nrain\n' >p.txt
lines() { ./generate -m "$model" -q --steps 1 --seconds 0.32 "$@" 2>stderr </dev/null; }
claim "--prompts makes a file a line"         lines --prompts p.txt -o line.wav
claim "with the number of the line"           test -s line_01.wav -a ! -e line_02.wav -a -s line_03.wav -a -s line_04.wav -a ! -e line.wav
claim "a line of words is its prompt"         sh -c './generate -m "$0" -q --steps 1 --seconds 0.32 -o l.wav "a dog barks" && cmp l.wav line_01.wav' "$model"
claim "one of JSON has options of its own"    sh -c './generate -m "$0" -q --steps 1 --seconds 0.32 --seed 7 --vocoder hifigan -o l.wav rain && cmp l.wav line_03.wav' "$model"
claim "and leaves none to the next"           sh -c './generate -m "$0" -q --steps 1 --seconds 0.32 -o l.wav rain && cmp l.wav line_04.wav' "$model"
claim "- is standard input"                   sh -c './generate -m "$0" -q --steps 1 --seconds 0.32 --prompts - -o in.wav <p.txt && cmp in_03.wav line_03.wav' "$model"
# lists STATUS TEXT FILE OPTIONS...: a list of prompts ends so
lists()
{
    status=$1 text=$2
    shift 2
    lines --prompts "$@"
    [ $? -eq "$status" ] && grep -qF -- "$text" stderr && [ ! -e both.wav ] || { cat stderr; return 1; }
}
printf 'a bell\n{"prompt": "rain", "picture": "own.png"}\n' >drawn.txt
claim "each line has its picture"             sh -c './generate -m "$0" -q --steps 1 --seconds 0.32 --prompts drawn.txt --picture d.png -o d.wav && [ -s d_01.png ] && [ -s own.png ] && [ ! -e d_02.png ] && [ ! -e d.png ]' "$model"
printf '{"prompt": "a", "output": "both.wav"}\n{"prompt": "b", "picture": "both.wav"}\n' >both.txt
claim "which is no other line's sound"        lists 2 "lines 1 and 2 have one output, both.wav" both.txt
printf '{"prompt": "a", "picture": "d_02.png"}\nb\n' >both.txt
claim "nor its picture"                       lists 2 "lines 1 and 2 have one output, d_02.png" both.txt --picture d.png
claim "each line has its stages"              sh -c './generate -m "$0" -q --steps 1 --seconds 0.32 --prompts drawn.txt --dump line.d -o d.wav && [ -s line_01.d/mel.npy ] && [ -s line_02.d/mel.npy ] && [ ! -e line.d ]' "$model"
printf '{"prompt": "a", "dump": "stages"}\n{"prompt": "b", "dump": "stages"}\n' >both.txt
claim "of its own"                            lists 2 "lines 1 and 2 have one output, stages" both.txt
printf '{"prompt": "a", "output": ["both.wav"]}\n' >both.txt
claim "one value is no list"                  lists 3 '"output" is one value, not a list' both.txt
claim "--shard takes its part of the lines"   sh -c './generate -m "$0" -q --steps 1 --seconds 0.32 --prompts p.txt --shard 2/2 -o s2.wav && [ ! -e s2_01.wav ] && [ ! -e s2_03.wav ] && cmp s2_04.wav line_04.wav' "$model"
{
    i=0
    while [ $((i += 1)) -lt 57 ]; do echo; done
    printf '{"prompt": "rain", "steps": 0}\n{"prompt": "rain"\n{"prompt": "rain", "model": "x"}\n{"prompt": "x", "init": "nowhere.wav"}\nrain\n{"prompt": "rain", "output": "-"}\n{"prompt": "rain", "output": "own.wav", "negative": "", "guidance": 3, "clip": true, "json": false, "best": null}\n'
} >bad.txt
lines --prompts bad.txt -o bad.wav
status=$?
claim "bad lines end with 3"                  test $status -eq 3
claim "line 57 is named"                      grep -q "^usage error: bad.txt:57: --steps" stderr
claim "the torn line 58"                      grep -q "^error: bad.txt:58: json" stderr
claim "the model of line 59"                  grep -q '^usage error: bad.txt:59: "model" is for the whole run' stderr
claim "the sound of line 60"                  grep -q "^error: bad.txt:60: nowhere.wav" stderr
claim "in one line each, and one for all"     sh -c 'grep -q "^error: 5 of 7 lines of bad.txt could not be made" stderr && [ "$(wc -l <stderr)" -eq 6 ]'
claim "the good one is made"                  same bad_61.wav line_04.wav
claim "and the one with a name of its own"    same own.wav line_04.wav
printf '%s\n' '{"prompt": "x", "completion": "bash"}' '{"prompt": "x", "replay": "first.wav"}' \
    '{"prompt": "x", "model=": "y"}' '{"": true, "prompt": "x"}' '{"prompt": "x", "colour": 1}' \
    '{"prompt": "x", "output": "keys"}' >keys
cp keys kept
lines --prompts keys -o key.wav >said
claim "keys are options of a line"            sh -c 'grep -q "^error: 6 of 6 lines" stderr && [ "$(wc -l <stderr)" -eq 7 ] && [ ! -s said ]'
claim "a sound is not made again there"       grep -q '^usage error: keys:2: "replay" is for the whole run' stderr
claim "no line replaces the list"             sh -c 'grep -q "^error: keys:6: keys: the same file as keys" stderr && cmp keys kept'
printf '%s\n' '{"prompt": "x", "output": "twice_03.wav"}' '{' rain >twice.txt
claim "two lines have one output"             expect 2 "lines 1 and 3 have one output, twice_03.wav" --prompts twice.txt -o twice.wav
printf '%s\n' rain '{"prompt": "x", "output": "././/spelt_01.wav"}' >spelt.txt
claim "also in other spelling"                expect 2 "lines 1 and 2 have one output, spelt_01.wav" --prompts spelt.txt -o ./spelt.wav
claim "a shard needs a list"                  expect 2 "--shard contradicts a run without --prompts" --shard 1/2 x
claim "a missing file of prompts is named"    expect 1 "nowhere.txt" --prompts nowhere.txt
claim "a seed where nothing is random"        notes "--seed has no effect: nothing in this run is random" -- --seed 1 --noise stages/noise.npy --sampler dpm --vocoder hifigan -o o.wav rain
claim "but not where the phases are"          notes -- --seed 1 --noise stages/noise.npy --sampler dpm --vocoder griffin-lim -o o.wav rain
claim "--crop keeps the beginning"            runs --crop 0.5 -o crop.wav "a dog barks"
claim "of what is made"                       sh -c '[ "$(wc -c <crop.wav)" -eq 16044 ] && tail -c +45 crop.wav >crop.raw && tail -c +45 first.wav | head -c 16000 | cmp - crop.raw'
claim "a longer crop keeps all"               sh -c './generate -m "$0" -q --steps 2 --seconds 0.64 --crop 9 -o s.wav "a dog barks" && cmp s.wav first.wav' "$model"
claim "a sampler of distilled models is refused" expect 2 "needs a UNet that was distilled for it" --sampler consistency x
claim "crop nan is a usage error"             expect 2 "crop" --crop nan x
for parts in vae,vocoder text,unet,vae; do ./convert -q "$tests/golden/models/v1" -o $parts.tango --only $parts || exit 1; done
claim "what a model lacks is said"            expect 1 "vae,vocoder.tango: model: it has no text, unet, which this needs" -m vae,vocoder.tango x
claim "before its weights are read"           sh -c 'printf "\377" | dd of=vae,vocoder.tango bs=1 seek=900000 conv=notrunc 2>/dev/null; ! ./generate -m vae,vocoder.tango x 2>e && grep -q "no text" e'
claim "a vocoder too"                         expect 1 "it has no vocoder, which this needs" -m text,unet,vae.tango x
claim "Griffin-Lim needs none"                sh -c './generate -m text,unet,vae.tango -q --steps 1 -s 0.64 --vocoder griffin-lim -o g.wav x'
claim "-h prints the options"                 prints ./generate -h
# percents FILE: the sum of all shares of --profile, and how many there are.
percents()
{
    grep -o '"percent": [0-9.]*' "$1" | awk '{ s += $2 } END { printf "%.2f %d\n", s, NR }'
}
# gflop FILE PART LAYER: operations that the profile counts for it.
gflop()
{
    tr '{' '\n' <"$1" | sed -n "s/.*\"part\": \"$2\", \"layer\": \"$3\".*\"gflop\": \([0-9.]*\).*/\1/p"
}
profiled()
{
    # shellcheck disable=SC2086
    ./generate -m "$model" -q --seconds 0.64 --json --profile -o profiled.wav "$@" "a bell" >profile
}
# Twice the steps are twice the operations of the UNet but for the text's keys and values.
steps_double()
{
    profiled -t 1 --steps 2 && one=$(gflop profile unet "3x3 convolution") &&
        profiled -t 2 --steps 4 && two=$(gflop profile unet "3x3 convolution") &&
        awk "BEGIN { d = $two - 2 * $one; exit !($one > 0 && d * d < 1e-9) }"
}
claim "--profile changes no sample"           sh -c './generate -m "$0" -q --seconds 0.64 --steps 2 -o plain.wav "a bell"' "$model"
claim "--profile: a run"                      profiled --steps 2
claim "the same bytes"                        same plain.wav profiled.wav
claim "its shares add up to 100"              sh -c 'set -- $0; [ "$1" = 100.00 ] && [ "$2" -gt 12 ]' "$(percents profile)"
claim "its time is that of the computation"   sh -c 'awk "BEGIN { exit !($1 > 0 && $1 <= $2 + 0.001 && $1 > 0.5 * $2) }"' sh "$(sed 's/.*"profile": {"seconds": \([0-9.]*\).*/\1/' profile)" "$(sed 's/.*"compute_seconds": \([0-9.]*\).*/\1/' profile)"
claim "it counts operations by the formulas"  steps_double
claim "HiFi-GAN has 1-D convolutions"         sh -c './generate -m "$0" --seconds 0.64 --steps 1 --vocoder hifigan --profile -o p.wav x 2>e && grep -q "^vocoder 1-D convolution .*GFLOP/s" e && grep -q "^total .*100.00 %" e' "$model"
claim "--json is one line"                    sh -c './generate -m "$0" -q --steps 1 --seconds 0.64 --json x >j && [ "$(wc -l <j)" -eq 1 ]' "$model"
byte=$(printf '\377')
if : >"$byte" 2>/dev/null; then # some systems take no such name
    claim "and JSON whatever the file is called" sh -c './generate -m "$0" -q --steps 1 --seconds 0.64 --json -o "a\"\\$1.wav" x >j && grep -qF "$(printf '"'"'"a\\"\\\\\357\277\275.wav"'"'"')" j' "$model" "$byte"
fi
# ---- the best of several: the shipped model with the small ranking part of the golden vectors
programs join
./join ranked.tango "$model" "$tests/golden/rank/rank.tango" ||
    echo "FAIL  no ranked.tango"
ranked() { ./generate -m ranked.tango --steps 2 --seconds 0.64 --seed 3 "$@" 2>stderr </dev/null || { cat stderr; return 1; }; }
scores() { tr '{' '\n' <"$1" | sed -n 's/.*"score": \([-0-9.]*\),.*/\1/p'; }
order() { tr '{' '\n' <"$1" | sed -n 's/.*"sample": \([0-9]*\),.*/\1/p'; }
claim "--best needs a part for ranking"       expect 1 "has no part for ranking" --samples 2 --best 1 x
claim "and as many sounds"                    expect 2 "--best 3 of 2 sounds" --samples 2 --best 3 -m ranked.tango x
claim "and a prompt"                          expect 2 "--best judges by a prompt" --best 1 --latent stages/latent.npy
claim "all of five sounds, for comparison"    ranked -q --samples 5 -o all.wav "a dog barks"
claim "the best two of five"                  sh -c './generate -m ranked.tango --json --steps 2 --seconds 0.64 --seed 3 --samples 5 --best 2 -o best.wav "a dog barks" >j 2>stderr || { cat stderr; exit 1; }'
claim "are two files"                         test -s best_00.wav -a -s best_01.wav -a ! -e best_02.wav
claim "--json has all five scores"            sh -c '[ "$(tr "{" "\n" <j | grep -c "\"score\": ")" -eq 5 ] && [ "$(grep -o "\"file\": null" j | wc -l)" -eq 3 ]'
claim "from the highest to the lowest"        sh -c 'tr "{" "\n" <j | sed -n "s/.*\"score\": \([-0-9.]*\),.*/\1/p" >s && sort -rgu s | cmp s -'
claim "which are said"                        grep -q "wrote   best_00.wav .*score $(scores j | awk 'NR == 1 { printf "%.4f", $1 }').* (sample $(order j | head -n 1))" stderr
claim "the first is the best"                 same best_00.wav "all_0$(order j | sed -n 1p).wav"
claim "the second the next"                   same best_01.wav "all_0$(order j | sed -n 2p).wav"
claim "the best one may go anywhere"          sh -c './generate -m ranked.tango -q --steps 2 --seconds 0.64 --seed 3 --samples 5 --best 1 -o - "a dog barks" >one.wav && cmp one.wav best_00.wav'
claim "latents are judged too"                sh -c './generate -m ranked.tango -q --steps 2 --seconds 0.64 --seed 3 --samples 2 --dump two -o two.wav "a dog barks" && ./generate -m ranked.tango -q --seed 3 --latent two/latent.npy --best 1 -o judged.wav "a dog barks" && { cmp judged.wav two_00.wav || cmp judged.wav two_01.wav; }'
claim "another prompt has other scores"       sh -c './generate -m ranked.tango -q --json --seed 3 --latent two/latent.npy --best 2 -o a.wav rain >k && ./generate -m ranked.tango -q --json --seed 3 --latent two/latent.npy --best 2 -o b.wav "a bell" >l && ! cmp -s k l'
printf 'old' >keep.wav
claim "a failed run keeps the old output"     sh -c '! ./generate -m cut.tango -q -o keep.wav x 2>/dev/null && [ "$(cat keep.wav)" = old ]'
long=$(awk 'BEGIN { for (i = 0; i < 700; i++) printf "rain " }')
claim "a long prompt is cut with a warning"   sh -c './generate -m "$0" --steps 1 --seconds 0.64 -o c.wav "$1" 2>e && grep -q "was cut" e' "$model" "$long"
if [ -w /dev/full ]; then
    claim "-h of a full device is one, too"   sh -c './generate -h >/dev/full 2>e; [ $? -eq 1 ] && grep -q "writing failed" e'
    claim "a full device is an error"         sh -c '! ./generate -m "$0" -q --steps 1 --seconds 0.64 -o - x >/dev/full 2>e && grep -q writing e' "$model"
fi
if unshare -rm true 2>/dev/null; then
    mkdir small
    claim "a disk that is full in take 8"     unshare -rm sh -c 'mount -t tmpfs -o size=176k none small && cd small && ! ../plain --no-metadata -m "$0" -q --steps 1 -s 0.64 --samples 9 -o take.wav rain 2>../stderr && [ -s take_06.wav ] && [ "$(find . -type f | wc -l)" -eq 7 ]' "$model"
    claim "is one line that names it"         sh -c '[ "$(wc -l <stderr)" -eq 1 ] && grep -q "^error: take_07.wav: writing failed" stderr'
fi
case ${CFLAGS-} in
    *sanitize*) ;; # sanitizers themselves need more address space than the limit leaves
    *) claim "too little memory is one line"         sh -c '(ulimit -v 120000 && ! ./generate -m "$0" -q -t 1 --seconds 600 --steps 1 x 2>e) && [ "$(wc -l <e)" -eq 1 ]' "$model" ;;
esac
./generate -m "$model" -q --sampler ddim --steps 900 --seconds 10 --dump interrupted -o never.wav x 2>stderr &
job=$!
sleep 1
kill -INT $job
wait $job
claim "Ctrl-C ends with 130"                  test $? -eq 130
printf '{"prompt": "x", "steps": 900, "seconds": 60}\nx\n' >slow.txt
./generate -m "$model" -q --prompts slow.txt -o slow.wav 2>stderr &
job=$!
sleep 2
kill -TERM $job
wait $job
claim "a signal for a list"                   test $? -ge 130
claim "ends its line"                         test ! -e slow_01.wav -a ! -e slow_02.wav
claim "and leaves no WAV and no temporary"    sh -c '[ ! -e never.wav ] && [ -z "$(find . -name ".*" -type f)" ]'
finish
