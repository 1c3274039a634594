/*
 * meter_pipe.c - a meter on stdin and stdout, for clients in other languages: a meter of
 * tests/aid/meter_world.h behind frames "kind 1 | length LE16 | bytes", in place of a radio. Its
 * time stands still but for what it is told.
 *
 * In:  C mtu LE16      connect             D                disconnect
 *      R               read CTL            W bytes          write CTL
 *      X bytes         write to RX         T ms LE32        time passes
 *      F l/h LE32      gas that flows while the valve is open
 *      B               the button          Z                the power fails and comes back
 *      S path          the flash is written to a file
 *      L path          the power fails, the flash is that of the file when it comes back
 * Out: N bytes         a notification on TX
 *      L               the meter drops the connection
 *      = bytes         the end of the answer: CTL when it was read
 *      ! (empty)       the same for what is refused: a CTL write, a start, a file
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/bytes.h"
#include "tests/aid/meter_world.h"

#define STEP_MS 10

static void put(char kind, const uint8_t *p, size_t n)
{
    const uint8_t head[3] = {(uint8_t)kind, (uint8_t)n, (uint8_t)(n >> 8)};

    if (fwrite(head, 1, sizeof head, stdout) != sizeof head || fwrite(p, 1, n, stdout) != n)
        exit(EXIT_FAILURE);
}

static void put_fragments(struct aid_world *w)
{
    uint8_t frag[MC_FRAGMENT_MAX];
    size_t n;

    while ((n = mc_meter_tx(w->meter, frag, sizeof frag)) > 0)
        put('N', frag, n);
    if (mc_meter_wants_drop(w->meter)) {
        mc_meter_disconnected(w->meter);
        put('L', frag, 0);
    }
}

static void pass(struct aid_world *w, uint32_t ms)
{
    for (; ms > 0; ms -= ms < STEP_MS ? ms : STEP_MS) {
        aid_world_pass(w, ms < STEP_MS ? ms : STEP_MS);
        put_fragments(w);
    }
}

/* The whole flash to a file, or from it. False when that cannot be. */
static bool copy_flash(struct aid_world *w, const uint8_t *path, size_t n, bool save)
{
    const size_t size = (size_t)w->flash.sector_size * w->flash.sectors;
    char name[256] = {0};
    FILE *f;
    bool good;

    if (n >= sizeof name)
        return false;
    memcpy(name, path, n);
    f = fopen(name, save ? "wb" : "rb");
    if (f == NULL)
        return false;
    good = (save ? fwrite(w->flash.bytes, 1, size, f) : fread(w->flash.bytes, 1, size, f)) == size;
    return fclose(f) == 0 && good;
}

/* Do one command and answer it. */
static void obey(struct aid_world *w, int kind, const uint8_t *p, size_t n)
{
    struct gf_reader r = {p, n, false};
    uint8_t ctl[MC_CTL_LEN];
    size_t answer = 0;
    bool refused = false;

    switch (kind) {
    case 'C':
        mc_meter_connected(w->meter, (uint16_t)gf_rd_uint(&r, 2));
        break;
    case 'D':
        mc_meter_disconnected(w->meter);
        break;
    case 'R':
        mc_meter_ctl_read(w->meter, ctl);
        answer = sizeof ctl;
        break;
    case 'W':
        refused = mc_meter_ctl_write(w->meter, p, n) != 0;
        break;
    case 'X':
        mc_meter_rx(w->meter, p, n);
        break;
    case 'T':
        pass(w, (uint32_t)gf_rd_uint(&r, 4));
        break;
    case 'F':
        w->flow_l_per_h = (int64_t)gf_rd_uint(&r, 4);
        break;
    case 'B':
        mc_meter_button(w->meter);
        break;
    case 'Z':
        refused = aid_world_restart(w) != 0;
        break;
    case 'S':
        refused = !copy_flash(w, p, n, true);
        break;
    case 'L':
        refused = !copy_flash(w, p, n, false) || aid_world_restart(w) != 0;
        break;
    default:
        exit(EXIT_FAILURE);
    }
    put_fragments(w);
    put(refused ? '!' : '=', ctl, answer);
    if (fflush(stdout) != 0)
        exit(EXIT_FAILURE);
}

int main(void)
{
    static uint8_t bytes[UINT16_MAX];
    struct aid_world *w = aid_world_new(31, 1);
    uint8_t head[3];

    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        size_t n = head[1] | (size_t)head[2] << 8;

        if (fread(bytes, 1, n, stdin) != n)
            return EXIT_FAILURE;
        obey(w, head[0], bytes, n);
    }
    aid_world_free(w);
    return EXIT_SUCCESS;
}
