#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/command/command.h"
#include "host/comm.h"
#include "host/version.h"

static status_t perform(const command_t *command, int argc, char **argv) {
    options_t options;
    bool only_help = false;
    status_t status = options_parse(command, argc, argv, &options, &only_help);
    if (status == STATUS_OK && !only_help)
        status = command->run(&options);
    if (status == STATUS_OK && fflush(stdout) != 0)
        status = status_fail(STATUS_FAILED, __FILE__, __LINE__,
                             "cannot write to standard output: %s", strerror(errno));
    if (status != STATUS_OK && status_message()[0])
        fprintf(stderr, "brisc: %s\n", status_message());
    options_destroy(&options);
    return status;
}

/* Threads that wait for work spin for milliseconds by default, which on a machine with other work
 * keeps the thread that they wait for from running (measured: runs of small networks four times as
 * long). The OpenMP library reads its setting before main, so the program starts itself anew. */
static void spin_briefly(char **argv) {
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    if (setenv("GOMP_SPINCOUNT", "2000", 1) == 0)
        execv("/proc/self/exe", argv); /* where that fails, the default is as good */
}

int main(int argc, char **argv) {
    spin_briefly(argv);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN); /* a full quota is a failed write, with a message */
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        command_help();
        return argc < 2 ? STATUS_USAGE : STATUS_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("brisc %s (%s)\n", BRISC_VERSION, BRISC_COMMIT);
        return STATUS_OK;
    }
    const command_t *command = command_find(argv[1]);
    if (!command) {
        fprintf(stderr, "brisc: %s: not a command; `brisc --help` lists them\n", argv[1]);
        return STATUS_USAGE;
    }
    comm_t comm = comm_start(&argc, &argv);
    status_t status;
    if (comm.size > 1) {
        status = STATUS_USAGE;
        if (comm.rank == 0)
            fprintf(stderr,
                    "brisc: %s: started with %d ranks, but it runs on one (its threads use every "
                    "core of a node); start it without mpirun\n",
                    command->name, comm.size);
    } else
        status = perform(command, argc, argv);
    comm.end();
    return (int)status;
}
