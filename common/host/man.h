/* man.h - rows of a program's tables as a man page has them. */
#ifndef GF_HOST_MAN_H
#define GF_HOST_MAN_H

#include <stdio.h>

/* Text as roff takes it literally: backslashes, hyphens that are to be copied, and dots and quotes at
 * the begin of a line. Spaces at the begin of a line are left out. */
void man_text(FILE *out, const char *text);

/* The same, its first letter a capital one. */
void man_sentence(FILE *out, const char *what);

/* One row of a list: its name in bold, then what it does, with a capital letter and a stop. */
void man_row(FILE *out, const char *name, const char *what);

/* An option, "--name VALUE"; value is NULL for a switch. Behind what it does, which is left as it is,
 * stand `note` ("" for none) and a stop. */
void man_option(FILE *out, const char *name, const char *value, const char *what, const char *note);

#endif
