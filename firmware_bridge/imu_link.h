/* The sensor's end of the wire format in README.md: samples into packets, bytes into commands.
 *
 * C99, freestanding: no libc, no float, no I/O, no memory but the caller's. On a byte stream:
 *
 *     static uint8_t memory[IMU_LINK_DATA_FRAME(10)];
 *     static struct imu_link_packet data = {memory, sizeof memory, 0};
 *     static struct imu_link_receiver gateway;
 *     for (;;) {
 *         if (sensor_has(counts)) {
 *             if (data.length == 0)
 *                 imu_link_begin_data(&data, sequence++, clock_us());
 *             if (imu_link_add_sample(&data, counts) == 10)
 *                 uart_write(memory, imu_link_frame(&data));
 *         }
 *         if (uart_has(&byte) && imu_link_receive(&gateway, byte, &command))
 *             obey(&command);
 *     }
 *
 * On BLE a notification takes data.length bytes from memory + 1, then data.length = 0; what is written
 * to the sensor goes to imu_link_read_command. */
#ifndef IMU_LINK_H
#define IMU_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __GNUC__
#define IMU_LINK_MUST_USE __attribute__((warn_unused_result))
#else
#define IMU_LINK_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes: memory for a data packet of n samples, 1 to 19; for a description or an answer; a command. */
#define IMU_LINK_DATA_FRAME(n) (11u + 12u * (n))
#define IMU_LINK_SHORT_FRAME 24u
#define IMU_LINK_COMMAND_SIZE 9u
#define IMU_LINK_BATTERY_UNKNOWN 255

/* A packet under construction. */
struct imu_link_packet {
    uint8_t *frame; /* the caller's memory; the body stands at frame + 1 */
    size_t room;    /* bytes of it */
    size_t length;  /* of the body so far; set it to 0 to give up what was begun */
};

/* What is constant of a sensor. */
struct imu_link_description {
    uint8_t device[6];
    uint32_t period_us;     /* 1 to 10,000,000 */
    uint8_t acc_range_g;    /* not 0 if there is an acceleration channel */
    uint16_t gyr_range_dps; /* not 0 if there is an angular rate channel */
    uint8_t channels;       /* bit 0 acc x to bit 5 gyr z; at least one */
    uint8_t battery;        /* percent, 0 to 100, or IMU_LINK_BATTERY_UNKNOWN */
    bool has_clock;
    uint16_t firmware; /* major * 256 + minor */
};

/* What a gateway asks for; 0xe0 to 0xff are a sensor's own. */
enum imu_link_kind {
    IMU_LINK_START = 0x01,
    IMU_LINK_STOP = 0x02,
    IMU_LINK_SET_RATE = 0x03,   /* value: sample period, µs */
    IMU_LINK_SET_RANGES = 0x04, /* value: acceleration, g; more: angular rate, degree/s; 0: as it is */
    IMU_LINK_IDENTIFY = 0x05,   /* value: s, 0 ends it */
    IMU_LINK_ECHO = 0x06,       /* value: what the answer brings back */
    IMU_LINK_REST = 0x07,       /* value: threshold, mg; more: s, 0 is never */
    IMU_LINK_WAKE = 0x08        /* value: threshold, mg, 0 is never */
};

/* A command. Nothing is said of its values: refuse what the sensor cannot do. */
struct imu_link_command {
    uint8_t number;
    uint8_t kind; /* enum imu_link_kind or anything else: answer IMU_LINK_UNKNOWN */
    uint16_t more;
    uint32_t value;
};

/* Refused: the sensor knows the kind but cannot do this; nothing has changed. */
enum imu_link_result { IMU_LINK_ACCEPTED, IMU_LINK_REFUSED, IMU_LINK_UNKNOWN };

/* What a byte stream has brought so far. All zero at its start. */
struct imu_link_receiver {
    uint32_t damaged;   /* candidates whose length, COBS or CRC was wrong */
    uint32_t malformed; /* intact bodies that are no command */
    uint16_t crc;       /* of the body; it lags behind by the two bytes that may be the CRC */
    uint16_t tail;      /* those two */
    uint8_t body[IMU_LINK_COMMAND_SIZE];
    uint8_t taken; /* bytes since the last 0x00 */
    uint8_t left;  /* bytes until the next COBS code */
};

/* Begins a data packet; whatever the packet held is given up. ticks_us is the clock at the first
 * sample, µs, 0 without a clock. The packet is empty if it has no room for one sample. */
void imu_link_begin_data(struct imu_link_packet *packet, uint16_t sequence, uint32_t ticks_us);

/* Adds acc x, y, z, gyr x, y, z. Returns how many samples the packet holds now, 1 to 19, or 0 if this
 * one was not added: no room, already 19, or no data packet was begun. */
size_t imu_link_add_sample(struct imu_link_packet *packet, const int16_t counts[6]);

/* Makes the packet a description; false, and empty, if a field is out of its bounds or there is no room. */
IMU_LINK_MUST_USE bool imu_link_describe(struct imu_link_packet *packet,
                                         const struct imu_link_description *of);

/* Makes the packet the answer to a command; false, and empty, if there is no room. ticks_us is the
 * clock when the command came, µs, 0 without a clock. */
IMU_LINK_MUST_USE bool imu_link_answer(struct imu_link_packet *packet, const struct imu_link_command *to,
                                       enum imu_link_result result, uint32_t ticks_us);

/* Frames the packet where it stands and empties it. Returns the bytes to send from packet->frame on,
 * the 0x00 included; 0 if it was empty or data without a sample. */
IMU_LINK_MUST_USE size_t imu_link_frame(struct imu_link_packet *packet);

/* Takes the next byte of a stream; true if it completes a command, which is undefined otherwise. */
IMU_LINK_MUST_USE bool imu_link_receive(struct imu_link_receiver *receiver, uint8_t byte,
                                        struct imu_link_command *command);

/* Reads a command's body; false, with the command undefined, if it is none. */
IMU_LINK_MUST_USE bool imu_link_read_command(const uint8_t *body, size_t length,
                                             struct imu_link_command *command);

#ifdef __cplusplus
}
#endif
#endif
