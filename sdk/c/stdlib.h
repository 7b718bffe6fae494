/* What the generated bindings ask of a C library, for a module that has none. */
#ifndef NORMGATE_STDLIB_H
#define NORMGATE_STDLIB_H

#include <stddef.h>

void *realloc(void *block, size_t size);
void free(void *block);
_Noreturn void abort(void);

#endif
