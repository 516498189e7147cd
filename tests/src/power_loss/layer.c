/*
 * The power-loss layer: preloaded into a process, it records every file operation below one folder in a
 * journal, and kills the process before one of them. From the journal, the test builds each disk that a
 * power loss at that operation may leave.
 *
 *   POWER_LOSS_DIR          the folder, absolute
 *   POWER_LOSS_JOURNAL      the journal, outside of the folder
 *   POWER_LOSS_AT           number of the operation before which the process is killed, from 1; 0: none
 *   POWER_LOSS_IGNORE_SYNC  when set, a sync succeeds and makes nothing durable
 *
 * A record of the journal is five little-endian fields (kind u8, fd i32, offset i64, length of the first
 * text u32, length of the second u32) and the two texts. Paths are absolute. Nothing reaches the device:
 * a sync is only a record. One lock puts the operations of all threads in one order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define FDS_MAX 65536

enum kind {
    OPEN = 1,
    CLOSE = 2,
    DUPLICATE = 3,
    WRITE = 4,
    TRUNCATE = 5,
    RENAME = 6,
    UNLINK = 7,
    MKDIR = 8,
    SYNC = 9,
    LINK = 10,
};

/* Flags of OPEN, in the field offset. */
#define OPEN_CREATE 1
#define OPEN_TRUNCATE 2

static char root[PATH_MAX];
static size_t root_length;
static int journal = -1;
static unsigned long kill_at;
static unsigned long operations;
static int ignore_sync;
static unsigned char watched[FDS_MAX];
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static void fail(const char *what) {
    static const char prefix[] = "power-loss layer: ";
    (void)!syscall(SYS_write, 2, prefix, sizeof prefix - 1);
    (void)!syscall(SYS_write, 2, what, strlen(what));
    (void)!syscall(SYS_write, 2, "\n", 1);
    _exit(99);
}

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("POWER_LOSS_DIR");
    const char *path = getenv("POWER_LOSS_JOURNAL");
    const char *at = getenv("POWER_LOSS_AT");
    if (!dir || !path || strlen(dir) >= sizeof root)
        fail("POWER_LOSS_DIR and POWER_LOSS_JOURNAL must be set");
    strcpy(root, dir);
    root_length = strlen(root);
    kill_at = at ? strtoul(at, NULL, 10) : 0;
    ignore_sync = getenv("POWER_LOSS_IGNORE_SYNC") != NULL;
    int opened = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    /* A number far from those of the process's own descriptors. */
    journal = opened < 0 ? -1 : (int)syscall(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 900);
    if (journal < 0)
        fail("the journal cannot be created");
    syscall(SYS_close, opened);
}

static void enter(void) { pthread_mutex_lock(&order); }

/* Restores errno. */
static void leave(void) {
    int kept = errno;
    pthread_mutex_unlock(&order);
    errno = kept;
}

/* Counts one operation, and kills the process if it is the chosen one. The lock is held. */
static void count(void) {
    operations += 1;
    if (operations == kill_at) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
}

static void put(const void *bytes, size_t length) {
    const char *next = bytes;
    while (length > 0) {
        long written = syscall(SYS_write, journal, next, length);
        if (written <= 0)
            fail("the journal cannot be written");
        next += written;
        length -= (size_t)written;
    }
}

static void record(enum kind kind, int fd, int64_t offset, const void *first, size_t first_length,
                   const void *second, size_t second_length) {
    int kept = errno;
    unsigned char head[21];
    int32_t number = fd;
    uint32_t lengths[2] = {(uint32_t)first_length, (uint32_t)second_length};
    head[0] = (unsigned char)kind;
    memcpy(head + 1, &number, 4);
    memcpy(head + 5, &offset, 8);
    memcpy(head + 13, lengths, 8);
    put(head, sizeof head);
    put(first, first_length);
    put(second, second_length);
    errno = kept;
}

/* Makes `path` absolute; returns true if it is the folder or lies in it. */
static int resolve(int dirfd, const char *path, char *absolute) {
    char base[PATH_MAX];
    if (path[0] == '/') {
        base[0] = 0;
    } else if (dirfd == AT_FDCWD) {
        if (!getcwd(base, sizeof base))
            return 0;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
        if (length < 0)
            return 0;
        base[length] = 0;
    }
    int length = snprintf(absolute, PATH_MAX, "%s%s%s", base, base[0] ? "/" : "", path);
    if (length < 0 || length >= PATH_MAX)
        return 0;
    return strncmp(absolute, root, root_length) == 0 &&
           (absolute[root_length] == '/' || absolute[root_length] == 0);
}

static int is_watched(int fd) { return fd >= 0 && fd < FDS_MAX && watched[fd]; }

static int watch(int fd) {
    if (fd >= FDS_MAX)
        fail("too many open files");
    watched[fd] = 1;
    return fd;
}

static int open_at(int dirfd, const char *path, int flags, mode_t mode) {
    char absolute[PATH_MAX];
    if (!resolve(dirfd, path, absolute))
        return (int)syscall(SYS_openat, dirfd, path, flags, mode);
    enter();
    int64_t changes = (flags & O_CREAT ? OPEN_CREATE : 0) | (flags & O_TRUNC ? OPEN_TRUNCATE : 0);
    if (changes)
        count();
    int fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
    if (fd >= 0)
        record(OPEN, watch(fd), changes, absolute, strlen(absolute), NULL, 0);
    leave();
    return fd;
}

