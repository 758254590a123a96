/* generate_kinds.h: what a model was trained on, by the texts tango.kinds and tango.words
   in its metadata; --list. MIT-0. A part of generate.c. */
#ifndef TANGO_GENERATE_KINDS_H
#define TANGO_GENERATE_KINDS_H

/* A text of the metadata, "" if there is none. */
static const char *model_text(const tango_model *m, const char *key)
{
    tango_io_value value;
    return tango_io_blob_value(&m->blob, key, &value) && value.type == TANGO_IO_STRING
               ? (const char *)value.data : "";
}

/* The next of several texts with ", " between them; 0 at the end. */
static int next_kind(const char **at, const char **kind, size_t *size)
{
    *kind = *at + strspn(*at, ", ");
    *size = strcspn(*kind, ",");
    *at = *kind + *size;
    return *size > 0;
}

/* --list: a prompt for each kind of sound, one a line. */
CLI_ENDS static void list_kinds(const job *j, const tango_model *m)
{
    const char *at = model_text(m, "tango.kinds"), *kind;
    size_t size;
    if (*at == '\0')
        cli_fail_file(j->model, "it does not say what it was trained on (tango.kinds)");
    while (next_kind(&at, &kind, &size)) printf("%.*s\n", (int)size, kind);
    if (fflush(stdout) != 0) cli_fail("standard output: writing failed");
    exit(0);
}

/* The next word of a prompt: letters, digits, bytes beyond ASCII, - and ' between. */
static int next_word(const char **at, const char **word, size_t *size)
{
    static const char inside[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-'";
    const char *p = *at;
    while (*p && ((unsigned char)*p < 128 && !strchr(inside, *p))) p++;
    while (*p == '-' || *p == '\'') p++;
    *word = p;
    while (*p && ((unsigned char)*p >= 128 || strchr(inside, *p))) p++;
    *at = p;
    while (p > *word && (p[-1] == '-' || p[-1] == '\'')) p--;
    if (p - *word > 2 && p[-2] == '\'' && (p[-1] == 's' || p[-1] == 'S')) p -= 2;
    *size = (size_t)(p - *word);
    return **word != '\0';
}

static char small_letter(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether a list with spaces between its words has this one. */
static int has_word(const char *list, const char *word, size_t size)
{
    size_t n, i;
    for (; *list; list += n) {
        list += *list == ' ';
        n = strcspn(list, " ");
        for (i = 0; i < n && n == size && list[i] == small_letter(word[i]); i++) {}
        if (i == size) return 1;
    }
    return 0;
}

/* The next word of a prompt that is not in the list, nor all of its parts around -. */
static int next_unknown(
    const char *list, const char **at, const char **word, size_t *size)
{
    size_t i, from;
    while (next_word(at, word, size)) {
        if (*size == 0 || has_word(list, *word, *size)) continue;
        for (i = from = 0; i <= *size; i++) {
            if (i < *size && (*word)[i] != '-') continue;
            if (!has_word(list, *word + from, i - from)) return 1;
            from = i + 1;
        }
    }
    return 0;
}

static void note_unknown(const job *j)
{
    const char *list = model_text(j->opened, "tango.words"), *word;
    const char *at = j->params.prompt;
    char all[1024] = "";
    size_t size, n = 0;
    if (at == NULL || *list == '\0' || (j->quiet && !j->serve)) return;
    while (next_unknown(list, &at, &word, &size) && n + size + 3 < sizeof all)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%.*s", n ? ", " : "", (int)size,
            word);
    if (n > 0) cli_note("the model was not trained on these words: %s", all);
}

/* Of --json: the words of the prompt, null where the model does not say. */
static void report_unknown(const job *j)
{
    const char *list = model_text(j->opened, "tango.words"), *word, *comma = "";
    const char *at = j->params.prompt;
    size_t size;
    printf("\"unknown_words\": ");
    if (at == NULL || *list == '\0') {
        printf("null, ");
        return;
    }
    putchar('[');
    while (next_unknown(list, &at, &word, &size)) {
        char *text = (char *)clip_room(size + 1, 1, "a word");
        memcpy(text, word, size);
        text[size] = '\0';
        fputs(comma, stdout);
        print_string(text);
        free(text);
        comma = ", ";
    }
    printf("], ");
}

#endif
