/* MPU6050, and its relatives with the same registers, read over bus_write and bus_read, which stand before this is
 * included. */
#ifndef MPU6050_H
#define MPU6050_H

#include <stdbool.h>
#include <stdint.h>

enum { IMU_ADDRESS = 0x68 };
enum { IMU_ACC_RANGE_G = 16, IMU_GYR_RANGE_DPS = 2000 };

static bool imu_begin(void)
{
    return bus_write(IMU_ADDRESS, 0x6b, 0x00)     /* it sleeps after power-up */
           && bus_write(IMU_ADDRESS, 0x1a, 0x04)  /* low pass at 20 Hz, for samples at 50 Hz */
           && bus_write(IMU_ADDRESS, 0x1b, 0x18)  /* 2000 degree/s */
           && bus_write(IMU_ADDRESS, 0x1c, 0x18); /* 16 g */
}

/* The newest sample; false if the chip does not answer. */
static bool imu_read(int16_t counts[6])
{
    uint8_t raw[14]; /* acceleration, temperature, angular rate; big endian */
    if (!bus_read(IMU_ADDRESS, 0x3b, raw, sizeof raw))
        return false;
    for (int i = 0; i < 6; i++) {
        const int at = i < 3 ? 2 * i : 2 * i + 2;
        counts[i] = (int16_t)(uint16_t)(raw[at] << 8 | raw[at + 1]);
    }
    return true;
}

#endif
