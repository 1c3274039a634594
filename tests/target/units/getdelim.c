/* getdelim.c - POSIX's getdelim(), which newlib lacks, for what tests read: whole small files. */
#include <stdio.h>
#include <stdlib.h>

ssize_t getdelim(char **text, size_t *cap, int end, FILE *f)
{
    size_t n = 0;

    for (int c = EOF; (n == 0 || c != end) && (c = fgetc(f)) != EOF;) {
        if (n + 2 > *cap) {
            char *more = realloc(*text, *cap + 4096);

            if (more == NULL)
                return -1;
            *text = more;
            *cap += 4096;
        }
        (*text)[n++] = (char)c;
    }
    if (n == 0)
        return -1;
    (*text)[n] = '\0';
    return (ssize_t)n;
}
