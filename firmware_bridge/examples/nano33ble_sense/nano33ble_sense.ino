/* Arduino Nano 33 BLE Sense over BLE, 50 Hz, five samples a packet: needs an ATT MTU of 70, which BlueZ asks for.
 * Libraries: ArduinoBLE and Arduino_LSM9DS1; for a Rev2 define REV2 and take Arduino_BMI270_BMM150. */
#include <Arduino.h>
#include <ArduinoBLE.h>

#ifdef REV2
#include <Arduino_BMI270_BMM150.h>
static const uint16_t GYR_RANGE_DPS = 2000;
#else
#include <Arduino_LSM9DS1.h>
/* The library takes 32768 counts for 2000 degree/s; the chip's 70 millidegree/s a count make them 2294. */
static const uint16_t GYR_RANGE_DPS = 2294;
#endif

#include "sensor.h"

static const uint32_t PERIOD_US = 20000;
static const uint8_t ACC_RANGE_G = 4;

/* Nordic's UART service: notifications from the sensor, writes to it. */
static BLEService service("6e400001-b5a3-f393-e0a9-e50e24dcca9e");
static BLECharacteristic to_gateway("6e400003-b5a3-f393-e0a9-e50e24dcca9e", BLENotify, 67);
static BLECharacteristic from_gateway("6e400002-b5a3-f393-e0a9-e50e24dcca9e", BLEWrite | BLEWriteWithoutResponse,
                                      IMU_LINK_COMMAND_SIZE);

static struct sensor sensor;
static uint32_t next_us;

static void send(const uint8_t *bytes, size_t length)
{
    if (BLE.connected())
        to_gateway.writeValue(bytes, (int)length);
}

static void light(bool on)
{
    digitalWrite(LED_BUILTIN, on ? HIGH : LOW);
}

static const struct sensor_board board = {false, 5, send, light, NULL, NULL, NULL};

static int16_t count_of(float value, float full_scale)
{
    const float count = value * 32768.0f / full_scale;
    return (int16_t)(count > 32767.0f ? 32767.0f : count < -32768.0f ? -32768.0f : count);
}

/* The newest sample; where the chip does not answer, the one before. */
static const int16_t *measure()
{
    static int16_t counts[6];
    float x, y, z;
    if (IMU.accelerationAvailable() && IMU.readAcceleration(x, y, z)) {
        counts[0] = count_of(x, ACC_RANGE_G);
        counts[1] = count_of(y, ACC_RANGE_G);
        counts[2] = count_of(z, ACC_RANGE_G);
    }
    if (IMU.gyroscopeAvailable() && IMU.readGyroscope(x, y, z)) {
        counts[3] = count_of(x, 2000);
        counts[4] = count_of(y, 2000);
        counts[5] = count_of(z, 2000);
    }
    return counts;
}

void setup()
{
    struct imu_link_description self = {{0}, PERIOD_US, ACC_RANGE_G, GYR_RANGE_DPS, 0x3f,
                                        IMU_LINK_BATTERY_UNKNOWN, true, 0x0100};
    for (int i = 0; i < 6; i++)
        self.device[5 - i] = (uint8_t)(NRF_FICR->DEVICEADDR[i / 4] >> (8 * (i % 4)));
    self.device[0] |= 0xc0; /* as the radio marks an address of its own */
    pinMode(LED_BUILTIN, OUTPUT);
    while (!IMU.begin() || !BLE.begin())
        delay(1000);
    service.addCharacteristic(to_gateway);
    service.addCharacteristic(from_gateway);
    BLE.setLocalName("edgehar");
    BLE.setAdvertisedService(service);
    BLE.addService(service);
    BLE.advertise();
    next_us = (uint32_t)micros();
    sensor_begin(&sensor, &board, &self, next_us);
}

void loop()
{
    static bool was_listened_to;
    const uint32_t now_us = (uint32_t)micros();
    BLE.poll();
    const bool is_listened_to = to_gateway.subscribed();
    if (is_listened_to && !was_listened_to)
        sensor_describe(&sensor);
    was_listened_to = is_listened_to;
    if (from_gateway.written())
        sensor_read(&sensor, from_gateway.value(), (size_t)from_gateway.valueLength(), now_us);
    sensor_pass(&sensor, now_us);
    if (now_us - next_us >= PERIOD_US) {
        next_us += PERIOD_US;
        sensor_take(&sensor, measure(), now_us);
    }
}
