#include "kernels/cpu/arena.h"

#include <sys/mman.h>
#include <unistd.h>

int arena_create(arena_t *arena, size_t most) {
    *arena = (arena_t){0};
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
    flags |= MAP_NORESERVE;
#endif
    void *memory = mmap(NULL, most, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED)
        return 0;
#ifdef MADV_HUGEPAGE
    madvise(memory, most, MADV_HUGEPAGE); /* where it fails there are none */
#endif
    arena->memory = memory;
    arena->reserved = most;
    return 1;
}

unsigned char *arena_take(arena_t *arena, size_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    if (bytes > arena->reserved - arena->used)
        return NULL;
    unsigned char *memory = arena->memory + arena->used;
    arena->used += bytes;
    return memory;
}

void arena_trim(arena_t *arena) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), kept = (arena->used + page - 1) / page * page;
    if (kept == 0 || kept >= arena->reserved)
        return;
    munmap(arena->memory + kept, arena->reserved - kept);
    arena->reserved = kept;
}

void arena_destroy(arena_t *arena) {
    if (arena->memory)
        munmap(arena->memory, arena->reserved);
    *arena = (arena_t){0};
}
