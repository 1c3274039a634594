/* man.h - rows of a program's tables as a man page has them. */
#ifndef GF_HOST_MAN_H
#define GF_HOST_MAN_H

#include <stdio.h>

/* Text as roff takes it literally: backslashes, hyphens that are to be copied, and dots and quotes at
 * the begin of a line. Spaces after a line end are left out. */
void man_text(FILE *out, const char *text);

/* One row of a list: `head` in bold, then what it does, a sentence without its stop; `note` stands
 * behind the sentence, "" for none. */
void man_row(FILE *out, const char *head, const char *what, const char *note);

/* The same for an option: "--name VALUE"; value is NULL for a switch. */
void man_option(FILE *out, const char *name, const char *value, const char *what, const char *note);

#endif
