/* Errors. A fallible function returns a status (0 is success, otherwise the process's exit code)
 * and leaves one message in a thread-local record; only main prints it and exits. */
#ifndef BRISC_STATUS_H
#define BRISC_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,  /* a run that failed: no memory, full disk, an expectation not met */
    STATUS_USAGE = 2,   /* wrong usage or config */
    STATUS_STOPPED = 3, /* stopped by a signal */
} status_t;

/* Records where and why; returns `status`, so that `return status_fail(...)` reads well. */
status_t status_fail(status_t status, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *status_message(void); /* the last failure's message; "" if none */
const char *
status_origin(void); /* "file:line" of the last failure, for --verbose and bug reports */

/* A warning goes to stderr at once, "brisc: warning: ..." (silent after status_quiet(1)). */
void status_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void status_quiet(int quiet);

#define FAIL(status, ...) return status_fail((status), __FILE__, __LINE__, __VA_ARGS__)
#define TRY(call)                                                                                  \
    do {                                                                                           \
        status_t try_status_ = (call);                                                             \
        if (try_status_ != STATUS_OK)                                                              \
            return try_status_;                                                                    \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
