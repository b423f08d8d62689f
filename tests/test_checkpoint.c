/* Checkpoints: what is stored comes back; every single flipped bit, every cut and every foreign
 * file is refused. */
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "host/io/checkpoint.h"
#include "tests/folder.h"

enum { NEURONS = 5, SKELETON = 40, BAD = 9 };

/* A file of 100 bytes: 20 of skeleton, 5 frames of 3 floats, 20 of skeleton. */
static checkpoint_t example(float *h, unsigned char *skeleton) {
    for (int i = 0; i < NEURONS; i++)
        h[i] = 0.25f * (float)i;
    for (int i = 0; i < SKELETON; i++)
        skeleton[i] = (unsigned char)(i * 7);
    checkpoint_t c = {
        .connectivity_hash = 0x0123456789abcdefu,
        .config = "populations:\n  E:\n    lattice: [5, 1]\n",
        .layout = {.size = 100,
                   .frames = 5,
                   .trials = 1,
                   .written_at = 8,
                   .extents = 1,
                   .extent = {{.offset = 20, .frame_bytes = 12, .variable = FIELD_RATE * 8}},
                   .skeleton_bytes = SKELETON,
                   .skeleton = skeleton},
        .position = {.step = 1000,
                     .frames = 3,
                     .frames_hash = 42,
                     .saturated = 7,
                     .state_hash = UINT64_MAX,
                     .neurons = NEURONS,
                     .h = h},
    };
    return c;
}

static void name(char out[400], const char *suffix) {
    snprintf(out, 400, "%s%s", path, suffix);
}

static size_t read_all(const char *file, unsigned char *bytes, size_t size) {
    FILE *in = fopen(file, "rb");
    assert_non_null(in);
    size_t n = fread(bytes, 1, size, in);
    fclose(in);
    return n;
}

static void write_all(const char *file, const unsigned char *bytes, size_t size) {
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(out);
}

static void test_round_trip(void **state) {
    (void)state;
    float h[NEURONS];
    unsigned char skeleton[SKELETON];
    uint64_t bytes = 0;
    struct stat file;
    char last[400];
    checkpoint_t c = example(h, skeleton), back;
    assert_false(checkpoint_is_there(path));
    assert_fails(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_FAILED, "No such file");
    assert_int_equal(checkpoint_store(path, &c, &bytes), STATUS_OK);
    c.position.step = 2000;
    assert_int_equal(checkpoint_store(path, &c, &bytes), STATUS_OK);
    assert_int_equal(files_in_folder(), 2); /* no temporary file stays */
    name(last, ".checkpoint");
    assert_int_equal(stat(last, &file), 0);
    assert_int_equal(file.st_size, bytes);
    assert_int_equal(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_OK);
    assert_int_equal(back.position.step, 2000);
    assert_int_equal(back.position.frames, 3);
    assert_int_equal(back.position.saturated, 7);
    assert_true(back.position.state_hash == UINT64_MAX && back.position.frames_hash == 42);
    assert_true(back.connectivity_hash == c.connectivity_hash);
    assert_string_equal(back.config, c.config);
    assert_memory_equal(back.position.h, h, sizeof h);
    assert_memory_equal(back.layout.skeleton, skeleton, SKELETON);
    assert_memory_equal(back.layout.extent, c.layout.extent, sizeof c.layout.extent[0]);
    checkpoint_destroy(&back);
    assert_int_equal(checkpoint_load(path, CHECKPOINT_PREVIOUS, &back), STATUS_OK);
    assert_int_equal(back.position.step, 1000);
    checkpoint_destroy(&back);
    checkpoint_drop(path);
    assert_int_equal(files_in_folder(), 0);
}

static void test_damage(void **state) {
    (void)state;
    float h[NEURONS];
    unsigned char skeleton[SKELETON], bytes[1000];
    uint64_t stored = 0;
    char last[400];
    checkpoint_t c = example(h, skeleton), back;
    assert_int_equal(checkpoint_store(path, &c, &stored), STATUS_OK);
    name(last, ".checkpoint");
    size_t size = read_all(last, bytes, sizeof bytes);
    assert_int_equal(size, stored);
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (unsigned char)(1 << bit);
            write_all(last, bytes, size);
            if (checkpoint_load(path, CHECKPOINT_LAST, &back) != STATUS_FAILED)
                fail_msg("bit %d of byte %zu: not refused", bit, at);
            if (strstr(status_message(), last) == NULL)
                fail_msg("bit %d of byte %zu: %s", bit, at, status_message());
            bytes[at] ^= (unsigned char)(1 << bit);
        }
    for (size_t cut = 0; cut < size; cut++) {
        write_all(last, bytes, cut);
        assert_int_equal(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_FAILED);
    }
    bytes[8] = 3; /* the version, which comes before the checksum */
    write_all(last, bytes, size);
    assert_fails(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_FAILED, "format version 3");
    write_all(last, bytes, 0);
    assert_fails(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_FAILED, "no checkpoint");
}

