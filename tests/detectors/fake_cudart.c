/* A CUDA runtime without a GPU, for tests: allocations are host memory and are watched, streams are queues that run
   when somebody waits. FAKE_SHARED_DRAM chooses a Jetson; memory given back is filled with 0xDD. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCKS = 256, MAX_QUEUE = 256, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_HANDLE = 400 };

typedef struct { uint8_t *address; size_t size; int is_live, is_pinned; } Block;
typedef struct { void *target; const void *source; size_t size; int (*job)(void); } Step;

static Block blocks[MAX_BLOCKS];
static int block_count;
static Step queue[MAX_QUEUE];
static int queued, stream_mark, memory_left = -1;

#ifndef FAKE_SHARED_DRAM
#define FAKE_SHARED_DRAM 0
#endif

static Block *block_of(const void *address, size_t size) {
  for (int i = 0; i < block_count; i++)
    if (blocks[i].is_live && (uint8_t *)address >= blocks[i].address &&
        (uint8_t *)address + size <= blocks[i].address + blocks[i].size)
      return &blocks[i];
  return 0;
}

static int give(void **address, size_t size, int is_pinned) {
  if (memory_left == 0 || block_count == MAX_BLOCKS) return OUT_OF_MEMORY;
  if (memory_left > 0) memory_left--;
  *address = malloc(size);
  memset(*address, 0xAA, size); /* what was never written is no answer */
  blocks[block_count++] = (Block){*address, size, 1, is_pinned};
  return 0;
}

static int take(void *address, int is_pinned) {
  Block *block = block_of(address, 1);
  if (!block || block->address != address || block->is_pinned != is_pinned) return INVALID_VALUE;
  memset(block->address, 0xDD, block->size);
  block->is_live = 0;
  return 0;
}

int cudaHostAlloc(void **address, size_t size, unsigned flags) {
  return flags == (FAKE_SHARED_DRAM ? 2u : 0u) ? give(address, size, 1) : INVALID_VALUE;
}
int cudaMalloc(void **address, size_t size) { return give(address, size, 0); }
int cudaFreeHost(void *address) { return take(address, 1); }
int cudaFree(void *address) { return take(address, 0); }
int cudaHostGetDevicePointer(void **device, void *host, unsigned flags) {
  if (!FAKE_SHARED_DRAM || flags || !block_of(host, 1)) return INVALID_VALUE;
  *device = host;
  return 0;
}
int cudaStreamCreateWithFlags(void **stream, unsigned flags) {
  *stream = &stream_mark;
  return flags == 1u ? 0 : INVALID_VALUE;
}
int cudaMemcpyAsync(void *target, const void *source, size_t size, int kind, void *stream) {
  Block *to = block_of(target, size), *from = block_of(source, size);
  if (stream != &stream_mark) return INVALID_HANDLE;
  if (!to || !from || to->is_pinned != (kind == 2) || from->is_pinned != (kind == 1)) return INVALID_VALUE;
  queue[queued++] = (Step){target, source, size, 0};
  return 0;
}
int cudaStreamSynchronize(void *stream) {
  if (stream != &stream_mark) return INVALID_HANDLE;
  int result = 0;
  for (int i = 0; i < queued && !result; i++) {
    if (queue[i].job) result = queue[i].job();
    else memcpy(queue[i].target, queue[i].source, queue[i].size);
  }
  queued = 0;
  return result;
}
int cudaGetDevice(int *index) { return *index = 0; }
int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case 16: *value = 8; break;
    case 18: case 19: *value = FAKE_SHARED_DRAM; break;
    case 75: *value = 8; break;
    case 76: *value = 7; break;
    default: return INVALID_VALUE;
  }
  return device;
}
int cudaGetDeviceProperties(void *properties, int device) {
  strcpy(properties, "Orin");
  return device;
}
const char *cudaGetErrorString(int code) {
  return code == OUT_OF_MEMORY ? "out of memory" : code == 700 ? "an illegal memory access was encountered" : "invalid";
}

/* For the test, and for the engine that stands in for TensorRT. */
int fake_is_live(const void *address, size_t size) { return block_of(address, size) != 0; }
int fake_live_blocks(void) {
  int count = 0;
  for (int i = 0; i < block_count; i++) count += blocks[i].is_live;
  return count;
}
void fake_memory_for(int allocations) { memory_left = allocations; }
int fake_enqueue(void *stream, int (*job)(void)) {
  if (stream != &stream_mark) return INVALID_HANDLE;
  queue[queued++] = (Step){0, 0, 0, job};
  return 0;
}
