/* The cpu backend: state, steps, and its instance of the interface. */
#include "kernels/cpu/cpu.h"

#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "models/rate.h"

/* In huge pages where it is large and they are to be had: windows' rows are pages apart. */
static void *allocate(size_t bytes) {
    enum { HUGE_PAGE = 2 << 20 };
    size_t unit = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    void *memory = aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
#ifdef MADV_HUGEPAGE
    if (memory && unit == HUGE_PAGE)
        madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

_Alignas(16) uint8_t expand_table[256][16];

static void expand_table_fill(void) {
    for (uint32_t mask = 0; mask < 256; mask++)
        for (uint32_t site = 0, next = 0; site < 8; site++) {
            int present = mask >> site & 1;
            expand_table[mask][2 * site] = (uint8_t)(present ? next : 0x80); /* 0x80: zero */
            expand_table[mask][2 * site + 1] = (uint8_t)(present ? next + 1 : 0x80);
            next += present ? 2 : 0;
        }
}

status_t simd_choose(int simd, const simd_ops_t **ops) {
    *ops = &simd_portable;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("popcnt");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vnni") &&
                 __builtin_cpu_supports("avx512vbmi2");
    if ((simd == SIMD_AVX2 && !avx2) || (simd == SIMD_AVX512 && !avx512))
        FAIL(STATUS_FAILED, "--simd %s: this processor lacks it; leave --simd out",
             simd == SIMD_AVX2 ? "avx2" : "avx512");
    if (simd == SIMD_AVX512 || (simd == SIMD_BEST && avx512))
        *ops = &simd_avx512;
    else if (simd == SIMD_AVX2 || (simd == SIMD_BEST && avx2))
        *ops = &simd_avx2;
#else
    if (simd == SIMD_AVX2 || simd == SIMD_AVX512)
        FAIL(STATUS_FAILED, "--simd: this processor is not an x86-64; leave --simd out");
#endif
    return STATUS_OK;
}

int cpu_has_simd(int simd) {
    const simd_ops_t *ops;
    return simd_choose(simd, &ops) == STATUS_OK;
}

const char *cpu_simd_name(int simd) {
    static const char *const names[] = {"best", "portable", "avx2", "avx512"}; /* simd_t */
    return names[simd];
}

/* A row of a population in its image: to[width] from row[nx], wrapped. */
static void row_wrap(const population_t *p, const image_t *image, const int32_t *row, int32_t *to) {
    for (uint32_t done = 0; done < image->width;) {
        uint32_t x = (uint32_t)((image->left + (int64_t)done + 2 * (int64_t)p->nx) % p->nx);
        uint32_t count = p->nx - x < image->width - done ? p->nx - x : image->width - done;
        memcpy(to + done, row + x, count * sizeof *to);
        done += count;
    }
}

/* The row of rate[ny][nx] that an image row shows. */
static const int32_t *row_shown(const population_t *p, const image_t *image, const int32_t *rate,
                                uint32_t row) {
    return rate + (image->top + (int64_t)row + 2 * (int64_t)p->ny) % p->ny * p->nx;
}

/* One image row, and its digits. */
static void image_row(const backend_state_t *state, uint32_t k, uint32_t population,
                      const int32_t *rate, uint32_t row) {
    const population_t *p = &state->net.population[population];
    const image_t *image = &state->image[population];
    int32_t *to = image_codes(image, k) + (size_t)row * image->stride;
    row_wrap(p, image, row_shown(p, image, rate, row), to);
    state->simd->digits(state->net.weight_bits, image, row, to, image_digits(state, k, population));
}

/* The same of all trials of a batch; where it has fewer, the first stands for the others. */
static void batch_row(const backend_state_t *state, uint32_t batch, uint32_t population,
                      uint32_t row) {
    const population_t *p = &state->net.population[population];
    const image_t *image = &state->image[population];
    int32_t *to = batch_codes(state, batch, population) + (size_t)row * image->stride * BATCH;
    const int32_t *from[BATCH];
    for (uint32_t k = 0; k < BATCH; k++) {
        uint32_t trial = batch * BATCH + k < state->net.trials ? batch * BATCH + k : batch * BATCH;
        from[k] =
            row_shown(p, image, state->rate[population] + state_at(state, trial, population), row);
    }
    uint32_t column = (uint32_t)((image->left + 2 * (int64_t)p->nx) % p->nx);
    state->simd->batch_row(from, p->nx, column, image->width,
                           state->summing.runs ? state->net.weight_bits : 0, to);
}

void cpu_image_fill(backend_state_t *state, uint32_t k, uint32_t population, const int32_t *rate) {
#pragma omp parallel for num_threads(state->threads)
    for (uint32_t row = 0; row < state->image[population].height; row++)
        image_row(state, k, population, rate, row);
}

void cpu_rates_changed(backend_state_t *state, uint32_t trial, uint32_t population) {
    const population_t *p = &state->net.population[population];
    float unit = rate_unit(p->rate_shift), limit = rate_limit(state->net.rate_bits);
    const float *h = state->h[population] + state_at(state, trial, population);
    int32_t *rate = state->rate[population] + state_at(state, trial, population);
    uint32_t batched = state->summing.batches * BATCH;
#pragma omp parallel for num_threads(state->threads)
    for (uint32_t i = 0; i < population_size(p); i++)
        rate[i] = rate_code(gain_rate(p->gain, h[i]), unit, limit);
    if (trial >= batched) {
        cpu_image_fill(state, trial - batched, population, rate);
        return;
    }
#pragma omp parallel for num_threads(state->threads)
    for (uint32_t row = 0; row < state->image[population].height; row++)
        batch_row(state, trial / BATCH, population, row);
}

/* Noise and update of one block's neurons in one trial. */
static uint32_t step_neurons(backend_state_t *state, uint32_t trial, uint32_t population,
                             uint32_t block, uint64_t step, const float *synaptic) {
    const network_t *net = &state->net;
    const population_t *p = &net->population[population];
    uint32_t first = block_first(p, block), n = block_first(p, block + 1) - first;
    uint32_t word[BLOCK_TARGETS + 4], skip = first % 4;
    size_t at = state_at(state, trial, population) + first;
    if (p->noise != 0.0f)
        state->simd->words(net->seed, stream_of_noise(population, step), of_trial(trial, first) / 4,
                           (skip + n + 3) / 4, word);
    return state->simd->neurons(p, net->rate_bits, n, synaptic, word + skip,
                                state->h[population] + at, state->rate[population] + at);
}

/* One block of targets through one step, in one trial without a batch: sums over its pathways in
 * config order, added in double; the neurons. Reads the images of the step before. */
static uint32_t step_single(backend_state_t *state, uint32_t single, uint32_t population,
                            uint32_t block, uint64_t step) {
    const network_t *net = &state->net;
    int64_t sum[BLOCK_TARGETS] = {0};
    double input[BLOCK_TARGETS] = {0};
    float synaptic[BLOCK_TARGETS];
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        if (w->target != population)
            continue;
        state->simd->block_sums(state, single, k, block, sum);
        double unit = pathway_unit(w, &net->population[w->source]);
        state->simd->add_inputs(BLOCK_TARGETS, unit, sum, input);
    }
    for (uint32_t t = 0; t < BLOCK_TARGETS; t++)
        synaptic[t] = (float)input[t];
    return step_neurons(state, state->summing.batches * BATCH + single, population, block, step,
                        synaptic);
}