/* The previous one takes a damaged one's place, and other writers stay out. */
static void test_make_last(void **state) {
    (void)state;
    float h[NEURONS];
    unsigned char skeleton[SKELETON];
    uint64_t stored;
    char last[400];
    checkpoint_t c = example(h, skeleton), back = {0}, other = {0};
    assert_int_equal(checkpoint_store(path, &c, &stored), STATUS_OK);
    c.position.step = 2000;
    assert_int_equal(checkpoint_store(path, &c, &stored), STATUS_OK);
    close(c.lock - 1); /* its writer is killed */
    name(last, ".checkpoint");
    write_all(last, skeleton, SKELETON);
    for (int missing = 0; missing < 2; missing++) {
        assert_int_equal(checkpoint_lock(path, &back), STATUS_OK);
        assert_fails(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_FAILED, last);
        assert_int_equal(checkpoint_load(path, CHECKPOINT_PREVIOUS, &back), STATUS_OK);
        assert_int_equal(checkpoint_make_last(path, &back), STATUS_OK);
        assert_fails(checkpoint_lock(path, &other), STATUS_USAGE, "another program");
        assert_int_equal(files_in_folder(), 1);
        checkpoint_destroy(&back);
        assert_int_equal(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_OK);
        assert_int_equal(back.position.step, 1000);
        checkpoint_destroy(&back);
        char previous[400];
        name(previous, ".checkpoint.previous");
        assert_int_equal(rename(last, previous), 0); /* killed between two renames */
    }
}

/* A message may quote the one before. */
static void test_message(void **state) {
    (void)state;
    status_fail(STATUS_FAILED, __FILE__, __LINE__, "one");
    status_fail(STATUS_FAILED, __FILE__, __LINE__, "two (%s)", status_message());
    assert_string_equal(status_message(), "two (one)");
}

/* A checksum that fits does not make nonsense sound. */
static void test_unsound(void **state) {
    (void)state;
    float h[NEURONS];
    unsigned char skeleton[SKELETON];
    uint64_t stored;
    checkpoint_t c = example(h, skeleton), back;
    assert_true(layout_is_sound(&c.layout));
    layout_t bad[BAD];
    for (int k = 0; k < BAD; k++)
        bad[k] = c.layout;
    bad[0].extent[0].offset = 90;    /* frames beyond the file */
    bad[1].frames = UINT64_MAX / 12; /* a product beyond 64 bits */
    bad[2].written_at = 25;          /* within the frames */
    bad[3].written_at = 96;          /* its 8 bytes end beyond the file */
    bad[4].skeleton_bytes = 39;
    bad[5].extent[0].frame_bytes = 0;
    bad[6].trials = 0;
    bad[7].trials = 2; /* twice the frames that the file has room for */
    bad[8].trials = UINT64_MAX / 2;
    for (int k = 0; k < BAD; k++)
        if (layout_is_sound(&bad[k]))
            fail_msg("layout %d passes for sound", k);
    c.layout.written_at = 25;
    assert_int_equal(checkpoint_store(path, &c, &stored), STATUS_OK);
    assert_fails(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_FAILED, "do not lie within");
}

/* A checkpoint of before there were trials is one of a single trial: the same but for the word. */
static void test_version_1(void **state) {
    (void)state;
    enum { WORD_AT = 24 + 13 * 8 };
    float h[NEURONS];
    unsigned char skeleton[SKELETON], bytes[1000];
    uint64_t stored = 0;
    char last[400];
    checkpoint_t c = example(h, skeleton), back;
    assert_int_equal(checkpoint_store(path, &c, &stored), STATUS_OK);
    name(last, ".checkpoint");
    size_t size = read_all(last, bytes, sizeof bytes);
    assert_int_equal(bytes[WORD_AT], 1);
    memmove(bytes + WORD_AT, bytes + WORD_AT + 8, size - WORD_AT - 8);
    size -= 8;
    bytes[8] = 1;
    memcpy(bytes + 16, &(uint64_t){size}, 8);
    uint32_t crc = (uint32_t)crc32(crc32(0, NULL, 0), bytes + 16, (uInt)size - 16);
    memcpy(bytes + 12, &crc, 4);
    write_all(last, bytes, size);
    assert_int_equal(checkpoint_load(path, CHECKPOINT_LAST, &back), STATUS_OK);
    assert_int_equal(back.layout.trials, 1);
    assert_int_equal(back.position.step, 1000);
    assert_memory_equal(back.position.h, h, sizeof h);
    assert_string_equal(back.config, c.config);
    checkpoint_destroy(&back);
}

/* The frames' hash: of content, place and variable, whatever the order. */
static void test_frames_hash(void **state) {
    (void)state;
    const float a[3] = {1, 2, 3}, b[3] = {1, 2, 4};
    assert_true(frame_hash(8, 0, 0, a, 3) != frame_hash(8, 0, 0, b, 3));
    assert_true(frame_hash(8, 0, 0, a, 3) != frame_hash(8, 0, 1, a, 3));
    assert_true(frame_hash(8, 0, 0, a, 3) != frame_hash(9, 0, 0, a, 3));
    assert_true(frame_hash(8, 0, 0, a, 3) != frame_hash(8, 1, 0, a, 3));
    assert_true(frame_hash(8, 0, 1, a, 3) != frame_hash(8, 1, 0, a, 3));
    assert_true(frame_hash(8, 0, 0, a, 3) + frame_hash(8, 0, 1, b, 3) !=
                frame_hash(8, 0, 0, b, 3) + frame_hash(8, 0, 1, a, 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_round_trip, empty_folder),
        cmocka_unit_test_teardown(test_damage, empty_folder),
        cmocka_unit_test_teardown(test_unsound, empty_folder),
        cmocka_unit_test_teardown(test_version_1, empty_folder),
        cmocka_unit_test_teardown(test_make_last, empty_folder),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_frames_hash),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
