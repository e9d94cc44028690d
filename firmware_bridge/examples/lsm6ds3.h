/* LSM6DS3 or LSM6DS3TR-C at 104 Hz, read over bus_write and bus_read, which stand before this is included. */
#ifndef LSM6DS3_H
#define LSM6DS3_H

#include <stdbool.h>
#include <stdint.h>

enum { IMU_ADDRESS = 0x6a };

/* Its ±2000 degree/s count 70 millidegree/s each, so that 32768 counts are 2294. */
enum { IMU_ACC_RANGE_G = 16, IMU_GYR_RANGE_DPS = 2294 };

static bool imu_begin(void)
{
    return bus_write(IMU_ADDRESS, 0x12, 0x44)     /* both bytes of a value belong together; addresses count up */
           && bus_write(IMU_ADDRESS, 0x10, 0x44)  /* acceleration: 104 Hz, 16 g */
           && bus_write(IMU_ADDRESS, 0x11, 0x4c); /* angular rate: 104 Hz, 2000 degree/s */
}

/* The newest sample; false if the chip does not answer. */
static bool imu_read(int16_t counts[6])
{
    uint8_t raw[12]; /* angular rate, acceleration; little endian */
    if (!bus_read(IMU_ADDRESS, 0x22, raw, sizeof raw))
        return false;
    for (int i = 0; i < 6; i++)
        counts[(i + 3) % 6] = (int16_t)(uint16_t)(raw[2 * i] | raw[2 * i + 1] << 8);
    return true;
}

#endif
