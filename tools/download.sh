# shellcheck shell=sh disable=SC2015,SC2154
# download.sh: what the three download scripts share: options, messages, a lock, parallel
# workers, and a fetch that resumes, retries and verifies.       Sourced, not run. MIT-0
#
# POSIX shell. Everything a run writes lies in the output folder, its own state below
# .download there; a file appears under its final name only when it is whole. Names that
# come from outside are checked (safe_path, safe_name) before they touch the disk, and so
# is what a file is (wrong_kind). One run at a time has the folder (Lock). Nothing is
# written over a file that the command line names.
#
# Exit status of the scripts: 0 done, 1 failed, 2 wrong usage, 3 finished, but something
# was skipped, 130 or 143 after a signal.

LC_ALL=C
export LC_ALL
umask 022
set -u
unset CDPATH
program=$(basename -- "$0")
tab=$(printf '\t')
state=.download run='' scratch='' child='' pids='' drawer='' marks=0 locked=''
in_worker='' token='' cookies='' own='' host='' boot='' space=''
longest_wait=3600     # a server that asks for more patience than this is not waited for

# ---- Messages ------------------------------------------------------------------------

# Text from outside, safe for a terminal.
printable() { printf '%s' "$1" | tr -c ' -~' '?'; }

note() { [ -n "${opt_quiet-}" ] || printf '%s\n' "$(printable "$*")" >&2; }
warn() { printf 'warning: %s\n' "$(printable "$*")" >&2; }
fail() { printf 'error: %s\n' "$(printable "$*")" >&2; exit 1; }
usage_error() { printf 'usage error: %s\n' "$(printable "$*")" >&2; exit 2; }

# ---- Options -------------------------------------------------------------------------

# Options that every script knows, in the form of all option tables: letter or -, long
# name, name of the value or . for a switch, help. LIST options add up when repeated.
common_options='
o output-dir DIR where everything goes; made if missing
j jobs N parallel downloads (default 4)
- retries N tries again after a failure (default 5)
- retry-delay SECONDS first pause before a retry; doubles each time (default 5)
- timeout SECONDS gives up on a connection that is silent so long (default 60)
- base-url URL another place to fetch from, such as a mirror
n dry-run . say what would be fetched, fetch only lists
- json . one line for programs on standard output
q quiet . only warnings and errors
h help . this text'

option_rows() { printf '%s\n%s\n' "$options" "$common_options" | sed '/^ *$/d'; }

# dashes_to CHARACTER WORD: sets word with every - and _ turned into CHARACTER.
dashes_to()
{
    word=
    rest=$2
    while :; do
        case $rest in
        *[_-]*) word=$word${rest%%[_-]*}$1 rest=${rest#*[_-]} ;;
        *) word=$word$rest; return ;;
        esac
    done
}

print_help()
{
    printf 'usage: %s\n%s\n\n' "$usage" "$about"
    option_rows | while read -r letter name value help; do
        left="    --$name"
        [ "$letter" = - ] || left="-$letter, --$name"
        [ "$value" = . ] || left="$left $value"
        printf '  %-26s  %s\n' "$left" "$help"
    done
    [ -z "${after_help-}" ] || printf '\n%s\n' "$after_help"
}

# find_option WORD: sets found to the "name value" of the row whose letter or name is
# WORD.
find_option()
{
    found=
    while read -r letter name value help; do
        case $1 in '' | -) ;; "$letter" | "$name") found="$name $value"; return ;; esac
    done <<ROWS
$options
$common_options
ROWS
}

# set_option "NAME VALUE_NAME" VALUE
set_option()
{
    dashes_to _ "${1%% *}"
    variable=opt_$word
    if [ "${1#* }" = LIST ]; then
        eval "$variable=\"\${$variable-} \$2\""
    else
        eval "$variable=\$2"
    fi
}

# Reads the command line into opt_NAME variables and calls `operand WORD` for the rest.
parse_options()
{
    for row in $(option_rows | sed 's/^[^ ]* \([^ ]*\).*/\1/; s/-/_/g'); do
        eval "opt_$row="
    done
    while [ "$#" -gt 0 ]; do
        word=$1
        shift
        case $word in
        --) for word; do operand "$word"; done; break ;;
        --*)
            given=$word long=${word%%=*}
            dashes_to - "${long#--}"
            long=$word
            case $long in ? | '') found= ;; *) find_option "$long" ;; esac
            [ -n "$found" ] || usage_error "unknown option --$long; -h lists the options"
            case "$found $given" in
            *' . '*=*) usage_error "option --$long takes no value" ;;
            *' . '*) set_option "$found" 1 ;;
            *=*) set_option "$found" "${given#*=}" ;;
            *)
                [ "$#" -gt 0 ] || usage_error "option --$long needs a value"
                set_option "$found" "$1"
                shift ;;
            esac ;;
        -?*)
            cluster=${word#-}
            while [ -n "$cluster" ]; do
                short=${cluster%"${cluster#?}"} cluster=${cluster#?}
                find_option "$short"
                [ -n "$found" ] ||
                    usage_error "unknown option -$short; -h lists the options"
                [ "${found#* }" != . ] || { set_option "$found" 1; continue; }
                if [ -z "$cluster" ]; then
                    [ "$#" -gt 0 ] || usage_error "option -$short needs a value"
                    cluster=$1
                    shift
                fi
                set_option "$found" "$cluster"
                cluster=
            done ;;
        *) operand "$word" ;;
        esac
    done
    [ -z "$opt_help" ] || { print_help; exit 0; }
    jobs=$(whole jobs "${opt_jobs:-4}" 1 256) || exit
    retries=$(whole retries "${opt_retries:-5}" 0 100) || exit
    retry_delay=$(whole retry-delay "${opt_retry_delay:-5}" 0 3600) || exit
    timeout=$(whole timeout "${opt_timeout:-60}" 1 86400) || exit
    [ -z "$opt_base_url" ] || check_url base-url "$opt_base_url"
    [ -n "$opt_output_dir${opt_list-}" ] || no_output
}

