/* Raspberry Pi Pico over UART 0 (GP0, GP1) at 115200 baud, 50 Hz, with an MPU6050 on I2C 0 (GP4, GP5). pico-sdk:
 * link pico_stdlib, pico_unique_id, hardware_i2c and hardware_uart. */
#include "hardware/i2c.h"
#include "hardware/uart.h"
#include "pico/stdlib.h"
#include "pico/unique_id.h"

static bool bus_write(uint8_t chip, uint8_t reg, uint8_t value)
{
    const uint8_t bytes[2] = {reg, value};
    return i2c_write_blocking(i2c0, chip, bytes, 2, false) == 2;
}

static bool bus_read(uint8_t chip, uint8_t reg, uint8_t *to, uint8_t length)
{
    return i2c_write_blocking(i2c0, chip, &reg, 1, true) == 1
           && i2c_read_blocking(i2c0, chip, to, length, false) == length;
}

#include "mpu6050.h"
#include "sensor.h"

enum { UART_TX = 0, UART_RX = 1, I2C_SDA = 4, I2C_SCL = 5, LIGHT = 25, PERIOD_US = 20000 };

static void send(const uint8_t *bytes, size_t length)
{
    uart_write_blocking(uart0, bytes, length);
}

static void light(bool on)
{
    gpio_put(LIGHT, on);
}

static const struct sensor_board board = {true, 10, send, light, NULL, NULL, NULL};
static struct sensor sensor;
static struct imu_link_description self = {
    {0}, PERIOD_US, IMU_ACC_RANGE_G, IMU_GYR_RANGE_DPS, 0x3f, IMU_LINK_BATTERY_UNKNOWN, true, 0x0100,
};

static void begin(void)
{
    pico_unique_board_id_t id;
    pico_get_unique_board_id(&id);
    for (int i = 0; i < 6; i++)
        self.device[i] = id.id[i + 2]; /* the last six of eight differ most */
    uart_init(uart0, 115200);
    gpio_set_function(UART_TX, GPIO_FUNC_UART);
    gpio_set_function(UART_RX, GPIO_FUNC_UART);
    i2c_init(i2c0, 400000);
    gpio_set_function(I2C_SDA, GPIO_FUNC_I2C);
    gpio_set_function(I2C_SCL, GPIO_FUNC_I2C);
    gpio_pull_up(I2C_SDA);
    gpio_pull_up(I2C_SCL);
    gpio_init(LIGHT);
    gpio_set_dir(LIGHT, GPIO_OUT);
    while (!imu_begin())
        sleep_ms(1000);
}

int main(void)
{
    begin();
    uint32_t next_us = time_us_32();
    sensor_begin(&sensor, &board, &self, next_us);
    for (;;) {
        const uint32_t now_us = time_us_32();
        while (uart_is_readable(uart0))
            sensor_hear(&sensor, (uint8_t)uart_getc(uart0), now_us);
        sensor_pass(&sensor, now_us);
        if (now_us - next_us >= PERIOD_US) {
            int16_t counts[6];
            next_us += PERIOD_US;
            if (imu_read(counts))
                sensor_take(&sensor, counts, now_us);
        }
    }
}
