/* SPDX-License-Identifier: Apache-2.0
 * A target as a plain program: `fuzz_<name> FILE|FOLDER…` plays the inputs once, without libFuzzer. It stands
 * in for libFuzzer's main and must not choose inputs. */
#include "input.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static size_t played;

static void
play_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes;
    long size;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        fprintf(stderr, "%s can't be read\n", path);
        exit(EXIT_FAILURE);
    }
    rewind(file);
    bytes = malloc((size_t)size); /* of exactly this size: what lies beyond is watched */
    if ((bytes == NULL && size > 0) || fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "%s can't be read\n", path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    played++;
}

static void
play(const char *path)
{
    DIR *folder = opendir(path);
    char file[4096];

    if (folder == NULL) {
        play_file(path);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        play_file(file);
    }
    closedir(folder);
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        play(argv[i]);
    printf("%zu inputs\n", played);
    return EXIT_SUCCESS;
}