static uint32_t step_batch(backend_state_t *state, uint32_t batch, uint32_t population,
                           uint32_t block, uint64_t step) {
    const network_t *net = &state->net;
    int64_t sum[BLOCK_TARGETS][BATCH] = {{0}};
    double input[BLOCK_TARGETS][BATCH] = {{0}};
    float synaptic[BLOCK_TARGETS];
    uint32_t saturated = 0;
    for (uint32_t k = 0; k < net->pathways; k++) {
        const pathway_t *w = &net->pathway[k];
        if (w->target != population)
            continue;
        state->simd->batch_sums(state, batch, k, block, sum);
        double unit = pathway_unit(w, &net->population[w->source]);
        state->simd->add_inputs(BLOCK_TARGETS * BATCH, unit, sum[0], input[0]);
    }
    for (uint32_t j = 0; j < BATCH && batch * BATCH + j < net->trials; j++) {
        for (uint32_t t = 0; t < BLOCK_TARGETS; t++)
            synaptic[t] = (float)input[t][j];
        saturated += step_neurons(state, batch * BATCH + j, population, block, step, synaptic);
    }
    return saturated;
}

static uint32_t step_block(backend_state_t *state, uint32_t population, uint32_t block,
                           uint64_t step) {
    uint32_t saturated = 0;
    for (uint32_t k = 0; k < state->summing.batches; k++)
        saturated += step_batch(state, k, population, block, step);
    for (uint32_t k = 0; k < state->summing.singles; k++)
        saturated += step_single(state, k, population, block, step);
    return saturated;
}

/* Shows the rates of all trials in the images, one row of each. */
static void show_row(const backend_state_t *state, uint32_t population, uint32_t row) {
    uint32_t batches = state->summing.batches;
    for (uint32_t k = 0; k < batches; k++)
        batch_row(state, k, population, row);
    for (uint32_t k = 0; k < state->summing.singles; k++)
        image_row(state, k, population,
                  state->rate[population] + state_at(state, batches * BATCH + k, population), row);
}

