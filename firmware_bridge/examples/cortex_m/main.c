/* A sensor on a UART that knows every command. Its IMU is computed: somebody walks with it in a trouser pocket.
 * With TEST_COMMANDS three commands of its own spoil the next data frame, drop it, and let the walker stand. */
#include "board.h"
#include "imu_link.h"

enum { SAMPLES = 10, FASTEST_US = 2500, SLOWEST_US = 50000, SECOND_US = 1000000 };

static uint8_t data_memory[IMU_LINK_DATA_FRAME(SAMPLES)], short_memory[IMU_LINK_SHORT_FRAME];
static struct imu_link_packet data = {data_memory, sizeof data_memory, 0};
static struct imu_link_packet message = {short_memory, sizeof short_memory, 0};
static struct imu_link_receiver gateway;
static struct imu_link_description self = {
    {0xc0, 0xff, 0xee, 0x00, 0x03, 0x85}, 20000, 16, 2000, 0x3f, IMU_LINK_BATTERY_UNKNOWN, true, 0x0100,
};
static uint16_t sequence;
static bool is_stopped, is_resting;

/* Settings of the commands rest and wake, and what they watch. */
static uint16_t rest_mg, rest_s, wake_mg;
static bool knows_wake;
static int16_t noted[3];
static uint16_t still_s, light_s;

/* Set by commands of TEST_COMMANDS alone. */
static bool spoils_next, drops_next, holds_still;

/* A sine of amplitude `peak`, as a parabola; a whole turn is 65536. */
static int32_t wave(uint32_t turn, int32_t peak)
{
    const int32_t x = (int16_t)(uint16_t)turn;
    const int32_t parabola = x * (32768 - (x < 0 ? -x : x)) >> 14; /* -16384 to 16384 */
    return parabola * peak / 16384;
}

/* Both in the same unit. */
static int16_t count_of(int32_t value, int32_t full_scale)
{
    const int32_t count = value * 32768 / full_scale;
    return (int16_t)(count > 32767 ? 32767 : count < -32768 ? -32768 : count);
}

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

static void sample(uint32_t t_us, int16_t counts[6])
{
    const uint32_t turn = holds_still ? 0 : t_us / 1000 * 68; /* 1.04 strides a second */
    for (uint32_t i = 0; i < 6; i++) {
        int32_t value = stride[i].mean;
        for (uint32_t h = 0; h < 4; h++)
            value += wave((h + 1) * turn + stride[i].harmonics[h].turn * 256u, stride[i].harmonics[h].peak);
        counts[i] = count_of(value, i < 3 ? 1000 * self.acc_range_g : self.gyr_range_dps);
    }
}

static void send(struct imu_link_packet *packet)
{
    const size_t length = imu_link_frame(packet);
    board_send(packet->frame, length);
}

static void send_description(void)
{
    if (imu_link_describe(&message, &self))
        send(&message);
}

static void send_data(void)
{
    const size_t length = imu_link_frame(&data);
    if (spoils_next)
        data_memory[length / 2] = data_memory[length / 2] == 1 ? 2 : 1; /* never 0x00: one frame stays one */
    if (!drops_next)
        board_send(data_memory, length);
    spoils_next = drops_next = false;
}

/* Whether an axis is further than so many mg from what was noted. */
static bool has_moved(const int16_t counts[6], uint16_t mg)
{
    const int32_t limit = (int32_t)(mg * 4096u / (125u * self.acc_range_g));
    for (int i = 0; i < 3; i++)
        if (counts[i] - noted[i] > limit || noted[i] - counts[i] > limit)
            return true;
    return false;
}

static void watch_for_stillness(const int16_t counts[6])
{
    const uint16_t waking_mg = knows_wake ? wake_mg : rest_mg;
    if (is_resting ? waking_mg == 0 || !has_moved(counts, waking_mg) : !has_moved(counts, rest_mg))
        return;
    is_resting = false;
    still_s = 0;
    for (int i = 0; i < 3; i++)
        noted[i] = counts[i];
}

static void take_sample(uint32_t t_us)
{
    int16_t counts[6];
    sample(t_us, counts);
    watch_for_stillness(counts);
    if (is_stopped || is_resting)
        return;
    if (data.length == 0)
        imu_link_begin_data(&data, sequence++, t_us);
    if (imu_link_add_sample(&data, counts) == SAMPLES)
        send_data();
}

