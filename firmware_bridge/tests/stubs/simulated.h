/* Instead of a board: a clock that steps by 100 µs when it is read and ends the program after 3 s, two chips' registers at
 * rest, what is sent on stdout and what came on stdin. */
#ifndef SIMULATED_H
#define SIMULATED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint32_t simulated_us(void)
{
    static uint32_t us;
    us += 100;
    if (us > 3000000)
        exit(0);
    return us;
}

/* +1 g on z at ±16 g; 10, -20 and 30 counts about x, y and z; as an LSM6DS3 and as an MPU6050 have them. */
static inline uint8_t *simulated_registers(void)
{
    static uint8_t registers[256];
    static const uint8_t gyr_acc[] = {10, 0, 0xec, 0xff, 30, 0, 0, 0, 0, 0, 0, 8};
    static const uint8_t acc_t_gyr[] = {0, 0, 0, 0, 8, 0, 0x0a, 0xf0, 0, 10, 0xff, 0xec, 0, 30};
    for (unsigned i = 0; i < sizeof gyr_acc; i++)
        registers[0x22 + i] = gyr_acc[i];
    for (unsigned i = 0; i < sizeof acc_t_gyr; i++)
        registers[0x3b + i] = acc_t_gyr[i];
    return registers;
}

/* A byte of stdin, once the clock runs; -1 if there is none. */
static inline int simulated_input(void)
{
    return getchar();
}

static inline bool simulated_has_input(void)
{
    const int next = getchar();
    if (next == EOF)
        return false;
    ungetc(next, stdin);
    return true;
}

#endif
