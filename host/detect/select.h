/* One value of many in order. */
#ifndef BRISC_SELECT_H
#define BRISC_SELECT_H

#include <stddef.h>

/* The value at place k < n of v[n] in rising order (Hoare's selection); v is reordered. */
float select_place(float *v, size_t n, size_t k);

#endif
