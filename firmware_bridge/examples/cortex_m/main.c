/* A sensor on a UART. Its IMU is computed: somebody walks with it in a trouser pocket. Three commands of its own are for
 * tests: 0xe0 spoils the next data frame, 0xe1 drops it, 0xe2 lets the walker stand (value 1) and go on (0). */
#include "board.h"
#include "sensor.h"

enum { FASTEST_US = 2500, SLOWEST_US = 50000 };

static struct sensor sensor;
static bool spoils_next, drops_next, stands;

/* A stride of the simulated walker: each channel's mean and harmonics, mg and degree/s, turns in 1/256. */
static const struct {
    int16_t mean;
    struct {
        int16_t peak;
        uint8_t turn;
    } harmonics[4];
} stride[6] = {
    {446, {{123, 163}, {225, 2}, {5, 51}, {131, 23}}},
    {-1191, {{213, 173}, {644, 138}, {277, 119}, {282, 119}}},
    {-137, {{27, 228}, {70, 116}, {65, 168}, {14, 210}}},
    {6, {{37, 38}, {43, 104}, {23, 140}, {6, 44}}},
    {2, {{111, 13}, {20, 82}, {9, 151}, {8, 0}}},
    {-5, {{112, 123}, {74, 211}, {13, 73}, {41, 172}}},
};

/* A sine of amplitude `peak`, as a parabola; a whole turn is 65536. */
static int32_t wave(uint32_t turn, int32_t peak)
{
    const int32_t x = (int16_t)(uint16_t)turn;
    const int32_t parabola = x * (32768 - (x < 0 ? -x : x)) / 16384; /* -16384 to 16384 */
    return parabola * peak / 16384;
}

/* Both in the same unit. */
static int16_t count_of(int32_t value, int32_t full_scale)
{
    const int32_t count = value * 32768 / full_scale;
    return (int16_t)(count > 32767 ? 32767 : count < -32768 ? -32768 : count);
}

static void measure(uint32_t t_us, int16_t counts[6])
{
    const uint32_t turn = stands ? 0 : t_us / 1000 * 68; /* 1.04 strides a second */
    for (uint32_t i = 0; i < 6; i++) {
        int32_t value = stride[i].mean;
        for (uint32_t h = 0; h < 4; h++)
            value += wave((h + 1) * turn + stride[i].harmonics[h].turn * 256u, stride[i].harmonics[h].peak);
        counts[i] = count_of(value, i < 3 ? 1000 * sensor.self.acc_range_g : sensor.self.gyr_range_dps);
    }
}

static void send(const uint8_t *bytes, size_t length)
{
    const bool is_data = length > IMU_LINK_SHORT_FRAME;
    if (is_data && drops_next) {
        drops_next = false;
        return;
    }
    if (is_data && spoils_next) {
        /* Neither byte is 0x00: what is spoilt stays one frame. */
        const uint8_t other = bytes[0] == 2 ? 3 : 2;
        board_send(&other, 1);
        board_send(bytes + 1, length - 1);
        spoils_next = false;
        return;
    }
    board_send(bytes, length);
}

static bool set_rate(struct imu_link_description *self, uint32_t period_us)
{
    if (period_us < FASTEST_US || period_us > SLOWEST_US)
        return false;
    self->period_us = period_us;
    return true;
}

static bool set_ranges(struct imu_link_description *self, uint8_t acc_g, uint16_t gyr_dps)
{
    const bool has_acc = acc_g == 0 || acc_g == 2 || acc_g == 4 || acc_g == 8 || acc_g == 16;
    const bool has_gyr = gyr_dps == 0 || gyr_dps == 250 || gyr_dps == 500 || gyr_dps == 1000 || gyr_dps == 2000;
    if (!has_acc || !has_gyr)
        return false;
    self->acc_range_g = acc_g == 0 ? self->acc_range_g : acc_g;
    self->gyr_range_dps = gyr_dps == 0 ? self->gyr_range_dps : gyr_dps;
    return true;
}

static enum imu_link_result obey_own(const struct imu_link_command *command)
{
    switch (command->kind) {
    case 0xe0:
        spoils_next = true;
        return IMU_LINK_ACCEPTED;
    case 0xe1:
        drops_next = true;
        return IMU_LINK_ACCEPTED;
    case 0xe2:
        stands = command->value != 0;
        return IMU_LINK_ACCEPTED;
    default:
        return IMU_LINK_UNKNOWN;
    }
}

static const struct sensor_board board = {true, 10, send, board_light, set_rate, set_ranges, obey_own};
static const struct imu_link_description self = {
    {0xc0, 0xff, 0xee, 0x00, 0x03, 0x85}, 20000, 16, 2000, 0x3f, IMU_LINK_BATTERY_UNKNOWN, true, 0x0100,
};

int main(void)
{
    board_start();
    uint32_t next_us = board_clock_us();
    sensor_begin(&sensor, &board, &self, next_us);
    for (;;) {
        const uint32_t now_us = board_clock_us();
        uint8_t byte;
        while (board_receive(&byte))
            sensor_hear(&sensor, byte, now_us);
        sensor_pass(&sensor, now_us);
        if (now_us - next_us < sensor.self.period_us) {
            board_wait();
            continue;
        }
        int16_t counts[6];
        next_us += sensor.self.period_us;
        measure(next_us, counts);
        sensor_take(&sensor, counts, next_us);
    }
}
