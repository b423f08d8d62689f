/* For ParaView: a description of the frames in an HDF5 file, beside it. */
#ifndef BRISC_XDMF_H
#define BRISC_XDMF_H

#include "host/io/h5.h"

/* Writes FILE.h5.xdmf beside FILE.h5 (replacing it): every root variable (time, y, x) whose first
 * coordinate is `time` becomes a time series of cell data on the sheet [0,1] x [0,1], one for each
 * of the first 16 trials where there are several, seen with
 * ParaView's "XDMF Reader" (its Xdmf3 readers do not take hyperslabs). */
status_t xdmf_complete(h5_file_t *file); /* writes it where it is missing */
status_t xdmf_write(h5_file_t *file);

#endif
