/* generate_prompts.h: --prompts, many prompts and one model. MIT-0. A part of generate.c.

   Each line is a prompt or a JSON object, {"prompt": "rain", "seed": 7, "fill": ["1:2"]},
   whose keys are long options. A line is made by a child process: what fails in it,
   whatever it is, ends that line alone. The model is mapped once, by the parent. */
#ifndef TANGO_GENERATE_PROMPTS_H
#define TANGO_GENERATE_PROMPTS_H

#ifndef _WIN32
#include <sys/wait.h>

enum { WORDS_MAX = 256 };

/* The arguments of one line. */
typedef struct words {
    char *list[WORDS_MAX + 1];
    int count;
} words;

/* Adds the word front + name + middle + value. */
static void add_word(words *w, const char *front, const char *name, const char *middle,
    const char *value)
{
    const size_t size =
        strlen(front) + strlen(name) + strlen(middle) + strlen(value) + 1;
    char *word = (char *)clip_room(size, 1, "a line");
    if (w->count >= WORDS_MAX) cli_fail("more than %d values", WORDS_MAX);
    snprintf(word, size, "%s%s%s%s", front, name, middle, value);
    w->list[w->count++] = word;
}

/* A value of a JSON line as text, to be freed. */
static char *value_text(const tango_io_json *json, size_t node)
{
    const tango_io_json_node *n = &json->nodes[node];
    char *text = (char *)clip_room(n->size + (size_t)1, 1, "a line");
    if (tango_io_json_type_of(json, node) == TANGO_IO_JSON_NUMBER) {
        memcpy(text, json->text + n->at, n->size);
        text[n->size] = '\0';
    } else if (!tango_io_json_string(json, node, text, n->size + (size_t)1))
        cli_usage("a value is neither a string without NUL nor a number");
    return text;
}

static void add_value(words *w, const tango_io_json *json, const char *key, size_t node)
{
    int on = 0;
    char *text;
    size_t item;
    switch (tango_io_json_type_of(json, node)) {
    case TANGO_IO_JSON_NULL: break;
    case TANGO_IO_JSON_BOOL:
        tango_io_json_bool(json, node, &on);
        if (on) add_word(w, "--", key, "", "");
        break;
    case TANGO_IO_JSON_ARRAY: /* an option several times */
        if (strcmp(key, "fill") != 0) cli_usage("\"%s\" is one value, not a list", key);
        for (item = tango_io_json_first(json, node); item;
            item = tango_io_json_next(json, node, item)) {
            text = value_text(json, item);
            add_word(w, "--", key, "=", text);
            free(text);
        }
        break;
    default:
        text = value_text(json, node);
        add_word(w, "--", key, "=", text);
        free(text);
    }
}

/* Keys are names of options, those that a line may have. */
static void check_key(const cli *c, const char *name)
{
    static const char *const once[] = { "model", "prompts", "shard", "serve", "list",
        "replay", "help", NULL };
    const cli_option *o = c->options;
    size_t i;
    for (i = 0; once[i] != NULL; i++)
        if (strcmp(name, once[i]) == 0)
            cli_usage("\"%s\" is for the whole run, not for a line", name);
    while (o->id && !cli_same_name(o->name, name, strlen(name))) o++;
    if (!o->id) cli_unknown(c, name, strlen(name));
}

/* The members of a JSON line become --key=value; "prompt" the operand behind all. The
   member `other`, or NULL, is no option. */
static void read_json_line(
    words *w, const cli *c, const char *text, size_t size, const char *other)
{
    tango_error error;
    tango_io_json json;
    size_t work_size = 0, key, prompt;
    void *work;
    if (tango_io_json_work_size(&work_size, text, size, &error) != TANGO_OK)
        cli_fail("%s", error.text);
    work = clip_room(work_size, 1, "a line");
    if (tango_io_json_parse(&json, text, size, work, work_size, &error) != TANGO_OK)
        cli_fail("%s", error.text);
    prompt = tango_io_json_find(&json, 0, "prompt");
    for (key = tango_io_json_first(&json, 0); key;
        key = tango_io_json_next(&json, 0, key)) {
        char *name = value_text(&json, key);
        if (strcmp(name, "prompt") != 0 && (!other || strcmp(name, other) != 0)) {
            check_key(c, name);
            add_value(w, &json, name, key + 1);
        }
        free(name);
    }
    add_word(w, "--", "", "", "");
    if (prompt != 0) {
        char *sentence;
        if (tango_io_json_type_of(&json, prompt) != TANGO_IO_JSON_STRING)
            cli_usage("\"prompt\" is no string");
        sentence = value_text(&json, prompt);
        add_word(w, "", "", "", sentence);
        free(sentence);
    }
    free(work);
}

