/* test_labels.c - the camera's decoder beside zbarimg, on the same frames of a drawn set. A part of
 * the set; TEST_ALL=1 takes all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/aid/picture_labels.h"
#include "tests/aid/picture_zbarimg.h"
#include "tui/scan.h"

#define LABEL "GASM:1:GM2400000156:02:00:00:00:00:01:FE3B"
#define SEED 1
#define EVERY 4                 /* frames of a kind that make test looks at: each fourth */
#define KINDS_MAX 16

/* What was read of each kind. */
struct tally {
    unsigned frames, ours, theirs;
};

/* Does the app's decoder find this very label? */
static bool we_read(struct scanner *scanner, const struct picture *p)
{
    struct frame f = {p->grey, (size_t)p->width * p->height, p->width, p->height, p->width, 1};
    struct scan_code codes[SCAN_CODES_MAX];
    char label[GF_LABEL_TEXT];
    struct gf_fail why = {0};
    int n = scanner_look(scanner, &f, codes, SCAN_CODES_MAX, &why);

    assert_true(n >= 0);
    if (scan_label(codes, (size_t)n, label, &why) != 0)
        return false;
    assert_string_equal(label, LABEL);          /* a wrong label would be worse than none */
    return true;
}

static void test_hit_rate(void **state)
{
    size_t step = getenv("TEST_ALL") != NULL ? 1 : EVERY, kinds = labels_kinds();
    struct tally tally[KINDS_MAX] = {{0}}, all = {0};
    struct scanner *scanner = scanner_new();
    struct zbarimg *peer = zbarimg_new();

    (void)state;
    assert_non_null(scanner);
    assert_true(kinds <= KINDS_MAX);
    for (size_t i = 0; i < labels_count(); i += step) {
        struct picture p = labels_frame(i, SEED, LABEL);
        struct tally *t = &tally[labels_kind(i)];

        t->frames++;
        t->ours += we_read(scanner, &p);
        zbarimg_add(peer, &p);
        picture_free(&p);
    }
    zbarimg_run(peer);
    for (size_t i = 0, n = 0; i < labels_count(); i += step, n++)
        tally[labels_kind(i)].theirs += zbarimg_read(peer, n, LABEL);
    for (size_t k = 0; k < kinds; k++) {
        print_message("%-10s %3u frames, read %3u, by zbarimg %3u\n", labels_kind_name(k),
                      tally[k].frames, tally[k].ours, tally[k].theirs);
        all.frames += tally[k].frames;
        all.ours += tally[k].ours;
        all.theirs += tally[k].theirs;
        assert_true(tally[k].ours > 0);         /* each kind begins with what can be read */
    }
    print_message("%-10s %3u frames, read %3u, by zbarimg %3u\n", "together", all.frames, all.ours,
                  all.theirs);
    assert_true(all.ours >= all.theirs);
    assert_true(all.theirs > all.frames / 4);   /* the set is neither too hard nor too easy */
    assert_true(all.theirs < all.frames * 3 / 4);
    zbarimg_free(peer);
    (void)scanner_free(scanner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hit_rate),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