no_output() { usage_error '-o DIR is needed: where everything goes'; }

# absolute FILE: its path wherever this script goes.
absolute() { case $1 in /*) echo "$1" ;; *) echo "$(pwd)/$1" ;; esac; }

# whole NAME VALUE LOW HIGH: prints the value if it is a whole number in that range.
whole()
{
    case $2 in
    '' | *[!0-9]* | ??????????*) ;;
    *)
        number=$(printf '%s' "$2" | sed 's/^0*\(.\)/\1/')
        if [ "$number" -ge "$3" ] && [ "$number" -le "$4" ]; then
            echo "$number"
            return
        fi ;;
    esac
    usage_error "--$1: expected a whole number from $3 to $4, found \"$2\""
}

check_url()
{
    case $2 in
    *[!A-Za-z0-9._~:/?=\&%@+,-]*) ;;
    http://?* | https://?*) return ;;
    esac
    usage_error "--$1: expected http://... or https://..., found \"$2\""
}

# choices NAME LIST WORD...: the words of LIST (commas or spaces), each one of WORDs,
# once.
choices()
{
    choice_name=$1 list=$(printf '%s' "$2" | tr ',\n' '  ')
    shift 2
    set -f
    for item in $list; do
        case " $* " in
        *" $item "*) ;;
        *) usage_error "--$choice_name: expected some of $*, found \"$item\"" ;;
        esac
    done
    for item; do case " $list " in *" $item "*) printf '%s ' "$item" ;; esac; done
    set +f
}

# ---- What the machine has ------------------------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }

package_of()
{
    case $1 in
    yt-dlp) echo "package yt-dlp (pip install -U yt-dlp; distributions have old ones)" ;;
    7z) echo "package p7zip-full (Debian, Ubuntu), p7zip-plugins (Fedora)," \
        "sevenzip (brew)" ;;
    sha256sum | sha1sum | md5sum) echo "package coreutils, or openssl" ;;
    *) echo "package $1" ;;
    esac
}

has_tool()
{
    case $1 in
    7z) have 7z || have 7zz || have 7za ;;
    sha256sum | sha1sum | md5sum) have "$1" || have openssl ;;
    *) have "$1" ;;
    esac
}

# need TOOL...: names every missing one with the package that brings it, then fails.
need()
{
    missing=
    for tool; do
        has_tool "$tool" && continue
        missing="$missing $tool"
        printf 'error: %s is missing: %s\n' "$tool" "$(package_of "$tool")" >&2
    done
    [ -z "$missing" ] || exit 1
}

# hex_digest ALGORITHM: of standard input.
hex_digest()
{
    if have "${1}sum"; then "${1}sum"; else openssl dgst "-$1" -r; fi | sed 's/[ *].*//'
}

file_size() { if [ -f "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi; }

# larger A B: A > B, for sizes; the numbers of some shells end at 2147483647.
larger() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 > b + 0) }'; }

# digest_matches FILE KIND:HEX    kinds: sha256, md5, git (the id git gives to a file)
digest_matches()
{
    case $2 in
    git:*)
        found=$({ printf 'blob %s\000' "$(file_size "$1")"; cat -- "$1"; } |
            hex_digest sha1) ;;
    sha256:*) found=$(hex_digest sha256 <"$1") ;;
    md5:*) found=$(hex_digest md5 <"$1") ;;
    *) return 0 ;;
    esac
    [ "$found" = "${2#*:}" ]
}

# wrong_kind FILE NAME: says what it is if that cannot be what NAME promises.
wrong_kind()
{
    start=$(dd if="$1" bs=256 count=1 2>/dev/null | tr -cd ' -~' |
        tr '[:upper:]' '[:lower:]')
    start=${start#"${start%%[! ]*}"}
    case $start in
    'version https://git-lfs.github.com/spec/'*)
        echo 'a Git LFS pointer, not the file that it stands for'
        return ;;
    '<!doctype html'* | '<html'* | '<head'* | '<body'*) echo 'an HTML page'; return ;;
    '<?xml'*) echo 'an XML text, as servers send with an error'; return ;;
    esac
    case $2 in
    *.json)
        end=$(tail -c 256 -- "$1" | tr -d ' \n\r\t\000')
        case $start${end#"${end%?}"} in
        '{'*'}' | '['*']') ;;
        *) echo 'no JSON text, or cut short' ;;
        esac ;;
    *.flac | *.wav)
        case $start in
        flac* | riff* | rf64* | id3*) ;;
        *) echo 'neither FLAC nor WAV' ;;
        esac ;;
    esac
}

# ---- Names from outside --------------------------------------------------------------

# safe_name NAME: may become the name of a file.
safe_name()
{
    case $1 in '' | .* | *[!A-Za-z0-9._-]*) return 1 ;; esac
    [ "${#1}" -le 200 ]
}

# safe_path PATH: relative, every part a safe name.
safe_path()
{
    case $1 in '' | /* | */ | *//* | .* | */.* | *[!A-Za-z0-9._/-]*) return 1 ;; esac
    [ "${#1}" -le 1000 ]
}

