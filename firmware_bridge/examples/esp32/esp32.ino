/* ESP32 over its USB port's UART at 115200 baud, 50 Hz, with an MPU6050 on the default I2C pins; for an LSM6DS3 include
 * lsm6ds3.h in the place of mpu6050.h. */
#include <Arduino.h>

#include "arduino_bus.h"
#ifdef WITH_LSM6DS3
#include "lsm6ds3.h"
#else
#include "mpu6050.h"
#endif
#include "sensor.h"

static const uint32_t PERIOD_US = 20000;
static const uint8_t LIGHT_PIN = 2;

static struct sensor sensor;
static uint32_t next_us;

static void send(const uint8_t *bytes, size_t length)
{
    Serial.write(bytes, length);
}

static void light(bool on)
{
    digitalWrite(LIGHT_PIN, on ? HIGH : LOW);
}

static const struct sensor_board board = {true, 10, send, light, NULL, NULL, NULL};

void setup()
{
    struct imu_link_description self = {{0}, PERIOD_US, IMU_ACC_RANGE_G, IMU_GYR_RANGE_DPS, 0x3f,
                                        IMU_LINK_BATTERY_UNKNOWN, true, 0x0100};
    const uint64_t mac = ESP.getEfuseMac();
    for (int i = 0; i < 6; i++)
        self.device[i] = (uint8_t)(mac >> (8 * i));
    pinMode(LIGHT_PIN, OUTPUT);
    Serial.begin(115200);
    BUS.begin();
    while (!imu_begin())
        delay(1000);
    next_us = (uint32_t)micros();
    sensor_begin(&sensor, &board, &self, next_us);
}

void loop()
{
    const uint32_t now_us = (uint32_t)micros();
    while (Serial.available() > 0)
        sensor_hear(&sensor, (uint8_t)Serial.read(), now_us);
    sensor_pass(&sensor, now_us);
    if (now_us - next_us >= PERIOD_US) {
        int16_t counts[6];
        next_us += PERIOD_US;
        if (imu_read(counts))
            sensor_take(&sensor, counts, now_us);
    }
}
