#!/bin/sh
# test_demos.sh: the programs encode, vae_infer, spectrogram and reconstruct of demo/: options,
# exit codes, the files they write. (generate has its own test.)
#
#     sh tests/test_demos.sh          needs a C compiler ($CC, or cc) and nothing else
# shellcheck disable=SC2016,SC2086 # $ is for the inner shell; several words are meant

. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
model=$top/demo/tiny.tango
fails() { echo "FAIL  $1 does not build"; echo "0 passed, 1 failed"; exit 1; }

programs encode vae_infer spectrogram reconstruct convert clips
./clips . 4 || exit 1       # 000.wav: 4000 samples, 16 kHz, 16 bits; 001.wav: 5000 frames, stereo

# wave FILE RATE_AND_BYTES_AS_ESCAPES COUNT: zeros, 16 bits
wave()
{
    { printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0'"$2"'\0\0\0\0\2\0\20\0data\377\377\377\377'; head -c "$3" /dev/zero; } >"$1"
}
wave slow.wav '\1\0\0\0' 2000
wave long.wav '\372\0\0\0' 330000       # 660 s at 250 Hz

# says TEXT COMMAND...: status 0, TEXT among what it prints
says()
{
    text=$1
    shift
    "$@" >stdout 2>stderr || { cat stderr; return 1; }
    cat stdout stderr >both
    grep -qF -- "$text" both || { echo "no '$text' in:"; cat both; return 1; }
}

# refuses STATUS TEXT COMMAND...: one line on stderr that holds TEXT, nothing on stdout; files
# named keep.* are as they were and no temporary file is left
refuses()
{
    want=$1 text=$2
    shift 2
    for file in keep.npy keep.pt keep.wav keep.png; do echo old >$file; done
    # A program that fails leaves its memory to the system.
    (export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" && "$@") >stdout 2>stderr
    status=$?
    [ "$status" -eq "$want" ] || { echo "status $status, expected $want"; cat stderr; return 1; }
    [ "$(wc -l <stderr)" -eq 1 ] || { echo "not one line:"; cat stderr; return 1; }
    grep -qF -- "$text" stderr || { echo "no '$text' in:"; cat stderr; return 1; }
    [ ! -s stdout ] || { echo "printed:"; cat stdout; return 1; }
    [ "$(cat keep.npy keep.pt keep.wav keep.png | sort -u)" = old ] || { echo "output changed"; return 1; }
    [ -z "$(find . -name '.?*')" ] || { find . -name '.?*'; return 1; }
}

# protects FILE COMMAND...: refused, because FILE is read; it is as it was
protects()
{
    precious=$1
    shift
    before=$(cksum <"$precious")
    refuses 1 "the same file as" "$@" && [ "$(cksum <"$precious")" = "$before" ]
}

# notes TEXT COMMAND...: status 0, and one note that says TEXT; with -q there is none
notes()
{
    text=$1
    shift
    says "note: $text" "$@" || return 1
    [ "$(grep -c '^note: ' stderr)" -eq 1 ] || { cat stderr; return 1; }
    "$@" -q >stdout 2>stderr && ! grep '^note: ' stderr
}

# at FILE OFFSET COUNT: those bytes as decimal numbers
at() { od -An -v -tu1 -j "$2" -N "$3" "$1" | tr -s ' \n' '  '; }
shape_is() { grep -aq "'descr': '<f4', 'fortran_order': False, 'shape': ($2)" "$1" || { head -c 128 "$1"; return 1; }; }
size_is() { [ "$(wc -c <"$1")" -eq "$2" ] || { wc -c "$1"; return 1; }; }
same() { cmp "$1" "$2"; }
differ() { ! cmp -s "$1" "$2"; }
png_is() { [ "$(at "$1" 16 10)" = "$2" ] || { at "$1" 16 10; return 1; }; }
wave_is() { [ "$(at "$1" 20 16)" = ' 1 0 1 0 128 62 0 0 0 125 0 0 2 0 16 0 ' ] && size_is "$1" "$2"; }
samples_differ() { tail -c +45 "$1" >a.raw; tail -c +45 "$2" >b.raw; ! cmp -s a.raw b.raw; }

encode() { ./encode -m "$model" "$@"; }
decode() { ./vae_infer -m "$model" "$@"; }
recode() { ./reconstruct -m "$model" "$@"; }

# ---- encode
claim "encode writes .npy"                says "wrote   a.npy  (8, 7, 16)  0.280 s of 000.wav" encode 000.wav -o a.npy
claim "(8, T/4, 16), T rounded up to 4 frames" shape_is a.npy "8, 7, 16"
claim "of f4"                             size_is a.npy $((128 + 4 * 8 * 7 * 16))
claim "encode writes .pt"                 encode -q -oa.pt 000.wav
claim "an archive"                        [ "$(at a.pt 0 4)" = ' 80 75 3 4 ' ]
claim "-q says nothing"                   sh -c '[ -z "$(./encode -m "$0" -q --output=b.npy 000.wav 2>&1)" ]' "$model"
claim "the same bytes again"              same a.npy b.npy
claim "--seconds pads"                    encode 000.wav -q -o b.npy --seconds 1
claim "to T = 100"                        shape_is b.npy "8, 25, 16"
claim "--seconds cuts"                    encode 003.wav -q -o b.npy -s 0.1
claim "to T = 12"                         shape_is b.npy "8, 3, 16"
claim "44.1 kHz stereo is resampled"      encode 001.wav -q -o b.npy
claim "T = 12 of 1815 samples"            shape_is b.npy "8, 3, 16"
claim "silence has a latent"              encode silent.wav -q -o b.npy
claim "and so have 100 samples"           encode short.wav -q -o b.npy
claim "--dump"                            encode 000.wav -q -o b.npy --dump stages
for line in "samples 4480," "mel 1, 1, 28, 64" "mean 1, 8, 7, 16" "logvar 1, 8, 7, 16" "latent 1, 8, 7, 16"; do
    claim "stages/${line%% *}.npy"        shape_is "stages/${line%% *}.npy" "${line#* }"
done
claim "the dumped latent is the latent"   sh -c 'tail -c 3584 a.npy >a.raw; tail -c 3584 stages/latent.npy | cmp - a.raw'
claim "--dump needs no output"            encode 000.wav -q --dump stages
claim "--sample is another latent"        sh -c './encode -m "$0" -q 000.wav -o s.npy --sample 1 && ! cmp -s s.npy a.npy' "$model"
claim "the same for the same seed"        sh -c './encode -m "$0" -q 000.wav -o t.npy --sample 1 && cmp s.npy t.npy' "$model"
claim "--window over the whole clip"      sh -c './encode -m "$0" -q 000.wav -o w.npy --window 32 && cmp w.npy a.npy' "$model"
claim "windows of a longer clip"          encode 002.wav -q -o w.npy --window 40
claim "of the full length"                shape_is w.npy "8, 19, 16"
claim "encode -h"                         says "usage: encode" ./encode -h
claim "no sound"                          refuses 2 "no sound file" encode -o keep.npy
claim "no output"                         refuses 2 "no output" encode 000.wav
claim "two sounds"                        refuses 2 "a second" encode 000.wav 001.wav -o keep.npy
claim "another suffix"                    refuses 2 ".npy or .pt" encode 000.wav -o keep.wav
claim "seconds 0"                         refuses 2 "--seconds" encode 000.wav -o keep.npy --seconds 0
claim "seconds nan"                       refuses 2 "--seconds" encode 000.wav -o keep.npy --seconds nan
claim "window 1"                          refuses 2 "--window" encode 000.wav -o keep.npy --window 1
claim "an unknown option"                 refuses 2 "unknown option" encode 000.wav -o keep.npy --loud
claim "a value that is missing"           refuses 2 "needs a value" encode 000.wav -o
claim "NaN in the sound"                  refuses 1 "nan.wav: holds NaN" encode nan.wav -o keep.npy
claim "a cut sound"                       refuses 1 "cut.wav: wav: data chunk of 1600 bytes at offset 44" encode cut.wav -o keep.npy
claim "a small file does not become a long sound" refuses 1 "slow.wav: 1000 samples at 1 Hz are too long" encode slow.wav -o keep.npy
claim "a clip of eleven minutes"          refuses 1 "long.wav: longer than 600 s" encode long.wav -o keep.npy
claim "an empty file"                     refuses 1 "error: empty.wav: " encode empty.wav -o keep.pt
claim "a missing file"                    refuses 1 "error: none.wav: no such file" encode none.wav -o keep.npy
claim "a folder is no sound"              refuses 1 "error: .: not a regular file" encode . -o keep.npy
claim "a sound is no model"               refuses 1 "error: 000.wav: " ./encode -m 000.wav 000.wav -o keep.npy
claim "a missing model"                   refuses 1 "error: none.tango: " ./encode -m none.tango 000.wav -o keep.npy
claim "a missing folder"                  refuses 1 "error: none/x.npy: " encode 000.wav -o none/x.npy
claim "a dump where a file is"            refuses 1 "cannot" encode 000.wav -o keep.npy --dump 000.wav/x
mkdir -p full.npy
claim "a folder is no output"             refuses 1 "full.npy: " encode 000.wav -o full.npy

# ---- outputs that are inputs
cp 000.wav in.wav && cp "$model" own.tango && cp a.npy in.npy
ln -s in.npy soft.npy && ln in.npy hard.npy && ln -s . around && ln in.npy hard.pt
claim "an output may not be the sound"    protects in.wav ./reconstruct -m "$model" in.wav -o in.wav
claim "nor in another spelling"           protects in.wav ./spectrogram in.wav -o around/.//in.wav
claim "nor the model"                     protects own.tango ./reconstruct -m own.tango 000.wav -o own.tango
claim "nor the model of a picture"        protects own.tango ./spectrogram -m own.tango 000.wav -o ./own.tango
claim "nor a latent"                      protects in.npy decode in.npy -o in.npy
claim "nor a link to it, which would be replaced" protects in.npy decode in.npy -o soft.npy
claim "the link is there still"           test -h soft.npy
claim "nor what a link leads to"          protects in.npy decode soft.npy -o in.npy
claim "nor a hard link"                   protects in.npy decode in.npy -o hard.npy
ln in.wav sound.npy && ln own.tango model.pt
claim "a sound named as a latent"         protects sound.npy encode sound.npy -o ./sound.npy
claim "a model named as a latent"         protects model.pt ./encode -m own.tango 000.wav -o model.pt
mkdir clash && ln in.wav clash/mel.npy
claim "a file of --dump"                  protects in.wav encode in.wav -q --dump clash
claim "leaves nothing beside it"          [ "$(ls clash)" = mel.npy ]
claim "the output and a file of --dump"   refuses 1 "the same file as" encode 000.wav --dump stages -o around/stages/latent.npy
claim "also in a folder that is new"      refuses 1 "the same file as" encode 000.wav --dump new -o new/mel.npy
claim "standard output that is the input" sh -c './reconstruct -m "$0" -q in.wav -o - 2>e >>in.wav; [ $? -eq 1 ] && cmp in.wav 000.wav && grep -q "the same file" e' "$model"
claim "a pipe is no file"                 sh -c './reconstruct -m "$0" -q in.wav -o - 2>e | cat >b.wav && [ -s b.wav ]' "$model"
claim "an output that cannot be made is said before the work" refuses 1 "cannot create a file in the folder none/" encode in.wav -o none/x.npy --dump stages
rm -f sound.npy model.pt

# ---- damaged sounds
claim "what is left of a cut sound is pointed to" refuses 1 '"sound convert --lenient" keeps what is whole' encode cut.wav -o keep.npy
claim "but not where there is no sound"   sh -c '! ./encode -m "$0" in.npy -o keep.npy 2>e && ! grep lenient e' "$model"

# ---- vae_infer
cat >turn.c <<'C'
/* turn IN.npy OUT.npy: (8, T, 16) f4 becomes f8 of (1, 8, 16, T); OUT.npy.f8 keeps the order */
#include <stdio.h>
#include <string.h>
static void head(FILE *f, const char *text)
{
    fwrite("\223NUMPY\1\0\166\0", 1, 10, f);
    fprintf(f, "%-117s\n", text);
}
int main(int argc, char **argv)
{
    static float x[8][7][16];
    char name[99];
    int c, h, w;
    double y;
    FILE *in = fopen(argv[argc - 2], "rb"), *out = fopen(argv[argc - 1], "wb"), *wide;
    sprintf(name, "%.90s.f8", argv[argc - 1]);
    wide = fopen(name, "wb");
    fseek(in, 128, SEEK_SET);
    if (fread(x, sizeof x, 1, in) != 1) return 1;
    head(out, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 8, 16, 7), }");
    head(wide, "{'descr': '<f8', 'fortran_order': False, 'shape': (8, 7, 16), }");
    for (c = 0; c < 8; c++)
        for (w = 0; w < 16; w++)
            for (h = 0; h < 7; h++) y = (double)x[c][h][w], fwrite(&y, 8, 1, out);
    for (c = 0; c < 8 * 7 * 16; c++) y = (double)x[0][0][c], fwrite(&y, 8, 1, wide);
    return fclose(out) | fclose(wide) | fclose(in);
}
C
$cc turn.c -o turn && ./turn a.npy turned.npy || exit 1
claim "vae_infer"                         says "wrote   a.wav  0.282 s  16000 Hz" decode a.npy -o a.wav
claim "160 T + 32 samples of 16 bits"     wave_is a.wav $((44 + 2 * (160 * 28 + 32)))
for line in "a.pt of encode" "stages/latent.npy with a batch axis" "turned.npy as f8 (1, 8, 16, T)" "turned.npy.f8 as f8 (8, T, 16)"; do
    claim "${line#* }: the same sound"    sh -c './vae_infer -m "$0" -q "$1" -o b.wav && cmp a.wav b.wav' "$model" "${line%% *}"
done
claim "-o - is standard output"           sh -c './vae_infer -m "$0" -q a.npy -o - >b.wav && cmp a.wav b.wav' "$model"
claim "--denormalize 0,1 changes nothing" sh -c './vae_infer -m "$0" -q a.npy -o b.wav --denormalize 0,1 && cmp a.wav b.wav' "$model"
claim "--denormalize"                     decode a.npy -q -o b.wav --denormalize=-4.63,2.74
claim "is another sound"                  samples_differ a.wav b.wav
claim "--vocoder griffin-lim"             decode a.npy -q -o g.wav --vocoder griffin-lim
claim "160 T samples"                     wave_is g.wav $((44 + 2 * 160 * 28))
claim "--seed"                            decode a.npy -q -o b.wav --vocoder griffin-lim --seed 5
claim "begins with other phases"          samples_differ g.wav b.wav
claim "what is too loud is lowered and said" says "16000 Hz  lowered by " decode a.npy -o l.wav --vocoder griffin-lim --denormalize 6,1
claim "or cut off and counted"            says " samples clipped" decode a.npy -o c.wav --vocoder griffin-lim --denormalize 6,1 --clip
claim "two different files"               sh -c '! cmp -s l.wav c.wav'
claim "--level"                           says "16000 Hz  raised by " decode a.npy -o l.wav --level peak=-0.5
claim "--rate, fades"                     says "0.282 s  48000 Hz" decode a.npy -o l.wav --rate 48000 --fade-in 0.1
claim "--trim"                            decode a.npy -q -o l.wav --trim
claim "no level of that name"             refuses 2 "--level: expected" decode a.npy -o keep.wav --level loud
claim "no player"                         refuses 1 "is needed, and PATH has none" env PATH= ./vae_infer -m "$model" a.npy -o keep.wav --play
claim "vae_infer -h"                      says "usage: vae_infer" ./vae_infer -h
for value in 1 1,2,3 nan,1 1,inf nan 0x1,1 "1, 2" "" 1e39,1 1,1e9 1,-101 , 1,; do
    claim "--denormalize '$value'"        refuses 2 "MEAN,STD" decode a.npy -o keep.wav --denormalize "$value"
done
claim "an expanded latent is no reason for 5 GB" refuses 1 ".contiguous()" decode "$tests/golden/wrapped/endless.pt" -o keep.wav
claim "a seed without phases is said"     notes "--seed has no effect" decode a.npy -o b.wav --seed 5
claim "no latent"                         refuses 2 "no latent" decode -o keep.wav
claim "no output"                         refuses 2 "no output" decode a.npy
claim "an unknown vocoder"                refuses 2 "--vocoder" decode a.npy -o keep.wav --vocoder x
claim "a mel is no latent"                refuses 1 "stages/mel.npy: shape" decode stages/mel.npy -o keep.wav
claim "samples are no latent"             refuses 1 "stages/samples.npy: 1 axes" decode stages/samples.npy -o keep.wav
head -c 3000 a.npy >cut.npy
claim "a cut latent"                      refuses 1 "cut.npy: npy: " decode cut.npy -o keep.wav
head -c 3000 a.pt >cut.pt
claim "a cut .pt"                         refuses 1 "cut.pt: zip: " decode cut.pt -o keep.wav
claim "a state dictionary"                refuses 1 "tensors, expected one" decode "$tests/golden/models/v1/pytorch_model_vae.bin" -o keep.wav
cp a.npy nan.npy
printf '\377\377\377\377' | dd of=nan.npy bs=1 seek=1000 conv=notrunc 2>/dev/null
claim "NaN in a latent"                   refuses 1 "nan.npy: holds NaN or infinity" decode nan.npy -o keep.wav
sed "s/'<f4'/'<i4'/" a.npy >ints.npy
claim "integers are no latent"            refuses 1 "expected floats, found i32" decode ints.npy -o keep.wav
claim "a missing latent"                  refuses 1 "none.npy: no such file" decode none.npy -o keep.wav
long=$(printf '%0100d' 0).npy
claim "a long name is printed whole"      refuses 1 "error: $long: no such file" decode "$long" -o keep.wav

# ---- spectrogram
claim "spectrogram writes a PNG"          says "wrote   a.png  104 x 256" ./spectrogram 000.wav -o a.png
claim "of floor(N/160) + 1 columns, 64 bands, 4 pixels each" png_is a.png ' 0 0 0 104 0 0 1 0 8 2 '
claim "-o - is standard output"           sh -c './spectrogram 000.wav -q -o - >b.png && cmp a.png b.png'
claim "--scale"                           ./spectrogram 000.wav -q -o b.png --scale 1
claim "a pixel a value"                   png_is b.png ' 0 0 0 26 0 0 0 64 8 2 '
claim "--axes"                            ./spectrogram 000.wav -q -o b.png --axes
claim "margins"                           differ a.png b.png
for colours in viridis greys; do
    claim "--colours $colours"            sh -c './spectrogram 000.wav -q -o b.png --colours "$0" && ! cmp -s a.png b.png' $colours
done
claim "--model with the same mel"         sh -c './spectrogram 000.wav -q -o b.png -m "$0" && cmp a.png b.png' "$model"
{
    printf 'RIFF\304\017\0\0WAVEfmt \020\0\0\0\003\0\001\0\200\076\0\0\0\372\0\0\004\0\040\0data\240\017\0\0'
    # shellcheck disable=SC2046 # several words are meant
    printf '\312\362\111\161%.0s' $(seq 1000) # 1e30
} >loud.wav
claim "no picture of nothing"                 refuses 1 "error: loud.wav: too loud for a mel spectrogram" ./spectrogram loud.wav -o keep.png
claim "--wave"                            ./spectrogram 000.wav -q -o b.png --wave
claim "which is above the bands"          says "104 x 352" ./spectrogram 000.wav -o b.png --wave
claim "--decibels"                        sh -c './spectrogram 000.wav -q -o b.png --decibels 20 && ! cmp -s a.png b.png'
claim "two sounds, one under the other"   says "104 x 512  0.250 s of 000.wav, 0.250 s of 000.wav" ./spectrogram 000.wav 000.wav -o b.png
claim "axes of all, one scale of colours" says "wrote   b.png  238 x 568" ./spectrogram 000.wav 000.wav -o b.png --axes
claim "without -o hertz on the left"      says "  1k|" ./spectrogram 000.wav
claim "17 sounds are too many"            refuses 2 "16 sounds at most" ./spectrogram 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 -o keep.png
claim "no range of 0 dB"                  refuses 2 "--decibels" ./spectrogram 000.wav -o keep.png -d 0
claim "nor over one of the sounds"        protects 000.wav ./spectrogram in.wav 000.wav -o 000.wav
claim "without -o a picture"              says "0.25 s" ./spectrogram 000.wav
claim "of 16 lines and one for the time"  [ "$(wc -l <stdout)" -eq 17 ]
claim "high tones above"                  sh -c 'sed -n 4p stdout | grep -q "^  4kHz|"'
claim "low tones below"                   sh -c 'sed -n 16p stdout | grep -q "^   125|@@@@@@@@@@@@@@@@@@@@@@@@@@$"'
claim "without colours in a file"         sh -c '! grep -q "$(printf "\033")" stdout'
claim "silence is drawn too"              ./spectrogram silent.wav
claim "a scale without a file is said"    notes "--scale has no effect" ./spectrogram 000.wav --scale 2
claim "colours of characters, too"        notes "--colours has no effect" ./spectrogram 000.wav --colours greys
claim "and characters of a file"          notes "--plain has no effect" ./spectrogram 000.wav -o a.png --plain
claim "a misspelt option: the nearest one" refuses 2 "unknown option --colors; did you mean --colours?" ./spectrogram --colors greys 000.wav
claim "or the one that begins so"         refuses 2 "did you mean --decibels?" ./spectrogram --deci 3 000.wav
claim "a word like none"                  refuses 2 "unknown option --zzz; -h lists" ./spectrogram --zzz 000.wav
claim "completion of a third shell"       refuses 2 "expected bash or zsh" ./spectrogram --completion fish
claim "completion for zsh"                says "{-o,--output}'[PNG to write; - is standard output]:FILE:_files'" ./spectrogram --completion zsh
claim "completion for bash"               says "complete -o default -F _spectrogram spectrogram" ./spectrogram --completion bash
if have bash; then
    claim "which completes"               bash -c 'eval "$(./spectrogram --completion bash)"; COMP_WORDS=(spectrogram --d) COMP_CWORD=1; _spectrogram; [ "${COMPREPLY[*]}" = --decibels ]'
fi
claim "spectrogram -h"                    says "usage: spectrogram" ./spectrogram -h
claim "no sound"                          refuses 2 "no sound file" ./spectrogram -o keep.png
claim "an unknown colour"                 refuses 2 "--colours" ./spectrogram 000.wav -o keep.png --colours red
claim "scale 65"                          refuses 2 "--scale" ./spectrogram 000.wav -o keep.png --scale 65
claim "NaN in the sound"                  refuses 1 "nan.wav: holds NaN" ./spectrogram nan.wav -o keep.png
claim "a cut sound"                       refuses 1 "error: cut.wav: " ./spectrogram cut.wav -o keep.png
claim "also without output"               refuses 1 "error: cut.wav: " ./spectrogram cut.wav
claim "a missing folder"                  refuses 1 "none/x.png: " ./spectrogram 000.wav -o none/x.png

# ---- standard input and output
claim "encode reads and writes streams"   sh -c './encode -m "$0" -q 000.wav -o s.npy && ./encode -m "$0" -q - -o - <000.wav >t.npy && cat 000.wav | ./encode -m "$0" -q - -o u.npy && cmp s.npy t.npy && cmp s.npy u.npy' "$model"
claim "so does vae_infer"                 sh -c './vae_infer -m "$0" -q s.npy -o s.wav && cat s.npy | ./vae_infer -m "$0" -q - -o - >t.wav && cmp s.wav t.wav' "$model"
claim "spectrogram"                       sh -c './spectrogram -q 000.wav -o s.png && cat 000.wav | ./spectrogram -q - -o - >t.png && cmp s.png t.png'
claim "reconstruct"                       sh -c './reconstruct -m "$0" -q 000.wav -o s.wav >s && cat 000.wav | ./reconstruct -m "$0" -q - -o - 2>t >t.wav && cmp s.wav t.wav && cmp s t' "$model"
claim "what is no sound is named"         refuses 1 "error: -: " sh -c './spectrogram - </dev/null'

# ---- reconstruct
claim "reconstruct prints the SNR"        says "SNR: " recode 000.wav -o r.wav
claim "in dB, then the mel distance"      sh -c 'tr "\n" " " <stdout | grep -qE "^SNR: -?[0-9]+\.[0-9]+ dB mel distance: [0-9]+\.[0-9]+ $"'
claim "160 T + 32 samples"                wave_is r.wav $((44 + 2 * (160 * 28 + 32)))
claim "--vocoder griffin-lim"             says "SNR: " recode 000.wav -q -o g.wav --vocoder griffin-lim
claim "has the nearer mel here"           awk '/mel/ { exit !($3 < 0.2) }' stdout
claim "160 T samples"                     wave_is g.wav $((44 + 2 * 160 * 28))
claim "--seed"                            recode 000.wav -q --vocoder griffin-lim -o h.wav --seed 1
claim "begins with other phases"          samples_differ g.wav h.wav
claim "-o - is standard output, the SNR goes to stderr" sh -c './reconstruct -m "$0" -q 000.wav -o - >b.wav 2>e && cmp r.wav b.wav && grep -q SNR e' "$model"
claim "a seed without phases is said"     notes "--seed has no effect" recode 000.wav -o h.wav --seed 1
# Full-scale samples of random sign: with other phases they no longer stay within full scale.
{ printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0\200\76\0\0\0\0\0\0\2\0\20\0data\0\175\0\0'
    printf "$(awk 'BEGIN { srand(1); for (i = 0; i < 16000; i++) printf "%s", rand() < 0.5 ? "\\0\\300" : "\\0\\100" }')"; } >signs.wav
claim "what is too loud is lowered and said" says "16000 Hz  lowered by " recode --vocoder griffin-lim signs.wav -o l.wav
claim "or cut off and counted"            says " samples clipped" recode --vocoder griffin-lim signs.wav -o c.wav --clip
claim "two different files"               sh -c '! cmp -s l.wav c.wav'
claim "--level"                           says "LUFS" recode --vocoder griffin-lim signs.wav -o l.wav --level lufs=-30
claim "a limit without a level"           refuses 2 "--limit is of" recode 000.wav -o keep.wav --limit -1
claim "reconstruct -h"                    says "usage: reconstruct" ./reconstruct -h
claim "no sound"                          refuses 2 "no sound file" recode -o keep.wav
claim "no output"                         refuses 2 "no output" recode 000.wav
claim "a seed of letters"                 refuses 2 "--seed" recode 000.wav -o keep.wav --seed x
claim "silence"                           refuses 1 "silent.wav: silent" recode silent.wav -o keep.wav
claim "NaN in the sound"                  refuses 1 "nan.wav: holds NaN" recode nan.wav -o keep.wav
claim "a cut sound"                       refuses 1 "error: cut.wav: " recode cut.wav -o keep.wav
claim "a missing folder"                  refuses 1 "none/x.wav: " recode 000.wav -o none/x.wav
if [ -w /dev/full ]; then
    claim "a full disk is an error"       sh -c './reconstruct -m "$0" -q 000.wav -o - >/dev/full 2>e; [ $? -eq 1 ] && grep -q "writing failed" e' "$model"
    claim "for the picture too"           sh -c './spectrogram 000.wav >/dev/full 2>e; [ $? -eq 1 ] && grep -q "writing failed" e'
fi
if [ -w /dev/full ]; then
    for program in encode vae_infer spectrogram reconstruct convert; do
        claim "$program -h, too"          sh -c './$0 -h >/dev/full 2>e; [ $? -eq 1 ] && grep -q "writing failed" e' $program
    done
fi
# ---- Ctrl-C while a file is written: the old one stays. As soon as its temporary one is there
# the signal comes.
wave hour.wav '\200\76\0\0' 9600000     # 300 s, whose picture takes a while
interrupted()
{
    echo old >keep.png
    ./spectrogram -q hour.wav hour.wav hour.wav hour.wav -o keep.png --scale 2 2>stderr &
    job=$!
    until [ -n "$(find . -name '.?*' -type f)" ]; do kill -0 $job || return 1; done
    kill -INT $job
    wait $job
    status=$?
    [ "$status" -eq 130 ] && [ "$(cat keep.png)" = old ] && [ -z "$(find . -name '.?*' -type f)" ] || { echo "$status"; cat stderr; return 1; }
}
claim "Ctrl-C while a picture is written" interrupted
# ---- outputs are looked at before anything is read
for line in "encode npy" "vae_infer wav" "reconstruct flac" "spectrogram png"; do
    program=${line% *} ending=${line#* }
    claim "$program: a folder that is not there" refuses 1 "none/x.$ending: " ./$program -m none.tango none.wav -o none/x.$ending
    [ $program = encode ] && continue # whose names end in .npy or .pt
    claim "$program: a folder"            refuses 1 ".: " ./$program -m none.tango none.wav -o .
    claim "$program: an empty name"       refuses 1 "empty file name" ./$program -m none.tango none.wav -o ""
done
for line in "vae_infer a.npy" "reconstruct 000.wav"; do
    for ending in mp3 ogg npy wave; do
        claim "${line% *}: .$ending is wrong usage" refuses 2 "ends in .wav or .flac, found \"x.$ending\"" \
            ./$line -m none.tango -o x.$ending
    done
done
claim "vae_infer writes FLAC"             says "wrote   a.flac" decode a.npy -o a.flac
claim "a smaller file"                    [ "$(wc -c <a.flac)" -lt "$(wc -c <a.wav)" ]
claim "which is read again"               says "SNR: " recode a.flac -o r.FLAC
claim "and written"                       [ "$(at r.FLAC 0 4)" = ' 102 76 97 67 ' ]
if have flac; then
    claim "flac finds the samples of the WAV" sh -c 'flac -d -s -f -o b.wav a.flac && cmp a.wav b.wav'
    claim "and accepts both"              flac -t -s a.flac r.FLAC
fi

# ---- models that hold only some parts
for parts in vae vocoder vae,vocoder text; do
    ./convert -q "$tests/golden/models/v1" -o $parts.tango --only $parts || fails $parts.tango
done
lacks() { refuses 1 "$1.tango: model: it has no $2, which this needs" "$3" -m $1.tango "$4" -o keep."$5"; }
claim "encode needs a vae"                lacks vocoder vae ./encode 000.wav npy
claim "and no more"                       says "wrote   v.npy" ./encode -m vae.tango 000.wav -o v.npy
claim "vae_infer needs both"              lacks text "vae, vocoder" ./vae_infer v.npy wav
claim "a vae"                             lacks vocoder vae ./vae_infer v.npy wav
claim "and a vocoder"                     lacks vae vocoder ./vae_infer v.npy wav
claim "and no more"                       says "wrote   v.wav" ./vae_infer -m vae,vocoder.tango v.npy -o v.wav
claim "or, with Griffin-Lim, the vae"     says "wrote   v.wav" ./vae_infer -m vae.tango v.npy -o v.wav --vocoder griffin-lim
claim "reconstruct needs a vocoder"       lacks vae vocoder ./reconstruct 000.wav wav
claim "and no more"                       says "SNR: " ./reconstruct -m vocoder.tango 000.wav -o v.wav
claim "or, with Griffin-Lim, none"        says "SNR: " ./reconstruct --vocoder griffin-lim -m vae.tango 000.wav -o v.wav
claim "but what a mel is"                 refuses 1 "text.tango: model: it has no vae or vocoder" ./reconstruct --vocoder griffin-lim -m text.tango 000.wav -o keep.wav
claim "as spectrogram does"               refuses 1 "text.tango: model: it has no vae or vocoder" ./spectrogram -m text.tango 000.wav -o keep.png
claim "which takes any of them"           ./spectrogram -m vae.tango 000.wav -o v.png

# ---- signals while a file is written: it is completed, and no temporary file stays
cat >signal.c <<'C'
#include <signal.h>
#include <stdlib.h>
int fsync(int fd) { (void)fd; raise(atoi(getenv("SIGNAL"))); return 0; }
C
case "$(uname) ${CFLAGS-}" in
*sanitize* | *static* | Darwin*) ;;
*)
    $cc -shared -fPIC signal.c -o signal.so || fails signal.c
    mkdir signals
    for number in 1 2 15; do
        for line in "./encode a.wav -o signals/x.npy" "./vae_infer a.npy -o signals/x.wav" \
            "./reconstruct --vocoder griffin-lim a.wav -o signals/x.wav" "./spectrogram a.wav -o signals/x.png"; do
            claim "signal $number: $line" sh -c \
                'SIGNAL=$0 LD_PRELOAD=./signal.so $2 -q -m "$1" && [ "$(ls -A signals | wc -l)" -eq 1 ] && rm signals/*' \
                $number "$model" "$line"
        done
    done
    ;;
esac
finish