# Makes a folder below the output folder. A link there could lead out of it.
make_folder()
{
    grown=.
    for part in $(printf '%s' "$1" | tr / ' '); do
        grown=$grown/$part
        [ ! -L "$grown" ] || fail "$grown: is a link; nothing is written through it"
        mkdir -- "$grown" 2>/dev/null || [ -d "$grown" ] ||
            fail "$grown: cannot make this folder"
    done
}

# is_input FILE: one that the user gave this run to read, under any name.
is_input()
{
    for input in "${opt_token_file-}" "$cookies"; do
        # shellcheck disable=SC3013 # POSIX since 2024; every shell named here has it
        [ -n "$input" ] && [ "$1" -ef "$input" ] && return 0
    done
    return 1
}

# flush FILE: status 1 where the disk says that it has not got it all. GNU sync takes a
# file; where it does not, the system writes when it likes.
flush()
{
    flushed=$(sync -- "$1" 2>&1) && return
    case $flushed in *'No space'* | *uota* | *'nput/output'*) return 1 ;; esac
}

# publish TEMPORARY TARGET: the whole file gets its name in one step. First it moves
# beside its target: that may be another file system, where to move is to copy.
publish()
{
    case $2 in */*) beside=${2%/*}/.${2##*/}.part ;; *) beside=.$2.part ;; esac
    if is_input "$2"; then
        stop_all "$2: is an input of this run; nothing is written over it"
        return 1
    fi
    [ ! -d "$2" ] || { stop_all "$2: a folder has the name of a file"; return 1; }
    [ ! -d "$beside" ] && mv -f -- "$1" "$beside" && flush "$beside" &&
        mv -f -- "$beside" "$2" && return
    [ -d "$beside" ] || rm -f -- "$beside"
    stop_all "$2: cannot write"
    return 1
}

# ---- Start and end -------------------------------------------------------------------

# Enters the output folder and takes its lock; all paths are relative from here on.
begin()
{
    mkdir -p -- "$opt_output_dir" 2>/dev/null && cd -P -- "$opt_output_dir" ||
        fail "$opt_output_dir: cannot make or enter this folder"
    for report in gone.tsv failed.tsv; do
        ! is_input $report || fail "$opt_output_dir/$report: is an input of this run"
    done
    trap 'clean_up' EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM HUP
    take_lock
    # Under the lock: whoever made these is gone. What he started may still write there.
    rm -rf -- "$state"/run.* 2>/dev/null
    run=$state/run.$$.$begun
    mkdir -- "$run" && : >"$run/log" && : >"$run/ticks" && : >"$run/going" ||
        fail "$run: cannot write"
    scratch=$run/main
    mkdir -- "$scratch"
    [ -n "$token" ] || return 0
    token_header=$run/token
    (umask 077; printf 'Authorization: Bearer %s\n' "$token" >"$token_header") ||
        fail "$run: cannot write"
}

# ---- Lock ----------------------------------------------------------------------------
#
# Two locks, as neither is everywhere. The first is the kernel's, on .download/guard: it
# tells processes of other namespaces and, on network file systems that pass locks on,
# other hosts apart, and is free when the last process that has the file open is gone,
# whatever ended it. Workers and curl have it open, so a folder that one of them still
# writes into stays locked.
#
# The second is a folder, .download/lock, with one empty file whose name says who has it:
# "kernel" if he has the first lock too or "alone", host, boot, process namespace, process
# number, its start. It is for machines without the first, and tells others whom to wait
# for. It passes on by renaming that one file, which can succeed only once, and only from
# a process that is gone for certain: the name is unique, so no late comer can take a
# younger lock for the one he looked at.

# process_namespace PID: empty where there are none.
process_namespace()
{
    # shellcheck disable=SC2012 # readlink is not everywhere
    ls -l "/proc/$1/ns/pid" 2>/dev/null | sed -n 's/.*\[\([0-9]*\)\]$/\1/p'
}

# process_start PID: when it began, on a clock that nobody sets; "dead" of one that only
# waits to be buried; empty if it cannot be told.
process_start()
{
    if [ -r "/proc/$1/stat" ]; then
        sed 's/.*) //' "/proc/$1/stat" 2>/dev/null |
            awk '{ print $1 ~ /[ZX]/ ? "dead" : $20 }'
    elif [ ! -e /proc/self/stat ]; then
        ps -o lstart= -p "$1" 2>/dev/null | tr -cd 'A-Za-z0-9'
    fi
}

# Sets own, without its first word, and what of it others are compared with.
name_owner()
{
    host=$(uname -n | tr -c 'A-Za-z0-9.\n-' _ | cut -c 1-64)
    boot=$({ cat /proc/sys/kernel/random/boot_id || sysctl -n kern.bootsessionuuid; } \
        2>/dev/null | tr -cd 'A-Za-z0-9-')
    space=$(process_namespace self)
    # /proc may show another namespace, where this number is somebody else.
    begun=
    [ "$(process_namespace $$)" != "$space" ] || begun=$(process_start $$)
    own=$host+$boot+$space+$$+$begun
}

# is_dead NAME: for certain, its process is of this boot and namespace, and gone.
is_dead()
{
    IFS=+ read -r _ _ its_boot its_space its_pid its_start <<NAME
$1
NAME
    [ -n "$boot" ] && [ "$its_boot" = "$boot" ] && [ "$its_space" = "$space" ] || return 1
    process_gone "$its_pid" && return
    now_start=$(process_start "$its_pid")
    [ "$now_start" = dead ] ||
        { [ -n "$its_start" ] && [ -n "$now_start" ] &&
            [ "$now_start" != "$its_start" ]; }
}

