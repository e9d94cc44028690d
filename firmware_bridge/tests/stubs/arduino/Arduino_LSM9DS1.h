/* The names of Arduino's LSM9DS1 library that the sketches use: g and degree/s at rest. */
#ifndef ARDUINO_LSM9DS1_H
#define ARDUINO_LSM9DS1_H

struct Lsm9ds1 {
    int begin() { return 1; }
    int accelerationAvailable() { return 1; }
    int gyroscopeAvailable() { return 1; }
    int readAcceleration(float &x, float &y, float &z)
    {
        x = y = 0;
        z = 1;
        return 1;
    }
    int readGyroscope(float &x, float &y, float &z)
    {
        x = 1;
        y = -2;
        z = 5000;
        return 1;
    }
};
static Lsm9ds1 IMU;

#endif
