/* bus_write and bus_read over Arduino's Wire; BUS may name another one before this is included. */
#ifndef ARDUINO_BUS_H
#define ARDUINO_BUS_H

#include <Wire.h>

#ifndef BUS
#define BUS Wire
#endif

static bool bus_write(uint8_t chip, uint8_t reg, uint8_t value)
{
    BUS.beginTransmission(chip);
    BUS.write(reg);
    BUS.write(value);
    return BUS.endTransmission() == 0;
}

static bool bus_read(uint8_t chip, uint8_t reg, uint8_t *to, uint8_t length)
{
    BUS.beginTransmission(chip);
    BUS.write(reg);
    if (BUS.endTransmission(false) != 0 || BUS.requestFrom(chip, length) != length)
        return false;
    for (uint8_t i = 0; i < length; i++)
        to[i] = (uint8_t)BUS.read();
    return true;
}

#endif
