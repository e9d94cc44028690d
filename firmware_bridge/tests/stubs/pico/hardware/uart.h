#ifndef HARDWARE_UART_H
#define HARDWARE_UART_H

#include "pico/stdlib.h"

#define uart0 0

static inline void uart_init(int uart, unsigned baud) { (void)uart, (void)baud; }
static inline bool uart_is_readable(int uart) { return (void)uart, simulated_has_input(); }
static inline char uart_getc(int uart) { return (void)uart, (char)simulated_input(); }

static inline void uart_write_blocking(int uart, const uint8_t *from, size_t length)
{
    (void)uart;
    fwrite(from, 1, length, stdout);
}

#endif
