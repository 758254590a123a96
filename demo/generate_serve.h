/* generate_serve.h: --serve, a model that stays and answers requests. MIT-0. A part of
   generate.c.

   PROTOCOL. Requests are lines of JSON on standard input, answers are lines of JSON on
   standard output, which gets nothing else; both are UTF-8. A client reads answers while
   it writes requests. The lines > below, and what comes back:

       > {"id": 1, "prompt": "dog barks", "steps": 2, "seconds": 0.64, "output": "a.wav"}
       > {"id": "b", "prompt": "rain", "steps": 0}
       > {"id": 3, "prompt": "a bell", "steps": 2, "seconds": 0.32, "bits": "f32"}
       < {"event": "ready", "protocol": 1, "version": "0.1.0", "model": "demo/tiny...
       < {"id": 1, "event": "progress", "part": "unet", "take": 0, "step": 2, "ste...
       < {"id": 1, "event": "sound", "take": 0, "seed": 0, "frames": 10240, "rate": ...
       < {"id": 1, "event": "result", "files": ["a.wav"], "model": "demo/tiny...
       < {"id": "b", "event": "error", "line": 2, "status": 2, "message": "--steps: ex...
       < {"id": 3, "event": "progress", "part": "unet", "take": 0, "step": 2, "ste...
       < {"id": 3, "event": "sound", "take": 0, "seed": 0, "frames": 5120, "rate": ...
       < {"id": 3, "event": "result", "files": [], "model": "demo/tiny...

   A request is an object whose keys are long options, as a line of --prompts; options of
   the command line hold for all. One is made after the other, in their order. "id" is
   any JSON, at most ID_MOST bytes, and comes back as it was written; ids of requests that
   wait or run differ. A request without "id" gets null and cannot be cancelled.

   ready      once, when the model is open: its name, checksum, licence, the kinds of
              sound that it was trained on with ", " between them ("": not told), defaults
   progress   steps done, seconds left for the rest of them; of other parts than the UNet
              the operations done, in GFLOP; at most ten a second
   sound      one of the takes: "file", its name, or without "output" in the request
              "audio", the samples in base64, one channel of "bits" (16, 24, 32: integers;
              f32: floats), the lowest byte first. "level" says whether it was lowered
   note       what is no error, but not what the user may think: "message"
   result     the request is done, its sound also heard (--play): what --json prints
   error      the request is done with: "message" as the program has it, "status" 1
              (failed at work) or 2 (wrong usage), "line" the number of its line. "id" is
              null where the line is no request. Takes that were made before stay
   cancelled  {"cancel": ID} ends the request that waits or runs, at once. Where it was
              done already, its result came before, and the answer is an error that names
              the id

   At the end of standard input what was asked is finished, and the status is 0. SIGINT,
   SIGTERM and SIGHUP cancel all, with status 130. A client that reads no more ends the
   server with status 1. A line of more than LINE_MOST bytes is an error. While
   REQUESTS_MOST requests or WAITING_MOST bytes of them wait, no more lines are read.

   The work is done in a process of its own, which stays from request to request with its
   memory and threads. A request that fails or is cancelled ends it, and the next one gets
   a new one, forked here: nothing is left of it, and no request can end the server. */
#ifndef TANGO_GENERATE_SERVE_H
#define TANGO_GENERATE_SERVE_H

#ifndef _WIN32
#include <fcntl.h>
#include <poll.h>

#define LINE_MOST ((size_t)1 << 20)
#define WAITING_MOST ((size_t)64 << 20)
#define ANSWERS_MOST ((size_t)4 << 20) /* that wait for a reader, before more are made */
enum { ID_MOST = 1024, REQUESTS_MOST = 1000 };

/* Bytes that come and go; the first `used` are done with, up to `seen` no line ends. */
typedef struct queue {
    char *text;
    size_t used, seen, size, room;
} queue;

typedef struct request {
    struct request *next;
    char *text, *id;             /* the line; the id as written, or null */
    size_t size, line;           /* bytes; its number */
} request;

typedef struct server {
    job *start;                  /* after the command line */
    queue in, out, said;         /* standard input, standard output, of the worker */
    request *first;              /* to be made; it runs if `busy` */
    size_t waiting, bytes;       /* requests, and of them */
    size_t line;                 /* lines read */
    int open, skipping;          /* input goes on; its line is too long */
    int busy, told;              /* the first request runs; its outcome was sent */
    int cancelled, broken;       /* so is that one; nobody reads */
    pid_t worker;
    int to, from;                /* pipes of the worker, -1: none */
} server;

