/* A sensor that knows every command, for any board and either link: the board brings samples and a clock and sends what
 * it is given. Copy this, sensor.c and imu_link.{h,c} beside a sketch. */
#ifndef SENSOR_H
#define SENSOR_H

#include "imu_link.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Samples in a packet at most: at 50 Hz ten of them are five packets a second. */
#define SENSOR_SAMPLES 10

/* What a board can do. A function that is NULL refuses its command; one that cannot do what it is asked returns false
 * and changes nothing. */
struct sensor_board {
    bool is_stream; /* send frames; bodies otherwise, as on BLE */
    uint8_t samples; /* in a packet, 1 to SENSOR_SAMPLES */
    void (*send)(const uint8_t *bytes, size_t length);
    void (*light)(bool on);
    bool (*set_rate)(struct imu_link_description *self, uint32_t period_us);
    bool (*set_ranges)(struct imu_link_description *self, uint8_t acc_g, uint16_t gyr_dps); /* 0: as it is */
    enum imu_link_result (*obey_own)(const struct imu_link_command *command); /* kinds 0xe0 to 0xff */
};

struct sensor {
    const struct sensor_board *board;
    struct imu_link_description self;
    struct imu_link_receiver gateway;
    struct imu_link_packet data, message;
    uint8_t data_memory[IMU_LINK_DATA_FRAME(SENSOR_SAMPLES)], message_memory[IMU_LINK_SHORT_FRAME];
    uint32_t second_us; /* when the last full second ended */
    uint16_t sequence, light_s;
    bool is_stopped, is_resting, knows_wake;
    uint16_t rest_mg, rest_s, wake_mg, still_s;
    int16_t noted[3]; /* the acceleration that stillness and motion are measured from */
};

/* Begins the life of a sensor that is all zero; every time is the board's clock, µs, modulo 2^32. */
void sensor_begin(struct sensor *sensor, const struct sensor_board *board, const struct imu_link_description *self,
                  uint32_t now_us);

/* Sends the description, as sensor_begin does; for a link that has just been connected. */
void sensor_describe(struct sensor *sensor);

/* Takes a sample, acc x y z, gyr x y z, and sends the packet that it completes. */
void sensor_take(struct sensor *sensor, const int16_t counts[6], uint32_t taken_us);

/* Lets time pass; to be called ten times a second at least. */
void sensor_pass(struct sensor *sensor, uint32_t now_us);

/* Takes a byte from a stream, or what was written over BLE, and obeys and answers. */
void sensor_hear(struct sensor *sensor, uint8_t byte, uint32_t now_us);
void sensor_read(struct sensor *sensor, const uint8_t *body, size_t length, uint32_t now_us);

#ifdef __cplusplus
}
#endif
#endif
