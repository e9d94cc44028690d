/* libFuzzer: whatever comes, the receiver finds the commands and the damage that a reader finds who keeps whole
 * candidates; and every body that is framed comes back. */
#include <stdlib.h>
#include <string.h>

#include "imu_link.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

struct heard {
    unsigned commands, damaged, malformed;
    struct imu_link_command last;
};

static uint16_t crc_of(const uint8_t *body, size_t length)
{
    uint16_t crc = 0xffff;
    for (size_t i = 0; i < 8 * length; i++) {
        const unsigned feedback = crc >> 15 ^ (body[i / 8] >> (7 - i % 8) & 1);
        crc = (uint16_t)(crc << 1 ^ (feedback ? 0x1021 : 0));
    }
    return crc;
}

/* Length of the body of a candidate, 0 if it is damaged. */
static size_t unframe(const uint8_t *candidate, size_t length, uint8_t body[238])
{
    size_t at = 0, out = 0;
    if (length > 238)
        return 0;
    while (at < length) {
        const size_t piece = candidate[at] - 1u;
        if (piece > length - at - 1)
            return 0;
        memcpy(body + out, candidate + at + 1, piece);
        at += piece + 1;
        out += piece;
        if (at < length)
            body[out++] = 0;
    }
    if (out < 3 || crc_of(body, out - 2) != (body[out - 2] | body[out - 1] << 8))
        return 0;
    return out - 2;
}

static void judge(const uint8_t *candidate, size_t length, struct heard *heard)
{
    uint8_t body[238];
    const size_t out = unframe(candidate, length, body);
    if (out == 0) {
        heard->damaged++;
        return;
    }
    if (out != 9 || body[0] != 0x18) {
        heard->malformed++;
        return;
    }
    heard->commands++;
    heard->last.number = body[1];
    heard->last.kind = body[2];
    heard->last.value = body[3] | (uint32_t)body[4] << 8 | (uint32_t)body[5] << 16 | (uint32_t)body[6] << 24;
    heard->last.more = (uint16_t)(body[7] | body[8] << 8);
}

static struct heard expected(const uint8_t *stream, size_t size)
{
    struct heard heard = {0, 0, 0, {0, 0, 0, 0}};
    size_t from = 0;
    for (size_t i = 0; i < size; i++)
        if (stream[i] == 0) {
            if (i > from)
                judge(stream + from, i - from, &heard);
            from = i + 1;
        }
    /* An endless candidate is damage before it ends. */
    heard.damaged += size - from > 238;
    return heard;
}

static void check_stream(const uint8_t *stream, size_t size)
{
    const struct heard wanted = expected(stream, size);
    struct imu_link_receiver receiver;
    struct imu_link_command command, last = {0, 0, 0, 0};
    unsigned commands = 0;
    memset(&receiver, 0, sizeof receiver);
    for (size_t i = 0; i < size; i++)
        if (imu_link_receive(&receiver, stream[i], &command)) {
            commands++;
            last = command;
        }
    CHECK(commands == wanted.commands);
    CHECK(receiver.damaged == wanted.damaged && receiver.malformed == wanted.malformed);
    CHECK(last.number == wanted.last.number && last.kind == wanted.last.kind);
    CHECK(last.value == wanted.last.value && last.more == wanted.last.more);
}

/* The fuzzer never guesses a CRC: frame its bytes for it, each piece with its own length before it, and let it spoil
 * one byte of the stream. */
static void check_framed(const uint8_t *input, size_t size)
{
    uint8_t stream[4096];
    size_t filled = 0;
    const size_t spoilt = size > 2 ? (size_t)(input[0] | input[1] << 8) : 0;
    const uint8_t flip = size > 2 ? input[2] : 0;
    for (size_t at = 3; at < size && filled + 256 < sizeof stream;) {
        const size_t length = input[at++];
        if (length > 235 || length > size - at)
            break;
        uint8_t body[238];
        struct imu_link_packet packet = {stream + filled, sizeof stream - filled, length};
        memcpy(packet.frame + 1, input + at, length);
        const size_t framed = imu_link_frame(&packet);
        at += length;
        CHECK(framed == (length < 8 ? 0 : length + 4) && packet.length == 0);
        if (framed == 0)
            continue; /* no packet is so short */
        CHECK(unframe(packet.frame, framed - 1, body) == length);
        CHECK(memcmp(body, input + at - length, length) == 0);
        filled += framed;
    }
    if (spoilt < filled)
        stream[spoilt] ^= flip;
    check_stream(stream, filled);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct imu_link_command command;
    CHECK(imu_link_read_command(input, size, &command) == (size == 9 && input[0] == 0x18));
    check_stream(input, size);
    check_framed(input, size);
    return 0;
}
