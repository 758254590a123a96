/* faults.c: what disks, file systems and other processes do to a program, on demand.
   MIT-0

       cc -shared -fPIC tests/faults.c -ldl -o faults.so
       LD_PRELOAD=./faults.so FAULT_READDIR=3 prepare ...

   FAULT_READDIR=K          the K-th name of a sound that readdir gives is EIO instead
   FAULT_STAT=TEXT          stat or lstat of a name that holds TEXT is EIO
   FAULT_OPEN=TEXT          opening one is EACCES
   FAULT_NAME=TEXT FAULT_RUN=COMMAND    when a name with TEXT is opened, or with
       FAULT_READS=N        behind the N-th read after that, a shell runs COMMAND, once
   FAULT_CLOCK=K FAULT_STEP=S   the K-th question for the time: an answer S seconds off */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64    /* as the programs: the names of the functions differ */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int asked(const char *variable, const char *name)
{
    const char *text = getenv(variable);
    return text && name && strstr(name, text) != NULL;
}

/* The function that a call would reach without this file, with 64-bit offsets. */
static void *next(const char *name)
{
    char large[40];
    snprintf(large, sizeof large, "%s64", name);
    void *function = dlsym(RTLD_NEXT, large);
    return function ? function : dlsym(RTLD_NEXT, name);
}

static long number(const char *variable)
{
    const char *text = getenv(variable);
    return text ? atol(text) : -1;
}

struct dirent *readdir(DIR *d)
{
    static struct dirent *(*real)(DIR *);
    static long seen;
    if (!real) *(void **)&real = next("readdir");
    struct dirent *e = real(d);
    if (!e || !strstr(e->d_name, ".wav") || number("FAULT_READDIR") < 0
        || ++seen < number("FAULT_READDIR")) return e;
    errno = EIO;
    return NULL;
}

int fstatat(int fd, const char *path, struct stat *info, int flags)
{
    static int (*real)(int, const char *, struct stat *, int);
    if (!real) *(void **)&real = next("fstatat");
    if (asked("FAULT_STAT", path)) { errno = EIO; return -1; }
    return real(fd, path, info, flags);
}

int stat(const char *path, struct stat *info)
{
    return fstatat(AT_FDCWD, path, info, 0);
}

int lstat(const char *path, struct stat *info)
{
    return fstatat(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
}

static int armed;                       /* FAULT_NAME was opened */

/* Runs the command if it is time. */
static void event(int read)
{
    static long reads;
    static int done;
    const char *command = getenv("FAULT_RUN");
    if (!armed || done || !command || (reads += read) < number("FAULT_READS")) return;
    done = 1;
    unsetenv("LD_PRELOAD");
    if (system(command) != 0) abort();
}

static int checked(const char *path)
{
    if (asked("FAULT_OPEN", path)) { errno = EACCES; return 0; }
    if (asked("FAULT_NAME", path)) armed = 1;
    event(0);
    return 1;
}

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list more;
    if (!real) *(void **)&real = next("open");
    va_start(more, flags);
    const unsigned mode = flags & O_CREAT ? va_arg(more, unsigned) : 0;
    va_end(more);
    return checked(path) ? real(path, flags, mode) : -1;
}

int openat(int fd, const char *path, int flags, ...)
{
    static int (*real)(int, const char *, int, ...);
    va_list more;
    if (!real) *(void **)&real = next("openat");
    va_start(more, flags);
    const unsigned mode = flags & O_CREAT ? va_arg(more, unsigned) : 0;
    va_end(more);
    return checked(path) ? real(fd, path, flags, mode) : -1;
}

ssize_t read(int fd, void *buffer, size_t size)
{
    static ssize_t (*real)(int, void *, size_t);
    if (!real) *(void **)&real = next("read");
    const ssize_t n = real(fd, buffer, size);
    event(1);
    return n;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    static long calls;
    if (!real) *(void **)&real = next("clock_gettime");
    const int result = real(clock, now);
    if (__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == number("FAULT_CLOCK"))
        now->tv_sec += number("FAULT_STEP");
    return result;
}
