#include "sensor.h"

#define SECOND_US 1000000u

static void send(struct sensor *s, struct imu_link_packet *packet)
{
    if (s->board->is_stream) {
        const size_t length = imu_link_frame(packet);
        s->board->send(packet->frame, length);
    } else {
        s->board->send(packet->frame + 1, packet->length);
        packet->length = 0;
    }
}

static void send_pending_data(struct sensor *s)
{
    if (s->data.length > 0)
        send(s, &s->data);
}

void sensor_describe(struct sensor *s)
{
    if (imu_link_describe(&s->message, &s->self))
        send(s, &s->message);
}

void sensor_begin(struct sensor *s, const struct sensor_board *board, const struct imu_link_description *self,
                  uint32_t now_us)
{
    static const uint8_t end_of_noise = 0;
    s->board = board;
    s->self = *self;
    s->data.frame = s->data_memory;
    s->data.room = sizeof s->data_memory;
    s->message.frame = s->message_memory;
    s->message.room = sizeof s->message_memory;
    s->second_us = now_us;
    if (board->is_stream)
        board->send(&end_of_noise, 1);
    sensor_describe(s);
}

/* Whether an axis is further than so many mg from what was noted. */
static bool has_moved(const struct sensor *s, const int16_t counts[6], uint16_t mg)
{
    /* 32768 counts are acc_range_g * 1000 mg. */
    const int32_t limit = (int32_t)(mg * 4096u / (125u * s->self.acc_range_g));
    for (int i = 0; i < 3; i++)
        if (counts[i] - s->noted[i] > limit || s->noted[i] - counts[i] > limit)
            return true;
    return false;
}

static void watch(struct sensor *s, const int16_t counts[6])
{
    const uint16_t wake_mg = s->knows_wake ? s->wake_mg : s->rest_mg;
    if (s->is_resting ? wake_mg == 0 || !has_moved(s, counts, wake_mg) : !has_moved(s, counts, s->rest_mg))
        return;
    s->is_resting = false;
    s->still_s = 0;
    for (int i = 0; i < 3; i++)
        s->noted[i] = counts[i];
}

void sensor_take(struct sensor *s, const int16_t counts[6], uint32_t taken_us)
{
    if (s->rest_s > 0)
        watch(s, counts);
    if (s->is_stopped || s->is_resting)
        return;
    if (s->data.length == 0)
        imu_link_begin_data(&s->data, s->sequence++, taken_us);
    if (imu_link_add_sample(&s->data, counts) == s->board->samples)
        send(s, &s->data);
}

void sensor_pass(struct sensor *s, uint32_t now_us)
{
    if (now_us - s->second_us < SECOND_US)
        return;
    s->second_us += SECOND_US;
    sensor_describe(s);
    if (s->light_s > 0 && --s->light_s == 0)
        s->board->light(false);
    if (s->still_s < s->rest_s && ++s->still_s == s->rest_s) {
        s->is_resting = true;
        send_pending_data(s);
    }
}

static bool identify(struct sensor *s, uint32_t seconds)
{
    if (s->board->light == NULL || seconds > 255)
        return false;
    s->light_s = (uint16_t)seconds;
    s->board->light(seconds > 0);
    return true;
}

static bool set_rest(struct sensor *s, uint32_t mg, uint16_t seconds)
{
    if (mg > 65535 || s->self.acc_range_g == 0)
        return false;
    s->rest_mg = (uint16_t)mg;
    s->rest_s = seconds;
    s->still_s = 0;
    s->is_resting = s->is_resting && seconds > 0;
    return true;
}

static bool set_wake(struct sensor *s, uint32_t mg)
{
    if (mg > 65535)
        return false;
    s->wake_mg = (uint16_t)mg;
    s->knows_wake = true;
    return true;
}

static bool start(struct sensor *s)
{
    s->is_stopped = s->is_resting = false;
    s->still_s = 0;
    return true;
}

static enum imu_link_result obey(struct sensor *s, const struct imu_link_command *command)
{
    const struct sensor_board *const board = s->board;
    const uint32_t value = command->value;
    bool is_done = true;
    switch (command->kind) {
    case IMU_LINK_START:
        is_done = start(s);
        break;
    case IMU_LINK_STOP:
        s->is_stopped = true;
        break;
    case IMU_LINK_SET_RATE:
        is_done = board->set_rate != NULL && board->set_rate(&s->self, value);
        break;
    case IMU_LINK_SET_RANGES:
        is_done = board->set_ranges != NULL && value <= 255
                  && board->set_ranges(&s->self, (uint8_t)value, command->more);
        break;
    case IMU_LINK_IDENTIFY:
        is_done = identify(s, value);
        break;
    case IMU_LINK_ECHO:
        break;
    case IMU_LINK_REST:
        is_done = set_rest(s, value, command->more);
        break;
    case IMU_LINK_WAKE:
        is_done = set_wake(s, value);
        break;
    default:
        return command->kind >= 0xe0 && board->obey_own != NULL ? board->obey_own(command) : IMU_LINK_UNKNOWN;
    }
    return is_done ? IMU_LINK_ACCEPTED : IMU_LINK_REFUSED;
}

static void answer(struct sensor *s, const struct imu_link_command *command, uint32_t now_us)
{
    const uint32_t period_us = s->self.period_us;
    const uint16_t gyr_range_dps = s->self.gyr_range_dps;
    const uint8_t acc_range_g = s->self.acc_range_g;
    const enum imu_link_result result = obey(s, command);
    const bool has_changed = period_us != s->self.period_us || acc_range_g != s->self.acc_range_g
                             || gyr_range_dps != s->self.gyr_range_dps;
    if (has_changed || s->is_stopped)
        send_pending_data(s);
    if (imu_link_answer(&s->message, command, result, now_us))
        send(s, &s->message);
    if (has_changed)
        sensor_describe(s);
}

void sensor_hear(struct sensor *s, uint8_t byte, uint32_t now_us)
{
    struct imu_link_command command;
    if (imu_link_receive(&s->gateway, byte, &command))
        answer(s, &command, now_us);
}

void sensor_read(struct sensor *s, const uint8_t *body, size_t length, uint32_t now_us)
{
    struct imu_link_command command;
    if (imu_link_read_command(body, length, &command))
        answer(s, &command, now_us);
    else
        s->gateway.malformed++;
}
