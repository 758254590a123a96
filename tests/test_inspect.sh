#!/bin/sh
# test_inspect.sh: what tools/inspect prints of each kind of file, and what it refuses.
#
#     sh tests/test_inspect.sh        needs a C compiler ($CC, or cc) and nothing else

. "$(dirname "$0")/lib.sh"
golden=$tests/golden
cd "$tmp" || exit 1
programs inspect convert

# says TEXT ARGUMENTS...: status 0, TEXT on stdout, nothing on stderr
says()
{
    text=$1
    shift
    ./inspect "$@" >stdout 2>stderr || { cat stderr; return 1; }
    [ ! -s stderr ] && grep -qF -- "$text" stdout || { echo "no '$text' in:"; cat stdout stderr; return 1; }
}

# refuses STATUS TEXT ARGUMENTS...: the status, one line on stderr that holds TEXT
refuses()
{
    want=$1 text=$2
    shift 2
    ./inspect "$@" >stdout 2>stderr
    status=$?
    [ "$status" -eq "$want" ] || { echo "status $status, expected $want"; cat stderr; return 1; }
    [ "$(wc -l <stderr)" -eq 1 ] || { echo "not one line:"; cat stderr; return 1; }
    grep -qF -- "$text" stderr || { echo "no '$text' in:"; cat stderr; return 1; }
}

# damaged FILE TEXT: the line names the file and an offset too
damaged()
{
    refuses 1 "$2" "$1" && grep -qF "error: $1: " stderr && grep -q "offset [0-9]" stderr || { cat stderr; return 1; }
}

