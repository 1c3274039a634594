#ifndef GF_TESTS_AID_PG_PROXY_H
#define GF_TESTS_AID_PG_PROXY_H
/*
 * A wire between a client and the PostgreSQL of a test (pg.h) that can be cut: it understands as
 * much of the protocol (PostgreSQL 15, chapter 55) as is needed to know one message from the next.
 * It works in a thread of its own. Each cut happens once, then it passes everything on.
 */
enum pg_cut {
    PG_PASS,
    PG_CUT_BEFORE_COMMIT, /* COMMIT does not reach the server; both sides see the end */
    PG_CUT_AFTER_COMMIT,  /* COMMIT is done, its answer does not reach the client */
    PG_HOLD_LOST,         /* the client sees the end at COMMIT, the server nothing: until another
                             session asks for a mark; then the server sees the end too */
    PG_HOLD_COMMITTED,    /* the same, and at last the server gets the COMMIT that was held */
    PG_CUT_AT_MESSAGE,    /* both sides see the end instead of the client's n-th message from now */
};

struct pg_proxy;

/* A proxy to the server; its socket for pg_url_through(). */
struct pg_proxy *pg_proxy_new(const char **ret_socket);
void pg_proxy_free(struct pg_proxy *p);

void pg_proxy_cut(struct pg_proxy *p, enum pg_cut cut, unsigned at_message);

/* Has the cut that was asked for happened? */
int pg_proxy_has_cut(struct pg_proxy *p);

#endif
