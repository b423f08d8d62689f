/* Memory that one thread fills from its start: address space is reserved for the most that may
 * come, in huge pages where the system has them (a step then misses the TLB a few hundred times
 * less often), and given back beyond what was filled. The pages are those of the filling thread's
 * node. */
#ifndef BRISC_CPU_ARENA_H
#define BRISC_CPU_ARENA_H

#include <stddef.h>

typedef struct {
    unsigned char *memory;
    size_t reserved, used;
} arena_t;

int arena_create(arena_t *arena, size_t most); /* 0: no memory */
/* The next `bytes`, at a multiple of 64; NULL: beyond the most. */
unsigned char *arena_take(arena_t *arena, size_t bytes);
void arena_trim(arena_t *arena);
void arena_destroy(arena_t *arena);

#endif
