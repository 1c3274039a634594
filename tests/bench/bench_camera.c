/* bench_camera.c - labels in camera frames: how many are read, and how soon, beside zbarimg on the
 * same frames; see docs/bench.md.
 */
#include <stdlib.h>

#include "tests/aid/picture_labels.h"
#include "tests/aid/picture_zbarimg.h"
#include "tests/bench/bench.h"
#include "tui/scan.h"

#define LABEL "GASM:1:GM2400000156:02:00:00:00:00:01:FE3B"
#define SEED 1
#define EVERY 3 /* frames of the set that are taken: each third */
#define ROUNDS 3

/* The frames of the set, and who reads them. */
struct set {
    size_t n;
    struct picture *frames;
    bool *ours, *theirs;
};

static bool we_read(struct scanner *scanner, const struct picture *p)
{
    struct frame f = { p->grey, (size_t)p->width * p->height, p->width, p->height, p->width, 1 };
    struct scan_code codes[SCAN_CODES_MAX];
    char label[GF_LABEL_TEXT];
    struct gf_fail why = { 0 };
    int n = scanner_look(scanner, &f, codes, SCAN_CODES_MAX, &why);

    bench_need(n >= 0, why.detail);
    return scan_label(codes, (size_t)n, label, &why) == 0;
}

static void draw(struct set *s)
{
    s->n = labels_count() / EVERY;
    s->frames = calloc(s->n, sizeof *s->frames);
    s->ours = calloc(s->n, sizeof *s->ours);
    s->theirs = calloc(s->n, sizeof *s->theirs);
    bench_need(s->frames != NULL && s->ours != NULL && s->theirs != NULL, "memory");
    for (size_t i = 0; i < s->n; i++)
        s->frames[i] = labels_frame(i * EVERY, SEED, LABEL);
}

static void hit_rate(struct set *s, struct scanner *scanner)
{
    struct zbarimg *peer = zbarimg_new();
    size_t ours = 0, theirs = 0;

    for (size_t i = 0; i < s->n; i++)
        zbarimg_add(peer, &s->frames[i]);
    zbarimg_run(peer);
    for (size_t i = 0; i < s->n; i++) {
        s->theirs[i] = zbarimg_read(peer, i, LABEL);
        s->ours[i] = we_read(scanner, &s->frames[i]);
        theirs += s->theirs[i];
        ours += s->ours[i];
    }
    zbarimg_free(peer);
    bench_row_ratio("camera, hit rate, frames whose label is read", "%",
                    100.0 * (double)ours / (double)s->n, 100.0 * (double)theirs / (double)s->n);
}

/* Milliseconds until the label is read, of a frame that zbarimg reads too (or does not). zbar's
 * search for a code throws dice: a frame at the edge may be read once and not again, and then does
 * not count. */
static double our_ms(const struct set *s, struct scanner *scanner, bool theirs)
{
    double took_us = 0.0;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->ours[i] && s->theirs[i] == theirs) {
            double begin_us = bench_now_us();

            if (we_read(scanner, &s->frames[i])) {
                took_us += bench_now_us() - begin_us;
                n++;
            }
        }
    bench_need(n > 0, "frames that are read");
    return took_us / 1000.0 / (double)n;
}

static void first_decode(const struct set *s, struct scanner *scanner)
{
    struct zbarimg *peer = zbarimg_new();
    double ours[ROUNDS], theirs[ROUNDS], ratio[ROUNDS], alone[ROUNDS];
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->ours[i] && s->theirs[i]) {
            zbarimg_add(peer, &s->frames[i]);
            n++;
        }
    bench_need(n > 0, "frames that both read");
    for (int r = 0; r < ROUNDS; r++) {
        ours[r] = our_ms(s, scanner, true);
        alone[r] = our_ms(s, scanner, false);

        double begin_us = bench_now_us();

        zbarimg_run(peer);
        theirs[r] = (bench_now_us() - begin_us) / 1000.0 / (double)n;
        ratio[r] = ours[r] / theirs[r];
    }
    zbarimg_free(peer);
    bench_row("camera, time to first decode, frames that zbarimg reads too", "ms",
              bench_quantile(ours, ROUNDS, 0.5), bench_quantile(theirs, ROUNDS, 0.5),
              bench_quantile(ratio, ROUNDS, 0.5));
    bench_row("camera, time to first decode, frames that it does not read", "ms",
              bench_quantile(alone, ROUNDS, 0.5), BENCH_NONE, BENCH_NONE);
}

int main(void)
{
    struct set s = { 0 };
    struct scanner *scanner = scanner_new();

    bench_need(scanner != NULL, "memory");
    draw(&s);
    hit_rate(&s, scanner);
    first_decode(&s, scanner);
    for (size_t i = 0; i < s.n; i++)
        picture_free(&s.frames[i]);
    free(s.frames);
    free(s.ours);
    free(s.theirs);
    (void)scanner_free(scanner);
    return 0;
}
