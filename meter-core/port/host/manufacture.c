/* manufacture.c - a new meter in a file, its key wrapped for head office; see manufacture.h. */
#include "meter-core/port/host/manufacture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/host/real.h"
#include "common/ids.h"
#include "common/text.h"
#include "meter-core/meter.h"
#include "meter-core/port/host/body.h"
#include "meter-core/port/host/nvm_file.h"
#include "meter-core/port/openssl/keywrap.h"

#define KEY_TEXT (2 * MC_KEY_LEN)
#define HEADER "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key\n"

/* 64 hex digits, white space after them allowed. */
static int read_transport_key(const char *path, uint8_t ret[static MC_KEY_LEN], struct gf_fail *why)
{
    uint8_t text[KEY_TEXT + 8];
    int n = gf_file_read(path, text, sizeof text - 1, why), r;

    if (n < 0)
        return n;
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        n--;
    text[n] = '\0';
    r = gf_unhex((const char *)text, ret, MC_KEY_LEN);
    gf_wipe(text, sizeof text);
    return r == 0 ? 0 : gf_fail(why, r, "transport-key", "64 hex digits are expected");
}

static int shipment_row(const struct gm_options *o, const struct gf_clock *clock,
                        const uint8_t wrapped[static MC_WRAPPED_LEN], char *ret, size_t cap)
{
    char today[21], hex[2 * MC_WRAPPED_LEN + 1];

    gf_utc_text(clock->utc_ms(clock->ctx) / 1000, today);
    today[10] = '\0';
    gf_hex(wrapped, MC_WRAPPED_LEN, hex);
    return snprintf(ret, cap, "%s,%lld,%lld,%s,%s,%s\n", o->id, (long long)o->type,
                    (long long)o->pulse_l, o->verified != NULL ? o->verified : today,
                    o->address != NULL ? o->address : "", hex);
}

static int file_fail(const char *path, struct gf_fail *why)
{
    char detail[sizeof why->detail];

    (void)snprintf(detail, sizeof detail, "%.100s: %s", path, strerror(errno));
    return gf_fail(why, errno == ENOSPC ? GF_E_DISK_FULL : GF_E_FILE, "shipment", detail);
}

/* Add the line, and the header to an empty file, or leave the file as it was. */
static int append_row(int fd, const char *path, const char *row, struct gf_fail *why)
{
    char text[512];
    struct stat st;
    int n, r;

    if (flock(fd, LOCK_EX) != 0 || fstat(fd, &st) != 0)
        return file_fail(path, why);
    n = snprintf(text, sizeof text, "%s%s", st.st_size == 0 ? HEADER : "", row);
    if (write(fd, text, (size_t)n) == n && fdatasync(fd) == 0)
        return 0;
    r = file_fail(path, why);
    (void)ftruncate(fd, st.st_size);    /* what is left of a line is refused by head office */
    return r;
}

static int add_to_shipment(const char *path, const char *row, struct gf_fail *why)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644), r;

    if (fd < 0)
        return file_fail(path, why);
    r = append_row(fd, path, row, why);
    (void)close(fd);
    return r;
}

static int make_meter(struct nvm_file *f, const struct gm_options *o, const struct mc_birth *birth,
                      const struct mc_ports *ports, struct gf_fail *why)
{
    int r = nvm_file_open(f, o->nvm, why);
    struct mc_ports with_nvm = *ports;

    if (r != 0)
        return r;
    if (!f->is_new)
        return gf_fail(why, GF_E_FILE, "nvm", "the file exists: a meter is never made twice");
    with_nvm.nvm = f->nvm;
    r = mc_meter_manufacture(&with_nvm, birth);
    return r == 0 ? 0 : gf_fail(why, r, "nvm", o->nvm);
}

/* All but the files: the keys, which the caller wipes. */
static int make_birth(const struct gm_options *o, const struct gf_random *random,
                      struct mc_birth *birth, uint8_t wrapped[static MC_WRAPPED_LEN],
                      struct gf_fail *why)
{
    uint8_t kek[MC_KEY_LEN];
    int r = read_transport_key(o->transport_key, kek, why);

    if (r != 0)
        return r;
    *birth = (struct mc_birth){.meter_type = (uint32_t)o->type, .pulse_l = (uint32_t)o->pulse_l};
    (void)gf_copy(birth->meter_id, sizeof birth->meter_id, o->id);
    r = random->fill(random->ctx, birth->factory_key, sizeof birth->factory_key);
    if (r == 0)
        r = mc_key_wrap(kek, birth->factory_key, wrapped);
    gf_wipe(kek, sizeof kek);
    return r == 0 ? 0 : gf_fail(why, r, "factory key", "");
}

int gm_manufacture(const struct gm_options *o, const struct gf_clock *clock,
                   const struct gf_random *random, const struct mc_crypto *crypto,
                   struct gf_fail *why)
{
    struct mc_ports ports = {.clock = clock, .random = random, .crypto = crypto};
    uint8_t wrapped[MC_WRAPPED_LEN];
    struct nvm_file file = {.fd = -1};
    struct gm_body body;
    struct mc_birth birth;
    char row[256];
    int r = make_birth(o, random, &birth, wrapped, why);

    if (r != 0)
        return r;
    gm_body_init(&body, clock, 0);
    gm_body_ports(&body, &ports);
    (void)shipment_row(o, clock, wrapped, row, sizeof row);
    r = make_meter(&file, o, &birth, &ports, why);
    gf_wipe(&birth, sizeof birth);
    if (r == 0)
        r = add_to_shipment(o->shipment, row, why);
    if (r != 0 && file.is_new)
        (void)unlink(o->nvm);
    nvm_file_close(&file);
    return r;
}
