/* uart_msg.h - what the meter's controller and its radio module say to each other over uart_link.h.
 * Freestanding. Numbers are little-endian.
 */
#ifndef GF_METER_UART_MSG_H
#define GF_METER_UART_MSG_H

#include "meter-core/gatt.h"

#define UM_VERSION 1
#define UM_FRAGMENT_MAX 244 /* of a fragment: ATT_MTU 247. The module says so in CTL's limit */
#define UM_ATT_MTU_MAX 247

/* X(NAME, number, body bytes at least, at most, who says it: 'C' controller, 'M' module, what) */
#define UM_TABLE(X)                                                                                \
    X(HELLO, 1, 23, 250, 'C', "UM_VERSION 1, firmware 4, meter id 12, id hash 6; more may follow")   \
    X(CTL, 2, 21, 21, 'C', "the value of CTL, whenever it is another (gatt.h)")                    \
    X(NOTIFY, 3, 1, 244, 'C', "a fragment to notify on TX")                                        \
    X(DROP, 4, 0, 0, 'C', "the link is to be ended")                                               \
    X(CONNECTED, 16, 2, 2, 'M', "a central is there: ATT_MTU 2; again when that changes")          \
    X(DISCONNECTED, 17, 0, 0, 'M', "it has gone")                                                  \
    X(WRITE, 18, 1, 244, 'M', "a fragment that was written to RX")                                 \
    X(RESET, 19, 5, 5, 'M', "what was written to CTL (gatt.h)")

enum um_kind {
#define X(name, number, least, most, who, what) UM_##name = number,
    UM_TABLE(X)
#undef X
};

#endif
