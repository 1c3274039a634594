/* judge.h - what a D-Bus error of BlueZ means for us: a code, and whether trying again can help. */
#ifndef GF_BT_JUDGE_H
#define GF_BT_JUDGE_H

/* What to do about a failed call. */
enum bt_retry {
    BT_RETRY_NO,        /* tell the user; trying again ends the same way */
    BT_RETRY_NOW,       /* radio trouble that passes: again after a back-off, the link being down */
    BT_RETRY_WAIT,      /* something is under way in the daemon: again when its state has changed */
    BT_RETRY_SEARCH,    /* the object is gone: hear the device again first */
    BT_RETRY_FORGET,    /* what the daemon remembers of the device is wrong: let it forget that */
};

struct bt_verdict {
    int code;               /* GF_E_*; never 0 */
    enum bt_retry retry;
    int att;                /* the ATT error named in the text, 0..255, or -1 */
};

/* Judge an error by its D-Bus name and its text; either may be NULL. An error in no row of the
 * table is GF_E_GATT with BT_RETRY_NOW: the budget of attempts bounds what that costs. */
struct bt_verdict bt_judge(const char *name, const char *text);

#endif
