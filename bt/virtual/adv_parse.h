#ifndef GF_BT_VIRTUAL_ADV_PARSE_H
#define GF_BT_VIRTUAL_ADV_PARSE_H
/* What an application's LEAdvertisement1 object says, and whether it fits the packet. */
#include "bt/virtual/model.h"

/*
 * Read a{sv}, the reply of Properties.GetAll, into a new report. Legacy packets: 31 bytes, and the
 * local name in the scan response. True, or false when BlueZ refuses such an advertisement; then
 * *ret holds nothing.
 */
bool vb_adv_parse(sd_bus_message *m, const struct vb_adapter *adapter, struct vb_report *ret,
                  unsigned *ret_interval_ms, unsigned *ret_timeout_s);

void vb_report_done(struct vb_report *report);

#endif
