/* Does with imu_link what each line of stdin asks, and answers each with one line. Numbers are decimal, bytes
 * hexadecimal, `-` is a refusal; memory is as long as asked for and not a byte longer, so that a sanitizer sees
 * what goes beyond it.
 *
 *     data ROOM SEQUENCE TICKS COUNT...             body and frame, of all samples that found room
 *     describe ROOM DEVICE PERIOD ACC GYR CHANNELS BATTERY CLOCK FIRMWARE
 *     answer ROOM NUMBER KIND VALUE RESULT TICKS    each: body and frame
 *     frame ROOM                                    body and frame of an empty packet
 *     command BODY                                  number kind value more
 *     receive BYTES                                 the same of every command, then damaged and malformed
 *     begin                                         a new stream for `receive`
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imu_link.h"

static char line[1 << 20];
static char *words;

static const char *word(void)
{
    const char *found = strtok(words, " \n");
    words = NULL;
    return found;
}

static unsigned long number(void)
{
    const char *digits = word();
    return digits == NULL ? 0 : strtoul(digits, NULL, 10);
}

static size_t bytes(uint8_t **out)
{
    const char *hex = word();
    const size_t length = hex == NULL ? 0 : strlen(hex) / 2;
    *out = malloc(length);
    for (size_t i = 0; i < length; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        (*out)[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return length;
}

static void print_hex(const uint8_t *from, size_t length)
{
    for (size_t i = 0; i < length; i++)
        printf("%02x", from[i]);
}

static void print_command(const struct imu_link_command *command)
{
    printf("%u %u %lu %u", command->number, command->kind, (unsigned long)command->value, command->more);
}

static void print_packet(struct imu_link_packet *packet)
{
    print_hex(packet->frame + 1, packet->length);
    const size_t length = imu_link_frame(packet);
    if (length == 0) {
        printf("-");
        return;
    }
    printf(" ");
    print_hex(packet->frame, length);
}

static void make_data(struct imu_link_packet *packet)
{
    const uint16_t sequence = (uint16_t)number();
    imu_link_begin_data(packet, sequence, (uint32_t)number());
    size_t held = 0;
    for (const char *digits = word(); digits != NULL;) {
        int16_t counts[6];
        for (int i = 0; i < 6; i++, digits = word())
            counts[i] = (int16_t)strtol(digits, NULL, 10);
        const size_t now = imu_link_add_sample(packet, counts);
        if (now != 0 && now != held + 1)
            abort();
        held = now == 0 ? held : now;
    }
}

static void make_description(struct imu_link_packet *packet)
{
    struct imu_link_description of;
    uint8_t *device = NULL;
    bytes(&device);
    memcpy(of.device, device, sizeof of.device);
    free(device);
    of.period_us = (uint32_t)number();
    of.acc_range_g = (uint8_t)number();
    of.gyr_range_dps = (uint16_t)number();
    of.channels = (uint8_t)number();
    of.battery = (uint8_t)number();
    of.has_clock = number() != 0;
    of.firmware = (uint16_t)number();
    if (imu_link_describe(packet, &of) != (packet->length == 20))
        abort();
}

static void make_answer(struct imu_link_packet *packet)
{
    struct imu_link_command to = {0, 0, 0, 0};
    to.number = (uint8_t)number();
    to.kind = (uint8_t)number();
    to.value = (uint32_t)number();
    const enum imu_link_result result = (enum imu_link_result)number();
    if (imu_link_answer(packet, &to, result, (uint32_t)number()) != (packet->length == 12))
        abort();
}

static void receive(struct imu_link_receiver *receiver)
{
    uint8_t *stream = NULL;
    const size_t length = bytes(&stream);
    struct imu_link_command command;
    for (size_t i = 0; i < length; i++)
        if (imu_link_receive(receiver, stream[i], &command)) {
            print_command(&command);
            printf(";");
        }
    printf("%lu %lu", (unsigned long)receiver->damaged, (unsigned long)receiver->malformed);
    free(stream);
}

static void read_command(void)
{
    uint8_t *body = NULL;
    const size_t length = bytes(&body);
    struct imu_link_command command;
    if (imu_link_read_command(body, length, &command))
        print_command(&command);
    else
        printf("-");
    free(body);
}

static void make(const char *asked)
{
    const size_t room = number();
    struct imu_link_packet packet = {malloc(room), room, 0};
    if (strcmp(asked, "data") == 0)
        make_data(&packet);
    else if (strcmp(asked, "describe") == 0)
        make_description(&packet);
    else if (strcmp(asked, "answer") == 0)
        make_answer(&packet);
    print_packet(&packet);
    free(packet.frame);
}

int main(void)
{
    static struct imu_link_receiver receiver;
    while (fgets(line, sizeof line, stdin) != NULL) {
        words = line;
        const char *asked = word();
        if (strcmp(asked, "begin") == 0)
            memset(&receiver, 0, sizeof receiver);
        else if (strcmp(asked, "receive") == 0)
            receive(&receiver);
        else if (strcmp(asked, "command") == 0)
            read_command();
        else
            make(asked);
        printf("\n");
    }
    return 0;
}
