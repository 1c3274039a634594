/* crc.c - bit-serial CRC-16 and CRC-32: small, and fast enough for what they guard; see crc.h. */
#include "common/crc.h"

uint16_t gf_crc16(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint16_t crc = 0xFFFF;

    for (size_t i = 0; i < n; i++) {
        crc = (uint16_t)(crc ^ b[i] << 8);
        for (int k = 0; k < 8; k++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

uint32_t gf_crc32(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *b = p;

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= b[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    }
    return ~crc;
}
