/* The names of pico-sdk that the example uses. */
#ifndef PICO_STDLIB_H
#define PICO_STDLIB_H

#include <stddef.h>

#include "../../simulated.h"

enum { GPIO_FUNC_UART = 2, GPIO_FUNC_I2C = 3, GPIO_OUT = 1 };

static inline void gpio_init(unsigned pin) { (void)pin; }
static inline void gpio_set_function(unsigned pin, int function) { (void)pin, (void)function; }
static inline void gpio_pull_up(unsigned pin) { (void)pin; }
static inline void gpio_set_dir(unsigned pin, bool out) { (void)pin, (void)out; }
static inline void gpio_put(unsigned pin, bool value) { (void)pin, (void)value; }
static inline void sleep_ms(uint32_t ms) { (void)ms; }
static inline uint32_t time_us_32(void) { return simulated_us(); }

#endif
