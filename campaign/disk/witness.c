/* A witness of everything a process writes below one folder. For LD_PRELOAD; Linux, glibc.
 *
 * WITNESS_DIR      the folder, without symbolic links and without a slash at the end
 * WITNESS_LOG      the log, appended to; outside the folder
 * WITNESS_KILL_AT  n: SIGKILL from itself right before its n-th record is carried out
 *
 * A record is logged after its call succeeded and before the caller learns of it. A lock is held
 * from the call to the log, so the log's order is the order in which the calls happened.
 * Names are asked of the kernel at every call (/proc/self/fd), so dup, rename and close need no
 * bookkeeping. What is written to a file that has no name any more is not logged: it survives
 * nothing. SQLite's -shm is not logged: it is mapped memory, rebuilt by recovery.
 * Not watched: stdio, writev, mmap, sendfile, truncate by name. The layout is read in witness.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, SYNC_FOLDER, UNLINK, RENAME };

struct __attribute__((packed)) header {
    uint8_t mark, kind;
    uint16_t name_length;
    uint32_t data_length;
    uint64_t offset, length, at_ns;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *folder;
static size_t folder_length;
static int log_fd = -1;
static uint64_t kill_at, logged;

static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_renameat)(int, const char *, int, const char *);

static void begin(void)
{
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
    real_renameat = dlsym(RTLD_NEXT, "renameat");
    const char *log = getenv("WITNESS_LOG"), *number = getenv("WITNESS_KILL_AT");
    folder = getenv("WITNESS_DIR");
    if (!folder || !log)
        return;
    folder = strdup(folder);
    folder_length = strlen(folder);
    kill_at = number ? strtoull(number, NULL, 10) : 0;
    log_fd = real_openat(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0) {
        dprintf(2, "witness: %s cannot be written: %s\n", log, strerror(errno));
        _exit(97);
    }
}

/* The name below the folder ("." is the folder itself), or NULL if it is not watched. */
static const char *watched(const char *path)
{
    if (log_fd < 0 || strncmp(path, folder, folder_length) != 0)
        return NULL;
    const char *name = path + folder_length;
    if (*name == '\0')
        return ".";
    size_t length = strlen(name);
    if (*name != '/' || (length > 4 && strcmp(name + length - 4, "-shm") == 0))
        return NULL;
    return name + 1;
}

static const char *name_of(int fd, char path[PATH_MAX])
{
    struct stat found;
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return NULL;
    path[length] = '\0';
    const char *name = watched(path);
    return name && fstat(fd, &found) == 0 && found.st_nlink > 0 ? name : NULL;
}

/* As name_of, of a path that need not exist; only its folder has to. */
static const char *name_at(int at, const char *given, char path[PATH_MAX])
{
    char whole[PATH_MAX], parent[PATH_MAX];
    const char *slash = strrchr(given, '/');
    int cut = slash ? (int)(slash - given) : 0;
    const char *base = slash ? slash + 1 : given;
    if (given[0] == '/')
        snprintf(whole, sizeof whole, "/%.*s", cut, given);
    else if (at == AT_FDCWD)
        snprintf(whole, sizeof whole, "./%.*s", cut, given);
    else
        snprintf(whole, sizeof whole, "/proc/self/fd/%d/%.*s", at, cut, given);
    if (!realpath(whole, parent) || strlen(parent) + strlen(base) + 2 > PATH_MAX)
        return NULL;
    memcpy(path, parent, strlen(parent) + 1);
    strcat(strcat(path, "/"), base);
    return watched(path);
}

static void die_if_due(void)
{
    if (kill_at && logged + 1 == kill_at)
        kill(getpid(), SIGKILL);
}

static void before(void)
{
    pthread_mutex_lock(&lock);
    die_if_due();
}

