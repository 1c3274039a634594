/* picture_zbarimg.c - zbarimg over pictures; see picture_zbarimg.h. */
#include "tests/aid/picture_zbarimg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/aid/proc.h"

#define PICTURES_MAX 1000
#define TEXT_MAX 2048
#define PATH_CAP 340

struct zbarimg {
    char dir[300];
    size_t n;
    char (*texts)[TEXT_MAX];            /* all that was read of each, one after the other */
};

static void path_of(const struct zbarimg *z, size_t n, char *ret, size_t cap)
{
    (void)snprintf(ret, cap, "%s/%03zu.pgm", z->dir, n);
}

struct zbarimg *zbarimg_new(void)
{
    struct zbarimg *z = calloc(1, sizeof *z);

    assert_non_null(z);
    z->texts = calloc(PICTURES_MAX, sizeof *z->texts);
    assert_non_null(z->texts);
    (void)snprintf(z->dir, sizeof z->dir, "%s", aid_tmpdir());
    return z;
}

void zbarimg_free(struct zbarimg *z)
{
    char path[PATH_CAP];

    for (size_t i = 0; i < z->n; i++) {
        path_of(z, i, path, sizeof path);
        (void)unlink(path);
    }
    free(z->texts);
    free(z);
}

void zbarimg_add(struct zbarimg *z, const struct picture *p)
{
    char path[PATH_CAP];
    FILE *f;

    assert_true(z->n < PICTURES_MAX);
    path_of(z, z->n++, path, sizeof path);
    f = fopen(path, "wb");
    assert_non_null(f);
    (void)fprintf(f, "P5 %u %u 255\n", p->width, p->height);
    assert_int_equal(fwrite(p->grey, p->width, p->height, f), p->height);
    assert_int_equal(fclose(f), 0);
}

/* Its XML has a source for each picture with codes in it, and in that their texts. */
void zbarimg_run(struct zbarimg *z)
{
    char command[400], line[1024];
    unsigned now = PICTURES_MAX;
    int status;
    FILE *out;

    (void)snprintf(command, sizeof command,
                   "cd '%s' && zbarimg -q --nodbus --xml [0-9][0-9][0-9].pgm 2>/dev/null", z->dir);
    out = popen(command, "r");
    assert_non_null(out);
    while (fgets(line, sizeof line, out) != NULL) {
        const char *source = strstr(line, "<source href='");

        if (source != NULL)
            now = (unsigned)strtoul(source + strlen("<source href='"), NULL, 10);
        else if (now < z->n)
            (void)snprintf(z->texts[now] + strlen(z->texts[now]), TEXT_MAX - strlen(z->texts[now]),
                           "%s", line);
    }
    status = pclose(out);
    /* 4: there were pictures without codes */
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 4));
}

bool zbarimg_read(const struct zbarimg *z, size_t n, const char *text)
{
    return strstr(z->texts[n], text) != NULL;
}