/* FILE_LINE.wav, to be freed. */
static char *numbered(const char *given, size_t number, int digits)
{
    const char *dot = strrchr(given, '.');
    const size_t size = strlen(given) + 32;
    const size_t stem = dot != NULL && strchr(dot, '/') == NULL ? (size_t)(dot - given)
                                                                : strlen(given);
    char *name = (char *)clip_room(size, 1, given);
    snprintf(name, size, "%.*s_%0*zu%s", (int)stem, given, digits, number, given + stem);
    return name;
}

/* The words of a line of prompts, which is one or JSON. */
static void read_line(words *w, const cli *c, const char *text, size_t size)
{
    char *prompt;
    if (*text == '{') {
        read_json_line(w, c, text, size, NULL);
        return;
    }
    prompt = (char *)clip_room(size + 1, 1, "a line");
    memcpy(prompt, text, size);
    prompt[size] = '\0';
    if (strlen(prompt) != size) cli_usage("a NUL in a prompt");
    add_word(w, "--", "", "", "");
    add_word(w, "", "", "", prompt);
    free(prompt);
}

/* Reads the words as options over those of the command line. */
static void take_words(job *j, words *w)
{
    j->line.argc = w->count;
    j->line.argv = w->list;
    j->line.at = 1;
    j->line.cluster = NULL;
    j->line.operands_only = 0;
    j->record.more = j->line;
    read_options(j);
    if (strcmp(j->output, "-") == 0) cli_usage("\"output\": - is for one sound");
}

static void free_words(words *w)
{
    while (w->count > 0) free(w->list[--w->count]);
}

/* The child: the line's options over those of the command line, then the run. */
static int run_line(job *j, const char *text, size_t size, size_t number, int digits)
{
    const char *given = j->output, *drawn = j->picture, *dumped = j->dump;
    char *name = NULL, *picture = NULL, *folder = NULL;
    int status;
    words w;
    memset(&w, 0, sizeof w);
    add_word(&w, "generate", "", "", "");
    read_line(&w, &j->line, text, size);
    take_words(j, &w);
    if (j->output == given) j->output = name = numbered(given, number, digits);
    if (drawn != NULL && j->picture == drawn)
        j->picture = picture = numbered(drawn, number, digits);
    if (dumped != NULL && j->dump == dumped)
        j->dump = folder = numbered(dumped, number, digits);
    check_options(j);
    check_parts(j, j->opened);
    status = run_job(j);
    end_kept(j->kept);
    free(name);
    free(picture);
    free(folder);
    free_words(&w);
    return status;
}

/* All of a file, or of standard input, to be freed. */
static char *read_whole(const char *path, size_t *size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t room = 0, got = 1;
    char *all = NULL;
    if (file == NULL) cli_fail("%s: %s", path, strerror(errno));
    for (*size = 0; got > 0; *size += got) {
        if (*size == room) {
            room = 2 * room + 65536;
            all = (char *)realloc(all, room);
            if (all == NULL) cli_fail("%s: no memory for %zu bytes", path, room);
        }
        got = fread(all + *size, 1, room - *size, file);
    }
    if (ferror(file)) cli_fail("%s: reading failed: %s", path, strerror(errno));
    if (file != stdin) fclose(file);
    return all;
}