# process_gone PID: kill fails for the processes of other users too.
process_gone()
{
    case $1 in '' | *[!0-9]*) return 1 ;; esac
    ! killed=$(kill -0 "$1" 2>&1) || return 1
    case $killed in *'o such process'*) ;; *) return 1 ;; esac
}

# kernel_lock FD: 0 taken, 1 held by somebody, 2 there is no such lock here.
kernel_lock()
{
    if have flock; then
        locking=$(flock -n "$1" 2>&1)
    elif have perl; then
        locking=$(perl -e 'open(F, ">>&=$ARGV[0]") or exit 2; flock(F, 6) and exit 0;
            exit($!{EWOULDBLOCK} ? 1 : 2)' "$1" 2>&1)
    elif have python3; then
        locking=$(python3 -c 'import fcntl, sys
try: fcntl.flock(int(sys.argv[1]), 6)
except BlockingIOError: sys.exit(1)
except OSError: sys.exit(2)' "$1" 2>&1)
    else
        return 2
    fi
    locking_status=$?
    # Some flock end with 1 for every reason, but are silent for this one only.
    [ $locking_status -le 1 ] && [ -z "$locking" ] || return 2
    return $locking_status
}

# take_guard: as kernel_lock, on a file that is still the one at its place: what this run
# writes through its descriptor can be read there. A second descriptor has to be refused;
# if not, the lock is a pretence.
take_guard()
{
    [ ! -L $state/guard ] && { [ -f $state/guard ] || [ ! -e $state/guard ]; } &&
        (: >>$state/guard) 2>/dev/null || return 2
    { command exec 9>>$state/guard; } 2>/dev/null || return 2
    kernel_lock 9 || return
    (printf '%s\n' "$own+$try" >&9) 2>/dev/null
    [ "$(tail -n 1 $state/guard 2>/dev/null)" = "$own+$try" ] || return 1
    (exec 8>>$state/guard && kernel_lock 8) && return 2
    return 0
}

# take_folder KIND: the second lock. 0 taken, 1 held, 2 not decided, try again.
take_folder()
{
    if mkdir $state/lock 2>/dev/null; then
        (: >"$state/lock/$1+$own") 2>/dev/null || return 2
        only_owner "$1+$own" && return
        rm -f -- "$state/lock/$1+$own"
        return 2
    fi
    if [ -L $state/lock ]; then
        # The lock of older scripts, a link to a process number.
        # shellcheck disable=SC2012
        owner=++++$(ls -ld $state/lock | sed 's/.* -> //')
        process_gone "${owner#++++}" || return 1
        rm -f $state/lock 2>/dev/null
        return 2
    fi
    find_owner
    if [ -z "$owner" ]; then    # its maker is about to write it, or gone
        sleep 1
        rmdir $state/lock 2>/dev/null
        return 2
    fi
    case $1$owner in kernelkernel+*) ;; *) is_dead "$owner" || return 1 ;; esac
    mv -- "$state/lock/$owner" "$state/lock/$1+$own" 2>/dev/null || return 2
    # What it started notices within a second, see watch.
    [ "$1" = kernel ] || sleep 2
    only_owner "$1+$own" || return 2
}

# Sets owner to the name in the folder; empty if there is none.
find_owner()
{
    owner=
    for file in "$state"/lock/*+*; do
        [ ! -e "$file" ] || owner=${file##*/}
    done
}

only_owner() { [ "$(echo "$state"/lock/*+*)" = "$state/lock/$1" ]; }

take_lock()
{
    name_owner
    try=0 waits=0
    while [ "$try" -lt 6 ] && [ "$waits" -lt 12 ]; do
        try=$((try + 1))
        # A run that ends may remove what this one has just made.
        (make_folder $state/parts) 2>/dev/null ||
            { [ "$try" -lt 6 ] || make_folder $state/parts; continue; }
        take_guard
        case $? in
        0) kind=kernel ;;
        2) kind=alone ;;
        *)
            # A process that is gone leaves children, for moments; of one in another
            # namespace not even that can be known.
            find_owner
            waits=$((waits + 1))
            if [ -n "$owner" ] && is_dead "$owner"; then
                try=$((try - 1))
            else
                case $owner in *"+$boot+$space+"*) at_work '' ;; esac
                [ "$try" -lt 3 ] || at_work ''
            fi
            exec 9>&-
            sleep 1
            continue ;;
        esac
        take_folder "$kind"
        case $? in
        0) locked=$kind+$own; return ;;
        1) at_work "; if it is gone for certain, remove $opt_output_dir/$state/lock" ;;
        esac
        exec 9>&-
    done
    [ "$waits" -lt 12 ] || fail "$opt_output_dir: what a run that was killed had started\
 is still at work here"
    fail "$opt_output_dir/$state: cannot write"
}

# at_work HINT: ends the script, as the owner has the folder.
at_work()
{
    IFS=+ read -r _ its_host _ _ its_pid _ <<NAME
$owner
NAME
    fail "$opt_output_dir: process ${its_pid:-?} is at work here\
${its_host:+, on $its_host}; one at a time$1"
}

clean_up()
{
    [ -n "$locked" ] || return 0
    [ -z "$run" ] || rm -rf -- "$run"
    rm -f -- "$state/lock/$locked"
    rmdir $state/lock 2>/dev/null || :
    # Last, and while it is held: whoever waits for it finds out, see take_guard.
    rm -f $state/guard
    rmdir $state/parts $state 2>/dev/null || :
}

