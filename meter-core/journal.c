/* journal.c - append-only records in flash sectors; see journal.h. */
#include "meter-core/journal.h"

#include "common/bytes.h"
#include "common/crc.h"
#include "common/err.h"

/* Offsets in a sector: the ERASED mark stands at 0, then the SECTOR record, then the others. */
#define SECTOR_AT (2u * MC_JOURNAL_SLOT)
#define FIRST (4u * MC_JOURNAL_SLOT)
/* No lifetime has so many records or turns: whatever says so is not ours. */
#define NUMBER_END 0x80000000u

/* What stands at an offset of a sector. */
struct found {
    bool whole;                 /* a record that counts, if its successor lets it */
    uint32_t sequence, total, len;
    uint8_t type;
};

static uint32_t base_of(const struct mc_journal *j)
{
    return j->sector * j->nvm->sector_size;
}

static uint32_t next_sector(const struct mc_journal *j)
{
    return (j->sector + 1) % j->nvm->sectors;
}

uint32_t mc_journal_cost(size_t len)
{
    uint32_t n = (uint32_t)len + MC_JOURNAL_HEAD + 4;

    return (n + MC_JOURNAL_SLOT - 1) / MC_JOURNAL_SLOT * MC_JOURNAL_SLOT;
}

bool mc_journal_fits(const struct mc_nvm *nvm)
{
    return (nvm->unit == 4 || nvm->unit == 8 || nvm->unit == 16) && nvm->sectors >= 2 &&
           nvm->sector_size >= MC_JOURNAL_SECTOR_MIN && nvm->sector_size % MC_JOURNAL_SLOT == 0;
}

uint32_t mc_journal_free(const struct mc_journal *j)
{
    return j->nvm->sector_size - j->pos;
}

/* CRC-32 of n bytes of NVM. */
static int crc_of(const struct mc_journal *j, uint32_t addr, uint32_t n, uint32_t *ret)
{
    uint8_t chunk[64];
    uint32_t crc = 0;

    for (uint32_t done = 0; done < n;) {
        uint32_t step = n - done < sizeof chunk ? n - done : (uint32_t)sizeof chunk;

        if (j->nvm->read(j->nvm->ctx, addr + done, chunk, step) != 0)
            return GF_E_STORE;
        crc = gf_crc32(crc, chunk, step);
        done += step;
    }
    *ret = crc;
    return 0;
}

/* Look at offset `at` of the present sector, which is a slot's. 0 or GF_E_STORE. */
static int look(const struct mc_journal *j, uint32_t at, struct found *ret)
{
    uint32_t left = j->nvm->sector_size - at;
    uint8_t head[MC_JOURNAL_HEAD], tail[4];
    struct gf_reader r = {head, sizeof head, false};
    uint32_t crc;

    *ret = (struct found){0};
    if (j->nvm->read(j->nvm->ctx, base_of(j) + at, head, sizeof head) != 0)
        return GF_E_STORE;
    ret->sequence = (uint32_t)gf_rd_uint(&r, 4);
    if (ret->sequence >= NUMBER_END)
        return 0;               /* erased, most often */
    ret->type = (uint8_t)gf_rd_uint(&r, 1);
    (void)gf_rd(&r, 1);         /* always zero; the CRC says whether it still is */
    ret->len = (uint32_t)gf_rd_uint(&r, 2);
    ret->total = mc_journal_cost(ret->len);
    if ((uint32_t)gf_rd_uint(&r, 4) != gf_crc32(0, head, 8) || ret->total > left)
        return 0;
    if (crc_of(j, base_of(j) + at, ret->total - 4, &crc) != 0 ||
        j->nvm->read(j->nvm->ctx, base_of(j) + at + ret->total - 4, tail, sizeof tail) != 0)
        return GF_E_STORE;
    r = (struct gf_reader){tail, sizeof tail, false};
    ret->whole = (uint32_t)gf_rd_uint(&r, 4) == crc;
    return 0;
}

