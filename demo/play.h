/* play.h: --play, a file is heard through the first player that is there: aplay (which
   reads no FLAC), paplay, afplay, ffplay. MIT-0. Include after cli.h. */
#ifndef TANGO_PLAY_H
#define TANGO_PLAY_H

#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *const play_names[] = { "aplay", "paplay", "afplay", "ffplay", NULL };

/* Whether a folder of PATH has this program. */
static inline int play_is_there(const char *name)
{
    const char *folder = getenv("PATH");
    while (folder != NULL && *folder) {
        const size_t n = strcspn(folder, ":");
        char path[4096];
        struct stat info;
        if (snprintf(path, sizeof path, "%.*s%s%s", (int)(n < 4000 ? n : 4000), folder,
                n > 0 ? "/" : "", name) < (int)sizeof path
            && access(path, X_OK) == 0 && stat(path, &info) == 0 && S_ISREG(info.st_mode))
            return 1;
        folder += n + (folder[n] == ':');
    }
    return 0;
}

/* The player of WAV or FLAC, or the end of the program: said before the work. */
static inline const char *play_find(int flac)
{
    size_t i = flac != 0;
    while (play_names[i] != NULL && !play_is_there(play_names[i])) i++;
    if (play_names[i] == NULL)
        cli_fail("--play: %spaplay, afplay or ffplay is needed, and PATH has none",
            flac ? "for FLAC " : "aplay, ");
    return play_names[i];
}

/* In the child: the player in place of this program. It reads no keys, and what it prints
   goes to stderr. */
CLI_ENDS static inline void play_become(const char *player, const char *path)
{
    const char *words[8];
    char here[4200];
    size_t n = 0;
    const int none = open("/dev/null", O_RDONLY);
    /* Not an option, nor what ffplay takes for the protocol of an address. */
    const int bare = *path == '-' || (*path != '/' && strchr(path, ':') != NULL);
    if (none >= 0) dup2(none, 0);
    dup2(2, 1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    snprintf(here, sizeof here, "%s%s", bare ? "./" : "", path);
    words[n++] = player;
    if (strcmp(player, "aplay") == 0) words[n++] = "-q";
    if (strcmp(player, "ffplay") == 0) {
        words[n++] = "-nodisp";
        words[n++] = "-autoexit";
        words[n++] = "-loglevel";
        words[n++] = "error";
    }
    words[n++] = here;
    words[n] = NULL;
    execvp(player, (char *const *)(uintptr_t)words);
    _exit(127);
}

/* Returns when the sound has ended: 0, or with Ctrl-C by the end of the program, or 1 with
   a message if the player failed. */
static inline int play_file(const char *path, int flac)
{
    const char *player = play_find(flac);
    int status = 0;
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child < 0) cli_fail("%s: no process: %s", player, strerror(errno));
    if (child == 0) play_become(player, path);
    while (waitpid(child, &status, WNOHANG) == 0) {
        const struct timespec moment = { 0, 5000000 };
        if (cli_interrupted()) kill(child, SIGTERM);
        nanosleep(&moment, NULL);
    }
    if (cli_interrupted()) exit(130);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    fprintf(stderr, "error: %s failed with %s %d; the sound is in ", player,
        WIFEXITED(status) ? "status" : "signal",
        WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    cli_print(stderr, path);
    fputc('\n', stderr);
    return 1;
}

#else

static inline const char *play_find(int flac)
{
    (void)flac;
    cli_usage("--play needs POSIX");
}

static inline int play_file(const char *path, int flac)
{
    (void)path;
    play_find(flac);
    return 1;
}

#endif
#endif