interrupted()
{
    trap '' INT TERM HUP
    [ -z "$run" ] || stop_all stopped     # for a worker too young to hear the signal
    rm -f -- "$run"/mark*
    # shellcheck disable=SC2086 # a list of process numbers
    [ -z "$child$pids" ] || kill $child $pids $drawer 2>/dev/null
    wait
    printf '\n%s: stopped; the same command goes on from here\n' "$program" >&2
    clean_up
    trap - EXIT     # in some shells its status would be the one that counts
    exit "$1"
}

# Ends all workers after the item that each has in hand; the first message is kept. A full
# disk may have no room for a new file or a word, but for another name.
stop_all()
{
    mv -- "$run/going" "$run/stop" 2>/dev/null || return 0
    (printf '%s\n' "$1" >"$run/stop") 2>/dev/null || :
}

stopped() { [ -e "$run/stop" ]; }

check_stop()
{
    stopped || return 0
    [ -s "$run/stop" ] || fail "$opt_output_dir: disk full"
    fail "$(cat "$run/stop")"
}

# A command that a signal to this shell ends too. What it writes goes to the folder of
# this run, which nobody else uses, so it does not hold the lock.
run_child()
{
    "$@" 9>&- &
    follow_child $!
}

# One that writes beside the folder of this run, and holds the lock as long as it lives.
run_writer()
{
    "$@" &
    follow_child $!
}

follow_child()
{
    child=$1
    [ -n "$in_worker" ] || watch_over "$child"
    wait "$child"
    child_status=$?
    child=
    [ -n "$in_worker" ] || rm -f -- "$mark"
    return "$child_status"
}

# full_disk FILE: a tool said so in FILE, or had no room to say anything; that ends the
# run. A probe that stayed would be room for the next one.
full_disk()
{
    (printf '%9999s' '' | cat >"$scratch/probe") 2>/dev/null && rm -f "$scratch/probe" &&
        ! grep -aq 'No space left' "$1" && return 1
    stop_all "$scratch: disk full"
}

pause() { [ "$1" -eq 0 ] || run_child sleep "$1"; }

# watch PID...: ends them when this script is gone by kill -9; a run that ended otherwise
# removed the mark. Marks, as a signal to a shell that has only just begun may be lost.
watch()
{
    while kill -0 $$; do
        [ -e "$mark" ] || return
        sleep 1
    done
    [ ! -e "$mark" ] || kill "$@"
}

# watch_over PID...: from now on, until the mark is removed.
watch_over()
{
    marks=$((marks + 1)) mark=$run/mark$marks
    : >"$mark"
    watch "$@" 9>&- >/dev/null 2>&1 &
}

# ---- Workers -------------------------------------------------------------------------

# record STATUS SUBJECT REASON: what became of one item.
record()
{
    printf '%s\t%s\t%s\n' "$1" "$2" "$(printable "$3")" >>"$run/log" ||
        stop_all "$run/log: cannot write; is the disk full?"
}

count()
{
    awk -F "$tab" -v word="$1" '$1 == word { n++ } END { print n + 0 }' "$run/log"
}

# worker FUNCTION LIST K: calls FUNCTION with every line of LIST whose number is K mod
# jobs.
worker()
{
    pids='' in_worker=1
    trap 'kill ${child:-} 2>/dev/null; exit 143' TERM
    scratch=$run/worker$3
    mkdir -p -- "$scratch"
    awk -v n="$jobs" -v k="$3" 'NR % n == k' "$2" >"$scratch/list" || exit 1
    while IFS= read -r line <&3; do
        ! stopped || break
        "$1" "$line"
        printf . >>"$run/ticks"
    done 3<"$scratch/list"
}

# run_workers FUNCTION LIST: all lines, on $jobs workers at a time.
run_workers()
{
    : >"$run/ticks"
    pids='' number=0
    while [ "$number" -lt "$jobs" ]; do
        worker "$1" "$2" "$number" &
        pids="$pids $!"
        number=$((number + 1))
    done
    workers=$pids
    # shellcheck disable=SC2086
    watch_over $workers
    if [ -z "$opt_quiet" ] && [ -t 2 ]; then
        draw_progress "$(wc -l <"$2")" 9>&- &
        drawer=$!
    fi
    ended_well=1
    for pid in $workers; do wait "$pid" || ended_well=; done
    pids=
    rm -f -- "$mark"
    if [ -n "$drawer" ]; then
        wait "$drawer"
        drawer=
        progress_line "$(wc -l <"$2")"
        echo >&2
    fi
    check_stop
    [ -n "$ended_well" ] && [ "$(file_size "$run/ticks")" -eq "$(wc -l <"$2")" ] ||
        fail "a worker ended early; the same command goes on from here"
}

progress_line()
{
    spent=$(($(date +%s) - started))
    awk -v done="$(file_size "$run/ticks")" -v total="$1" -v spent="$spent" '
        BEGIN {
            full = total > 0 ? int(30 * done / total) : 30
            for (i = 0; i < 30; i++) bar = bar (i < full ? "#" : "-")
            line = sprintf("\r[%s] %d/%d", bar, done, total)
            if (done > 0 && spent > 0) {
                left = int(spent / done * (total - done) + 0.5)
                line = line sprintf("  %.3g it/s", done / spent)
                line = line sprintf("  ETA %d:%02d", left / 60, left % 60)
            }
            printf "%s\033[K", line
        }' >&2
}