/* Offset behind the last slot of the present sector that is not erased. */
static int find_end(const struct mc_journal *j, uint32_t *ret)
{
    uint8_t chunk[256];

    *ret = 0;
    for (uint32_t at = j->nvm->sector_size; at > 0 && *ret == 0;) {
        uint32_t n = at < sizeof chunk ? at : (uint32_t)sizeof chunk;

        at -= n;
        if (j->nvm->read(j->nvm->ctx, base_of(j) + at, chunk, n) != 0)
            return GF_E_STORE;
        if (chunk[0] == 0xFF && memcmp(chunk, chunk + 1, n - 1) == 0)
            continue;           /* erased, like most of it */
        while (chunk[n - 1] == 0xFF)
            n--;
        *ret = at + (n + MC_JOURNAL_SLOT - 1) / MC_JOURNAL_SLOT * MC_JOURNAL_SLOT;
    }
    return 0;
}

/* A record of n numbers at the start of a sector. 0; GF_E_FORMAT when it is not there;
 * GF_E_STORE. */
static int read_mark(const struct mc_journal *j, uint32_t at, enum mc_record_type type,
                     uint32_t *ret, size_t n)
{
    struct found f;
    uint8_t b[8];
    struct gf_reader r = {b, 4 * n, false};

    if (look(j, at, &f) != 0)
        return GF_E_STORE;
    if (!f.whole || f.type != (uint8_t)type || f.len != 4 * n)
        return GF_E_FORMAT;
    if (j->nvm->read(j->nvm->ctx, base_of(j) + at + MC_JOURNAL_HEAD, b, 4 * n) != 0)
        return GF_E_STORE;
    for (size_t i = 0; i < n; i++)
        ret[i] = (uint32_t)gf_rd_uint(&r, 4);
    return 0;
}

/* Erase cycles of a sector: the mark is lost first when a cut left it weak. */
static int read_cycles(const struct mc_journal *j, uint32_t *ret)
{
    uint32_t sector[2];
    int rc = read_mark(j, 0, MC_RECORD_ERASED, ret, 1);

    if (rc == GF_E_FORMAT) {
        rc = read_mark(j, SECTOR_AT, MC_RECORD_SECTOR, sector, 2);
        *ret = rc == 0 ? sector[1] : 0;
    }
    return rc == GF_E_STORE ? rc : 0;
}

/* Build a record in place: header, padding, CRC. Returns its size. */
static uint32_t finish(uint8_t *rec, enum mc_record_type type, uint32_t sequence, size_t len)
{
    uint32_t total = mc_journal_cost(len);
    struct gf_writer w = {rec, MC_JOURNAL_HEAD, 0, false};

    gf_wr_uint(&w, sequence, 4);
    gf_wr_uint(&w, (uint64_t)type, 1);
    gf_wr_uint(&w, 0, 1);
    gf_wr_uint(&w, len, 2);
    gf_wr_uint(&w, gf_crc32(0, rec, 8), 4);
    memset(rec + MC_JOURNAL_HEAD + len, 0, total - 4 - MC_JOURNAL_HEAD - len);
    w = (struct gf_writer){rec + total - 4, 4, 0, false};
    gf_wr_uint(&w, gf_crc32(0, rec, total - 4), 4);
    return total;
}

/* Program a finished record at the free place. Whatever happens, that place is used up. */
static int put(struct mc_journal *j, const uint8_t *rec, uint32_t total, uint32_t sequence)
{
    uint32_t at = j->pos;

    if (total > mc_journal_free(j))
        return GF_E_SPACE;
    if (sequence >= NUMBER_END)
        return GF_E_STORE;
    j->pos += total;
    if (j->nvm->program(j->nvm->ctx, base_of(j) + at, rec, total) != 0)
        return GF_E_STORE;
    j->last = at;
    j->copied = total;
    j->sequence = sequence;
    return 0;
}

