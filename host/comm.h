/* Ranks: serial and MPI are two instances of one struct, and no other file knows which. */
#ifndef BRISC_COMM_H
#define BRISC_COMM_H

typedef struct {
    const char *name; /* "serial", "mpi" */
    int rank, size;
    void (*end)(void); /* before the process exits */
} comm_t;

/* MPI where this build has it and a launcher (mpirun, srun) started the process; else serial, as
 * starting MPI costs more than `brisc predict`. */
comm_t comm_start(int *argc, char ***argv);

#endif