draw_progress()
{
    started=$(date +%s)
    while [ -e "$mark" ] && kill -0 $$ 2>/dev/null; do
        progress_line "$1"
        sleep 1
    done
}
started=$(date +%s)

# ---- Fetching ------------------------------------------------------------------------

# Seconds to wait before try number $1 (from 1): what the server asked for in the headers
# of its answer, else the first pause doubled each time, a little longer for later
# workers.
wait_before()
{
    asked=$(tr -d '\r' <"$scratch/headers" 2>/dev/null | awk '
        /^HTTP\// { seconds = "" }
        tolower($1) == "retry-after:" && $2 ~ /^[0-9]+$/ { seconds = $2 }
        END { print seconds }')
    awk -v asked="$asked" -v first="$retry_delay" -v try="$1" -v place="$scratch" \
        -v top="$longest_wait" '
        BEGIN {
            sub(/.*[^0-9]/, "", place)
            seconds = first * (1 + (place % 16) / 32)
            for (i = 1; i < try && seconds < 600; i++) seconds *= 2
            if (seconds > 600) seconds = 600
            if (asked != "") seconds = asked + 0
            print int(seconds > top ? top : seconds)
        }'
}

# --token-file: the header goes to curl in a file, never on a command line that all can
# see.
use_token()
{
    [ -n "$opt_token_file" ] || return 0
    opt_token_file=$(absolute "$opt_token_file")
    [ -r "$opt_token_file" ] || fail "$opt_token_file: cannot read"
    token=$(head -n 1 -- "$opt_token_file" | tr -d ' \t\r')
    case $token in
    '' | *[!A-Za-z0-9._~+/=-]*) fail "$opt_token_file: its first line is no token" ;;
    esac
}

# One transfer into $part. Sets http (0 if none came) and reason; the status is curl's.
transfer()
{
    : >"$scratch/headers"
    protocols='=https'
    case $1 in http://*) protocols='=http,https' ;; esac
    set -- --fail --silent --show-error --location --globoff --max-redirs 10 \
        --proto "$protocols" --proto-redir "$protocols" --connect-timeout "$timeout" \
        --speed-limit 1 --speed-time "$timeout" --user-agent tango-download \
        --dump-header "$scratch/headers" --write-out '%{http_code}' \
        --output "$part" --url "$1"
    [ "$part_size" = 0 ] || set -- --continue-at "$part_size" "$@"
    [ -z "${token_header-}" ] || set -- --header "@$token_header" "$@"
    run_writer curl "$@" >"$scratch/http" 2>"$scratch/error"
    curl_status=$?
    http=$(sed 's/[^0-9]//g; s/^0*//' "$scratch/http")
    http=${http:-0}
    reason=$(sed -n '1s/^curl: //p' "$scratch/error")
    [ -n "$reason" ] || reason="curl ended with status $curl_status"
    return "$curl_status"
}

# fetch URL TARGET SIZE DIGEST: SIZE and DIGEST may be - for unknown. Returns 0 when
# TARGET is in place, 3 when the source no longer has it, 1 otherwise; reason says why.
#
# A part that is left over is continued only if something can tell that the whole is
# right. Each failure costs one try; tries start anew when a transfer brought a megabyte
# or more, so a connection that breaks every hour does not end a download of days.
fetch()
{
    url=$1 target=$2 want_size=$3 want_digest=$4
    part=$state/parts/$(printf '%s' "$target" | tr / +)
    [ ! -L "$part" ] || rm -f -- "$part"
    [ "$want_size$want_digest" != -- ] || rm -f -- "$part"
    tries=0 ranges=1
    while :; do
        # Where the server cannot go on in the middle, each try is from the start.
        [ -n "$ranges" ] || rm -f -- "$part"
        part_size=$(file_size "$part")
        if [ "$want_size" != - ] && larger "$part_size" "$want_size"; then
            rm -f -- "$part"
            part_size=0
        fi
        if [ "$part_size" != "$want_size" ] || [ ! -f "$part" ]; then
            transfer "$url"
        else
            curl_status=0 http=200
        fi
        if [ "$curl_status" -eq 0 ]; then
            verify_part
            case $? in
            0) publish "$part" "$target"; return ;;
            2) return 1 ;;
            esac
        else
            after_failure && return "$verdict"
        fi
        ! stopped || { reason='stopped'; return 1; }
        ! grew_by_a_megabyte || tries=0
        tries=$((tries + 1))
        [ "$tries" -le "$retries" ] || return 1
        pause "$(wait_before "$tries")"
    done
}

grew_by_a_megabyte()
{
    larger "$(file_size "$part")" \
        "$(awk -v n="$part_size" 'BEGIN { printf "%.0f", n + 1e6 }')"
}

