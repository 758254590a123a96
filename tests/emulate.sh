#!/bin/sh
# sh tests/emulate.sh PROGRAM [ARG...]
#
# Runs a statically linked x86-64 Linux program on a CPU that has AVX-512 with VNNI, emulated by
# Bochs (its model of Ice Lake), prints what the program printed and ends with its status: for
# machines whose own CPU lacks the instructions. A Linux kernel boots with the program as its
# only file: two minutes before it begins, and then some 50 million instructions a second.
#
#     gcc -O1 -static -DTANGO_NN_SMALL -I. tests/test_tango_nn.c -lm -o test_nn
#     sh tests/emulate.sh ./test_nn
#
# Needs Debian's packages bochs, bochsbios, vgabios, isolinux, syslinux-common, xorriso,
# busybox-static and cpio; the kernel is fetched by apt-get download into
# ${XDG_CACHE_HOME:-~/.cache}/tango-emulator.
set -u

fail()
{
    echo "emulate.sh: $*" >&2
    exit 125
}

[ "$#" -gt 0 ] || fail "usage: sh emulate.sh PROGRAM [ARG...]"
[ -f "$1" ] || fail "$1: no such file"
for tool in bochs xorriso busybox cpio; do
    command -v $tool >/dev/null || fail "$tool is missing (the packages stand in this file's head)"
done
shared=/usr/share/bochs syslinux=/usr/lib/syslinux/modules/bios
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tango-emulator
if [ ! -f "$cache/vmlinuz" ]; then
    mkdir -p "$cache/deb" || fail "$cache cannot be written"
    kernel=$(apt-cache depends linux-image-cloud-amd64 |
        sed -n 's/.*Depends: \(linux-image-[^ ]*cloud-amd64\)$/\1/p' | head -n 1)
    (cd "$cache/deb" && apt-get download -qq "${kernel:-none}" 2>/dev/null &&
        dpkg-deb -x linux-image-*.deb . && mv boot/vmlinuz-* "$cache/vmlinuz") ||
        fail "no kernel: apt-get download linux-image-cloud-amd64 and its image failed"
    rm -rf "$cache/deb"
fi

tmp=$(mktemp -d "${TMPDIR:-/tmp}/emulate.XXXXXX") || exit 125
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$tmp/root/bin" "$tmp/disc"
cp "$(command -v busybox)" "$tmp/root/bin/busybox"
cp "$1" "$tmp/root/program"
shift
{
    echo '#!/bin/busybox sh'
    printf 'set --'
    for word; do printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")"; done
    cat <<'END'

busybox=/bin/busybox
$busybox mkdir -p /proc /dev /tmp
$busybox mount -t proc proc /proc
$busybox mount -t devtmpfs dev /dev
/program "$@" >/tmp/out 2>&1
status=$?
# The kernel's log writes the serial port without interrupts.
echo "== begin" >/dev/kmsg
while read -r line; do echo "| $line" >/dev/kmsg; done </tmp/out
echo "== end $status" >/dev/kmsg
$busybox sleep 1
$busybox reboot -f
END
} >"$tmp/root/init"
chmod +x "$tmp/root/init" "$tmp/root/program"
(cd "$tmp/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$tmp/disc/initrd.gz" ||
    fail "cpio failed"
cp "$cache/vmlinuz" /usr/lib/ISOLINUX/isolinux.bin "$syslinux/ldlinux.c32" "$tmp/disc" ||
    fail "isolinux or syslinux-common is missing"
# Protection keys and compact XSAVE of this Bochs are not as the kernel expects them; it would
# switch AVX off.
cat >"$tmp/disc/isolinux.cfg" <<'END'
default only
prompt 0
timeout 0
label only
kernel vmlinuz
append initrd=initrd.gz console=ttyS0 loglevel=6 printk.devkmsg=on reboot=t mitigations=off lpj=1000000 tsc=reliable nosmp nopti nopcid noinvpcid nopku lsm=capability apparmor=0 clearcpuid=pku,xsaves,xsavec,fsrm,erms,umip,smap,smep
END
xorriso -as mkisofs -quiet -o "$tmp/disc.iso" -b isolinux.bin -c boot.cat -no-emul-boot \
    -boot-load-size 4 -boot-info-table "$tmp/disc" 2>/dev/null || fail "xorriso failed"
cat >"$tmp/bochsrc" <<END
cpu: model=corei7_icelake_u, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=1024, host=1024
romimage: file=$shared/BIOS-bochs-latest
vgaromimage: file=$shared/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$tmp/disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$tmp/serial
display_library: rfb, options="timeout=0"
log: $tmp/log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
clock: sync=none
END
echo c >"$tmp/continue" # the debugger of Debian's build waits for it
bochs -q -f "$tmp/bochsrc" -rc "$tmp/continue" </dev/null >"$tmp/said" 2>&1
# It ends with the triple fault that restarts the machine.
tr -d '\r' <"$tmp/serial" | sed -n 's/^\[ *[0-9.]*\] | //p'
status=$(tr -d '\r' <"$tmp/serial" | sed -n 's/^\[ *[0-9.]*\] == end \([0-9]*\)$/\1/p')
[ -n "$status" ] || fail "the program did not end: $(tail -n 1 "$tmp/serial")"
exit "$status"
