/* words.h: names that the headers of other people define as macros. What a tango header calls
   far, slots or min( must still compile after them, so each is defined here as something that
   no program survives; a macro with arguments bites only where a bracket follows, as in the
   originals. Collected from MinGW-w64 10, Qt 5.15, libX11 1.8, Arduino's AVR core 1.8, glibc's
   and libbsd's sys/ and Apple's open AssertMacros.h.

   The system headers that the tango headers ask for come first: they have names of their own. */
#include <assert.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#if defined __unix__ || defined __APPLE__
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#endif
#if defined __x86_64__ || defined __i386__
#include <immintrin.h>
#include <cpuid.h>
#endif
#undef major /* some C libraries define these three themselves */
#undef minor
#undef makedev
#undef environ
#undef alloca

/* Windows: minwindef.h, rpcndr.h, combaseapi.h, winnt.h, wingdi.h, winuser.h */
#define near @
#define far @
#define small @
#define hyper @
#define interface @
#define pascal @
#define cdecl @
#define NEAR @
#define FAR @
#define IN @
#define OUT @
#define OPTIONAL @
#define CONST @
#define VOID @
#define BOOL @
#define TRUE @
#define FALSE @
#define ERROR @
#define DELETE @
#define IGNORE @
#define INFINITE @
#define INTERFACE @
#define THIS @
#define PURE @
#define STRICT @
#define UNALIGNED @
#define ABSOLUTE @
#define RELATIVE @
#define ALTERNATE @
#define DIFFERENCE @
#define PLANES @
#define TECHNOLOGY @
#define CALLBACK @
#define OPAQUE @
#define WINDING @
#define HALFTONE @
#define LoadImage @
#define CreateFile @
#define DrawText @
#define GetObject @
#define GetMessage @
#define SendMessage @
#define FindText @
#define CopyFile @
#define MoveFile @
#define DeleteFile @
#define PlaySound @
#define min(a, b) @
#define max(a, b) @

/* Windows: dlgs.h and the C library of Microsoft and MinGW */
#define psh1 @
#define chx1 @
#define rad1 @
#define grp1 @
#define lst1 @
#define stc1 @
#define edt1 @
#define scr1 @
#define environ @
#define isascii @
#define toascii @
#define alloca(n) @

/* Qt: qobjectdefs.h, qglobal.h, qlogging.h */
#define slots @
#define signals @
#define emit @
#define forever @
#define foreach(variable, container) @
#define SLOT(a) @
#define SIGNAL(a) @
#define METHOD(a) @
#define Q_OBJECT @
#define Q_EMIT @
#define Q_SLOTS @
#define Q_SIGNALS @
#define Q_UNUSED(x) @
#define Q_ASSERT(x) @
#define qPrintable(s) @
#define qDebug @
#define qWarning @
#define qInfo @

/* X11: X.h, Xlib.h, Xutil.h, Xdefs.h */
#define None @
#define Bool @
#define Status @
#define Success @
#define Always @
#define Never @
#define True @
#define False @
#define Above @
#define Below @
#define Complex @
#define Convex @
#define Nonconvex @
#define CurrentTime @
#define Expose @
#define KeyPress @
#define KeyRelease @
#define FocusIn @
#define FocusOut @
#define FontChange @
#define GrayScale @
#define Unsorted @
#define YSorted @
#define Opposite @
#define NoValue @
#define NormalState @
#define XValue @
#define YValue @
#define ParentRelative @
#define CopyFromParent @
#define InputOnly @
#define InputOutput @
#define LineSolid @
#define FillSolid @
#define CapRound @
#define JoinRound @
#define QLength(d) @
#define LASTEvent @
#define LSBFirst @
#define MSBFirst @

/* Arduino: Arduino.h, binary.h, Print.h, WString.h, and the registers of avr-libc */
#define HIGH @
#define LOW @
#define INPUT @
#define OUTPUT @
#define PI @
#define HALF_PI @
#define TWO_PI @
#define DEG_TO_RAD @
#define RAD_TO_DEG @
#define EULER @
#define SERIAL @
#define DISPLAY @
#define CHANGE @
#define FALLING @
#define RISING @
#define DEFAULT @
#define EXTERNAL @
#define INTERNAL @
#define LSBFIRST @
#define MSBFIRST @
#define DEC @
#define HEX @
#define OCT @
#define BIN @
#define B0 @
#define B1 @
#define B00 @
#define B01 @
#define B10 @
#define B11 @
#define B1111 @
#define PA @
#define PB @
#define PC @
#define PD @
#define SP @
#define SREG @
#define F(s) @
#define abs(x) @
#define constrain(amt, low, high) @
#define round(x) @
#define radians(deg) @
#define degrees(rad) @
#define sq(x) @
#define interrupts() @
#define noInterrupts() @
#define lowByte(w) @
#define highByte(w) @
#define bit(b) @
#define bitRead(value, i) @
#define bitSet(value, i) @
#define bitClear(value, i) @
#define bitWrite(value, i, b) @
#define bitToggle(value, i) @
#define word(...) @

/* BSD: sys/param.h, sys/types.h, sys/time.h */
#define MIN(a, b) @
#define MAX(a, b) @
#define NBBY @
#define NODEV @
#define NOFILE @
#define NCARGS @
#define howmany(x, y) @
#define roundup(x, y) @
#define rounddown(x, y) @
#define powerof2(x) @
#define nitems(x) @
#define setbit(a, i) @
#define clrbit(a, i) @
#define isset(a, i) @
#define isclr(a, i) @
#define major(d) @
#define minor(d) @
#define makedev(a, b) @
#define timerclear(t) @
#define timerisset(t) @

/* macOS: AssertMacros.h, objc.h, MacTypes.h, ConditionalMacros.h */
#define check(x) @
#define check_string(x, m) @
#define verify(x) @
#define verify_action(x, a) @
#define require(x, l) @
#define require_string(x, l, m) @
#define require_action(x, l, a) @
#define ncheck(x) @
#define nrequire(x, l) @
#define nverify(x) @
#define debug_string(m) @
#define nil @
#define Nil @
#define YES @
#define NO @

/* Names that compilers define in GNU mode, complex.h */
#define linux @
#define unix @
#define i386 @
#define sun @
#define I @
#define complex @
#define imaginary @

/* newlib and Darwin: ctype.h */
#define _U @
#define _L @
#define _N @
#define _S @
#define _P @
#define _C @
#define _X @
#define _B @
