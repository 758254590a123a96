#!/bin/sh
# test_languages.sh: the examples for Python, C++ and Lua in demo/, by the lines on top of them.
#
#     sh tests/test_languages.sh      needs a C compiler ($CC, or cc); what else is not installed is
#                                     skipped, and said

. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
ln -s "$top/tango.h" "$top/tango_io.h" "$top/tango_nn.h" "$top/tango_audio.h" . && mkdir demo &&
    ln -s "$top"/demo/* demo/ || exit 1
programs generate

# line FILE N: the N-th command of its comment on top, without its program's build
line() { grep -oE '^(# |--|//|) *(cc|c\+\+|python3|lua) .*' "$top/demo/$1" | sed 's/^[^a-z]*//' | sed -n "$2p"; }

# A run as printed ends well and makes a WAV of 2.56 s in the file $1.
makes()
{
    rm -f "$1"
    eval "$2" >said 2>stderr || { cat said stderr; return 1; }
    [ "$(head -c 4 "$1")" = RIFF ] && [ "$(wc -c <"$1")" -ge 81964 ] || { ls -l "$1"; return 1; }
}

if have "$cxx"; then
    build=$(line library.cpp 1)
    # shellcheck disable=SC2046,SC2086 # several words are meant
    claim "library.cpp has no warnings"       $cxx $(language c++11) $warnings $elsewhere -fsyntax-only -I"$top" "$top/demo/library.cpp"
    claim "C++: it makes a sound"             makes dog.wav "$cxx ${CFLAGS-} ${build#c++ }"
    claim "and says so"                       grep -qx "dog.wav: 2.56 s at 16000 Hz" said
    claim "an error is one line"              sh -c '! ./library x nowhere/x.wav 2>e && [ "$(wc -l <e)" -eq 1 ] && grep -q "^error: nowhere/x.wav" e'
fi
if have python3; then
    run=$(line pipe.py 1)
    claim "Python by a pipe: it makes sounds" sh -c "${run##*&& } >said"
    claim "and tells of them"                 grep -q "^heavy rain falls: 40960 samples at 16000 Hz, peak .*, seed 0" said
    claim "or writes them"                    sh -c 'printf "%s\n" "import sys" "sys.path.insert(0, \"demo\")" "from pipe import Generate" "print(Generate()(\"x\", steps=1, output=\"p.wav\")[1][\"files\"])" >p.py && python3 p.py | grep -qxF "['"'p.wav'"']" && [ -s p.wav ]'
    claim "an error is an exception"          sh -c 'printf "%s\n" "import sys" "sys.path.insert(0, \"demo\")" "from pipe import Generate" "g = Generate()" "try: g(\"x\", steps=0)" "except ValueError as e: print(e)" "print(len(g(\"x\", steps=1, seconds=0.32, progress=print)[0]), g.close())" >p.py && python3 p.py >said 2>&1; cat said; grep -q "^--steps: expected" said && grep -q "^5120 0$" said && grep -q "progress" said'
    case ${CFLAGS-} in
    *sanitize*) ;; # python3 itself would have to load the sanitizer
    *)
        build=$(line library.py 1)
        claim "a shared library of the header" sh -c "$cc ${build#cc }"
        claim "Python by ctypes: it makes a sound" makes dog.wav "$(line library.py 2)"
        claim "an error is an exception too"  sh -c '! python3 demo/library.py x y.wav demo/tiny.json 2>e && grep -q "RuntimeError: .*blob" e'
        ;;
    esac
else
    echo "skip  python3 is not there"
fi
for lua in lua5.4 lua luajit; do
    if have $lua; then
        run=$(line pipe.lua 1)
        run=${run##*&& lua }
        claim "$lua: it makes sounds"         makes sound_2.wav "$lua $run"
        claim "and tells of them"             grep -qx "heavy rain falls: sound_2.wav, 2.56 s" said
    else
        echo "skip  $lua is not there"
    fi
done
finish
