/* SPDX-License-Identifier: Apache-2.0
 * Reads the files of certificate and key. What is in them is GnuTLS's to judge. */
#include "certificate.h"

#include "config.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_BYTES_MAX = 256 << 10 };

char *
certificate_read(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        fatal("%s can't be read: %s", path, strerror(errno));
    if (status.st_size <= 0 || status.st_size > PEM_BYTES_MAX)
        fatal("%s is no PEM file: it has %lld bytes", path, (long long)status.st_size);
    char *text = calloc(1, (size_t)status.st_size + 1);
    if (text == NULL || read(file, text, (size_t)status.st_size) != status.st_size)
        fatal("%s can't be read", path);
    close(file);
    return text;
}

void
certificate_check(void)
{
    if ((config.http_cert_file[0] == '\0') != (config.http_key_file[0] == '\0'))
        fatal("ESCARCELLE_HTTP_CERT_FILE and ESCARCELLE_HTTP_KEY_FILE go together");
    if (config.http_cert_file[0] == '\0')
        return;
    free(certificate_read(config.http_cert_file));
    free(certificate_read(config.http_key_file));
}
