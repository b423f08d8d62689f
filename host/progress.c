#include "host/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

double clock_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

progress_t progress_start(const char *what, bool quiet, double from) {
    double now = clock_s();
    return (progress_t){what, quiet, isatty(STDERR_FILENO) == 1, now, now, from};
}

void progress_show(progress_t *p, double done, double total, const char *unit) {
    enum { WIDTH = 30 };
    double now = clock_s(), elapsed = now - p->started_s;
    if (p->quiet || now - p->shown_s < (p->terminal ? 0.1 : 30.0) || done <= p->from)
        return;
    p->shown_s = now;
    double rate = (done - p->from) / elapsed, left = (total - done) / rate;
    if (!p->terminal) {
        fprintf(stderr, "%s: %.0f of %.0f %s, %.1f %s/s, %.0f s left\n", p->what, done, total, unit,
                rate, unit, left);
        return;
    }
    char bar[WIDTH + 1];
    int filled = (int)(WIDTH * done / total);
    for (int k = 0; k < WIDTH; k++)
        bar[k] = k < filled ? '#' : '.';
    bar[WIDTH] = 0;
    fprintf(stderr, "\r%s [%s] %3.0f %%  %.0f of %.0f %s  %.1f %s/s  %.0f s left \033[K", p->what,
            bar, 100.0 * done / total, done, total, unit, rate, unit, left);
}

void progress_end(progress_t *p) {
    if (!p->quiet && p->terminal)
        fputs("\r\033[K", stderr);
}
