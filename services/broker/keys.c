/* SPDX-License-Identifier: Apache-2.0
 * Creates key pairs as files of Z85 text. The secret is written first: a run that was cut off is
 * finished by the next one, which makes the public half from it. */
#include "keys.h"

#include "permissions.h"
#include "wire_doors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
complain(const char *path)
{
    fprintf(stderr, "broker: %s: %s\n", path, strerror(errno));
    return false;
}

/* Under another name first, so that nobody ever reads half a key. */
static bool
write_key(const char *path, const char *key, mode_t mode)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return complain(path);
    unlink(temporary);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0)
        return complain(temporary);
    bool written = write(file, key, strlen(key)) == (ssize_t)strlen(key) &&
                   write(file, "\n", 1) == 1 && fsync(file) == 0;
    written = close(file) == 0 && written;
    if (!written || rename(temporary, path) != 0)
        return complain(path);
    return true;
}

static bool
create_pair(const char *folder, const char *program)
{
    struct key_pair keys;
    char public_path[PATH_MAX - 8], secret_path[PATH_MAX - 8];
    snprintf(public_path, sizeof public_path, "%s/%s.public", folder, program);
    snprintf(secret_path, sizeof secret_path, "%s/%s.secret", folder, program);
    /* A public half alone is right on a host where the program does not run. */
    if (access(public_path, F_OK) == 0)
        return true;
    if (access(secret_path, F_OK) == 0) {
        if (!key_read_file(secret_path, keys.secret_key) ||
            zmq_curve_public(keys.public_key, keys.secret_key) != 0)
            return complain(secret_path);
    } else {
        if (zmq_curve_keypair(keys.public_key, keys.secret_key) != 0)
            return complain("CURVE");
        if (!write_key(secret_path, keys.secret_key, 0600))
            return false;
    }
    return write_key(public_path, keys.public_key, 0644);
}

bool
keys_create(const char *folder)
{
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return complain(folder);
    for (size_t i = 0; i < PROGRAMS_COUNT; i++)
        if (!create_pair(folder, program_names[i]))
            return false;
    return true;
}
