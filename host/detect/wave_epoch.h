/* When one plane wave carries a field. */
#ifndef BRISC_WAVE_EPOCH_H
#define BRISC_WAVE_EPOCH_H

#include "host/detect/dataset.h"
#include "host/detect/harmonics.h"

#define WAVE_EPOCH_SHARE                                                                           \
    0.6 /* of the spatial variance in the band; a standing wave has 1/2 each way */
enum { WAVE_EPOCH_PERIODS = 3 }; /* the window's length, and the shortest epoch */

/* One window: the strongest plane wave in it. */
typedef struct {
    double share;
    int n_y, n_x;  /* travels along it */
    double ky, kx; /* cycles a unit of length */
    double phase;  /* of the demodulated wave, falling where it is faster than the band's middle */
} wave_hop_t;

/* Windowed demodulation at one frequency: A_n = sum_t w(t) z_n(t) e^(2 pi i f t), Hann over 3
 * periods (a band of f (1 -+ 2/3)), a window each half period; +f and -f apart, so a share is that
 * of one direction of travel. On an open sheet a wave is its mode with the 8 around it. */
typedef struct {
    const harmonics_t *modes;
    const double complex *mean; /* at rest */
    double frequency_hz, frame_ms, start_ms;
    size_t frames, length, hop, hops, slots;
    double *window;
    double complex *sum; /* [slots][modes][2]: waves along n, and against */
    wave_hop_t *found;   /* [hops] */
} wave_epochs_t;

status_t wave_epochs_create(const field_t *field, const harmonics_t *modes,
                            const double complex *mean, double frequency_hz, wave_epochs_t *epochs);
void wave_epochs_destroy(wave_epochs_t *epochs);
void wave_epochs_take(wave_epochs_t *epochs, const harmonics_block_t *block);

/* Adds the axis wave/epoch: windows in a row with one wave (the same mode; on an open sheet, a mode
 * next to the last) above WAVE_EPOCH_SHARE for WAVE_EPOCH_PERIODS or more; and their share of time.
 */
status_t wave_epochs_add(const wave_epochs_t *epochs, dataset_t *found);

#endif
