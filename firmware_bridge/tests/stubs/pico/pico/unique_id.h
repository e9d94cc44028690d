#ifndef PICO_UNIQUE_ID_H
#define PICO_UNIQUE_ID_H

#include <stdint.h>

typedef struct {
    uint8_t id[8];
} pico_unique_board_id_t;

static inline void pico_get_unique_board_id(pico_unique_board_id_t *out)
{
    for (uint8_t i = 0; i < 8; i++)
        out->id[i] = (uint8_t)((i - 1) * 0x11);
}

#endif
