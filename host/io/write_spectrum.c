#include "host/io/write_spectrum.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/io/write_results.h"

enum { PATH_SIZE = 96 };

static status_t put_place(h5_file_t *file, const char *path, size_t n, const char *what) {
    double *place = malloc(sizeof *place * (n + 1));
    if (!place)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    for (size_t i = 0; i < n; i++)
        place[i] = (double)(i + 1);
    status_t status = h5_coordinate(file, path, n, place, "1", what);
    free(place);
    return status;
}

static status_t put_eigenvalues(h5_file_t *file, const spectrum_t *s) {
    const char *const axis[1] = {"/spectrum/eigenvalue"};
    int *converged = malloc(sizeof *converged * (s->count + 1));
    if (!converged)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    for (size_t i = 0; i < s->count; i++)
        converged[i] = s->converged[i];
    status_t status = put_place(file, axis[0], s->count, "place of the eigenvalue");
    if (status == STATUS_OK)
        status = h5_variable(file, "/spectrum/re", H5T_NATIVE_DOUBLE, 1, axis, s->re, "1",
                             "real part of the eigenvalue");
    if (status == STATUS_OK)
        status = h5_variable(file, "/spectrum/im", H5T_NATIVE_DOUBLE, 1, axis, s->im, "1",
                             "imaginary part of the eigenvalue");
    if (status == STATUS_OK)
        status = h5_variable(file, "/spectrum/residual", H5T_NATIVE_DOUBLE, 1, axis, s->residual,
                             "1", "|A v - lambda v| of its unit eigenvector; NaN where not known");
    if (status == STATUS_OK)
        status = h5_variable(file, "/spectrum/converged", H5T_NATIVE_INT, 1, axis, converged, "1",
                             "1 where the eigenvalue converged");
    free(converged);
    return status;
}

/* A table of the match: one variable a column, one entry a row. */
typedef struct {
    int column;
    const char *name, *long_name;
} table_column_t;

typedef struct {
    const char *axis, *what; /* the variables are named `axis`_`column's name` */
    size_t rows, n_columns;
    const table_column_t *columns;
    double (*number)(const theory_t *theory, const match_t *match, size_t row, int column);
} table_t;

static status_t put_table(h5_file_t *file, const theory_t *theory, const match_t *match,
                          const table_t *table) {
    const char *const axis[1] = {table->axis};
    double *values = malloc(sizeof *values * (table->rows + 1));
    if (!values)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    status_t status = put_place(file, axis[0], table->rows, table->what);
    for (size_t c = 0; status == STATUS_OK && c < table->n_columns; c++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s_%s", table->axis, table->columns[c].name);
        for (size_t k = 0; k < table->rows; k++)
            values[k] = table->number(theory, match, k, table->columns[c].column);
        status = h5_variable(file, path, H5T_NATIVE_DOUBLE, 1, axis, values, "1",
                             table->columns[c].long_name);
    }
    free(values);
    return status;
}

typedef enum {
    NX,
    NY,
    RE,
    IM,
    RESIDUAL,
    OVERLAP,
    Z,
    PREDICTED_RE,
    PREDICTED_IM,
    STD,
    GROUP,
    MULTIPLICITY,
    FOUND,
    STD_RE,
    STD_IM,
    Z_RE,
    Z_IM,
    RAGGED,
    WIDENING,
    COLUMNS
} column_t;

/* NAN for what theory would have to say of an unpredicted outlier. */
static double outlier_number(const theory_t *theory, const match_t *match, size_t row, int column) {
    const outlier_t *o = &match->outliers[row];
    const eigenmode_t *mode = o->mode == UNMATCHED ? NULL : &theory->outliers[o->mode];
    const double number[COLUMNS] = {[NX] = o->nx,
                                    [NY] = o->ny,
                                    [RE] = o->re,
                                    [IM] = o->im,
                                    [RESIDUAL] = o->residual,
                                    [OVERLAP] = o->overlap,
                                    [Z] = o->z,
                                    [PREDICTED_RE] = mode ? mode->re : NAN,
                                    [PREDICTED_IM] = mode ? mode->im : NAN,
                                    [STD] = o->std,
                                    [GROUP] = mode ? (double)(match->group_of[o->mode] + 1) : NAN};
    return number[column];
}

