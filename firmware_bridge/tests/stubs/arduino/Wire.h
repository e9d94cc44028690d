/* The names of Arduino's I2C that the sketches use, with the simulated registers behind every address. */
#ifndef WIRE_H
#define WIRE_H

#include <Arduino.h>

struct TwoWire {
    uint8_t at = 0;
    bool is_first = true;

    void begin() {}
    void beginTransmission(uint8_t) { is_first = true; }
    size_t write(uint8_t byte)
    {
        if (is_first)
            at = byte;
        else
            simulated_registers()[at++] = byte;
        is_first = false;
        return 1;
    }
    uint8_t endTransmission(bool = true) { return 0; }
    uint8_t requestFrom(uint8_t, uint8_t length) { return length; }
    int read() { return simulated_registers()[at++]; }
};
static TwoWire Wire;
static TwoWire Wire1;

#endif
