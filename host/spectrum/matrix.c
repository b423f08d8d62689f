#include "host/spectrum/matrix.h"

#include <stdlib.h>
#include <string.h>

status_t matrix_create(const network_t *net, const backend_t *backend, backend_state_t *state,
                       const double *gain, matrix_t *matrix) {
    *matrix = (matrix_t){net, backend, state, gain, NULL, neurons_before(net, net->populations)};
    matrix->scaled = malloc(sizeof *matrix->scaled * matrix->n);
    if (!matrix->scaled)
        FAIL(STATUS_FAILED, "no memory for a vector of %zu neurons", matrix->n);
    return STATUS_OK;
}

void matrix_destroy(matrix_t *matrix) {
    free(matrix->scaled);
    matrix->scaled = NULL;
}

static status_t apply(void *context, const double *x, double *y) {
    const matrix_t *matrix = context;
    for (size_t i = 0; i < matrix->n; i++)
        matrix->scaled[i] = matrix->gain[i] * x[i];
    return matrix->backend->apply(matrix->state, 1, matrix->scaled, y);
}

operator_t matrix_operator(matrix_t *matrix) {
    return (operator_t){matrix->n, matrix, apply};
}

/* Adds each row's number of inputs through one pathway to start[row + 1]. */
static status_t count_pathway(const matrix_t *matrix, uint32_t k, uint64_t *pathway_start,
                              uint64_t *start) {
    const pathway_t *w = &matrix->net->pathway[k];
    uint32_t rows = population_size(&matrix->net->population[w->target]);
    size_t first = neurons_before(matrix->net, w->target);
    TRY(matrix->backend->edges(matrix->state, k, 0, rows, pathway_start, NULL, NULL));
    for (uint32_t r = 0; r < rows; r++)
        start[first + r + 1] += pathway_start[r + 1] - pathway_start[r];
    return STATUS_OK;
}

/* Writes one pathway's weights at their rows' ends, end[row], which moves on. */
static status_t put_pathway(const matrix_t *matrix, uint32_t k, uint64_t *pathway_start,
                            uint64_t *end, uint32_t *index, double *value) {
    const pathway_t *w = &matrix->net->pathway[k];
    uint32_t rows = population_size(&matrix->net->population[w->target]);
    size_t target = neurons_before(matrix->net, w->target);
    size_t source = neurons_before(matrix->net, w->source);
    TRY(matrix->backend->edges(matrix->state, k, 0, rows, pathway_start, NULL, NULL));
    uint32_t *sources = malloc(sizeof *sources * (pathway_start[rows] + 1));
    int32_t *codes = malloc(sizeof *codes * (pathway_start[rows] + 1));
    status_t status =
        sources && codes
            ? matrix->backend->edges(matrix->state, k, 0, rows, pathway_start, sources, codes)
            : status_fail(STATUS_FAILED, __FILE__, __LINE__, "no memory for %llu synapses",
                          (unsigned long long)pathway_start[rows]);
    for (uint32_t r = 0; status == STATUS_OK && r < rows; r++)
        for (uint64_t s = pathway_start[r]; s < pathway_start[r + 1]; s++) {
            size_t column = source + sources[s];
            index[end[target + r]] = (uint32_t)column;
            value[end[target + r]++] = codes[s] * (double)w->scale * matrix->gain[column];
        }
    free(sources);
    free(codes);
    return status;
}

static status_t csr_fill(const matrix_t *matrix, uint64_t *pathway_start, uint64_t *end,
                         uint64_t *start, csr_t *csr) {
    for (uint32_t k = 0; k < matrix->net->pathways; k++)
        TRY(count_pathway(matrix, k, pathway_start, start));
    for (size_t r = 0; r < matrix->n; r++)
        start[r + 1] += start[r];
    memcpy(end, start, sizeof *end * matrix->n);
    uint32_t *index = malloc(sizeof *index * (start[matrix->n] + 1));
    double *value = malloc(sizeof *value * (start[matrix->n] + 1));
    csr->index = index;
    csr->value = value;
    if (!index || !value)
        FAIL(STATUS_FAILED, "no memory for %llu synapses of 12 bytes",
             (unsigned long long)start[matrix->n]);
    for (uint32_t k = 0; k < matrix->net->pathways; k++)
        TRY(put_pathway(matrix, k, pathway_start, end, index, value));
    return STATUS_OK;
}

status_t matrix_csr(const matrix_t *matrix, csr_t *csr) {
    uint64_t *start = calloc(matrix->n + 1, sizeof *start);
    uint64_t *end = malloc(sizeof *end * (matrix->n + 1));
    uint64_t *pathway_start = malloc(sizeof *pathway_start * (matrix->n + 1));
    *csr = (csr_t){.n = matrix->n, .indptr = start};
    status_t status = start && end && pathway_start
                          ? csr_fill(matrix, pathway_start, end, start, csr)
                          : status_fail(STATUS_FAILED, __FILE__, __LINE__,
                                        "no memory for the rows of %zu neurons", matrix->n);
    free(end);
    free(pathway_start);
    if (status != STATUS_OK)
        csr_destroy(csr);
    return status;
}

void csr_dense(const csr_t *csr, double *dense) {
    memset(dense, 0, sizeof *dense * csr->n * csr->n);
    for (size_t i = 0; i < csr->n; i++)
        for (uint64_t s = csr->indptr[i]; s < csr->indptr[i + 1]; s++)
            dense[(size_t)csr->index[s] * csr->n + i] = csr->value[s];
}