static double group_number(const theory_t *theory, const match_t *match, size_t row, int column) {
    const match_group_t *g = &match->groups[row];
    const theory_group_t *p = &g->predicted;
    const double number[COLUMNS] = {[NX] = g->nx,
                                    [NY] = g->ny,
                                    [MULTIPLICITY] = p->multiplicity,
                                    [FOUND] = g->found,
                                    [RE] = g->re,
                                    [IM] = g->im,
                                    [PREDICTED_RE] = p->re,
                                    [PREDICTED_IM] = p->im,
                                    [STD_RE] = p->std_re,
                                    [STD_IM] = p->std_im,
                                    [Z_RE] = g->z_re,
                                    [Z_IM] = g->z_im,
                                    [RAGGED] = g->ragged,
                                    [WIDENING] = p->widening};
    (void)theory;
    return number[column];
}

static status_t put_match(h5_file_t *file, const theory_t *theory, const match_t *match) {
    static const table_column_t of_outlier[] = {
        {NX, "nx", "wave number along x of the mode, cycles a torus side"},
        {NY, "ny", "wave number along y of the mode, cycles a torus side"},
        {RE, "re", "real part of the measured outlier; im >= 0 stands for a conjugate pair"},
        {IM, "im", "imaginary part of the measured outlier"},
        {RESIDUAL, "residual", "|A v - lambda v| of its unit eigenvector"},
        {OVERLAP, "overlap", "norm of its eigenvector's projection on the mode's plane waves"},
        {Z, "z", "distance from the prediction in error bars, of a mode that stands alone"},
        {PREDICTED_RE, "predicted_re", "real part of the matched mode; NaN: not predicted"},
        {PREDICTED_IM, "predicted_im", "imaginary part of the matched mode"},
        {STD, "std", "finite-size error bar of the matched mode, other modes counted"},
        {GROUP, "group", "place of the group of equal modes it is one of; NaN: not predicted"},
    };
    static const table_column_t of_group[] = {
        {NX, "nx", "wave number along x of its first mode, cycles a torus side"},
        {NY, "ny", "wave number along y of its first mode, cycles a torus side"},
        {MULTIPLICITY, "multiplicity", "wave vectors in all"},
        {FOUND, "found", "eigenvalues matched, conjugates of a complex mode not counted"},
        {RE, "re", "real part of their measured mean; NaN unless all were found"},
        {IM, "im", "imaginary part of their measured mean"},
        {PREDICTED_RE, "predicted_re", "real part of the modes' mean"},
        {PREDICTED_IM, "predicted_im", "imaginary part of the modes' mean"},
        {STD_RE, "std_re", "finite-size error bar of the mean's real part"},
        {STD_IM, "std_im", "finite-size error bar of the mean's imaginary part"},
        {Z_RE, "z_re", "distance of the real part from the prediction, in its error bars"},
        {Z_IM, "z_im", "distance of the imaginary part from the prediction, in its error bars"},
        {RAGGED, "ragged",
         "1 where z may be off: near the disk, beside a group not in full, or with half of a "
         "conjugate pair"},
        {WIDENING, "widening", "factor by which other modes widen the error bar of a single one"},
    };
    const table_t outliers = {"/spectrum/outlier", "place of the outlier",
                              match->count,        sizeof of_outlier / sizeof of_outlier[0],
                              of_outlier,          outlier_number};
    const table_t groups = {
        "/spectrum/group", "place of the group of modes that share an eigenvalue",
        match->n_groups,   sizeof of_group / sizeof of_group[0],
        of_group,          group_number};
    if (match->count > 0)
        TRY(put_table(file, theory, match, &outliers));
    return match->n_groups > 0 ? put_table(file, theory, match, &groups) : STATUS_OK;
}

/* The link from /spectrum/predicted's modes to the groups. */
static status_t put_groups_of_modes(h5_file_t *file, const match_t *match, size_t modes) {
    const char *const axis[1] = {"/spectrum/predicted/mode"};
    int *place = malloc(sizeof *place * (modes + 1));
    if (!place)
        FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
    for (size_t i = 0; i < modes; i++)
        place[i] = (int)match->group_of[i] + 1;
    status_t status = h5_variable(file, "/spectrum/predicted/group", H5T_NATIVE_INT, 1, axis, place,
                                  "1", "place of the mode's group in /spectrum/group_*");
    free(place);
    return status;
}

