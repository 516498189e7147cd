/*
 * The wrong clock: preloaded into a process, it shifts the wall clock by an offset that it reads from a
 * file on every call. The monotonic clock, which determines waits, stays right.
 *
 *   WRONG_CLOCK  the file: milliseconds, a little-endian i64
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const int64_t *off_ms;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("WRONG_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *shared = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *off_ms, PROT_READ, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) {
        fprintf(stderr, "wrong clock: WRONG_CLOCK cannot be mapped\n");
        _exit(99);
    }
    close(fd);
    off_ms = shared;
}

static void wrong(struct timespec *time) {
    int64_t off = off_ms == NULL ? 0 : __atomic_load_n(off_ms, __ATOMIC_SEQ_CST);
    time->tv_sec += off / 1000;
    time->tv_nsec += off % 1000 * 1000000;
    if (time->tv_nsec < 0) {
        time->tv_sec -= 1;
        time->tv_nsec += 1000000000;
    } else if (time->tv_nsec >= 1000000000) {
        time->tv_sec += 1;
        time->tv_nsec -= 1000000000;
    }
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        wrong(time);
    }
    return result;
}

EXPORT int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return -1;
    }
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

EXPORT time_t time(time_t *time) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return (time_t)-1;
    }
    if (time != NULL) {
        *time = now.tv_sec;
    }
    return now.tv_sec;
}