int mc_journal_append(struct mc_journal *j, enum mc_record_type type, uint8_t *rec, size_t len,
                      uint32_t *ret_addr)
{
    uint32_t at = j->pos;
    int rc = put(j, rec, finish(rec, type, j->sequence + 1, len), j->sequence + 1);

    if (rc == 0 && ret_addr != NULL)
        *ret_addr = base_of(j) + at + MC_JOURNAL_HEAD;
    return rc;
}

static int append_mark(struct mc_journal *j, enum mc_record_type type, const uint32_t *v, size_t n)
{
    uint8_t rec[MC_JOURNAL_EXTRA + 8];
    struct gf_writer w = {rec + MC_JOURNAL_HEAD, 8, 0, false};

    for (size_t i = 0; i < n; i++)
        gf_wr_uint(&w, v[i], 4);
    return mc_journal_append(j, type, rec, w.n, NULL);
}

/* Erase sector `sector` and mark it so. */
static int erase_marked(const struct mc_nvm *nvm, uint32_t sector)
{
    struct mc_journal at = {.nvm = nvm, .sector = sector};
    uint32_t cycles;

    if (read_cycles(&at, &cycles) != 0 || nvm->erase(nvm->ctx, sector) != 0)
        return GF_E_STORE;
    cycles++;
    return append_mark(&at, MC_RECORD_ERASED, &cycles, 1);
}

/* Write the SECTOR record of a sector that was erased. */
static int begin_sector(struct mc_journal *j)
{
    uint32_t v[2] = {j->generation, 0};

    if (read_cycles(j, &v[1]) != 0)
        return GF_E_STORE;
    j->pos = SECTOR_AT;
    return append_mark(j, MC_RECORD_SECTOR, v, 2);
}

/* True when the next sector holds an ERASED mark and nothing else, and nothing can have been begun
 * there. */
static int is_prepared(const struct mc_journal *j, bool *ret)
{
    struct mc_journal next = {.nvm = j->nvm, .sector = next_sector(j)};
    uint32_t end, cycles;
    int rc = read_mark(&next, 0, MC_RECORD_ERASED, &cycles, 1);

    if (rc == GF_E_STORE || find_end(&next, &end) != 0)
        return GF_E_STORE;
    /* Without room for a TURN (and the slot that a start skips, and its fence) there may have been
     * one that is not recorded. */
    *ret = rc == 0 && end == SECTOR_AT && !j->turned && mc_journal_free(j) >= 3 * MC_JOURNAL_SLOT;
    return 0;
}

int mc_journal_prepare(struct mc_journal *j)
{
    if (j->prepared)
        return 0;
    if (erase_marked(j->nvm, next_sector(j)) != 0)
        return GF_E_STORE;
    j->prepared = true;
    return 0;
}

int mc_journal_format(struct mc_journal *j, const struct mc_nvm *nvm)
{
    *j = (struct mc_journal){.nvm = nvm, .generation = 1, .prepared = true};
    for (uint32_t i = nvm->sectors; i-- > 0;)
        if (erase_marked(nvm, i) != 0)
            return GF_E_STORE;
    return begin_sector(j);
}

int mc_journal_turn(struct mc_journal *j, struct mc_journal *ret)
{
    struct mc_journal next = {.nvm = j->nvm,
                              .sector = next_sector(j),
                              .generation = j->generation + 1};

    if (!j->prepared)
        return GF_E_NOT_NOW;
    if (next.generation >= NUMBER_END)
        return GF_E_STORE;
    if (mc_journal_free(j) >= MC_JOURNAL_SLOT && append_mark(j, MC_RECORD_TURN, NULL, 0) != 0)
        return GF_E_STORE;
    j->prepared = false;        /* from here on it must be erased before it is used again */
    next.sequence = j->sequence;
    if (begin_sector(&next) != 0)
        return GF_E_STORE;
    *ret = next;
    return 0;
}

int mc_journal_commit(struct mc_journal *j)
{
    return append_mark(j, MC_RECORD_COMMIT, NULL, 0);
}

/* Go over the present sector's records from FIRST on; see mc_journal_replay(). Leaves in *end a
 * journal whose pos, sequence and last are those of the sector, and in *ret_committed whether a
 * COMMIT counts. `visit` may be NULL. */