/* The theory's radial distribution of the bulk. */
static status_t put_radial(h5_file_t *file, const bulk_t *bulk) {
    const char *const axis[1] = {"/spectrum/radius"};
    double radius[BULK_RADII];
    for (int k = 0; k < BULK_RADII; k++)
        radius[k] = bulk->radius_predicted * k / (BULK_RADII - 1);
    TRY(h5_coordinate(file, axis[0], BULK_RADII, radius, "1", "modulus of an eigenvalue"));
    return h5_variable(file, "/spectrum/radial_fraction_predicted", H5T_NATIVE_DOUBLE, 1, axis,
                       bulk->fraction_predicted, "1",
                       "fraction of the bulk's eigenvalues up to that modulus, from theory");
}

/* vector_<population>_re, _im (vector, y, x), and which eigenvalues they belong to. */
static status_t put_vectors(h5_file_t *file, const config_t *config, const spectrum_t *s,
                            const uint32_t *pair, uint32_t count) {
    const char *const axis[1] = {"/spectrum/vector"};
    const struct {
        const char *path, *long_name;
        const double *of;
    } parts[] = {{"/spectrum/vector_eigenvalue_re", "real part of the eigenvector's eigenvalue",
                  s->pairs.re},
                 {"/spectrum/vector_eigenvalue_im",
                  "imaginary part of the eigenvector's eigenvalue", s->pairs.im}};
    TRY(put_place(file, axis[0], count,
                  "place of the eigenvector: an outlier of each group, then the leading ones"));
    for (int part = 0; part < 2; part++) {
        double *value = malloc(sizeof *value * count);
        if (!value)
            FAIL(STATUS_FAILED, "%s: no memory", h5_path(file));
        for (uint32_t k = 0; k < count; k++)
            value[k] = parts[part].of[pair[k]];
        status_t status = h5_variable(file, parts[part].path, H5T_NATIVE_DOUBLE, 1, axis, value,
                                      "1", parts[part].long_name);
        free(value);
        TRY(status);
    }
    size_t before = 0;
    for (uint32_t a = 0; a < config->populations; a++) {
        const population_config_t *p = &config->population[a];
        size_t sites = (size_t)p->lattice[0] * p->lattice[1];
        float *values = malloc(sizeof *values * sites * count);
        if (!values)
            FAIL(STATUS_FAILED, "%s: no memory for %u eigenvectors", h5_path(file), count);
        status_t status = STATUS_OK;
        for (int part = 0; status == STATUS_OK && part < 2; part++) {
            char path[PATH_SIZE], text[PATH_SIZE], y[PATH_SIZE], x[PATH_SIZE];
            const char *const axes[3] = {axis[0], y, x};
            for (uint32_t k = 0; k < count; k++)
                for (size_t i = 0; i < sites; i++)
                    values[k * sites + i] =
                        (float)s->pairs.vectors[(2 * pair[k] + (size_t)part) * s->n + before + i];
            snprintf(path, sizeof path, "/spectrum/vector_%s_%s", p->name, part ? "im" : "re");
            snprintf(text, sizeof text, "%s part of the unit eigenvector on population %s",
                     part ? "imaginary" : "real", p->name);
            snprintf(y, sizeof y, "/y_%s", p->name);
            snprintf(x, sizeof x, "/x_%s", p->name);
            status = h5_variable(file, path, H5T_NATIVE_FLOAT, 3, axes, values, "1", text);
        }
        free(values);
        TRY(status);
        before += sites;
    }
    return STATUS_OK;
}

