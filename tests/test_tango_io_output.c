/* cc -I.. test_tango_io_output.c -lm -o t && ./t     prints one line a claim

   Output that appears whole or not at all, on a system whose calls fail where a test says
   so: the header is compiled against the functions below instead of those of the system.
   The folder that the tests make in the current one, "test_tango_io_output.d", goes away
   again. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <stdlib.h>
#include <string.h>
#if !defined __unix__ && !defined __APPLE__
#include <stdio.h>
int main(void)
{
    printf("0 passed, 0 failed\n");
    return 0;
}
#else
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which call fails how: an errno, 0 for none. Calls of the file and of its folder count
   apart. */
typedef struct faults {
    int sync_file, sync_folder, close_file, open_folder, rename_file, write_file;
    size_t room;                /* bytes until writing fails */
    int syncs;                  /* how often the file was synchronised */
} faults;
static faults fault;

static int fails(int reason)
{
    if (reason) errno = reason;
    return reason != 0;
}

static int is_folder(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

static int test_fsync(int fd)
{
    if (is_folder(fd)) return fails(fault.sync_folder) ? -1 : fsync(fd);
    fault.syncs++;
    return fails(fault.sync_file) ? -1 : fsync(fd);
}

static int test_close(int fd)
{
    int folder = is_folder(fd), r = close(fd);
    return !folder && fails(fault.close_file) ? -1 : r;
}

static int test_open(const char *path, int flags, ...)
{
    struct stat info;
    unsigned mode = 0;
    va_list list;
    va_start(list, flags);
    if (flags & O_CREAT) mode = va_arg(list, unsigned);
    va_end(list);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode) && fails(fault.open_folder))
        return -1;
    return open(path, flags, mode);
}

static int test_rename(const char *from, const char *to)
{
    return fails(fault.rename_file) ? -1 : rename(from, to);
}

static ssize_t test_write(int fd, const void *data, size_t size)
{
    if (!fault.write_file) return write(fd, data, size);
    if (size > fault.room) size = fault.room;
    fault.room -= size;
    if (size > 0) return write(fd, data, size);
    errno = fault.write_file;
    return -1;
}

#define fsync test_fsync
#define close test_close
#define open test_open
#define rename test_rename
#define write test_write
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"
#undef fsync
#undef close
#undef open
#undef rename
#undef write
#include "check.h"

static const char folder[] = "test_tango_io_output.d";
static const char path[] = "test_tango_io_output.d/x";
static tango_error error;

static int says(const char *part) { return strstr(error.text, part) != NULL; }

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "wb");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static int holds(const char *name, const char *text)
{
    char found[64];
    FILE *f = fopen(name, "rb");
    size_t n = f ? fread(found, 1, sizeof found - 1, f) : 0;
    if (f) fclose(f);
    found[n] = 0;
    return f && strcmp(found, text) == 0;
}

static size_t files_there(void)
{
    const struct dirent *e;
    size_t n = 0;
    DIR *d = opendir(folder);
    while (d && (e = readdir(d)) != NULL)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d) closedir(d);
    return n;
}

/* Writes "new" over "old" under the faults set, which are gone afterwards. */
static tango_result replace(void)
{
    tango_io_output output;
    tango_result r;
    error.text[0] = 0;
    put(path, "old");
    r = tango_io_create(&output, path, &error);
    if (r == TANGO_OK) r = tango_io_write(&output, "new", 3, &error);
    if (r == TANGO_OK) r = tango_io_commit(&output, &error);
    tango_io_abandon(&output);
    memset(&fault, 0, sizeof fault);
    return r;
}

static void a_folder_that_cannot_be_synchronised_takes_files(void)
{
    static const int reasons[] = { EINVAL, EBADF, ENOTSUP, EOPNOTSUPP, ENOSYS };
    size_t i;
    for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        fault.sync_folder = reasons[i];
        CHECK(replace() == TANGO_OK && holds(path, "new") && files_there() == 1);
    }
}

static void a_folder_that_may_not_be_read_takes_files(void)
{
    fault.open_folder = EACCES;
    CHECK(replace() == TANGO_OK && holds(path, "new") && files_there() == 1);
    fault.open_folder = EPERM;
    CHECK(replace() == TANGO_OK && holds(path, "new") && files_there() == 1);
    chmod(folder, 0333);                        /* no fault: the system's own answer */
    CHECK(replace() == TANGO_OK && holds(path, "new"));
    chmod(folder, 0755);
    CHECK(files_there() == 1);
}

