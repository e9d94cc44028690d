/* What main.c needs of a board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts clock and UART. */
void board_start(void);

/* µs since board_start, modulo 2^32. Asked at least every two minutes. */
uint32_t board_clock_us(void);

/* Sleeps until there may be something to do, 1 ms at most. */
void board_wait(void);

/* Returns when the UART has taken all bytes. */
void board_send(const uint8_t *bytes, size_t length);

/* Returns false if no byte has come. */
bool board_receive(uint8_t *byte);

/* Switches the light by which a person finds the sensor. */
void board_light(bool on);

#endif
