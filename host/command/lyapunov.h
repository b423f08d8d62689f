#ifndef BRISC_COMMAND_LYAPUNOV_H
#define BRISC_COMMAND_LYAPUNOV_H

#include "host/command/command.h"
#include "host/detect/dataset.h"
#include "host/io/h5.h"

/* Adds the Lyapunov exponents of the network of options->input: a run's file, open as `file`, or a
 * config (NULL). They begin at the run's last checkpoint, where one is there, else, or if that is
 * earlier, at the onset, to which the network is run again from its initial state. Of several
 * trials, the first. */
status_t lyapunov_of_input(const options_t *options, h5_file_t *file, dataset_t *found);

#endif
