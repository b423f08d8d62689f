/* Group /spectrum: measured eigenvalues, matched outliers, leading eigenvectors on the sheet. */
#ifndef BRISC_WRITE_SPECTRUM_H
#define BRISC_WRITE_SPECTRUM_H

#include "host/io/h5.h"
#include "host/spectrum/spectrum.h"

/* Replaces the group if it is there. The file has the axes of io/root.h. `matrix` says what was
 * measured ("J"), `vectors` how many eigenvectors to store at most. */
status_t write_spectrum(h5_file_t *file, const config_t *config, const theory_t *theory,
                        const spectrum_t *spectrum, const char *matrix, uint32_t vectors);

#endif
