/* btsnoop.h - ATT PDUs as records of a btsnoop file, which Wireshark, tshark and btmon open. Freestanding.
 *
 * The format is Symbian's, version 1, as btmon and Wireshark document it: a head of 16 bytes, then records; numbers are
 * big-endian. The datalink is 1002, HCI over UART: every record is one HCI packet with its kind before it. A PDU is
 * wrapped as it stands at the laptop's controller: ACL packet, L2CAP frame of channel 4, ATT.
 */
#ifndef GF_BTSNOOP_H
#define GF_BTSNOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GF_BTSNOOP_HEAD 16
#define GF_BTSNOOP_PDU_MAX 517                              /* the longest ATT_MTU */
#define GF_BTSNOOP_RECORD_MAX (24 + 1 + 4 + 4 + GF_BTSNOOP_PDU_MAX)

/* The file's head. Returns its length, GF_BTSNOOP_HEAD. */
size_t gf_btsnoop_head(uint8_t ret[static GF_BTSNOOP_HEAD]);

/* One ATT PDU that the laptop sent or received; n is cut at GF_BTSNOOP_PDU_MAX. utc_us: us since 1970. link: handle of
 * the connection, 0..0xeff. Returns the record's length. */
size_t gf_btsnoop_att(uint8_t ret[static GF_BTSNOOP_RECORD_MAX], int64_t utc_us, uint16_t link, bool is_sent,
                      const uint8_t *pdu, size_t n);

/* The event LE Connection Complete: the laptop, as central, is connected to that address (public, its first written
 * byte first). Tells readers whose PDUs follow. */
size_t gf_btsnoop_connected(uint8_t ret[static GF_BTSNOOP_RECORD_MAX], int64_t utc_us, uint16_t link,
                            const uint8_t address[static 6]);

/* The event Disconnection Complete. */
size_t gf_btsnoop_disconnected(uint8_t ret[static GF_BTSNOOP_RECORD_MAX], int64_t utc_us, uint16_t link);

/* The length of the record that begins there: one that was made here. */
size_t gf_btsnoop_len(const uint8_t *record);

#endif