/* One line in a child process; 0 if it was made. */
static int run_child(job *j, const char *text, size_t size, size_t number, int digits)
{
    char place[4200];
    int status = 0;
    pid_t child;
    snprintf(place, sizeof place, "%s:%zu", j->prompts, number);
    fflush(NULL);
    child = fork();
    if (child < 0) cli_fail("%s: no process: %s", place, strerror(errno));
    if (child == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        cli_place = place;
        exit(run_line(j, text, size, number, digits));
    }
    /* A signal for this process alone ends the line too. Most systems begin waitpid anew
       behind one, so there is nothing that would wait for both. */
    while (waitpid(child, &status, WNOHANG) == 0) {
        const struct timespec moment = { 0, 5000000 };
        if (cli_interrupted()) kill(child, SIGTERM);
        nanosleep(&moment, NULL);
    }
    if (cli_interrupted() || (WIFEXITED(status) && WEXITSTATUS(status) == 130)) exit(130);
    if (WIFSIGNALED(status))
        fprintf(stderr, "error: %s: ended by signal %d\n", place, WTERMSIG(status));
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A list line by line, without blanks in front and the end of the line. */
typedef struct lines {
    const char *at, *end;        /* what is left of the list */
    const char *text;
    size_t size, number;
} lines;

static int next_line(lines *l)
{
    const char *stop;
    if (l->at == l->end) return 0;
    stop = (const char *)memchr(l->at, '\n', (size_t)(l->end - l->at));
    l->text = l->at;
    l->at = stop != NULL ? stop + 1 : l->end;
    l->size = (size_t)((stop != NULL ? stop : l->end) - l->text);
    l->number++;
    if (l->size > 0 && l->text[l->size - 1] == '\r') l->size--;
    for (; l->size > 0 && (*l->text == ' ' || *l->text == '\t'); l->size--) l->text++;
    return 1;
}

typedef struct line_name {
    char *name;
    size_t number;
} line_name;

static int by_name(const void *a, const void *b)
{
    const line_name *x = (const line_name *)a, *y = (const line_name *)b;
    const int order = strcmp(x->name, y->name);
    return order != 0 ? order : x->number < y->number ? -1 : 1;
}

/* The text of a line's member, to be freed; NULL if there is none, or the line is
   damaged, which is said when its turn comes. */
static char *named(const lines *l, const char *key)
{
    tango_io_json json;
    size_t size = 0, node = 0;
    char *name;
    void *work;
    if (*l->text != '{'
        || tango_io_json_work_size(&size, l->text, l->size, NULL) != TANGO_OK)
        return NULL;
    work = clip_room(size, 1, "a line");
    if (tango_io_json_parse(&json, l->text, l->size, work, size, NULL) == TANGO_OK)
        node = tango_io_json_find(&json, 0, key);
    name = (char *)clip_room(l->size, 1, "a line");
    if (node == 0 || !tango_io_json_string(&json, node, name, l->size)) {
        free(name);
        name = NULL;
    }
    free(work);
    return name;
}

/* Names of one file in one spelling: without "./" and doubled slashes. */
static void plain_name(char *name)
{
    char *to = name;
    const char *from = name;
    while (*from) {
        const int begins = to == name || to[-1] == '/';
        if (begins && from[0] == '.' && from[1] == '/') from += 2;
        else if (begins && from != name && *from == '/') from++;
        else *to++ = *from++;
    }
    *to = '\0';
}

/* What a line writes: the name it gives, or that of the command line, which may be NULL,
   with its number. */
static size_t add_name(
    line_name *out, const lines *l, const char *key, const char *given, int digits)
{
    out->number = l->number;
    out->name = named(l, key);
    if (out->name == NULL && given != NULL)
        out->name = numbered(given, l->number, digits);
    if (out->name != NULL) plain_name(out->name);
    return out->name != NULL;
}

/* Two lines of one output, picture or folder: what the first has made would be lost. */
static void check_names(const job *j, lines l, size_t count, int digits)
{
    line_name *all = (line_name *)clip_room(count, 3 * sizeof *all, j->prompts);
    size_t n = 0, i;
    while (next_line(&l)) {
        if (l.size == 0) continue;
        n += add_name(&all[n], &l, "output", j->output, digits);
        n += add_name(&all[n], &l, "picture", j->picture, digits);
        n += add_name(&all[n], &l, "dump", j->dump, digits);
    }
    qsort(all, n, sizeof *all, by_name);
    for (i = 1; i < n; i++)
        if (strcmp(all[i - 1].name, all[i].name) == 0
            && all[i - 1].number != all[i].number)
            cli_usage("%s: lines %zu and %zu have one output, %.200s", j->prompts,
                all[i - 1].number, all[i].number, all[i].name);
    for (i = 0; i < n; i++) free(all[i].name);
    free(all);
}

/* Every line of the shard; the exit status, 3 if some could not be made. */
static int run_lines(job *j)
{
    lines l = { NULL, NULL, NULL, 0, 0 };
    size_t size, at, count = 1, done = 0, bad = 0;
    char *text = read_whole(j->prompts, &size);
    int digits = 2;
    for (at = 0; at < size; at++) count += text[at] == '\n';
    for (at = 100; at <= count; at *= 10) digits++;
    cli_catch_interrupts();
    l.at = text + (size >= 3 && memcmp(text, "\357\273\277", 3) == 0 ? 3 : 0);
    l.end = text + size;
    check_names(j, l, count, digits);
    while (next_line(&l)) {
        if (l.size == 0 || (l.number - 1) % j->shards != j->shard) continue;
        bad += (size_t)run_child(j, l.text, l.size, l.number, digits);
        done++;
    }
    free(text);
    if (done == 0) cli_note("%s: no prompts%s", j->prompts,
        j->shards > 1 ? " in this shard" : "");
    if (bad > 0)
        fprintf(stderr, "error: %zu of %zu lines of %s could not be made\n", bad, done,
            j->prompts);
    return bad > 0 ? 3 : 0;
}

#else

static int run_lines(job *j)
{
    (void)j;
    cli_usage("--prompts needs POSIX");
}

#endif
#endif
