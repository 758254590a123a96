/* complete.h: completion of options in a shell, from a program's own table. MIT-0
   Part of cli.h:

       eval "$(./generate --completion bash)"       in ~/.bashrc
       eval "$(./generate --completion zsh)"        in ~/.zshrc, behind compinit */
#ifndef TANGO_COMPLETE_H
#define TANGO_COMPLETE_H

/* The last part of a program's path; in a shell's function name, others than letters and
   digits become _. */
static inline const char *cli_program_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static inline void cli_print_function(const char *name)
{
    putchar('_');
    for (; *name; name++) {
        const char c = *name;
        const int plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
            || (c >= 'A' && c <= 'Z');
        putchar(plain ? c : '_');
    }
}

/* The words of a value such as 16|24|32, a space between them. */
static inline void cli_print_words(const char *value)
{
    for (; *value; value++) putchar(*value == '|' ? ' ' : *value);
}

static inline void cli_complete_bash(const char *name, const cli_option *options)
{
    const cli_option *o;
    cli_print_function(name);
    fputs("()\n{\n    local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    case ${COMP_WORDS[COMP_CWORD-1]} in\n", stdout);
    for (o = options; o->id; o++) {
        if (!o->value || !strchr(o->value, '|')) continue;
        printf("    --%s) words='", o->name);
        cli_print_words(o->value);
        puts("' ;;");
    }
    fputs("    *) [[ $cur == -* ]] && words='", stdout);
    for (o = options; o->id; o++) printf("--%s%s", o->name, o[1].id ? " " : "' ;;\n");
    fputs("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
          "complete -o default -F ", stdout);
    cli_print_function(name);
    printf(" %s\n", name);
}

/* Help inside '[...]' of zsh's _arguments. */
static inline void cli_print_quoted(const char *text)
{
    for (; *text; text++)
        if (*text == '\'') fputs("'\\''", stdout);
        else if (*text == '[' || *text == ']' || *text == '\\') printf("\\%c", *text);
        else putchar(*text);
}

static inline void cli_complete_zsh(const char *name, const cli_option *options)
{
    cli_print_function(name);
    fputs("()\n{\n    _arguments -s -S", stdout);
    for (const cli_option *o = options; o->id; o++) {
        fputs(" \\\n        ", stdout);
        if (o->id > 32 && o->id < 127)
            printf("'(-%c --%s)'{-%c,--%s}'[", o->id, o->name, o->id, o->name);
        else printf("'--%s[", o->name);
        cli_print_quoted(o->help);
        putchar(']');
        if (o->value && strchr(o->value, '|')) {
            fputs(":value:(", stdout);
            cli_print_words(o->value);
            putchar(')');
        } else if (o->value) {
            const int file = strstr(o->value, "FILE") || strstr(o->value, "DIR")
                || strstr(o->value, "FOLDER") || strstr(o->value, "SOUND");
            printf(":%s:%s", o->value, file ? "_files" : " ");
        }
        putchar('\'');
    }
    puts(" \\\n        '*:file:_files'\n}");
    fputs("compdef ", stdout);
    cli_print_function(name);
    printf(" %s\n", name);
}

#endif
