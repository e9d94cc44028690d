/* The names of ArduinoBLE that the sketches use: somebody listens at once, and each notification goes to stdout behind a
 * byte that says how long it is. What is on stdin is one write. */
#ifndef ARDUINO_BLE_H
#define ARDUINO_BLE_H

#include <Arduino.h>

enum { BLEWriteWithoutResponse = 0x04, BLEWrite = 0x08, BLENotify = 0x10 };

struct BLECharacteristic {
    uint8_t bytes[512];
    int length = 0;

    BLECharacteristic(const char *, uint16_t, int) {}
    bool subscribed() { return true; }
    bool written()
    {
        length = (int)fread(bytes, 1, sizeof bytes, stdin);
        return length > 0;
    }
    const uint8_t *value() { return bytes; }
    int valueLength() { return length; }
    int writeValue(const uint8_t *value, int size)
    {
        putchar(size);
        return (int)fwrite(value, 1, (size_t)size, stdout);
    }
};

struct BLEService {
    BLEService(const char *) {}
    void addCharacteristic(BLECharacteristic &) {}
};

struct BLELocalDevice {
    int begin() { return 1; }
    void setLocalName(const char *) {}
    void setAdvertisedService(const BLEService &) {}
    void addService(BLEService &) {}
    int advertise() { return 1; }
    void poll() {}
    bool connected() { return true; }
};
static BLELocalDevice BLE;

#endif
