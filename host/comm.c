#include "host/comm.h"

#ifdef BRISC_MPI
#include <mpi.h>
#include <stddef.h>
#include <stdlib.h>

static int launched(void) {
    static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};
    for (size_t k = 0; k < sizeof signs / sizeof signs[0]; k++)
        if (getenv(signs[k]))
            return 1;
    return 0;
}

static void mpi_end(void) {
    MPI_Finalize();
}
#endif

static void serial_end(void) {}

comm_t comm_start(int *argc, char ***argv) {
    comm_t comm = {"serial", 0, 1, serial_end};
#ifdef BRISC_MPI
    if (launched() && MPI_Init(argc, argv) == MPI_SUCCESS) {
        comm = (comm_t){"mpi", 0, 1, mpi_end};
        MPI_Comm_rank(MPI_COMM_WORLD, &comm.rank);
        MPI_Comm_size(MPI_COMM_WORLD, &comm.size);
    }
#else
    (void)argc;
    (void)argv;
#endif
    return comm;
}
