/* Golden hashes: the bits that every machine and compiler must find. */
#ifndef BRISC_TEST_GOLDEN_H
#define BRISC_TEST_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 64 bits (Fowler, Noll, Vo): start from HASH_START, add every number's bits. */
static const uint64_t HASH_START = 0xcbf29ce484222325ull;

static inline void hash_add(uint64_t *hash, uint64_t bits, size_t bytes) {
    for (size_t k = 0; k < bytes; k++)
        *hash = (*hash ^ (bits >> (8 * k) & 0xff)) * 0x100000001b3ull;
}

#define assert_golden(name, hash, golden)                                                          \
    do {                                                                                           \
        if ((hash) != (golden))                                                                    \
            fail_msg("%s: bits hash to %016llx here, to %016llx elsewhere", (name),                \
                     (unsigned long long)(hash), (unsigned long long)(golden));                    \
    } while (0)

#endif