static int old_file_stays(const char *words)
{
    tango_result r = replace();
    if (r == TANGO_ERROR_FILE && says(words) && holds(path, "old") && files_there() == 1)
        return 1;
    printf("    %d \"%s\", %zu files\n", (int)r, error.text, files_there());
    return 0;
}

static void each_failure_before_the_new_name_leaves_the_old_file(void)
{
    fault.sync_file = EIO;
    CHECK(old_file_stays("completing the file failed"));
    fault.sync_file = EINVAL;
    CHECK(old_file_stays("completing the file failed"));
    fault.close_file = EIO;
    CHECK(old_file_stays("completing the file failed"));
    fault.open_folder = EMFILE;
    CHECK(old_file_stays("completing the file failed"));
    fault.open_folder = EIO;
    CHECK(old_file_stays("completing the file failed"));
    fault.rename_file = EIO;
    CHECK(old_file_stays("completing the file failed"));
    fault.rename_file = EXDEV;
    fault.open_folder = EACCES;
    CHECK(old_file_stays("completing the file failed"));
    fault.write_file = ENOSPC;
    CHECK(old_file_stays("writing failed"));
    fault.write_file = EIO;
    fault.room = 2;
    CHECK(old_file_stays("writing failed"));
}

static void short_writes_are_continued(void)
{
    tango_io_output output;
    char text[64];
    memset(text, 'a', sizeof text);
    text[63] = 0;
    CHECK(tango_io_create(&output, path, &error) == TANGO_OK);
    fault.write_file = ENOSPC;
    fault.room = 63;
    CHECK(tango_io_write(&output, text, 63, &error) == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_OK && holds(path, text));
    memset(&fault, 0, sizeof fault);
}

static void a_failed_synchronisation_is_final(void)
{
    tango_io_output output;
    fault.sync_file = EIO;
    put(path, "old");
    CHECK(tango_io_create(&output, path, &error) == TANGO_OK);
    CHECK(tango_io_commit(&output, &error) == TANGO_ERROR_FILE);
    CHECK(tango_io_commit(&output, &error) == TANGO_ERROR_FILE);
    tango_io_abandon(&output);
    CHECK(fault.syncs == 1 && holds(path, "old") && files_there() == 1);
    memset(&fault, 0, sizeof fault);
}

static void what_fails_behind_the_new_name_says_that_the_file_is_complete(void)
{
    fault.sync_folder = EIO;
    CHECK(replace() == TANGO_ERROR_FILE && says("complete, but"));
    CHECK(holds(path, "new") && files_there() == 1);
}

/* ---- Which outputs a run may have ------------------------------------------------- */

static tango_result check(const char *output, const char *other)
{
    const char *others[3] = { NULL, NULL, NULL };
    others[1] = other;
    error.text[0] = 0;
    return tango_io_output_check(output, others, 3, &error);
}

