/* admin_commands.c - all commands of gasoffice, in the order of its help; see admin.h. */
#include <string.h>

#include "backend/admin.h"

const struct admin_group *const admin_groups[] = {
    &admin_group_office,  &admin_group_settings, &admin_group_keys,  &admin_group_staff,
    &admin_group_imports, &admin_group_orders,   &admin_group_swaps, &admin_group_money,
    &admin_group_payouts, &admin_group_tariffs, &admin_group_labels,   &admin_group_show,  &admin_group_reports,
    &admin_group_proofs,  &admin_group_backup,
};
const size_t admin_n_groups = sizeof admin_groups / sizeof admin_groups[0];

/* How many words of argv are the command's name; 0: none. -1: its first word alone. */
static int words_of(const struct admin_command *c, int argc, char *const *argv)
{
    const char *second = strchr(c->name, ' ');

    if (second == NULL)
        return strcmp(c->name, argv[0]) == 0 ? 1 : 0;

    size_t n = (size_t)(second - c->name);
    if (strlen(argv[0]) != n || memcmp(c->name, argv[0], n) != 0)
        return 0;
    return argc > 1 && strcmp(second + 1, argv[1]) == 0 ? 2 : -1;
}

const struct admin_command *admin_find(int argc, char *const *argv, int *ret_words)
{
    *ret_words = 0;
    for (size_t g = 0; g < admin_n_groups; g++)
        for (size_t i = 0; i < admin_groups[g]->n; i++) {
            const struct admin_command *c = &admin_groups[g]->commands[i];
            int n = words_of(c, argc, argv);

            if (n > 0) {
                *ret_words = n;
                return c;
            }
            if (n < 0)
                *ret_words = 1;
        }
    return NULL;
}
