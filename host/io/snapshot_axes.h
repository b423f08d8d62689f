/* Where and when a variable's frames were taken: their times, and the grid of their sites. */
#ifndef BRISC_SNAPSHOT_AXES_H
#define BRISC_SNAPSHOT_AXES_H

#include "host/detect/grid.h"
#include "host/io/h5.h"

/* times[frames] in ms from the coordinate of the variable's time, else from `time` beside it, else
 * from the root attribute frame_ms. Units from ns to d; those of a date ("seconds since
 * 2020-01-01", CF conventions 4.4) count from the first frame. A coordinate of another length is an
 * error. */
status_t axes_times(h5_file_t *file, const char *variable, const h5_frames_t *stored,
                    double *times);

/* Sides, spacing and length unit (kept in `length`) from the coordinates of y and x, else from `y`
 * and `x` beside the variable; without them, or without units, one site apart. Those of a torus
 * (cell centres of [0, 1), unit "1") give grid_torus. Uneven spacing, or different units, are
 * errors. */
status_t axes_grid(h5_file_t *file, const char *variable, const h5_frames_t *stored,
                   char length[32], grid_t *grid);

/* Whether the grid's edges are edges. The attribute `boundary` of the variable, or of the file,
 * says so ("open", "periodic"); if none does, a torus's are not, data without a length unit or a
 * mask are taken for periodic, and others, pieces of tissue, for open: across a seam that is none,
 * phases jump, and detectors would find waves and singularities there, while a seam that is missed
 * costs them only the neighbours along it. Either guess is a warning. */
status_t axes_boundary(h5_file_t *file, const char *variable, grid_t *grid);

#endif
