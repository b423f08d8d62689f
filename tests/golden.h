/* Golden hashes: the bits that every machine and compiler must find. */
#ifndef BRISC_TEST_GOLDEN_H
#define BRISC_TEST_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 64 bits (Fowler, Noll, Vo): start from HASH_START. */
static const uint64_t HASH_START = 0xcbf29ce484222325ull;

static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *byte = (const unsigned char *)data;
    for (size_t k = 0; k < bytes; k++)
        hash = (hash ^ byte[k]) * 0x100000001b3ull;
    return hash;
}

#define assert_golden(name, hash, golden)                                                          \
    do {                                                                                           \
        if ((hash) != (golden))                                                                    \
            fail_msg("%s: bits hash to %016llx here, to %016llx elsewhere", (name),                \
                     (unsigned long long)(hash), (unsigned long long)(golden));                    \
    } while (0)

#endif
