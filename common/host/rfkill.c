/* rfkill.c - what the kernel's rfkill says of a radio; see rfkill.h. */
#include "common/host/rfkill.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* The first word of a file; empty when it cannot be read. */
static void first_word(const char *dir, const char *entry, const char *file, char ret[static 32])
{
    char path[512];
    FILE *f;

    ret[0] = '\0';
    if (snprintf(path, sizeof path, "%s/%s/%s", dir, entry, file) >= (int)sizeof path)
        return;
    f = fopen(path, "re");
    if (f == NULL)
        return;
    if (fscanf(f, "%31s", ret) != 1)
        ret[0] = '\0';
    (void)fclose(f);
}

bool gf_rfkill_is_blocked_in(const char *dir, const char *radio)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool blocked = false;

    while (d != NULL && !blocked && (e = readdir(d)) != NULL) {
        char name[32], soft[32], hard[32];

        first_word(dir, e->d_name, "name", name);
        first_word(dir, e->d_name, "soft", soft);
        first_word(dir, e->d_name, "hard", hard);
        blocked = strcmp(name, radio) == 0 && (strcmp(soft, "1") == 0 || strcmp(hard, "1") == 0);
    }
    if (d != NULL)
        (void)closedir(d);
    return blocked;
}

bool gf_rfkill_is_blocked(const char *radio)
{
    return gf_rfkill_is_blocked_in("/sys/class/rfkill", radio);
}
