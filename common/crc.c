/* crc.c - CRC-16 bit by bit, CRC-32 by nibbles: small, and fast enough for what they guard; see crc.h. */
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
    /* The remainders of the sixteen nibbles: 64 bytes of flash for a quarter of the time. */
    static const uint32_t nibble[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    const uint8_t *b = p;

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= b[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}
