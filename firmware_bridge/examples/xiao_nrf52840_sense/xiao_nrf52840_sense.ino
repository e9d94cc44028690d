/* Seeed XIAO nRF52840 Sense over USB, 50 Hz. Its LSM6DS3TR-C sits on the second I2C bus behind a pin that powers it. */
#include <Arduino.h>

#define BUS Wire1
#include "arduino_bus.h"
#include "lsm6ds3.h"
#include "sensor.h"

static const uint32_t PERIOD_US = 20000;

static struct sensor sensor;
static uint32_t next_us;

static void send(const uint8_t *bytes, size_t length)
{
    Serial.write(bytes, length);
}

/* The light shines when its pin is low. */
static void light(bool on)
{
    digitalWrite(LED_BUILTIN, on ? LOW : HIGH);
}

static const struct sensor_board board = {true, 10, send, light, NULL, NULL, NULL};

void setup()
{
    struct imu_link_description self = {{0}, PERIOD_US, IMU_ACC_RANGE_G, IMU_GYR_RANGE_DPS, 0x3f,
                                        IMU_LINK_BATTERY_UNKNOWN, true, 0x0100};
    for (int i = 0; i < 6; i++)
        self.device[5 - i] = (uint8_t)(NRF_FICR->DEVICEADDR[i / 4] >> (8 * (i % 4)));
    self.device[0] |= 0xc0; /* as the radio marks an address of its own */
    pinMode(LED_BUILTIN, OUTPUT);
    light(false);
    pinMode(PIN_LSM6DS3TR_C_POWER, OUTPUT);
    digitalWrite(PIN_LSM6DS3TR_C_POWER, HIGH);
    delay(50);
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