/* The pairs whose vectors are stored: of every group its first outlier, then the others. */
static status_t put_chosen_vectors(h5_file_t *file, const config_t *config, const spectrum_t *s,
                                   uint32_t count) {
    bool *chosen = calloc(s->pairs.count, sizeof *chosen);
    bool *seen = calloc(s->match.n_groups + 1, sizeof *seen);
    uint32_t *pair = malloc(sizeof *pair * s->pairs.count), n = 0;
    bool room = chosen && seen && pair;
    for (size_t k = 0; room && k < s->match.count; k++) {
        const outlier_t *o = &s->match.outliers[k];
        size_t group = o->mode == UNMATCHED ? s->match.n_groups : s->match.group_of[o->mode];
        if (n < count && (o->mode == UNMATCHED || !seen[group])) {
            seen[group] = chosen[o->pair] = true;
            pair[n++] = o->pair;
        }
    }
    for (uint32_t k = 0; room && n < count; k++)
        if (!chosen[k])
            pair[n++] = k;
    status_t status =
        room ? put_vectors(file, config, s, pair, count)
             : status_fail(STATUS_FAILED, __FILE__, __LINE__, "%s: no memory", h5_path(file));
    free(pair);
    free(seen);
    free(chosen);
    return status;
}

static status_t put_numbers(h5_file_t *file, const theory_t *theory, const spectrum_t *s) {
    const struct {
        const char *name, *unit, *long_name;
        double value;
        bool full_only;
    } numbers[] = {
        {"bulk_radius_predicted", "1", "radius of the disk, from theory", theory->radius, false},
        {"bulk_reach", "1", "how far localized states of the disk's edge may lie", s->match.reach,
         false},
        {"bulk_radius_measured", "1", "radius of the disk, from the measured eigenvalues",
         s->bulk.radius, true},
        {"bulk_largest", "1", "largest modulus of the bulk's eigenvalues", s->bulk.largest, true},
        {"ks", "1", "Kolmogorov-Smirnov distance of the bulk's moduli from theory", s->bulk.ks,
         true},
        {"henrici", "1", "departure from normality, Henrici's", s->nonnormal.henrici, true},
        {"henrici_relative", "1", "that over the matrix's Frobenius norm",
         s->nonnormal.henrici_relative, true},
        {"transient_growth", "1", "largest norm of exp((A - 1) t), over the modal growth",
         s->nonnormal.growth, true},
        {"transient_time", "tau", "where that is", s->nonnormal.time, true},
        {"transient_horizon", "tau", "how long it was looked for", s->nonnormal.horizon, true},
    };
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
        char path[PATH_SIZE];
        if (numbers[k].full_only && !s->full)
            continue;
        snprintf(path, sizeof path, "/spectrum/%s", numbers[k].name);
        TRY(h5_variable(file, path, H5T_NATIVE_DOUBLE, 0, NULL, &numbers[k].value, numbers[k].unit,
                        numbers[k].long_name));
    }
    return STATUS_OK;
}

status_t write_spectrum(h5_file_t *file, const config_t *config, const theory_t *theory,
                        const spectrum_t *s, const char *matrix, uint32_t vectors) {
    uint32_t stored = vectors < s->pairs.count ? vectors : s->pairs.count;
    /* All of it before what was there is given up: at most 7 numbers an eigenvalue, 24 an outlier
     * or mode, 8 bytes a neuron and vector, and 4 KiB of metadata a variable. */
    size_t numbers = 7 * s->count + 24 * (s->match.count + theory->n_outliers);
    size_t variables = 40 + 2 * config->populations;
    TRY(h5_reserve(file, 8 * (numbers + stored * s->n) + 4096 * variables, "/spectrum"));
    TRY(new_group(file, "/spectrum"));
    TRY(h5_attribute_text(file, "/spectrum", "matrix", matrix));
    TRY(h5_attribute_text(file, "/spectrum", "solver", s->solver));
    TRY(h5_attribute_int(file, "/spectrum", "full", s->full));
    TRY(h5_attribute_int(file, "/spectrum", "neurons", (int64_t)s->n));
    TRY(h5_attribute_int(file, "/spectrum", "missing", s->match.missing));
    TRY(h5_attribute_int(file, "/spectrum", "unpredicted", s->match.unpredicted));
    TRY(put_eigenvalues(file, s));
    TRY(put_numbers(file, theory, s));
    TRY(put_match(file, theory, &s->match));
    if (s->full && s->bulk.count > 0 && theory->radius > 0.0)
        TRY(put_radial(file, &s->bulk));
    if (stored > 0)
        TRY(put_chosen_vectors(file, config, s, stored));
    TRY(write_modes(file, "/spectrum/predicted", theory->outliers, theory->n_outliers));
    return s->match.n_groups > 0 ? put_groups_of_modes(file, &s->match, theory->n_outliers)
                                 : STATUS_OK;
}
