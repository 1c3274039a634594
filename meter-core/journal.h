/* journal.h - append-only records in flash sectors, proof against power cuts. Freestanding.
 *
 * Record, a multiple of MC_JOURNAL_SLOT bytes at a multiple of it:
 *   sequence 4 (below 2^31, so never all ones) | type 1 | 0 | payload length 2
 *   | CRC-32 of these 8 bytes 4 | payload | zeroes | CRC-32 of everything before 4
 * all little-endian. The sequence stands first, so a torn record never looks erased; the CRC stands
 * last, so a record counts only once its last program unit is on flash. What is no whole record is
 * skipped slot by slot.
 *
 * A unit that power failed in may read well now and badly later, or the other way round. Therefore
 * each start appends a copy of the last whole record under that record's own sequence, behind
 * everything that was ever touched; and a record whose successor does not have a higher sequence
 * does not count. So a torn record that reads well one day stays void, and a copied one counts
 * once. Before the copy a start writes a fence, one slot of zeroes, a slot behind the last that can
 * be seen: a start that is cut short is followed by one that goes further, or that begins with the
 * same fence again, never with another record at a place that was begun. Every record holds
 * absolute values: applied twice it changes nothing.
 *
 * A sector: an ERASED mark (so an erase that was cut short is known), a SECTOR record with the
 * generation, the carry-over (snapshot, kept operations, logs), a COMMIT, then new records, and at
 * last a TURN: from then on the next sector is no longer known to be erased, whatever it reads. The
 * highest generation with a COMMIT is the journal. Turning to the next sector only programs: it has
 * been erased beforehand by mc_journal_prepare(), which the meter calls when neither session nor
 * purge grant is alive and the valve is not on its way, because an erase may stall the core for
 * seconds.
 */
#ifndef GF_METER_JOURNAL_H
#define GF_METER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meter-core/meter.h"

#define MC_JOURNAL_SLOT 16  /* bytes; a multiple of every program unit */
#define MC_JOURNAL_HEAD 12  /* bytes before the payload */
#define MC_JOURNAL_EXTRA 32 /* bytes that head, padding and CRC add to a payload, at most */
/* Bytes of a sector, at least: the largest carry-over, and what a session and a grant need. */
#define MC_JOURNAL_SECTOR_MIN 131072u

enum mc_record_type {
    MC_RECORD_ERASED = 1,       /* payload: erase cycles of this sector, 4 LE */
    MC_RECORD_SECTOR = 2,       /* payload: generation, 4 LE; erase cycles, 4 LE */
    MC_RECORD_COMMIT = 3,       /* no payload */
    MC_RECORD_SNAPSHOT = 4,     /* the rest belongs to store.c */
    MC_RECORD_KEPT = 5,
    MC_RECORD_OPERATION = 6,
    MC_RECORD_CHANGE = 7,
    MC_RECORD_INDEX = 8,
    MC_RECORD_TURN = 9,         /* no payload */
    MC_RECORD_LOG = 10,         /* store.c's, and logs.c's */
};

struct mc_journal {             /* private; caller allocates */
    const struct mc_nvm *nvm;   /* borrowed for life */
    uint32_t sector, generation;
    uint32_t pos;               /* next free byte in the sector */
    uint32_t sequence;          /* of the last record that counts */
    uint32_t last;              /* offset in the sector of that record */
    uint32_t copied;            /* bytes of it, header and CRC too */
    bool prepared;              /* the next sector is erased and marked */
    bool turned;                /* this sector holds a TURN: that was cut short */
};

/* A record found by replay. `addr` is the NVM address of the payload. */
struct mc_record {
    enum mc_record_type type;
    uint32_t addr;
    uint32_t len;
};

/* Called by mc_journal_replay() for each record that counts, in order. 0, or an error that ends the
 * replay. */
typedef int mc_journal_visit(void *ctx, const struct mc_record *record);

/* True when this geometry can hold a journal: unit 4, 8 or 16; two sectors or more of
 * MC_JOURNAL_SECTOR_MIN. */
bool mc_journal_fits(const struct mc_nvm *nvm);

/* Begin a new journal: erase every sector, generation 1 in the first. Records may be appended at
 * once, but nothing counts before mc_journal_commit(). 0 or GF_E_STORE. */
int mc_journal_format(struct mc_journal *j, const struct mc_nvm *nvm);

/* Find the journal: 0; GF_E_STORE when there is none or the NVM fails. Nothing is written. */
int mc_journal_open(struct mc_journal *j, const struct mc_nvm *nvm);

/* Visit every record that counts. 0, the visitor's error, or GF_E_STORE. */
int mc_journal_replay(const struct mc_journal *j, mc_journal_visit *visit, void *ctx);

/* Write the last record again behind whatever a power cut left (see above). Call once after
 * mc_journal_open(), before anything is trusted. `buf` is scratch of `cap` bytes. 0; GF_E_SPACE
 * when the sector is full or turning away from it was cut short: then prepare the next one and
 * turn, which also writes everything anew; GF_E_STORE. Either way the next sector is to be prepared
 * before anything new is appended. */
int mc_journal_settle(struct mc_journal *j, uint8_t *buf, size_t cap);

/* Append one record. The payload stands at rec + MC_JOURNAL_HEAD, `len` bytes; rec has
 * MC_JOURNAL_EXTRA bytes more than the payload, which are filled in. One program call. *ret_addr
 * (may be NULL) gets the payload's NVM address. 0; GF_E_SPACE when the sector has no room, nothing
 * was written; GF_E_STORE: the record does not count. */
int mc_journal_append(struct mc_journal *j, enum mc_record_type type, uint8_t *rec, size_t len,
                      uint32_t *ret_addr);

/* Bytes still free in the present sector. */
uint32_t mc_journal_free(const struct mc_journal *j);

/* Bytes that a record with a payload of `len` takes. */
uint32_t mc_journal_cost(size_t len);

/* Turn to the next sector: *ret is a journal there to which the carry-over is appended, then
 * mc_journal_commit(ret), then it replaces *j. Until the commit *j stays the journal. GF_E_NOT_NOW
 * when the next sector is not prepared. */
int mc_journal_turn(struct mc_journal *j, struct mc_journal *ret);
int mc_journal_commit(struct mc_journal *j);

/* Erase and mark the next sector unless that is done. The only function that erases, but for
 * mc_journal_format(). */
int mc_journal_prepare(struct mc_journal *j);

/* Erase cycles of the present sector, for the wear report. 0 when it cannot be read. */
uint32_t mc_journal_cycles(const struct mc_journal *j);

#endif
