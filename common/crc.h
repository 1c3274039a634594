/* crc.h - the two checksums in use. They find accidents, never attacks. Freestanding. */
#ifndef GF_CRC_H
#define GF_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected; check("123456789") = 0x29B1. */
uint16_t gf_crc16(const void *p, size_t n);

/* CRC-32 (IEEE 802.3): reflected 0xEDB88320; check("123456789") = 0xCBF43926. `crc` is 0, or the value so far. */
uint32_t gf_crc32(uint32_t crc, const void *p, size_t n);

#endif
