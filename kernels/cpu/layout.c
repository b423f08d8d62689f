/* Where things lie: units of groups, and the memory that a network takes. */
#include "kernels/cpu/runs.h"

#include <stdlib.h>

summing_t summing_of(const network_t *net, const simd_ops_t *simd) {
    summing_t s;
    s.runs = simd->run_sums && net->trials >= RUNS_LEAST && net->storage != STORAGE_BITMAP &&
             net->weight_bits <= 16;
    s.batches = (net->trials + BATCH - (s.runs ? 1 : BATCH_LEAST)) / BATCH;
    s.singles = net->trials > s.batches * BATCH ? net->trials - s.batches * BATCH : 0;
    s.images = s.singles > 0 ? s.singles : 1;
    return s;
}

/* A unit is taken where it is expected to hold more synapses of a target than this: those that
 * take as long in a list, or, for the smallest memory, those whose offsets take as much as its
 * mask. */
static double synapses_worth_a_unit(const network_t *net, const simd_ops_t *simd,
                                    const pathway_t *w) {
    const double none = UNIT_SITES + 1.0;
    if (net->storage == STORAGE_AUTO && summing_of(net, simd).batches > 0)
        return none; /* batches take units apart, bit by bit */
    if (net->weight_bits == 8 && w->inputs_most > (uint32_t)(INT32_MAX / weight_code_max(8)))
        return none; /* beyond 32 bits of a target's sum of codes */
    return net->storage == STORAGE_BITMAP ? 2.0
           : net->weight_bits == 8        ? simd->unit_8
                                          : simd->unit_16;
}

/* The best cover of a row of `width` sites by units: column[] of each, ascending; returns how many.
 * sum[x]: expected synapses of the sites before x. Dynamic programming: best[x] is the most that
 * units before x save. Scratch: best, from, [width + 1]. */
static uint32_t cover(uint32_t width, const double *sum, double cost, double *best, uint32_t *from,
                      uint32_t *column) {
    for (uint32_t x = 0; x <= width; x++)
        best[x] = -1.0;
    best[0] = 0.0;
    for (uint32_t x = 0; x < width; x++) {
        uint32_t end = x + UNIT_SITES < width ? x + UNIT_SITES : width;
        double with = best[x] + sum[end] - sum[x] - cost;
        if (best[x + 1] < best[x]) {
            best[x + 1] = best[x];
            from[x + 1] = x + 1; /* no unit ends here */
        }
        if (best[end] < with) {
            best[end] = with;
            from[end] = x;
        }
    }
    uint32_t units = 0, end = width;
    while (end > 0) {
        if (from[end] == end) {
            end--;
            continue;
        }
        end = from[end];
        column[units++] = end;
    }
    for (uint32_t k = 0; k < units / 2; k++) {
        uint32_t other = column[units - 1 - k];
        column[units - 1 - k] = column[k];
        column[k] = other;
    }
    return units;
}

/* Expected synapses of the group's targets, [window_y][width], added up; and the columns that any
 * of them reaches. */
static void expect(const network_t *net, const pathway_t *w, uint32_t ix, uint32_t iy,
                   uint32_t width, double *pi, double *expected, group_class_t *c) {
    uint32_t members = group_targets(&net->population[w->target], ix);
    for (uint32_t row = 0; row < w->window_y; row++) {
        c->row_first[row] = w->window_x;
        c->row_last[row] = 0;
    }
    for (uint32_t t = 0; t < members; t++) {
        uint32_t shift = pathway_base_x(w, ix + t) - pathway_base_x(w, ix);
        const uint32_t *threshold = pathway_threshold(w, ix + t, iy);
        pathway_inclusion(w, class_index(w, ix + t, iy), pi);
        for (uint32_t row = 0; row < w->window_y; row++)
            for (uint32_t x = 0; x < w->window_x; x++) {
                size_t cell = (size_t)row * w->window_x + x;
                expected[(size_t)row * width + shift + x] += pi[cell] / members;
                if (threshold[cell] == 0)
                    continue;
                c->row_first[row] = x < c->row_first[row] ? x : c->row_first[row];
                c->row_last[row] = x >= c->row_last[row] ? x + 1 : c->row_last[row];
            }
    }
}

static void place_units(const network_t *net, const simd_ops_t *simd, const pathway_t *w,
                        uint32_t width, uint32_t stride, const double *expected, double *sum,
                        uint32_t *column, group_class_t *c) {
    double cost = synapses_worth_a_unit(net, simd, w);
    for (uint32_t row = 0; row < w->window_y; row++, expected += width) {
        double held = 0.0;
        sum[0] = 0.0;
        for (uint32_t x = 0; x < width; x++)
            sum[x + 1] = sum[x] + expected[x];
        c->row_unit[row] = c->units;
        uint32_t units = net->storage == STORAGE_LIST
                             ? 0
                             : cover(width, sum, cost, sum + width + 1, column + width, column);
        for (uint32_t k = 0; k < units; k++) {
            uint32_t end = column[k] + UNIT_SITES;
            held += sum[end < width ? end : width] - sum[column[k]];
            c->site[c->units++] = row * stride + column[k];
        }
        c->in_units += held;
        c->listed += sum[width] - held;
    }
    c->row_unit[w->window_y] = c->units;
}

