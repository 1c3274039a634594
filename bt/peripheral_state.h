/* peripheral_state.h - what the files of the peripheral share. Private to bt/. */
#ifndef GF_BT_PERIPHERAL_STATE_H
#define GF_BT_PERIPHERAL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "bt/bus.h"
#include "bt/peripheral.h"

#define BT_APP_PATH "/org/gasfitter/meter"
#define BT_ADVERT_PATH BT_APP_PATH "/advert"
#define BT_VALUE_MAX 512    /* bytes of an attribute, Core specification Vol 3 Part F 3.2.9 */

/* What is registered. */
enum bt_stand {
    BT_STAND_AWAY,      /* no daemon or no usable adapter */
    BT_STAND_APP,       /* RegisterApplication under way */
    BT_STAND_ADVERT,    /* RegisterAdvertisement under way */
    BT_STAND_UP,
    BT_STAND_WAIT,      /* refused; again after the back-off */
};

struct bt_peripheral {
    struct bt_bus *bus;
    struct bt_peripheral_config config;
    struct gf_source source;
    char want_adapter[GF_BT_ADDRESS_TEXT];

    char adapter[BT_PATH_CAP];      /* empty: none */
    char address[GF_BT_ADDRESS_TEXT];
    enum bt_stand stand;
    unsigned call;
    int64_t timer_ms, wait_ms;      /* the next attempt or re-advertising, 0: none; the back-off */
    bool has_advert;                /* one of this adapter's may be registered */
    int told;                       /* what state() was told last; 1: nothing yet */

    char central[BT_PATH_CAP];      /* its device; empty: none */
    uint16_t mtu;
    bool dropping;
    int64_t drop_at_ms;             /* to ask BlueZ again, 0: not dropping */
};

/* peripheral.c */
/* May the device of an operation (NULL: not named) do it? It becomes the central when there is
 * none; another one is disconnected. mtu 0: not told. */
bool bt_peripheral_admit(struct bt_peripheral *p, const char *device, uint16_t mtu);
/* The daemon has dropped our advertisement by itself. */
void bt_peripheral_released(struct bt_peripheral *p);

/* peripheral_gatt.c: answers all calls to our objects; `userdata` is the peripheral */
int bt_gatt_call(sd_bus_message *m, void *userdata, sd_bus_error *ret_error);
/* Emit PropertiesChanged of TX. */
void bt_gatt_notify(struct bt_peripheral *p, const uint8_t *value, size_t n);

#endif