# npy FILE DICTIONARY DATA: a version 1.0 file; the data as printf escapes
npy()
{
    size=$(printf '%03o' $((${#2} + 1)))
    { printf '\223NUMPY\1\0\'"$size"'\0%s\n' "$2"; printf "$3"; } >"$1"
}
head_of() { echo "{'descr': '$1', 'fortran_order': ${3-False}, 'shape': $2, }"; }

json_lines() { ./inspect --json "$@" | tr -d '\n' | grep -qE '^\{.*\}$'; }

# ---- NPY
npy f4.npy "$(head_of '<f4' '(2, 3)')" '\0\0\200\77\0\0\0\100\0\0\100\300\0\0\0\0\0\0\0\0\0\0\0\77'
claim "npy: shape and type"               says "2 x 3  f32  24 B" f4.npy
claim "npy: range and norm"               says "min -3  max 2  norm 3.77491722" f4.npy
claim "--json"                            says '"type": "f32", "shape": [2, 3], "min": -3, "max": 2' --json f4.npy
claim "--json is one object"              json_lines f4.npy
claim "--no-check reads the header only"  sh -c './inspect --no-check f4.npy >o && grep -q "2 x 3  f32" o && ! grep -q min o'
npy f2.npy "$(head_of '<f2' '(2,)')" '\0\74\0\300'
claim "npy: f2"                           says "2  f16  4 B  min -2  max 1" f2.npy
npy f8.npy "$(head_of '<f8' '()')" '\232\231\231\231\231\231\271\77'
claim "npy: f8, a scalar"                 says "scalar  f64  8 B  min 0.1  max 0.1" f8.npy
npy i1.npy "$(head_of '|i1' '(3,)')" '\200\177\0'
claim "npy: i1"                           says "3  i8  3 B  min -128  max 127" i1.npy
claim "npy: a filter is said to do nothing" sh -c './inspect i1.npy x 2>&1 | grep -q "note: the filter has no effect"'
npy i2.npy "$(head_of '<i2' '(2,)')" '\0\200\377\177'
claim "npy: i2"                           says "2  i16  4 B  min -32768  max 32767" i2.npy
npy i4.npy "$(head_of '<i4' '(2,)')" '\0\0\0\200\377\377\377\177'
claim "npy: i4"                           says "min -2147483648  max 2147483647" i4.npy
npy i8.npy "$(head_of '<i8' '(2,)')" '\1\0\0\0\0\0\0\200\377\377\377\377\377\377\377\177'
claim "npy: i8 exactly"                   says "min -9223372036854775807  max 9223372036854775807" i8.npy
claim "also as JSON"                      says '"min": -9223372036854775807, "max": 9223372036854775807' --json i8.npy
npy t8.npy "$(head_of '<i8' '(1,)')" '\0\0\112\144\210\13\302\141'   # 7044205447586906112
claim "npy: large i8 with .0 in its double" says "min 7044205447586906112 " t8.npy
npy u8.npy "$(head_of '<u8' '(2,)')" '\0\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377'
claim "npy: u8 exactly"                   says "min 0  max 18446744073709551615" u8.npy
npy b1.npy "$(head_of '|b1' '(3,)')" '\1\0\1'
claim "npy: b1"                           says "3  bool  3 B  min 0  max 1" b1.npy
npy nil.npy "$(head_of '<f4' '(0, 5)')" ''
claim "npy: no elements, no range"        sh -c './inspect nil.npy >o && grep -q "0 x 5  f32  0 B$" o'
npy order.npy "$(head_of '<i2' '(2, 2)' True)" '\1\0\2\0\3\0\4\0'
claim "npy: Fortran order"                says "npy, fortran order" order.npy
npy nan.npy "$(head_of '<f4' '(2,)')" '\0\0\300\177\0\0\0\0'
claim "NaN is named"                      says "NOT FINITE" nan.npy
claim "JSON has no NaN"                   says '"finite": false' --json nan.npy
{ printf '\223NUMPY\3\0\74\0\0\0%-59s\n' "{'shape':(1,),'fortran_order':False,'descr':'<f4'}"; printf '\0\0\0\0'; } >v3.npy
claim "npy: version 3.0, other order of keys" says "1  f32" v3.npy

head -c 80 f4.npy >cut.npy
claim "npy: cut"                          damaged cut.npy "npy"
{ cat f4.npy; printf x; } >long.npy
claim "npy: bytes left over"              damaged long.npy "npy"
npy object.npy "$(head_of '|O' '(1,)')" '\0\0\0\0\0\0\0\0'
claim "npy: objects are refused by name"  damaged object.npy "|O"
npy swap.npy "$(head_of '>f4' '(1,)')" '\0\0\0\0'
claim "npy: big-endian is refused by name" damaged swap.npy ">f4"
npy huge.npy "$(head_of '<f4' '(4294967296, 4294967296, 0)')" ''
claim "npy: a product over 2^63 beside a 0" damaged huge.npy "npy"
npy rank.npy "$(head_of '<f4' '(1, 1, 1, 1, 1, 1, 1, 1, 1)')" '\0\0\0\0'
claim "npy: rank 9"                       damaged rank.npy "npy"
npy twice.npy "{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}" '\0\0\0\0'
claim "npy: a key twice"                  damaged twice.npy "npy"
npy code.npy "{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}" '\0\0\0\0'
claim "npy: nothing is evaluated"         damaged code.npy "npy"

# ---- .pt
cp "$golden/models/v1/pytorch_model_vae.bin" vae.pt
chmod u+w vae.pt
claim "pt: a tensor of a state dictionary" says "decoder.conv_in.weight  18 x 8 x 3 x 3  f32  5.18 KB  min -0.00773670385" vae.pt
claim "pt: a filter"                      sh -c '[ "$(./inspect vae.pt decoder.conv_in | wc -l)" -eq 3 ]'
claim "pt: JSON"                          says '{"name": "decoder.conv_in.bias", "type": "f32", "shape": [18]' --json vae.pt
claim "pt: JSON is one object"            json_lines vae.pt
cp "$golden/wrapped/endless.pt" .
claim "pt: an expanded tensor is not counted through" says "8 x 10000000 x 16  f32  5.12 GB  not measured" endless.pt
claim "pt: nor in JSON"                   sh -c './inspect --json endless.pt >o && grep -q "10000000, 16.}" o'
claim "pt: one of few numbers is"         says "a  2 x 3  f32  24 B  min" "$golden/wrapped/expanded.bin"
head -c 600000 vae.pt >cut.pt
claim "pt: cut"                           damaged cut.pt "zip"
cp vae.pt flip.pt
printf '\125' | dd of=flip.pt bs=1 seek=300000 conv=notrunc 2>/dev/null
claim "pt: a changed number"              damaged flip.pt "CRC"
{ cat vae.pt; printf x; } >long.pt
claim "pt: bytes left over"               damaged long.pt "zip"
printf 'PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >none.pt
claim "pt: an empty archive"              refuses 1 "error: none.pt: " none.pt
printf 'PK\3\4' >four.pt
claim "pt: four bytes"                    damaged four.pt "zip"

# ---- PNG: 3 x 2, 16 bits, filters None and Up
{
    printf '\211PNG\r\n\32\n\0\0\0\15IHDR\0\0\0\3\0\0\0\2\20\0\0\0\0\350\217\345\205\0\0\0\26IDAT'
    printf '\170\234\143\140\140\147\144\370\377\237\211\201\201\201\221\201\21\0\21\156\2\13'
    printf '\46\275\0\225\0\0\0\0IEND\256\102\140\202'
} >grey.png
claim "png: 16-bit grey"                  says "2 x 3  u16  12 B  min 7  max 65535  norm 92501.0611" grey.png
claim "png: --no-check needs no pixels"   says "2 x 3  u16" --no-check grey.png
head -c 70 grey.png >cut.png
claim "png: cut"                          damaged cut.png "png"
cp grey.png flip.png
printf x | dd of=flip.png bs=1 seek=50 conv=notrunc 2>/dev/null
claim "png: a changed byte"               damaged flip.png "CRC"

# ---- blob
claim "- is standard input"               sh -c 'cat "$1" | ./inspect - --no-check >piped && ./inspect "$1" --no-check | tail -n +2 >mapped && tail -n +2 piped | cmp - mapped' - "$top/demo/tiny.tango"
claim "blob: values and tensors"          says "74 values, 758 tensors" --no-check "$top/demo/tiny.tango"
claim "blob: a filter, checked"           says "unet.conv_in.weight  32 x 9 x 8        f16   panels" "$top/demo/tiny.tango" unet.conv_in
claim "blob: JSON is one object"          json_lines --no-check "$top/demo/tiny.tango"
claim "blob: a model is not refused"      says '"refused": ""' --json --no-check "$top/demo/tiny.tango"
# a key of the configuration under another name, and the checksum of the header mended
cat >rename.c <<'EOF'
#define TANGO_IO_IMPLEMENTATION
#include "tango_io.h"
int main(int argc, char **argv)
{
    tango_io_file f;
    FILE *out = fopen(argc > 2 ? argv[2] : "", "wb");
    if (!out || tango_io_map(&f, argv[1], NULL) != TANGO_OK) return 1;
    unsigned char *b = (unsigned char *)malloc(f.size);
    memcpy(b, f.data, f.size);
    size_t header = (size_t)tango_io__u64(b + 16), i = 0;
    while (i < header && memcmp(b + i, "audio.hop", 10) != 0) i++;
    b[i + 6] = 'i';
    tango_io__put64(b + 40, tango_io__blob_header_sum(b, header));
    return fwrite(b, 1, f.size, out) != f.size || fclose(out) != 0;
}
EOF
# shellcheck disable=SC2086 # several words are meant
$cc ${CFLAGS-} -I"$top" -include stdlib.h -include string.h rename.c -o rename && ./rename "$top/demo/tiny.tango" other.tango
claim "blob: what generate refuses is said" refuses 1 "other.tango: model: no value 'audio.hop' in its metadata" --no-check other.tango
claim "it is listed all the same"         grep -q "758 tensors, .* numbers" stdout
cp "$top/demo/tiny.tango" bad.tango
chmod u+w bad.tango
printf '\377' | dd of=bad.tango bs=1 seek=9000000 conv=notrunc 2>/dev/null
claim "blob: a changed weight"            damaged bad.tango "does not match its checksum"
claim "the others are still listed"       grep -q "758 tensors, .* 1 damaged" stdout
printf '\377' | dd of=bad.tango bs=1 seek=9500000 conv=notrunc 2>/dev/null
claim "two changed weights are one line"  damaged bad.tango "and 1 more"
printf '\377' | dd of=bad.tango bs=1 seek=70 conv=notrunc 2>/dev/null
claim "blob: a changed header"            damaged bad.tango "blob"

# ---- what a model is made of
claim "a model's parts"                   says "  vocoder   HiFi-GAN, 64 mels, 0.949 M numbers in 194 tensors" --no-check "$top/demo/tiny.tango"
claim "its text encoder"                  grep -q "^  text      t5, 3 layers, width 128, 0.5581 M numbers in 30 tensors$" stdout
claim "its UNet"                          grep -q "^  unet      32 to 96 channels, 3.708 M numbers in 378 tensors$" stdout
claim "and what it does when asked for nothing" grep -q "^  defaults  ddim, 25 steps, guidance 3 rescaled 0.7, eta 0, 2.56 s, griffin-lim$" stdout
claim "the same in JSON"                  says '"defaults": {"sampler": "ddim", "steps": 25, "guidance": 3, "rescale": 0.69999999999999996, "eta": 0, "seconds": 2.5600000000000001, "crop": 0, "vocoder": "griffin-lim"}}' --json --no-check "$top/demo/tiny.tango"
claim "which is one object"               json_lines --no-check "$top/demo/tiny.tango"
claim "a filter lists what it finds, alone" sh -c './inspect --no-check "$0" unet.heads >o && ! grep -q defaults o' "$top/demo/tiny.tango"
./convert -q "$golden/models/v1" -o some.tango --only vae,vocoder || exit 1
claim "a part that is not there is not listed" says "  layout    tango" --no-check some.tango
claim "nor are defaults"                  sh -c 'grep -q "^  vae  " stdout && grep -q "^  vocoder  " stdout && ! grep -qE "^  (text|unet|rank|defaults)  " stdout'
claim "null in JSON"                      says '"defaults": null}' --json --no-check some.tango
claim "a part for ranking"                says "  rank      CLAP, " --no-check "$golden/rank/rank.tango"

# ---- blobs that tests/oracle/blob.py writes
python=${PYTHON:-python3}
if "$python" -c "import numpy" 2>/dev/null; then
    cat >write.py <<EOF
import sys; sys.path.insert(0, "$tests/oracle"); sys.dont_write_bytecode = True
import numpy as np
from blob import Blob, copy, panels, write
w, half = np.arange(945, dtype="f4").reshape(21, 5, 3, 3), np.arange(136, dtype="f2").reshape(17, 8)
write("made.tango", {"b.list": [3, 4], "a.number": 0.5, "c.bytes": b"\\0\\1\\2", "d.text": "spoken"},
      {"conv": panels(w), "linear": panels(half), "table": half, "bias": np.ones(3), "scalar": 2.5})
b = Blob("made.tango")
assert (b.tensors["conv"] == w.reshape(21, 5, 9).transpose(0, 2, 1)).all() and (b.tensors["linear"][:, 0] == half).all()
copy("made.tango", "again.tango")
assert open("made.tango", "rb").read() == open("again.tango", "rb").read()
EOF
    claim "blob.py reads what it wrote"   "$python" write.py
    ./inspect made.tango >made 2>stderr
    claim "its convolution is verified"   grep -q "conv *21 x 9 x 5 *f32 *panels .* 944 .* ok" made
    claim "its half floats too"           grep -q "linear *17 x 1 x 8 *f16 *panels .* 135 .* ok" made
    claim "a plain table, a scalar"       grep -q "table *17 x 8 *f16 *plain .* ok" made
    claim "its values"                    grep -q "d.text *string *.spoken." made
    claim "no tensor is damaged"          grep -q "5 tensors, 1221 numbers, .* 0 damaged" made
fi

# ---- other files, usage
: >empty
claim "an empty file"                     damaged empty "blob"
claim "another kind of file"              damaged "$tests/test_inspect.sh" "blob"
claim "a missing file"                    refuses 1 "error: nowhere.npy: " nowhere.npy
claim "a folder"                          refuses 1 "error: .: " .
mkfifo pipe
claim "a pipe is not waited for"          refuses 1 "pipe: not a regular file" pipe
name=$(printf 'e\033[31m.npy')
cp cut.npy "$name"
claim "a name is printed escaped"         refuses 1 'e\x1b[31m.npy: ' "$name"
long=$(printf '%0120d' 0).npy
cp cut.npy "$long"
claim "a long name is printed whole"      refuses 1 "error: $long: " "$long"
claim "also if the file is not there"     refuses 1 "error: 1$long: " "1$long"
claim "no file"                           refuses 2 "usage error" --json
claim "three operands"                    refuses 2 "usage error" a b c
claim "an unknown option"                 refuses 2 "unknown option" --nosuch f4.npy
claim "a value for a switch"              refuses 2 "takes no value" --json=1 f4.npy
claim "- and _ are equal"                 says "2 x 3" --no_check f4.npy
claim "-- ends options"                   refuses 1 "error: --json: " -- --json
claim "-h"                                says "usage: inspect" -h
if [ -w /dev/full ]; then
    claim "a full disk is an error"       sh -c './inspect f4.npy >/dev/full 2>e; [ $? -eq 1 ] && grep -q "writing failed" e'
fi
finish