double parts_expected(double mean, uint32_t size) {
    if (mean > fmin(8.0 * size, 600.0)) /* e^-600 is normal yet */
        return (mean + (size - 1) / 2.0) / size;
    double p = exp(-mean), at_most = 0.0, parts = 0.0;
    for (uint32_t n = 0; n < 32 * size; p *= mean / ++n) {
        at_most += p;
        parts += n % size == 0 ? fmax(0.0, 1.0 - at_most) : 0.0;
    }
    return parts;
}

int group_class_create(const network_t *net, const simd_ops_t *simd, const pathway_t *w,
                       uint32_t ix, uint32_t iy, uint32_t stride, group_class_t *c) {
    uint32_t rows = w->window_y, width = group_width(net, w, ix);
    uint32_t most = rows * (width / UNIT_SITES + 1);
    double *pi = malloc((size_t)rows * w->window_x * sizeof *pi);
    double *expected = calloc((size_t)rows * width + 2 * ((size_t)width + 1), sizeof *expected);
    uint32_t *column = malloc((2 * (size_t)width + 1) * sizeof *column);
    *c = (group_class_t){0};
    c->row_unit = malloc((3 * (size_t)rows + 1 + most) * sizeof *c->row_unit);
    int done = pi && expected && column && c->row_unit;
    if (done) {
        c->row_first = c->row_unit + rows + 1;
        c->row_last = c->row_first + rows;
        c->site = c->row_last + rows;
        expect(net, w, ix, iy, width, pi, expected, c);
        place_units(net, simd, w, width, stride, expected, expected + (size_t)rows * width, column,
                    c);
    }
    free(pi);
    free(expected);
    free(column);
    return done;
}

void group_class_destroy(group_class_t *c) {
    free(c->row_unit);
}

/* Expected bytes of one pathway's blocks: groups of one class are alike. */
static int pathway_bytes(const network_t *net, const simd_ops_t *simd, const pathway_t *w,
                         double *bytes) {
    const population_t *to = &net->population[w->target];
    image_t image = image_of(net, w->source);
    double code = net->weight_bits / 8.0, bands = window_bands(w, &image);
    uint32_t columns = groups_of_row(to);
    for (uint32_t cy = 0; cy < w->classes_y && cy < to->ny; cy++)
        for (uint32_t cx = 0; cx < w->classes_x; cx++) {
            uint32_t groups = 0, ix = 0, targets = 0;
            for (uint32_t g = 0; g < columns; g++)
                if (g * GROUP_TARGETS % w->classes_x == cx) {
                    ix = groups == 0 ? g * GROUP_TARGETS : ix;
                    groups++;
                    targets += group_targets(to, g * GROUP_TARGETS);
                }
            if (groups == 0)
                continue;
            double rows = (to->ny - cy + w->classes_y - 1) / w->classes_y;
            if (summing_of(net, simd).runs) { /* a row's last group may have fewer targets */
                double record = runs_expected_bytes(net, w, ix, cy, &image);
                if (record == 0.0)
                    return 0;
                *bytes += rows * targets * (record + 2.0) / group_targets(to, ix);
                continue;
            }
            group_class_t c;
            int done = group_class_create(net, simd, w, ix, cy, image.stride, &c);
            double lists = bands * parts_expected(c.listed / bands, PIECE);
            group_class_destroy(&c);
            if (!done)
                return 0;
            *bytes += rows * (groups * (head_bytes(&c, net->weight_bits) + 3.5) +
                              targets * (c.in_units * code + bands * sizeof(uint32_t) +
                                         lists * piece_bytes(net->weight_bits)));
        }
    *bytes += blocks_of(to) * (sizeof(block_t) + 4.0 * (BLOCK_GROUPS + 1) + BEYOND_BYTES + 32.0);
    return 1;
}

status_t cpu_footprint(const network_t *net, uint64_t *connectivity_bytes, uint64_t *state_bytes) {
    double bytes = 0.0;
    const simd_ops_t *simd;
    *state_bytes = 0;
    TRY(simd_choose(SIMD_BEST, &simd));
    const summing_t summing = summing_of(net, simd);
    for (uint32_t k = 0; k < net->pathways; k++)
        if (!pathway_bytes(net, simd, &net->pathway[k], &bytes))
            FAIL(STATUS_FAILED, "no memory for the window of a pathway");
    for (uint32_t a = 0; a < net->populations; a++) {
        image_t image = image_of(net, a);
        *state_bytes +=
            summing.images * (image_bytes(&image) + digits_bytes(&image, net->weight_bits)) +
            summing.batches * batch_bytes(&image) +
            net->trials * 8ull * population_size(&net->population[a]);
    }
    *connectivity_bytes = (uint64_t)bytes;
    return STATUS_OK;
}