/* Leaves errno as the call left it. */
static void record(enum kind kind, const char *name, uint64_t offset, uint64_t length,
                   const void *data, size_t data_length)
{
    int error = errno;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct header header = {
        'W', (uint8_t)kind, (uint16_t)strlen(name), (uint32_t)data_length, offset, length,
        (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
    };
    struct iovec parts[] = {
        {&header, sizeof header}, {(void *)name, strlen(name)}, {(void *)data, data_length},
    };
    ssize_t whole = (ssize_t)(sizeof header + strlen(name) + data_length);
    if (writev(log_fd, parts, 3) != whole) {
        dprintf(2, "witness: the log cannot be written: %s\n", strerror(errno));
        _exit(97);
    }
    logged++;
    errno = error;
}

static int open_at(int at, const char *given, int flags, mode_t mode)
{
    char path[PATH_MAX];
    struct stat found;
    pthread_once(&once, begin);
    const char *name = flags & (O_CREAT | O_TRUNC) ? name_at(at, given, path) : NULL;
    if (!name)
        return real_openat(at, given, flags, mode);
    pthread_mutex_lock(&lock);
    int there = fstatat(at, given, &found, 0) == 0;
    int changes = there ? flags & O_TRUNC && found.st_size > 0 : flags & O_CREAT;
    if (changes)
        die_if_due();
    int fd = real_openat(at, given, flags, mode);
    if (fd >= 0 && changes)
        record(there ? TRUNCATE : CREATE, name, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

/* O_TMPFILE takes a mode too, and has no name to be watched by. */
#define MODE(flags, mode)                                                                          \
    va_list rest;                                                                                  \
    va_start(rest, flags);                                                                         \
    mode_t mode = (flags) & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                    \
    va_end(rest)

int openat64(int at, const char *path, int flags, ...)
{
    MODE(flags, mode);
    return open_at(at, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    MODE(flags, mode);
    return open_at(at, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags, mode);
    return open_at(AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    MODE(flags, mode);
    return open_at(AT_FDCWD, path, flags, mode);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    char path[PATH_MAX];
    pthread_once(&once, begin);
    const char *name = name_of(fd, path);
    if (!name)
        return real_pwrite(fd, data, length, offset);
    before();
    ssize_t done = real_pwrite(fd, data, length, offset);
    if (done > 0)
        record(WRITE, name, (uint64_t)offset, (uint64_t)done, data, (size_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    return pwrite64(fd, data, length, offset);
}

ssize_t write(int fd, const void *data, size_t length)
{
    char path[PATH_MAX];
    pthread_once(&once, begin);
    const char *name = name_of(fd, path);
    if (!name)
        return real_write(fd, data, length);
    before();
    ssize_t done = real_write(fd, data, length);
    if (done > 0) {
        off_t end = lseek(fd, 0, SEEK_CUR);
        record(WRITE, name, (uint64_t)(end - done), (uint64_t)done, data, (size_t)done);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int fd, off64_t length)
{
    char path[PATH_MAX];
    pthread_once(&once, begin);
    const char *name = name_of(fd, path);
    if (!name)
        return real_ftruncate(fd, length);
    before();
    int failed = real_ftruncate(fd, length);
    if (!failed)
        record(TRUNCATE, name, 0, (uint64_t)length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int ftruncate(int fd, off_t length)
{
    return ftruncate64(fd, length);
}

static int synced(int fd, int (*real)(int))
{
    char path[PATH_MAX];
    struct stat found;
    const char *name = name_of(fd, path);
    if (!name)
        return real(fd);
    before();
    int failed = real(fd);
    if (!failed && fstat(fd, &found) == 0)
        record(S_ISDIR(found.st_mode) ? SYNC_FOLDER : SYNC, name, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int fsync(int fd)
{
    pthread_once(&once, begin);
    return synced(fd, real_fsync);
}

int fdatasync(int fd)
{
    pthread_once(&once, begin);
    return synced(fd, real_fdatasync);
}

int unlinkat(int at, const char *given, int flags)
{
    char path[PATH_MAX];
    pthread_once(&once, begin);
    const char *name = flags & AT_REMOVEDIR ? NULL : name_at(at, given, path);
    if (!name)
        return real_unlinkat(at, given, flags);
    before();
    int failed = real_unlinkat(at, given, flags);
    if (!failed)
        record(UNLINK, name, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

/* The data of the record is the new name; a side outside the folder is logged by its whole path. */
int renameat(int from_at, const char *from, int to_at, const char *to)
{
    char from_path[PATH_MAX] = "", to_path[PATH_MAX] = "";
    pthread_once(&once, begin);
    const char *from_name = name_at(from_at, from, from_path);
    const char *to_name = name_at(to_at, to, to_path);
    if (!from_name && !to_name)
        return real_renameat(from_at, from, to_at, to);
    from_name = from_name ? from_name : from_path;
    to_name = to_name ? to_name : to_path;
    before();
    int failed = real_renameat(from_at, from, to_at, to);
    if (!failed)
        record(RENAME, from_name, 0, strlen(to_name), to_name, strlen(to_name));
    pthread_mutex_unlock(&lock);
    return failed;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}
