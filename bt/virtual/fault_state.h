#ifndef GF_BT_VIRTUAL_FAULT_STATE_H
#define GF_BT_VIRTUAL_FAULT_STATE_H
/* What the files of the fault injection share; see fault.h. */
#include "bt/virtual/att.h"
#include "bt/virtual/fault.h"
#include "bt/virtual/link.h"
#include "bt/virtual/model.h"

#define VB_FAULT_EVER 0
#define VB_FAULT_KEPT 64

enum vb_fault_group {
    VB_FAULT_DAEMON,
    VB_FAULT_SCAN,
    VB_FAULT_CONNECT,
    VB_FAULT_DISCOVERY,
    VB_FAULT_DATA,
    VB_FAULT_GROUPS
};
extern const char *const vb_fault_groups[VB_FAULT_GROUPS];

/* Where a fault can strike. */
enum vb_place {
    VB_AT_BEGIN,    /* once, when its phase begins */
    VB_AT_CALL,     /* m: a call of a client to hci0 or below */
    VB_AT_PDU,      /* link, direction, p, n */
    VB_AT_LINK_UP,  /* link */
    VB_AT_LINK_DOWN, /* device */
    VB_AT_SERVICES, /* link */
    VB_AT_HEARD,    /* from, how */
    VB_AT_VALUE,    /* chr, p, n */
    VB_AT_MTU,      /* link; the answer goes to mtu */
};

struct vb_scene {
    enum vb_place place;
    sd_bus_message *m;
    const char *member;
    struct vb_link *link;
    struct vb_device *device;
    struct vb_char *chr;
    struct vb_adapter *from;
    struct vb_heard *how;
    enum vb_direction direction;
    const uint8_t *p;
    size_t n;
    uint16_t mtu;
};

/* One row of the table. */
struct vb_fault_kind {
    const char *id, *what;
    enum vb_fault_group group;
    enum vb_phase home; /* the phase in which it strikes by nature; VB_PHASES: in any */
    unsigned times;     /* how often, unless the order says; VB_FAULT_EVER */
    int sentence;       /* 0: work goes on by itself; else the GF_E_* that a user must read */
    bool at_end;        /* it can strike a client that has called Disconnect for the last time */
    unsigned mtu;       /* that peripherals offer in the whole run; 0: as the options say */
    unsigned places;    /* 1 << enum vb_place */
    /* True: the usual course is taken over. */
    bool (*strike)(struct vb_fault *f, struct vb_scene *scene);
};
extern const struct vb_fault_kind vb_fault_kinds[];
extern const size_t vb_n_fault_kinds;

struct vb_kept {
    sd_bus_message *m;
    uint64_t due_us;
};

/* An order. */
struct vb_fault {
    TAILQ_ENTRY(vb_fault) next;
    const struct vb_fault_kind *kind;
    struct vb *vb;
    enum vb_phase phase;
    unsigned skip;       /* so many beginnings of the phase pass by first */
    unsigned left;       /* strikes; UINT_MAX: for ever */
    unsigned struck;
    bool armed;
    uint64_t rng;
    uint32_t draw;       /* a number drawn for this order */
    uint64_t armed_us;
    struct vb_timer begin, later; /* later: for the fault's own use */
    unsigned step;       /* likewise */
    struct vb_kept kept[VB_FAULT_KEPT];
    unsigned n_kept;
    struct vb_timer release;
    bool busy;           /* at work: what it sends itself passes */
    uint8_t pdu[VB_ATT_MTU_MAX];
    size_t pdu_n;
    struct vb_link *pdu_link;
};

/* A number below n from the order's own sequence. */
uint32_t vb_fault_random(struct vb_fault *f, uint32_t n);

/* Count a strike and tell it on stdout. False: there were enough already. */
bool vb_fault_count(struct vb_fault *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Keep a call for so long, then let it go its usual way; UINT64_MAX: it is never answered. */
void vb_fault_keep(struct vb_fault *f, sd_bus_message *m, uint64_t us);

/* What is kept goes its usual way now. */
void vb_fault_let_go(struct vb_fault *f);

/* Answer all that is kept with an error. */
void vb_fault_end_kept(struct vb_fault *f, const char *name, const char *text);

/* Answer a call with an error. True. */
bool vb_fault_refuse(sd_bus_message *m, const char *name, const char *text);

/* The device that the client works with: linked, being connected, or simply the first. NULL. */
struct vb_device *vb_fault_target(struct vb *vb);
struct vb_link *vb_fault_link(struct vb *vb);

/* The characteristic that a call is for, or NULL. */
struct vb_char *vb_fault_char(struct vb *vb, sd_bus_message *m);

/* What peripherals offer from now on. Those with a small MTU are radio modules: BlueZ's own server
 * would cut values, see --notify-wait-ms. */
void vb_fault_set_mtu(struct vb *vb, unsigned mtu);

/* Its link falls, as if the radio had lost it. */
void vb_fault_cut(struct vb *vb);

/* The strikes, by groups: fault_daemon.c, fault_scan.c, fault_connect.c, fault_discovery.c,
 * fault_data.c. What each does stands in the table. */
typedef bool vb_strike(struct vb_fault *f, struct vb_scene *scene);

#endif
