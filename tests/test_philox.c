/* philox.h against published vectors, against Random123, and against the word order that it
 * documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernels/cpu/cpu.h"

#if __has_include(<Random123/philox.h>)
#include <Random123/philox.h>
#define HAS_RANDOM123 1
#else
#define HAS_RANDOM123 0
#endif

enum { BLOCKS = 200000 };

static uint64_t random_next(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* philox4x32 with 10 rounds, from Random123's tests/kat_vectors. */
static void known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], word[4];
    } known[] = {
        {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        const uint32_t *c = known[k].counter, *key = known[k].key;
        philox_block_t b = philox_block((uint64_t)key[1] << 32 | key[0],
                                        (uint64_t)c[3] << 32 | c[2], (uint64_t)c[1] << 32 | c[0]);
        assert_memory_equal(b.word, known[k].word, sizeof b.word);
    }
}

static void as_random123(void **state) {
    (void)state;
#if HAS_RANDOM123
    uint64_t x = 1;
    for (int k = 0; k < BLOCKS; k++) {
        uint64_t seed = random_next(&x), sub = random_next(&x), block = random_next(&x);
        philox4x32_ctr_t counter = {
            {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)sub, (uint32_t)(sub >> 32)}};
        philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
        philox4x32_ctr_t theirs = philox4x32(counter, key);
        philox_block_t ours = philox_block(seed, sub, block);
        assert_memory_equal(ours.word, theirs.v, sizeof ours.word);
    }
#else
    print_message("Random123 is not installed: not compared\n");
    skip();
#endif
}

/* Word n is word n%4 of block n/4, also across the 32-bit halves of the counter. */
static void word_order(void **state) {
    (void)state;
    static const uint64_t first[] = {0, 0xfffffffffffffff0ull, 0x3fffffff8ull,
                                     0x123456789abcdefull};
    for (size_t k = 0; k < sizeof first / sizeof first[0]; k++)
        for (uint64_t i = 0; i < 16; i++) {
            uint64_t n = first[k] + i;
            philox_block_t b = philox_block(7, 1ull << 56 | 5, n / 4);
            assert_int_equal(philox_word(7, 1ull << 56 | 5, n), b.word[n % 4]);
        }
}

/* Streams that differ in anything are different streams: fields do not overlap, at their largest
 * values either. */
static void streams_apart(void **state) {
    (void)state;
    enum { LARGEST = 7, TARGET = INT32_MAX };
    uint64_t synapse[] = {
        stream_of_synapses(PURPOSE_CONNECT, LARGEST, 0, 0),
        stream_of_synapses(PURPOSE_CONNECT, 0, LARGEST, 0),
        stream_of_synapses(PURPOSE_CONNECT, 0, 0, TARGET),
        stream_of_synapses(PURPOSE_CONNECT, 0, 0, 0),
    };
    for (int k = 0; k < 3; k++)
        for (int l = 0; l < k; l++)
            assert_int_equal((synapse[k] ^ synapse[3]) & (synapse[l] ^ synapse[3]), 0);
    uint64_t last_step = stream_of_noise(0, (1ull << 52) - 1), population = stream_of_noise(7, 0);
    uint64_t none = stream_of_noise(0, 0);
    assert_int_equal((last_step ^ none) & (population ^ none), 0);
    uint64_t largest[] = {stream_of_synapses(PURPOSE_CONNECT, LARGEST, LARGEST, TARGET),
                          stream_of_synapses(PURPOSE_WEIGHT, LARGEST, LARGEST, TARGET),
                          stream_of_noise(LARGEST, (1ull << 52) - 1), stream_of_initial(LARGEST)};
    for (int k = 0; k < 4; k++) /* the purpose is the top byte of each */
        assert_int_equal(largest[k] >> 56, PURPOSE_CONNECT + k);
}

/* Every number of blocks and lane, across the carry of a counter's low word. */
static void in_vectors(void **state) {
    (void)state;
    enum { MOST = 40, GUARD = 4 };
    static const int simds[] = {SIMD_PORTABLE, SIMD_AVX2, SIMD_AVX512};
    const uint64_t seed = 0x123456789abcdefull, sub = 0xfedcba9876543210ull;
    for (size_t s = 0; s < sizeof simds / sizeof *simds; s++)
        for (uint32_t n = 0; n <= MOST && cpu_has_simd(simds[s]); n++)
            for (uint64_t first = 0xffffffffull - MOST; first <= 0x100000000ull; first++) {
                const simd_ops_t *ops;
                uint32_t word[4 * MOST + GUARD] = {0};
                assert_int_equal(simd_choose(simds[s], &ops), STATUS_OK);
                ops->words(seed, sub, first, n, word);
                for (uint32_t k = 0; k < n; k++) {
                    philox_block_t block = philox_block(seed, sub, first + k);
                    assert_memory_equal(word + 4 * k, block.word, sizeof block.word);
                }
                for (uint32_t k = 0; k < GUARD; k++)
                    assert_int_equal(word[4 * n + k], 0);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(as_random123),
        cmocka_unit_test(word_order),    cmocka_unit_test(streams_apart),
        cmocka_unit_test(in_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