static void an_output_that_is_an_input_is_refused_in_every_spelling(void)
{
    char here[2048], whole[2200];
    put(path, "old");
    CHECK(getcwd(here, sizeof here) != NULL);
    snprintf(whole, sizeof whole, "%s/%s", here, path);
    CHECK(check(path, path) == TANGO_ERROR_ARGUMENT && says("the same file as"));
    CHECK(check(whole, path) == TANGO_ERROR_ARGUMENT);
    CHECK(check("./test_tango_io_output.d//x", path) == TANGO_ERROR_ARGUMENT);
    CHECK(check("test_tango_io_output.d/../test_tango_io_output.d/x", path) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(check(path, NULL) == TANGO_OK);
    CHECK(check("test_tango_io_output.d/y", path) == TANGO_OK);
}

static void links_to_an_input_are_refused_and_links_elsewhere_are_not(void)
{
    put(path, "old");
    put("test_tango_io_output.d/y", "other");
    CHECK(symlink("x", "test_tango_io_output.d/soft") == 0);
    CHECK(link(path, "test_tango_io_output.d/hard") == 0);
    CHECK(symlink(".", "test_tango_io_output.d/around") == 0);
    CHECK(symlink("nothing", "test_tango_io_output.d/lost") == 0);
    CHECK(check("test_tango_io_output.d/soft", path) == TANGO_ERROR_ARGUMENT);
    CHECK(check(path, "test_tango_io_output.d/soft") == TANGO_ERROR_ARGUMENT);
    CHECK(check("test_tango_io_output.d/hard", path) == TANGO_ERROR_ARGUMENT);
    CHECK(check(path, "test_tango_io_output.d/hard") == TANGO_ERROR_ARGUMENT);
    CHECK(check("test_tango_io_output.d/around/x", path) == TANGO_ERROR_ARGUMENT);
    CHECK(check("test_tango_io_output.d/soft", "test_tango_io_output.d/y") == TANGO_OK);
    CHECK(check("test_tango_io_output.d/lost", path) == TANGO_OK);
    CHECK(check("test_tango_io_output.d/around/new", "test_tango_io_output.d/new") ==
          TANGO_ERROR_ARGUMENT);                /* two outputs, neither there yet */
    CHECK(check("test_tango_io_output.d/around/new", "test_tango_io_output.d/old") ==
          TANGO_OK);
    remove("test_tango_io_output.d/y");
    remove("test_tango_io_output.d/soft");
    remove("test_tango_io_output.d/hard");
    remove("test_tango_io_output.d/around");
    remove("test_tango_io_output.d/lost");
}

static void standard_streams_are_files_when_they_lead_to_one(void)
{
    int input = dup(0), output = dup(1), file, null = open("/dev/null", O_RDWR);
    tango_result in, out, both, device;
    put(path, "old");
    file = open(path, O_RDWR);
    fflush(stdout);
    dup2(file, 0);
    in = check(path, "-");
    dup2(null, 0);
    dup2(file, 1);
    out = check("-", path);
    dup2(file, 0);
    both = check("-", "-");
    dup2(null, 0);
    dup2(null, 1);
    device = check("-", "-");
    dup2(input, 0);
    dup2(output, 1);
    close(file);
    close(null);
    close(input);
    close(output);
    CHECK(in == TANGO_ERROR_ARGUMENT && out == TANGO_ERROR_ARGUMENT);
    CHECK(both == TANGO_ERROR_ARGUMENT && device == TANGO_OK);
}

static void what_cannot_be_made_is_said_before(void)
{
    char longer[TANGO_IO_PATH_MAX + 2];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    CHECK(check("", path) == TANGO_ERROR_FILE && says("empty file name"));
    CHECK(check(longer, path) == TANGO_ERROR_FILE);
    CHECK(check(folder, path) == TANGO_ERROR_FILE && says("not a regular file"));
    CHECK(check("/dev/null", path) == TANGO_ERROR_FILE && says("not a regular file"));
    CHECK(check("test_tango_io_output.d/none/x", path) == TANGO_ERROR_FILE);
    CHECK(says("cannot create a file in the folder"));
    put(path, "old");
    CHECK(check("test_tango_io_output.d/x/y", NULL) == TANGO_ERROR_FILE);
    chmod(folder, 0555);
    if (access(folder, W_OK) != 0)              /* not for a superuser */
        CHECK(check(path, NULL) == TANGO_ERROR_FILE);
    chmod(folder, 0755);
    CHECK(check(path, NULL) == TANGO_OK);
}

int main(void)
{
    mkdir(folder, 0755);
    RUN(a_folder_that_cannot_be_synchronised_takes_files);
    RUN(a_folder_that_may_not_be_read_takes_files);
    RUN(each_failure_before_the_new_name_leaves_the_old_file);
    RUN(short_writes_are_continued);
    RUN(a_failed_synchronisation_is_final);
    RUN(what_fails_behind_the_new_name_says_that_the_file_is_complete);
    RUN(an_output_that_is_an_input_is_refused_in_every_spelling);
    RUN(links_to_an_input_are_refused_and_links_elsewhere_are_not);
    RUN(standard_streams_are_files_when_they_lead_to_one);
    RUN(what_cannot_be_made_is_said_before);
    remove(path);
    rmdir(folder);
    return CHECK_DONE();
}
#endif