# Size, digest and kind of a transfer that ended well; what is wrong is thrown away.
# After status 2 it is of no use to try again: it is what the source published.
verify_part()
{
    part_now=$(file_size "$part")
    if [ ! -f "$part" ] && ! : >"$part"; then
        stop_all "$part: cannot write"
        return 1
    fi
    if [ "$want_size" != - ] && larger "$want_size" "$part_now"; then
        reason="$part_now bytes came, expected $want_size"
        return 1
    fi
    right_digest=
    if [ "$want_size" != - ] && larger "$part_now" "$want_size"; then
        reason="$part_now bytes came, expected $want_size"
    else
        digest_matches "$part" "$want_digest" && right_digest=1
        reason=
        # What stays below the state is read by this script, which looks for itself.
        case $target in "$state"/*) ;; *) reason=$(wrong_kind "$part" "$target") ;; esac
        [ -n "$right_digest$reason" ] ||
            reason="the ${want_digest%%:*} digest is not the one published"
        [ -n "$reason" ] || return 0
    fi
    rm -f -- "$part"
    [ "$want_digest" = - ] || [ -z "$right_digest" ] || return 2
    return 1
}

# Is it of no use to try again? Then verdict is what fetch returns.
after_failure()
{
    verdict=1
    case $http in
    404 | 410 | 451) reason="gone from the source (HTTP $http)" verdict=3; return 0 ;;
    401 | 403)
        reason="the source refuses (HTTP $http): a licence to accept or a token is needed"
        return 0 ;;
    416) rm -f -- "$part"; return 1 ;;
    400 | 405 | 406 | 407 | 409 | 41[1-9]) reason="HTTP $http"; return 0 ;;
    4?? | 5??) reason="HTTP $http" ;;
    esac
    case $curl_status in
    23) stop_all "$part: cannot write; is the disk full?"; return 0 ;;
    3 | 1) return 0 ;;
    33 | 36) ranges= ;;
    esac
    return 1
}

# ---- Lists of files ------------------------------------------------------------------

# json_flat FILE: every scalar of a JSON text as "path<TAB>value"; strings keep their
# escapes. Words are not looked at, so the NaN and Infinity of Python do no harm. The text
# comes in short chunks and leaves as it comes, names and paths are cut, so the time is
# linear in the text whatever it holds.
json_flat()
{
    tr '\000\n\r\t' '\001   ' <"$1" | fold -b -w 256 |
        awk -v bom="$(printf '\357\273\277')" '
        function bad(what) {
            print "not valid JSON: " what | "cat 1>&2"
            failed = 1
            exit 1
        }
        function begin_scalar(   path, i) {
            if (expect != "value" && expect != "first") bad("a value where none belongs")
            path = ""
            for (i = 1; i <= depth && i <= 8; i++) path = path (i > 1 ? "." : "") name[i]
            if (depth > 8) path = path "..."
            printf "%s\t", path
        }
        function end_scalar() {
            print ""
            expect = depth ? "comma" : "end"
        }
        function mark(c) {
            if (c == "{" || c == "[") {
                if (expect != "value" && !(expect == "first" && kind[depth] == "["))
                    bad("a bracket where none belongs")
                if (++depth > 64) bad("nested deeper than 64")
                kind[depth] = c
                name[depth] = 0
                expect = "first"
            } else if (c == "}" || c == "]") {
                if (!depth || kind[depth] != (c == "}" ? "{" : "[") ||
                    (expect != "comma" && expect != "first")) bad("brackets do not match")
                depth--
                expect = depth ? "comma" : "end"
            } else if (c == ",") {
                if (expect != "comma") bad("a comma where none belongs")
                if (kind[depth] == "[") { name[depth]++; expect = "value" }
                else expect = "key"
            } else {
                if (expect != "colon") bad("a colon where none belongs")
                expect = "value"
            }
        }
        function quote() {
            if (depth && kind[depth] == "{" && (expect == "key" || expect == "first")) {
                name[depth] = ""
                mode = "name"
            } else {
                begin_scalar()
                mode = "text"
            }
        }
        function unquote() {
            if (mode == "text") end_scalar()
            else expect = "colon"
            mode = ""
        }
        function put(s) {
            if (index(s, "\001")) bad("a NUL byte")
            if (mode != "name") printf "%s", s
            else if (length(name[depth]) < 64) name[depth] = name[depth] s
        }
        # Each takes what it knows from the front of a chunk and returns the rest.
        function outside(s,   c) {
            if (match(s, /^[-+.0-9a-zA-Z]+/)) {
                if (mode == "") {
                    if (expect == "first" && kind[depth] == "{")
                        bad("a name without quotes")
                    begin_scalar()
                    mode = "word"
                }
                put(substr(s, 1, RLENGTH))
                return substr(s, RLENGTH + 1)
            }
            if (mode == "word") { end_scalar(); mode = "" }
            if (match(s, /^ +/)) return substr(s, RLENGTH + 1)
            c = substr(s, 1, 1)
            if (c == "\"") quote()
            else if (index("[]{},:", c)) mark(c)
            else bad("an odd character")
            return substr(s, 2)
        }
        function inside(s,   at, c) {
            at = escaped ? 1 : match(s, /["\\]/)
            if (!at) { put(s); return "" }
            c = substr(s, at, 1)
            if (c == "\"" && !escaped) {
                put(substr(s, 1, at - 1))
                unquote()
            } else {
                put(substr(s, 1, at))
                escaped = !escaped
            }
            return substr(s, at + 1)
        }
        BEGIN { expect = "value" }
        {
            s = $0
            if (NR == 1 && substr(s, 1, 3) == bom) s = substr(s, 4)
            while (s != "") s = mode == "text" || mode == "name" ? inside(s) : outside(s)
        }
        END {
            if (failed) exit 1
            if (mode == "word") end_scalar()
            else if (mode != "") bad("a string without an end")
            if (expect != "end") bad("it ends early")
        }'
}

# json_value FILE PATH: one scalar.
json_value()
{
    json_flat "$1" 2>/dev/null |
        awk -F "$tab" -v path="$2" '$1 == path { print $2; exit }'
}

# file_rows: from json_flat of a list of files, "name size digest" a line; columns by the
# names that the two hosts use.
file_rows()
{
    awk -F "$tab" '
        function flush() {
            if (row != "" && kind != "directory" && path != "" && size ~ /^[0-9]+$/)
                printf "%s\t%s\t%s\n", path, size, (digest == "" ? "-" : digest)
            path = size = digest = kind = ""
        }
        {
            key = $1
            sub(/^files\./, "", key)
            if (!match(key, /^[0-9]+/)) next
            if (substr(key, 1, RLENGTH) != row) { flush(); row = substr(key, 1, RLENGTH) }
            key = substr(key, RLENGTH + 2)
        }
        key == "type" { kind = $2 }
        key == "path" || key == "key" { path = $2 }
        key == "size" { size = $2 }
        key == "oid" && digest == "" && length($2) == 40 { digest = "git:" $2 }
        key == "lfs.oid" && length($2) == 64 { digest = "sha256:" $2 }
        key == "checksum" && $2 ~ /^md5:/ { digest = $2 }
        END { flush() }'
}

# add_file_rows JSON FILE: its file_rows at the end of FILE; else reason says why not.
add_file_rows()
{
    if ! json_flat "$1" >"$scratch/flat" 2>"$scratch/error"; then
        kind=$(wrong_kind "$1" list)
        reason="the list of files is $(head -n 1 "$scratch/error")${kind:+; it is $kind}"
        return 1
    fi
    file_rows <"$scratch/flat" >>"$2" || fail "$2: cannot write"
}

# list_hub REPOSITORY FOLDER FILE: the files in a folder of a Hugging Face repository, as
# file_rows; REPOSITORY is owner/name, with datasets/ before it for data. Returns as
# fetch.
list_hub()
{
    case $1 in datasets/*) kind_path=$1 ;; *) kind_path=models/$1 ;; esac
    page_url=$hub_url/api/$kind_path/tree/$revision${2:+/$2}
    : >"$3"
    page=0
    while [ "$page" -lt 100 ]; do
        page=$((page + 1))
        fetch "$page_url" "$scratch/page" - - || return
        add_file_rows "$scratch/page" "$3" || return 1
        next=$(tr -d '\r' <"$scratch/headers" |
            sed -n 's/^[Ll]ink: *<\([^>]*\)>; *rel="next".*/\1/p' | tail -n 1)
        case $next in
        "$hub_url"/*) page_url=$next ;;
        '') return 0 ;;
        *) reason="the list of files goes on at another place, $next"; return 1 ;;
        esac
    done
    reason='the list of files has more than 100 pages'
    return 1
}

# in_place TARGET SIZE DIGEST: the file is there already, whole as far as its size tells;
# --verify asks for its digest as well.
in_place()
{
    [ -f "$1" ] && [ ! -L "$1" ] || return 1
    [ "$2" = - ] || [ "$(file_size "$1")" = "$2" ] || return 1
    [ -z "$(wrong_kind "$1" "$1")" ] || return 1
    [ -z "${opt_verify-}" ] || digest_matches "$1" "$3"
}

# fetch_row "URL<TAB>TARGET<TAB>SIZE<TAB>DIGEST": a worker's item.
fetch_row()
{
    IFS=$tab read -r row_url row_target row_size row_digest <<ROW
$1
ROW
    if in_place "$row_target" "$row_size" "$row_digest"; then
        record kept "$row_target" -
        return
    fi
    fetch "$row_url" "$row_target" "$row_size" "$row_digest"
    case $? in
    0) record written "$row_target" - ;;
    3) record gone "$row_target" "$reason" ;;
    *) record failed "$row_target" "$reason" ;;
    esac
}

# show_troubles: each item that did not come, on standard error.
show_troubles()
{
    awk -F "$tab" '$1 == "gone" || $1 == "failed" { print $1 ": " $2 ": " $3 }' \
        "$run/log" >&2
}

# report NAME HEADER FILE: DIR/NAME, the lines of FILE sorted; none if there are none.
report()
{
    if [ -s "$3" ]; then
        { printf '%s\n' "$2" && sort -u "$3"; } >"$run/report" ||
            fail "$run/report: cannot write"
        publish "$run/report" "$1" && note "listed in $1"
    else
        rm -f -- "$1"
    fi
    check_stop
}

# The result: counts on standard output if asked for, else on standard error.
summary()
{
    written=$(count written) kept=$(count kept) gone=$(count gone)
    failures=$(count failed)
    total=$((written + kept + gone + failures))
    if [ -n "$opt_json" ]; then
        printf '{"total":%d,"done":%d,"written":%d,"kept":%d,"gone":%d,"failed":%d}\n' \
            "$total" $((written + kept)) "$written" "$kept" "$gone" "$failures"
    fi
    note "$total $1: $written written, $kept there already, $gone gone, $failures failed"
}

# The exit status that the counts of summary ask for.
finish()
{
    [ $((gone + failures)) -gt 0 ] || exit 0
    [ "$failures" -eq 0 ] || [ $((written + kept)) -gt 0 ] || exit 1
    exit 3
}

# need_space BYTES WHAT: fails early instead of in the middle of the night.
need_space()
{
    free=$(df -Pk . | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
    case $free in '' | *[!0-9]*) return 0 ;; esac
    ! larger "$1" "$free" ||
        fail "$opt_output_dir: $2 needs $(human_size "$1"),\
 only $(human_size "$free") are free"
}

human_size()
{
    awk -v n="$1" 'BEGIN {
        split("B kB MB GB TB", unit, " ")
        for (i = 1; n >= 1000 && i < 5; i++) n /= 1000
        printf (i > 1 ? "%.1f %s\n" : "%d %s\n"), n, unit[i]
    }'
}
