/* The names of Arduino's cores that the sketches use. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>

#include "../simulated.h"

enum { LOW, HIGH, OUTPUT = 1, LED_BUILTIN = 13, PIN_LSM6DS3TR_C_POWER = 15 };

inline void pinMode(int, int) {}
inline void digitalWrite(int, int) {}
inline void delay(unsigned long) {}
inline unsigned long micros() { return simulated_us(); }

struct SerialPort {
    void begin(unsigned long) {}
    int available() { return simulated_has_input(); }
    int read() { return simulated_input(); }
    size_t write(const uint8_t *bytes, size_t length) { return fwrite(bytes, 1, length, stdout); }
};
extern SerialPort Serial;

struct Esp {
    uint64_t getEfuseMac() { return 0x665544332211; }
};
extern Esp ESP;

struct Ficr {
    uint32_t DEVICEADDR[2];
};
extern Ficr *const NRF_FICR;

void setup();
void loop();

#endif