static void pass_second(void)
{
    send_description();
    if (light_s > 0)
        board_light(--light_s > 0);
    if (rest_s > 0 && still_s < rest_s && ++still_s == rest_s) {
        is_resting = true;
        if (data.length > 0)
            send_data();
    }
}

static enum imu_link_result set_ranges(uint32_t acc_g, uint16_t gyr_dps)
{
    const bool has_acc = acc_g == 0 || acc_g == 2 || acc_g == 4 || acc_g == 8 || acc_g == 16;
    const bool has_gyr = gyr_dps == 0 || gyr_dps == 250 || gyr_dps == 500 || gyr_dps == 1000 || gyr_dps == 2000;
    if (!has_acc || !has_gyr)
        return IMU_LINK_REFUSED;
    if (acc_g != 0)
        self.acc_range_g = (uint8_t)acc_g;
    if (gyr_dps != 0)
        self.gyr_range_dps = gyr_dps;
    return IMU_LINK_ACCEPTED;
}

static enum imu_link_result set_rate(uint32_t period_us)
{
    if (period_us < FASTEST_US || period_us > SLOWEST_US)
        return IMU_LINK_REFUSED;
    self.period_us = period_us;
    return IMU_LINK_ACCEPTED;
}

static enum imu_link_result identify(uint32_t seconds)
{
    if (seconds > 255)
        return IMU_LINK_REFUSED;
    light_s = (uint16_t)seconds;
    board_light(seconds > 0);
    return IMU_LINK_ACCEPTED;
}

static enum imu_link_result set_threshold(uint16_t *threshold_mg, uint32_t mg)
{
    if (mg > 65535)
        return IMU_LINK_REFUSED;
    *threshold_mg = (uint16_t)mg;
    return IMU_LINK_ACCEPTED;
}

static enum imu_link_result obey(const struct imu_link_command *command)
{
    enum imu_link_result result = IMU_LINK_ACCEPTED;
    switch (command->kind) {
    case IMU_LINK_START:
        is_stopped = is_resting = false;
        still_s = 0;
        break;
    case IMU_LINK_STOP:
        is_stopped = true;
        break;
    case IMU_LINK_SET_RATE:
        return set_rate(command->value);
    case IMU_LINK_SET_RANGES:
        return set_ranges(command->value, command->more);
    case IMU_LINK_IDENTIFY:
        return identify(command->value);
    case IMU_LINK_ECHO:
        break;
    case IMU_LINK_REST:
        result = set_threshold(&rest_mg, command->value);
        if (result == IMU_LINK_ACCEPTED) {
            rest_s = command->more;
            still_s = 0;
        }
        break;
    case IMU_LINK_WAKE:
        result = set_threshold(&wake_mg, command->value);
        knows_wake = knows_wake || result == IMU_LINK_ACCEPTED;
        break;
#ifdef TEST_COMMANDS
    case 0xe0:
        spoils_next = true;
        break;
    case 0xe1:
        drops_next = true;
        break;
    case 0xe2:
        holds_still = command->value != 0;
        break;
#endif
    default:
        return IMU_LINK_UNKNOWN;
    }
    return result;
}

static void take_command(const struct imu_link_command *command, uint32_t now_us)
{
    const struct imu_link_description before = self;
    const enum imu_link_result result = obey(command);
    const bool has_changed = before.period_us != self.period_us || before.acc_range_g != self.acc_range_g
                             || before.gyr_range_dps != self.gyr_range_dps;
    if (data.length > 0 && (has_changed || is_stopped))
        send_data();
    if (imu_link_answer(&message, command, result, now_us))
        send(&message);
    if (has_changed)
        send_description();
}

int main(void)
{
    struct imu_link_command command;
    uint8_t byte = 0;
    board_start();
    board_send(&byte, 1);
    send_description();
    uint32_t next_us = board_clock_us(), second_us = next_us;
    for (;;) {
        const uint32_t now_us = board_clock_us();
        while (board_receive(&byte))
            if (imu_link_receive(&gateway, byte, &command))
                take_command(&command, now_us);
        if (now_us - second_us >= SECOND_US) {
            second_us += SECOND_US;
            pass_second();
        }
        if (now_us - next_us < self.period_us)
            board_wait();
        else
            take_sample(next_us += self.period_us);
    }
}