/* A barrier that gives the processor away after a short wait: OpenMP's own may spin for
 * milliseconds, during which the thread that is waited for cannot run on a busy machine. */
typedef struct {
    atomic_uint arrived, passed;
} barrier_t;

static void barrier_wait(barrier_t *barrier, unsigned threads) {
    unsigned round = atomic_load(&barrier->passed);
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == threads) {
        atomic_store(&barrier->arrived, 0);
        atomic_store(&barrier->passed, round + 1);
        return;
    }
    for (unsigned waited = 0; atomic_load(&barrier->passed) == round; waited++)
        if (waited > 2000)
            sched_yield();
}

/* Every thread does the blocks that it built, whose memory is near it, then what is left of the
 * others'. */
enum { TAKEN_AT_ONCE = 4 };
typedef struct {
    _Alignas(64) atomic_uint next[POPULATIONS_MAX]; /* of a thread's share: blocks taken */
} share_t;

static uint64_t step_share(backend_state_t *state, uint32_t population, share_t *share, int whose,
                           uint64_t step) {
    uint64_t saturated = 0;
    uint32_t blocks = blocks_of(&state->net.population[population]);
    uint32_t first = share_first(blocks, whose, state->threads);
    uint32_t end = share_first(blocks, whose + 1, state->threads), taken;
    while ((taken = atomic_fetch_add(&share[whose].next[population], TAKEN_AT_ONCE)) < end - first)
        for (uint32_t k = 0; k < TAKEN_AT_ONCE && first + taken + k < end; k++)
            saturated += step_block(state, population, first + taken + k, step);
    return saturated;
}

status_t cpu_step(backend_state_t *state, uint64_t first_step, uint32_t count) {
    const network_t *net = &state->net;
    const int threads = state->threads;
    uint64_t saturated = 0;
    barrier_t barrier = {0};
    share_t *share = aligned_alloc(64, (size_t)threads * sizeof *share);
    if (!share)
        FAIL(STATUS_FAILED, "no memory for %d threads' shares", threads);
    memset(share, 0, (size_t)threads * sizeof *share);
#pragma omp parallel num_threads(threads) reduction(+ : saturated)
    for (uint32_t s = 0; s < count; s++) {
        int thread = omp_get_thread_num(), present = omp_get_num_threads();
        for (int other = 0; other < threads; other++)
            for (uint32_t a = 0; a < net->populations; a++)
                saturated +=
                    step_share(state, a, share, (thread + other) % threads, first_step + s);
        barrier_wait(&barrier, (unsigned)present);
        for (int mine = thread; mine < threads; mine += present)
            for (uint32_t a = 0; a < net->populations; a++)
                atomic_store(&share[mine].next[a], 0);
        for (uint32_t a = 0; a < net->populations; a++)
#pragma omp for schedule(static) nowait
            for (uint32_t row = 0; row < state->image[a].height; row++)
                show_row(state, a, row);
        barrier_wait(&barrier, (unsigned)present);
    }
    free(share);
    state->saturated += saturated;
    return STATUS_OK;
}

static void destroy(backend_state_t *state) {
    if (!state)
        return;
    cpu_build_destroy(state);
    for (uint32_t a = 0; a < state->net.populations; a++) {
        free(state->h[a]);
        free(state->rate[a]);
        free(state->image[a].code);
        free(state->digits[a]);
        free(state->batch[a]);
    }
    free(state);
}

static status_t state_create(backend_state_t *state, uint64_t *bytes) {
    const network_t *net = &state->net;
    for (uint32_t b = 0; b < net->populations; b++) {
        size_t n = (size_t)net->trials * population_size(&net->population[b]);
        image_t *image = &state->image[b];
        *image = image_of(net, b);
        image->code = allocate(state->summing.images * image_bytes(image));
        size_t digits = state->summing.images * digits_bytes(image, net->weight_bits);
        size_t batches = state->summing.batches * batch_bytes(image);
        state->digits[b] = allocate(digits);
        state->batch[b] = batches > 0 ? allocate(batches) : NULL;
        state->h[b] = allocate(n * sizeof *state->h[b]);
        state->rate[b] = allocate(n * sizeof *state->rate[b]);
        if (!image->code || !state->digits[b] || (batches > 0 && !state->batch[b]) ||
            !state->h[b] || !state->rate[b])
            FAIL(STATUS_FAILED, "no memory for the state of %zu neurons", n);
        *bytes += state->summing.images * image_bytes(image) + digits + batches +
                  n * (sizeof *state->h[b] + sizeof *state->rate[b]);
    }
    return STATUS_OK;
}