/* ---- Text ------------------------------------------------------------------------- */

/* Room for `size` more bytes behind what is there. */
static char *queue_room(queue *q, size_t size)
{
    if (q->used > q->room / 2 || q->used == q->size) {
        if (q->used < q->size)
            memmove(q->text, q->text + q->used, q->size - q->used);
        q->size -= q->used;
        q->seen -= q->seen < q->used ? q->seen : q->used;
        q->used = 0;
    }
    if (q->room - q->size < size) {
        q->room = 2 * q->room + size;
        q->text = (char *)realloc(q->text, q->room);
        if (q->text == NULL) cli_fail("no memory for %zu bytes of text", q->room);
    }
    return q->text + q->size;
}

static size_t queue_left(const queue *q) { return q->size - q->used; }

/* The next whole line without its end, or NULL. */
static char *queue_line(queue *q, size_t *size)
{
    const size_t from = q->seen > q->used ? q->seen : q->used;
    char *line, *stop = NULL;
    if (from < q->size) stop = (char *)memchr(q->text + from, '\n', q->size - from);
    q->seen = q->size;
    if (stop == NULL) return NULL;
    line = q->text + q->used;
    *size = (size_t)(stop - line);
    q->used += *size + 1;
    q->seen = q->used;
    return line;
}

/* What a descriptor has, at most 64 KiB; 0 at its end. */
static int queue_read(queue *q, int from)
{
    char *room = queue_room(q, 65536);
    const ssize_t n = read(from, room, 65536);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 1;
    q->size += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void say_bytes(server *s, const char *text, size_t size)
{
    memcpy(queue_room(&s->out, size), text, size);
    s->out.size += size;
}

static void say(server *s, const char *text) { say_bytes(s, text, strlen(text)); }

static void say_string(server *s, const char *text)
{
    char *string = quoted(text);
    say(s, string);
    free(string);
}

/* {"id": ID, "event": "NAME" */
static void say_event(server *s, const char *id, const char *name)
{
    say(s, "{\"id\": ");
    say(s, id);
    say(s, ", \"event\": \"");
    say(s, name);
    say(s, "\"");
}

static void say_error(
    server *s, const char *id, size_t line, int status, const char *message)
{
    char more[96];
    say_event(s, id, "error");
    snprintf(more, sizeof more, ", \"line\": %zu, \"status\": %d, \"message\": ", line,
        status);
    say(s, more);
    say_string(s, message);
    say(s, "}\n");
}

/* Of the line that was read last, which is no request. */
static void say_bad_line(server *s, int status, const char *message)
{
    say_error(s, "null", s->line, status, message);
}

/* Of a cancel that came too late. */
static void say_none(server *s, const char *id)
{
    char message[ID_MOST + 64];
    snprintf(message, sizeof message, "\"cancel\": no request %s waits or runs", id);
    say_bad_line(s, 2, message);
}

static void say_cancelled(server *s, const char *id)
{
    say_event(s, id, "cancelled");
    say(s, "}\n");
}

static void say_member(server *s, const char *name, const char *text)
{
    say(s, ", \"");
    say(s, name);
    say(s, "\": ");
    say_string(s, text);
}

/* The model's defaults, as a run without options would have them. */
static void say_ready(server *s)
{
    const job *j = s->start;
    const tango_model *m = j->opened;
    tango_params p = j->params;
    tango_plan plan;
    char more[512], checksum[17];
    record_checksum(checksum, m);
    say(s, "{\"event\": \"ready\", \"protocol\": 1");
    say_member(s, "version", TANGO_VERSION);
    say_member(s, "model", j->model);
    say_member(s, "model_checksum", checksum);
    say_member(s, "name", m->name);
    say_member(s, "licence", m->licence);
    say_member(s, "kinds", model_text(m, "tango.kinds"));
    p.prompt = "";
    if (tango_prepare(&plan, m, &p, NULL) == TANGO_OK) {
        p = plan.params;
        snprintf(more, sizeof more,
            ", \"rate\": %zu, \"threads\": %zu, \"defaults\": {\"seconds\": %.6f, "
            "\"steps\": %zu, \"sampler\": \"%s\", \"guidance\": %g, \"rescale\": %g, "
            "\"vocoder\": \"%s\", \"seed\": %llu}",
            m->rate, j->params.threads, (double)plan.samples / (double)m->rate, p.steps,
            tango_sampler_name(p.sampler), p.guidance, p.rescale > 0.0 ? p.rescale : 0.0,
            tango_vocoder_name(p.vocoder), (unsigned long long)p.seed);
        say(s, more);
    }
    say(s, "}\n");
}

/* ---- The worker ------------------------------------------------------------------- */

/* One request, over the options of the command line. */
static void run_request(job *j, const char *text, size_t size)
{
    const char *given = j->output;
    words w;
    memset(&w, 0, sizeof w);
    add_word(&w, "generate", "", "", "");
    read_json_line(&w, &j->line, text, size, "id");
    take_words(j, &w);
    j->inside = j->output == given;
    j->quiet = j->json = 1;
    check_options(j);
    if (j->inside && j->finish.plays) cli_usage("--play needs \"output\"");
    check_parts(j, j->opened);
    run_job(j);
    free(j->record.comment);
    free_words(&w);
}

/* A signal ends the worker, but for the time in which a run writes files. */
static void end_by_signals(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (signal(SIGHUP, SIG_DFL) == SIG_IGN) signal(SIGHUP, SIG_IGN);
}

/* Requests come line by line until the pipe ends. What is printed goes to the server. */
CLI_ENDS static void run_worker(const job *start, int from)
{
    FILE *in = fdopen(from, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    if (in == NULL) cli_fail("no requests: %s", strerror(errno));
    end_by_signals();
    while (!cli_interrupted() && (size = getline(&line, &room, in)) > 0) {
        job j = *start;
        run_request(&j, line, (size_t)size - (line[size - 1] == '\n'));
        end_by_signals();
    }
    free(line);
    fclose(in);
    end_kept(start->kept);
    exit(0);
}

static void close_pipe(int *end)
{
    if (*end >= 0) close(*end);
    *end = -1;
}

/* 0 if the system gives no process. */
static int start_worker(server *s)
{
    int to[2] = { -1, -1 }, from[2] = { -1, -1 }, nothing;
    if (pipe(to) != 0 || pipe(from) != 0) s->worker = -1;
    else {
        fflush(NULL);
        s->worker = fork();
    }
    if (s->worker == 0) {
        close_pipe(&s->to);
        close(to[1]);
        close(from[0]);
        nothing = open("/dev/null", O_RDONLY);
        if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(from[1], 1) < 0
            || dup2(from[1], 2) < 0)
            exit(1);
        close(nothing);
        close(from[1]);
        run_worker(s->start, to[0]);
    }
    close_pipe(&to[0]);
    close_pipe(&from[1]);
    s->to = to[1], s->from = from[0];
    if (s->worker > 0) return 1;
    close_pipe(&s->to);
    close_pipe(&s->from);
    return 0;
}

static void drop(server *s, request **at)
{
    request *r = *at;
    *at = r->next;
    s->waiting--;
    s->bytes -= r->size;
    free(r->text);
    free(r->id);
    free(r);
}

static void drop_first(server *s)
{
    s->busy = s->told = s->cancelled = 0;
    drop(s, &s->first);
}

/* The first request goes to a worker. If that is gone, its end will say so. */
static void start_request(server *s)
{
    const char *at = s->first->text;
    size_t left = s->first->size + 1; /* the end of the line is there */
    if (s->worker <= 0 && !start_worker(s)) {
        say_error(s, s->first->id, s->first->line, 1, "no process can be started");
        drop_first(s);
        return;
    }
    for (s->busy = 1; left > 0;) {
        const ssize_t n = write(s->to, at, left);
        if (n < 0 && errno != EINTR) return;
        if (n > 0) at += n, left -= (size_t)n;
    }
}

/* A worker that was told to stop takes no more requests. */
static void stop_worker(server *s)
{
    if (s->worker <= 0) return;
    kill(s->worker, SIGTERM);
    close_pipe(&s->to);
}

/* A line of the worker: an answer, or a message. */
static void hear(server *s, char *line, size_t size)
{
    static const char *const kinds[] = { "usage error: ", "error: ", "note: ",
        "warning: ", NULL };
    int kind = 0;
    line[size] = '\0';
    if (s->busy && !s->told && *line == '{') {
        say(s, "{\"id\": ");
        say(s, s->first->id);
        say(s, ", ");
        say_bytes(s, line + 1, size - 1);
        say(s, "\n");
        s->told = strncmp(line, "{\"event\": \"result\"", 18) == 0;
        if (s->told && s->to >= 0) drop_first(s);
        return;
    }
    while (kinds[kind] != NULL && strncmp(line, kinds[kind], strlen(kinds[kind])) != 0)
        kind++;
    if (!s->busy || s->told || kinds[kind] == NULL) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    line += strlen(kinds[kind]);
    s->told = kind < 2;
    if (s->told) {
        say_error(s, s->first->id, s->first->line, 2 - kind, line);
        return;
    }
    say_event(s, s->first->id, "note");
    say_member(s, "message", line);
    say(s, "}\n");
}

/* The worker has ended: of itself behind an error, or cancelled, or by a signal. */
static void end_worker(server *s)
{
    char message[64];
    int status = 0;
    close_pipe(&s->to);
    close_pipe(&s->from);
    while (waitpid(s->worker, &status, 0) < 0 && errno == EINTR) {}
    s->worker = 0;
    s->said.used = s->said.size;
    if (!s->busy) return;
    if (WIFSIGNALED(status))
        snprintf(message, sizeof message, "ended by signal %d", WTERMSIG(status));
    else snprintf(message, sizeof message, "ended with status %d", WEXITSTATUS(status));
    if (s->cancelled && s->told) say_none(s, s->first->id); /* its end was on its way */
    else if (s->cancelled) say_cancelled(s, s->first->id);
    else if (!s->told) say_error(s, s->first->id, s->first->line, 1, message);
    drop_first(s);
}

/* ---- Requests --------------------------------------------------------------------- */

static request **request_of(server *s, const char *id)
{
    request **r = &s->first;
    while (*r != NULL && strcmp((*r)->id, id) != 0) r = &(*r)->next;
    return r;
}

static void cancel(server *s, const char *id)
{
    request **r = request_of(s, id), *gone = *r;
    if (strcmp(id, "null") == 0 || gone == NULL || (gone == s->first && s->told))
        say_none(s, id);
    else if (gone == s->first && s->busy) {
        s->cancelled = 1;
        stop_worker(s);
    } else {
        say_cancelled(s, id);
        drop(s, r);
    }
}

static void add_request(server *s, const char *line, size_t size, const char *id)
{
    char message[ID_MOST + 64];
    request **end = &s->first, *r;
    if (strcmp(id, "null") != 0 && *request_of(s, id) != NULL) {
        snprintf(message, sizeof message, "\"id\": a request %s waits or runs", id);
        say_bad_line(s, 2, message);
        return;
    }
    while (*end != NULL) end = &(*end)->next;
    r = (request *)clip_room(1, sizeof *r, "a request");
    r->next = NULL;
    r->size = size;
    r->line = s->line;
    r->text = (char *)clip_room(size + 1, 1, "a request");
    memcpy(r->text, line, size);
    r->text[size] = '\n';
    r->id = (char *)clip_room(strlen(id) + 1, 1, "a request");
    strcpy(r->id, id);
    s->waiting++;
    s->bytes += size;
    *end = r;
}

/* A member as it is written, null where there is none; 0 if it is too long. */
static int written(char *out, const char *line, size_t size, const char *key)
{
    size_t begin = 0, end = 0;
    strcpy(out, "null");
    if (!tango_io_json_span(&begin, &end, line, size, key)) return 1;
    if (end - begin > ID_MOST) return 0;
    memcpy(out, line + begin, end - begin);
    out[end - begin] = '\0';
    return 1;
}

static int all_finite(const tango_io_json *json)
{
    size_t i = 0;
    while (i < json->count && json->nodes[i].type != TANGO_IO_JSON_NONFINITE) i++;
    return i == json->count;
}

/* A line of standard input. */
static void take_line(server *s, const char *line, size_t size)
{
    char id[ID_MOST + 1], cancelled[ID_MOST + 1];
    tango_io_json json;
    size_t work_size = 0, i;
    void *work;
    for (i = 0; i < size && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r');) i++;
    if (i == size) return;
    if (tango_io_json_work_size(&work_size, line, size, &s->start->error) != TANGO_OK) {
        say_bad_line(s, 1, s->start->error.text);
        return;
    }
    work = clip_room(work_size, 1, "a request");
    if (tango_io_json_parse(&json, line, size, work, work_size, &s->start->error)
        != TANGO_OK)
        say_bad_line(s, 1, s->start->error.text);
    else if (tango_io_json_type_of(&json, 0) != TANGO_IO_JSON_OBJECT)
        say_bad_line(s, 2, "a request is an object");
    else if (!written(id, line, size, "id") || !written(cancelled, line, size, "cancel"))
        say_bad_line(s, 2, "an id is longer than 1024 bytes");
    else if (!all_finite(&json)) say_bad_line(s, 2, "NaN and infinity are no JSON");
    else if (tango_io_json_find(&json, 0, "cancel") == 0) add_request(s, line, size, id);
    else if (tango_io_json_next(&json, 0, tango_io_json_first(&json, 0)) != 0)
        say_bad_line(s, 2, "\"cancel\" stands alone in its line");
    else cancel(s, cancelled);
    free(work);
}

/* All whole lines that have come, and at the end the rest. The beginning of one that is
   too long is answered, what follows of it is skipped. */
static void take_lines(server *s)
{
    char *line;
    size_t size = 0;
    int whole;
    do {
        line = queue_line(&s->in, &size);
        whole = line != NULL;
        if (!whole) {
            line = s->in.text + s->in.used;
            size = queue_left(&s->in);
            if (size <= LINE_MOST && s->open && !s->skipping) return;
            s->in.used = s->in.size;
        }
        if (!s->skipping) {
            s->line++;
            if (size > LINE_MOST) say_bad_line(s, 2, "a line is longer than 1 MiB");
            else take_line(s, line, size);
        }
        s->skipping = !whole;
    } while (whole);
}

/* ---- The server ------------------------------------------------------------------- */

/* A part of the answers that a pipe takes at once. */
static void send_some(server *s)
{
    const size_t left = queue_left(&s->out), most = 4096;
    const ssize_t n = write(1, s->out.text + s->out.used, left < most ? left : most);
    if (n >= 0) s->out.used += (size_t)n;
    else if (errno != EINTR && errno != EAGAIN) s->broken = 1;
}

/* Waits for something to happen, and does what follows of it. */
static void turn(server *s)
{
    struct pollfd p[3];
    const int full = queue_left(&s->out) > ANSWERS_MOST;
    char *line;
    size_t size = 0;
    memset(p, 0, sizeof p);
    p[0].fd = s->open && !full && s->waiting < REQUESTS_MOST && s->bytes < WAITING_MOST
        ? 0 : -1;
    p[1].fd = 1;
    p[2].fd = full ? -1 : s->from;
    p[0].events = p[2].events = POLLIN;
    p[1].events = queue_left(&s->out) > 0 ? POLLOUT : 0;
    if (poll(p, 3, 500) <= 0) return; /* a signal may come just before it waits */
    if (p[1].revents & POLLOUT) send_some(s);
    else if (p[1].revents) s->broken = 1;
    if (p[2].revents) {
        const int more = queue_read(&s->said, s->from);
        while ((line = queue_line(&s->said, &size)) != NULL) hear(s, line, size);
        if (!more) end_worker(s);
    }
    if (p[0].revents) {
        s->open = queue_read(&s->in, 0);
        take_lines(s);
    }
}

/* Everything that was asked is cancelled, and what is said of it sent, unless nobody has
   read for a second. */
static void end_early(server *s)
{
    const double start = cli_seconds();
    request *r;
    stop_worker(s);
    s->open = s->cancelled = 0;
    for (r = s->first; r != NULL; r = r->next)
        if (r != s->first || !s->told) say_cancelled(s, r->id);
    s->told = 1;
    while (s->worker > 0) {
        if (!queue_read(&s->said, s->from)) end_worker(s);
        s->said.used = s->said.size;
    }
    while (s->first != NULL) drop_first(s);
    while (queue_left(&s->out) > 0 && !s->broken && cli_seconds() - start < 1.0) turn(s);
}

static int run_server(job *j)
{
    server s;
    memset(&s, 0, sizeof s);
    s.start = j;
    s.open = 1;
    s.to = s.from = -1;
    if (j->params.threads == 0)
        j->params.threads = cli_threads(THREADS_MAX, cli_processors(THREADS_MAX));
    cli_catch_interrupts();
    say_ready(&s);
    while (!cli_interrupted() && !s.broken
           && (s.open || s.first != NULL || queue_left(&s.out) > 0)) {
        if (s.first != NULL && !s.busy) start_request(&s);
        turn(&s);
    }
    if (cli_interrupted() || s.broken) end_early(&s);
    close_pipe(&s.to);
    if (s.worker > 0) end_worker(&s);
    free(s.in.text);
    free(s.out.text);
    free(s.said.text);
    if (s.broken) cli_fail("standard output: writing failed");
    return cli_interrupted() ? 130 : 0;
}

#else

static int run_server(job *j)
{
    (void)j;
    cli_usage("--serve needs POSIX");
}

#endif
#endif