static int scan(const struct mc_journal *j, mc_journal_visit *visit, void *ctx,
                struct mc_journal *end, bool *ret_committed)
{
    struct found held = {0}, f;
    uint32_t used, at = FIRST, held_at = 0;
    int rc = 0;

    *end = *j;
    *ret_committed = false;
    used = j->pos;              /* of a journal that was opened; most of a sector is erased */
    if (used == 0 && find_end(j, &used) != 0)
        return GF_E_STORE;
    while (rc == 0) {
        bool over = at >= used;

        if (!over && look(j, at, &f) != 0)
            return GF_E_STORE;
        if (!over && !f.whole) {
            /* A torn header may have read as erased, so its length says nothing. */
            at += MC_JOURNAL_SLOT;
            continue;
        }
        if (held.whole && (over || f.sequence > held.sequence)) {
            struct mc_record record = {(enum mc_record_type)held.type,
                                       base_of(j) + held_at + MC_JOURNAL_HEAD, held.len};

            *ret_committed = *ret_committed || held.type == MC_RECORD_COMMIT;
            end->turned = end->turned || held.type == MC_RECORD_TURN;
            end->sequence = held.sequence;
            end->last = held_at;
            end->copied = held.total;
            rc = visit == NULL ? 0 : visit(ctx, &record);
        }
        if (over)
            break;
        held = f;
        held_at = at;
        at += f.total;
    }
    end->pos = at > used ? at : used;
    return rc;
}

int mc_journal_open(struct mc_journal *j, const struct mc_nvm *nvm)
{
    struct mc_journal best = {0};

    for (uint32_t i = 0; i < nvm->sectors; i++) {
        struct mc_journal here = {.nvm = nvm, .sector = i}, end;
        uint32_t mark[2];
        bool committed;
        int rc = read_mark(&here, SECTOR_AT, MC_RECORD_SECTOR, mark, 2);

        if (rc == GF_E_STORE)
            return rc;
        if (rc != 0 || mark[0] <= best.generation || mark[0] >= NUMBER_END)
            continue;
        if (scan(&here, NULL, NULL, &end, &committed) != 0)
            return GF_E_STORE;
        if (committed) {
            best = end;
            best.generation = mark[0];
        }
    }
    if (best.generation == 0 || is_prepared(&best, &best.prepared) != 0)
        return GF_E_STORE;
    *j = best;
    return 0;
}

int mc_journal_replay(const struct mc_journal *j, mc_journal_visit *visit, void *ctx)
{
    struct mc_journal end;
    bool committed;

    return scan(j, visit, ctx, &end, &committed);
}

/* Leave alone what an earlier cut may have begun behind the last that can be seen, and put a fence
 * behind it: one slot of zeroes, the same whatever follows. So two starts never begin different
 * records at one place, even when something became whole between them. */
static int put_fence(struct mc_journal *j)
{
    static const uint8_t fence[MC_JOURNAL_SLOT] = {0};
    uint32_t at = j->pos + MC_JOURNAL_SLOT;

    j->pos = j->nvm->sector_size;
    if (at + MC_JOURNAL_SLOT > j->nvm->sector_size)
        return 0;
    j->pos = at + MC_JOURNAL_SLOT;
    return j->nvm->program(j->nvm->ctx, base_of(j) + at, fence, sizeof fence);
}

int mc_journal_settle(struct mc_journal *j, uint8_t *buf, size_t cap)
{
    uint32_t total = j->copied;

    if (put_fence(j) != 0)
        return GF_E_STORE;
    if (total > cap || j->turned || total > mc_journal_free(j))
        return GF_E_SPACE;
    if (j->nvm->read(j->nvm->ctx, base_of(j) + j->last, buf, total) != 0)
        return GF_E_STORE;
    return put(j, buf, total, j->sequence);
}

uint32_t mc_journal_cycles(const struct mc_journal *j)
{
    uint32_t cycles = 0;

    return read_cycles(j, &cycles) == 0 ? cycles : 0;
}