status_t cpu_create(const network_t *net, const backend_options_t *options, backend_state_t **out,
                    connectivity_t *connectivity) {
    const simd_ops_t *simd;
    TRY(simd_choose(options->simd, &simd));
    backend_state_t *state = calloc(1, sizeof *state);
    if (!state)
        FAIL(STATUS_FAILED, "no memory");
    memset(connectivity, 0, sizeof *connectivity);
    expand_table_fill();
    state->net = *net;
    state->simd = simd;
    state->summing = summing_of(net, simd);
    state->threads = options->threads > 0 ? options->threads : omp_get_max_threads();
    status_t status = state_create(state, &connectivity->state_bytes);
    if (status == STATUS_OK)
        status = cpu_build(state, connectivity);
    if (status != STATUS_OK) {
        destroy(state);
        return status;
    }
    for (uint32_t trial = 0; trial < net->trials; trial++)
        for (uint32_t a = 0; a < net->populations; a++)
            cpu_rates_changed(state, trial, a);
    *out = state;
    return STATUS_OK;
}

static status_t available(char *device, size_t size) {
    const simd_ops_t *simd;
    TRY(simd_choose(SIMD_BEST, &simd));
    char model[128] = "processor";
    FILE *info = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (info && fgets(line, sizeof line, info))
        if (sscanf(line, "model name : %127[^\n]", model) == 1)
            break;
    if (info)
        fclose(info);
    snprintf(device, size, "%s, %d threads, %s", model, omp_get_max_threads(), simd->name);
    return STATUS_OK;
}

/* What the process's control group (a Slurm job, a container) leaves it, by version 2's files; all
 * there is where no group has a limit. */
static uint64_t group_free(void) {
    char line[512], path[640], *group = NULL;
    unsigned long long most, used;
    uint64_t least = UINT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && !group && fgets(line, sizeof line, file))
        if (strncmp(line, "0::/", 4) == 0)
            group = line + 3;
    if (file)
        fclose(file);
    if (group)
        group[strcspn(group, "\n")] = 0;
    for (char *slash; group && (slash = strrchr(group, '/')) != NULL; *slash = 0) {
        int found = 0;
        static const char *const names[2] = {"memory.max", "memory.current"};
        unsigned long long *const values[2] = {&most, &used};
        for (int k = 0; k < 2; k++) {
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", group, names[k]);
            file = fopen(path, "r");
            found += file && fscanf(file, "%llu", values[k]) == 1; /* "max": no limit */
            if (file)
                fclose(file);
        }
        if (found == 2)
            least = most > used ? (most - used < least ? most - used : least) : 0;
    }
    return least;
}

static status_t memory_free(uint64_t *bytes) {
    unsigned long long available_kb = 0;
    FILE *info = fopen("/proc/meminfo", "r");
    char line[256];
    while (info && fgets(line, sizeof line, info))
        if (sscanf(line, "MemAvailable: %llu", &available_kb) == 1)
            break;
    if (info)
        fclose(info);
    uint64_t machine = available_kb
                           ? available_kb * 1024
                           : (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = group_free();
    *bytes = group < machine ? group : machine;
    return STATUS_OK;
}

static status_t put_state(backend_state_t *state, uint32_t trial, uint32_t population,
                          const float *h) {
    memcpy(state->h[population] + state_at(state, trial, population), h,
           population_size(&state->net.population[population]) * sizeof *h);
    cpu_rates_changed(state, trial, population);
    return STATUS_OK;
}

static status_t get_state(backend_state_t *state, uint32_t trial, uint32_t population, float *h) {
    memcpy(h, state->h[population] + state_at(state, trial, population),
           population_size(&state->net.population[population]) * sizeof *h);
    return STATUS_OK;
}

static status_t get_rate(backend_state_t *state, uint32_t trial, uint32_t population, float *rate) {
    const population_t *p = &state->net.population[population];
    const float *h = state->h[population] + state_at(state, trial, population);
#pragma omp parallel for num_threads(state->threads)
    for (uint32_t i = 0; i < population_size(p); i++)
        rate[i] = gain_rate(p->gain, h[i]);
    return STATUS_OK;
}

static status_t saturated(backend_state_t *state, uint64_t *count) {
    *count = state->saturated;
    return STATUS_OK;
}

const backend_t backend_cpu = {
    .name = "cpu",
    .available = available,
    .memory_free = memory_free,
    .footprint = cpu_footprint,
    .create = cpu_create,
    .destroy = destroy,
    .put_state = put_state,
    .get_state = get_state,
    .get_rate = get_rate,
    .step = cpu_step,
    .saturated = saturated,
    .edges = cpu_edges,
    .apply = cpu_apply,
    .dense = &cpu_dense,
    .yardsticks = &cpu_yardsticks,
};
