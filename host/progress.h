/* Progress on stderr: a bar with time left on a terminal, a line every 30 s elsewhere, nothing
 * when quiet. */
#ifndef BRISC_PROGRESS_H
#define BRISC_PROGRESS_H

#include <stdbool.h>

typedef struct {
    const char *what;
    bool quiet, terminal;
    double started_s, shown_s, from; /* done when it started */
} progress_t;

double clock_s(void); /* monotonic */
progress_t progress_start(const char *what, bool quiet, double from);
/* `done` of `total`, in `unit` ("ms"). */
void progress_show(progress_t *progress, double done, double total, const char *unit);
void progress_end(progress_t *progress); /* clears the bar */

#endif
