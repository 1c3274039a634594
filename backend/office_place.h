/* office_place.h - where a head office's database is: the file office.db in its folder, or a server
 * that the file db.url there names. Made whole or not at all. */
#ifndef GF_OFFICE_PLACE_H
#define GF_OFFICE_PLACE_H

#include "backend/office_db.h"

struct place {
    const char *dir, *url; /* url NULL: the file */
    struct odb *server;    /* private */
};

/* The place of a database to be made: 0; GF_E_NOT_NOW when there is a head office's already, in the
 * folder or at the URL (nothing is changed); store errors. place_end() in any case. */
int place_new(struct place *p, const char *dir, const char *url, struct gf_fail *why);
void place_end(struct place *p);

/* Make it: `fill` gets the tables without a row, in a writing transaction, and fills them. What an
 * interrupted one left is made anew. */
int place_make(struct place *p, int (*fill)(struct odb *db, void *ctx, struct gf_fail *why),
               void *ctx, struct gf_fail *why);

/* Open the database of a folder. GF_E_FILE when there is none. */
int place_open(const char *dir, struct odb **ret, struct gf_fail *why);

#endif
