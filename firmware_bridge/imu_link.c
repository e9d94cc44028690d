#include "imu_link.h"

enum head { DATA = 0x10, DESCRIPTION = 0x11, ANSWER = 0x12, COMMAND = 0x18 };
enum { DATA_HEAD = 7, SAMPLE = 12, MAX_BODY = 235, MAX_CANDIDATE = MAX_BODY + 3, FRAMING = 4 };

static uint8_t *put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    return at + 2;
}

static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    return put_u16(put_u16(at, (uint16_t)value), (uint16_t)(value >> 16));
}

static uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint16_t crc_of(uint16_t crc, uint8_t byte)
{
    crc ^= (uint16_t)(byte << 8);
    for (int bit = 0; bit < 8; bit++)
        crc = (uint16_t)((crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1);
    return crc;
}

/* Where the body goes on behind its head; NULL, and an empty packet, if `room` bytes of body do not fit. */
static uint8_t *begin(struct imu_link_packet *packet, enum head head, size_t length, size_t room)
{
    packet->length = 0;
    if (packet->room < room + FRAMING)
        return NULL;
    packet->length = length;
    packet->frame[1] = (uint8_t)head;
    return packet->frame + 2;
}

void imu_link_begin_data(struct imu_link_packet *packet, uint16_t sequence, uint32_t ticks_us)
{
    uint8_t *at = begin(packet, DATA, DATA_HEAD, DATA_HEAD + SAMPLE);
    if (at != NULL)
        put_u32(put_u16(at, sequence), ticks_us);
}

size_t imu_link_add_sample(struct imu_link_packet *packet, const int16_t counts[6])
{
    const size_t length = packet->length + SAMPLE;
    if (packet->length == 0 || packet->frame[1] != DATA)
        return 0;
    if (length > MAX_BODY || packet->room < length + FRAMING)
        return 0;
    uint8_t *at = packet->frame + 1 + packet->length;
    for (int i = 0; i < 6; i++)
        at = put_u16(at, (uint16_t)counts[i]);
    packet->length = length;
    return (length - DATA_HEAD) / SAMPLE;
}

static bool is_sound(const struct imu_link_description *d)
{
    return d->period_us != 0 && d->period_us <= 10000000 && d->channels != 0 && d->channels <= 0x3f
        && (d->acc_range_g != 0 || !(d->channels & 0x07)) && (d->gyr_range_dps != 0 || !(d->channels & 0x38))
        && (d->battery <= 100 || d->battery == IMU_LINK_BATTERY_UNKNOWN);
}

bool imu_link_describe(struct imu_link_packet *packet, const struct imu_link_description *of)
{
    uint8_t *at = begin(packet, DESCRIPTION, 20, 20);
    if (at == NULL || !is_sound(of)) {
        packet->length = 0;
        return false;
    }
    for (int i = 0; i < 6; i++)
        *at++ = of->device[i];
    at = put_u32(at, of->period_us);
    *at++ = of->acc_range_g;
    at = put_u16(at, of->gyr_range_dps);
    *at++ = of->channels;
    *at++ = of->battery;
    *at++ = of->has_clock ? 1 : 0;
    *put_u16(at, of->firmware) = 0;
    return true;
}

bool imu_link_answer(struct imu_link_packet *packet, const struct imu_link_command *to,
                     enum imu_link_result result, uint32_t ticks_us)
{
    uint8_t *at = begin(packet, ANSWER, 12, 12);
    if (at == NULL)
        return false;
    *at++ = to->number;
    *at++ = to->kind;
    *at++ = (uint8_t)result;
    put_u32(put_u32(at, ticks_us), to->kind == IMU_LINK_ECHO ? to->value : 0);
    return true;
}

size_t imu_link_frame(struct imu_link_packet *packet)
{
    uint8_t *const frame = packet->frame;
    const size_t end = packet->length + 1;
    packet->length = 0;
    if (end <= DATA_HEAD + 1)
        return 0;
    uint16_t crc = 0xffff;
    for (size_t i = 1; i < end; i++)
        crc = crc_of(crc, frame[i]);
    *put_u16(frame + end, crc) = 0;
    /* Each zero becomes the way to the next one, the first code the way to the first; the last stays. */
    size_t code = 0;
    for (size_t i = 1; i < end + 3; i++)
        if (frame[i] == 0) {
            frame[code] = (uint8_t)(i - code);
            code = i;
        }
    return end + 3;
}

/* One byte that is not 0x00: it stands for itself, or as a COBS code for a zero. */
static void take(struct imu_link_receiver *r, uint8_t byte)
{
    if (r->taken >= MAX_CANDIDATE) {
        r->damaged += r->taken == MAX_CANDIDATE;
        r->taken = MAX_CANDIDATE + 1;
        return;
    }
    const uint8_t out = r->left == 0 ? 0 : byte;
    r->left = (uint8_t)(r->left == 0 ? byte - 1 : r->left - 1);
    if (r->taken++ == 0) {
        r->crc = 0xffff;
        return;
    }
    const size_t before = r->taken - 2u;
    if (before < IMU_LINK_COMMAND_SIZE)
        r->body[before] = out;
    if (before >= 2)
        r->crc = crc_of(r->crc, (uint8_t)r->tail);
    r->tail = (uint16_t)(r->tail >> 8 | out << 8);
}

bool imu_link_receive(struct imu_link_receiver *receiver, uint8_t byte, struct imu_link_command *command)
{
    const size_t taken = receiver->taken;
    if (byte != 0) {
        take(receiver, byte);
        return false;
    }
    const bool is_whole = receiver->left == 0 && taken > 3 && receiver->crc == receiver->tail;
    receiver->taken = receiver->left = 0;
    if (taken == 0 || taken > MAX_CANDIDATE)
        return false; /* nothing came, or its damage is counted already */
    if (is_whole && imu_link_read_command(receiver->body, taken - 3, command))
        return true;
    *(is_whole ? &receiver->malformed : &receiver->damaged) += 1;
    return false;
}

bool imu_link_read_command(const uint8_t *body, size_t length, struct imu_link_command *command)
{
    if (length != IMU_LINK_COMMAND_SIZE || body[0] != COMMAND)
        return false;
    command->number = body[1];
    command->kind = body[2];
    command->value = get_u16(body + 3) | (uint32_t)get_u16(body + 5) << 16;
    command->more = get_u16(body + 7);
    return true;
}