#define MODE_OF(flags, mode)                                                                             \
    mode_t mode = 0;                                                                                     \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                               \
        va_list list;                                                                                    \
        va_start(list, flags);                                                                           \
        mode = (mode_t)va_arg(list, int);                                                                \
        va_end(list);                                                                                    \
    }

EXPORT int open(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int dirfd, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_at(dirfd, path, flags, mode);
}

EXPORT int openat64(int dirfd, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_at(dirfd, path, flags, mode);
}

EXPORT int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

EXPORT int creat64(const char *path, mode_t mode) { return creat(path, mode); }

EXPORT int close(int fd) {
    if (!is_watched(fd))
        return (int)syscall(SYS_close, fd);
    enter();
    watched[fd] = 0;
    record(CLOSE, fd, 0, NULL, 0, NULL, 0);
    int result = (int)syscall(SYS_close, fd);
    leave();
    return result;
}

static int duplicate(int fd, int command, void *argument) {
    if (!is_watched(fd) || (command != F_DUPFD && command != F_DUPFD_CLOEXEC))
        return (int)syscall(SYS_fcntl, fd, command, argument);
    enter();
    int copy = (int)syscall(SYS_fcntl, fd, command, argument);
    if (copy >= 0)
        record(DUPLICATE, watch(copy), fd, NULL, 0, NULL, 0);
    leave();
    return copy;
}

EXPORT int fcntl(int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return duplicate(fd, command, argument);
}

EXPORT int fcntl64(int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return duplicate(fd, command, argument);
}

EXPORT ssize_t write(int fd, const void *bytes, size_t length) {
    if (!is_watched(fd))
        return syscall(SYS_write, fd, bytes, length);
    enter();
    count();
    ssize_t written = syscall(SYS_write, fd, bytes, length);
    if (written > 0) {
        int64_t end = syscall(SYS_lseek, fd, 0, SEEK_CUR);
        record(WRITE, fd, end - written, bytes, (size_t)written, NULL, 0);
    }
    leave();
    return written;
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int number) {
    if (!is_watched(fd))
        return syscall(SYS_writev, fd, parts, number);
    size_t length = 0;
    for (int i = 0; i < number; i++)
        length += parts[i].iov_len;
    char *whole = malloc(length ? length : 1);
    if (!whole)
        fail("no memory");
    char *next = whole;
    for (int i = 0; i < number; i++) {
        memcpy(next, parts[i].iov_base, parts[i].iov_len);
        next += parts[i].iov_len;
    }
    ssize_t written = write(fd, whole, length);
    free(whole);
    return written;
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    if (!is_watched(fd))
        return syscall(SYS_pwrite64, fd, bytes, length, offset);
    enter();
    count();
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, length, offset);
    if (written > 0)
        record(WRITE, fd, offset, bytes, (size_t)written, NULL, 0);
    leave();
    return written;
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

EXPORT int ftruncate64(int fd, off64_t length) {
    if (!is_watched(fd))
        return (int)syscall(SYS_ftruncate, fd, length);
    enter();
    count();
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (result == 0)
        record(TRUNCATE, fd, length, NULL, 0, NULL, 0);
    leave();
    return result;
}

EXPORT int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int sync_one(int fd, long number) {
    if (!is_watched(fd))
        return (int)syscall(number, fd);
    enter();
    count();
    if (!ignore_sync)
        record(SYNC, fd, 0, NULL, 0, NULL, 0);
    leave();
    return 0;
}

EXPORT int fsync(int fd) { return sync_one(fd, SYS_fsync); }

EXPORT int fdatasync(int fd) { return sync_one(fd, SYS_fdatasync); }

static int move_name(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char first[PATH_MAX], second[PATH_MAX];
    if (!resolve(from_dir, from, first) | !resolve(to_dir, to, second))
        return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    enter();
    count();
    int result = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (result == 0)
        record(RENAME, -1, flags, first, strlen(first), second, strlen(second));
    leave();
    return result;
}

EXPORT int rename(const char *from, const char *to) { return move_name(AT_FDCWD, from, AT_FDCWD, to, 0); }

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return move_name(from_dir, from, to_dir, to, 0);
}

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    return move_name(from_dir, from, to_dir, to, flags);
}

EXPORT int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char first[PATH_MAX], second[PATH_MAX];
    if (!resolve(from_dir, from, first) | !resolve(to_dir, to, second))
        return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    enter();
    count();
    int result = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    if (result == 0)
        record(LINK, -1, 0, first, strlen(first), second, strlen(second));
    leave();
    return result;
}

EXPORT int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

EXPORT int unlinkat(int dirfd, const char *path, int flags) {
    char absolute[PATH_MAX];
    if (!resolve(dirfd, path, absolute))
        return (int)syscall(SYS_unlinkat, dirfd, path, flags);
    enter();
    count();
    int result = (int)syscall(SYS_unlinkat, dirfd, path, flags);
    if (result == 0)
        record(UNLINK, -1, 0, absolute, strlen(absolute), NULL, 0);
    leave();
    return result;
}

EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

EXPORT int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode) {
    char absolute[PATH_MAX];
    if (!resolve(dirfd, path, absolute))
        return (int)syscall(SYS_mkdirat, dirfd, path, mode);
    enter();
    count();
    int result = (int)syscall(SYS_mkdirat, dirfd, path, mode);
    if (result == 0)
        record(MKDIR, -1, 0, absolute, strlen(absolute), NULL, 0);
    leave();
    return result;
}

EXPORT int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
