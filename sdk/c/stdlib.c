/* The smallest C library that a policy needs. An instance lives for one call, so nothing is ever worth freeing. */

#include "stdlib.h"

#include <stdint.h>

#define PAGE 65536u

extern uint8_t __heap_base;

static uintptr_t next_free = 0;

void *realloc(void *block, size_t size) {
  if (next_free == 0) next_free = (uintptr_t)&__heap_base;
  uintptr_t start = (next_free + 15) & ~(uintptr_t)15;
  uintptr_t end = start + size;
  uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
  if (end < start) return NULL;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == SIZE_MAX) return NULL;
  next_free = end;
  /* The old block's size is not known; what lies behind it is the newest memory, so reading so far is sound. */
  if (block != NULL) {
    uint8_t *to = (uint8_t *)start;
    const uint8_t *from = block;
    for (size_t i = 0; i < size && from + i < (uint8_t *)start; i++) to[i] = from[i];
  }
  return (void *)start;
}

void free(void *block) { (void)block; }

_Noreturn void abort(void) { __builtin_trap(); }

/* The generated bindings name an object that carries the contract; `normgate build --core` puts it in instead. */
void __component_type_object_force_link_policy(void) {}
