/* Arm MPS2 with the AN385 image, a Cortex-M3 at 25 MHz; registers as in Arm's application note AN385 and the CMSDK
 * technical reference. */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define TIMER_CONTROL REGISTER(0x40000000)
#define TIMER_VALUE REGISTER(0x40000004)
#define TIMER_RELOAD REGISTER(0x40000008)
#define UART_DATA REGISTER(0x40004000)
#define UART_STATE REGISTER(0x40004004)
#define UART_CONTROL REGISTER(0x40004008)
#define UART_DIVIDER REGISTER(0x40004010)
#define LEDS REGISTER(0x40028000)
#define SYSTICK_CONTROL REGISTER(0xe000e010)
#define SYSTICK_RELOAD REGISTER(0xe000e014)
#define SYSTICK_VALUE REGISTER(0xe000e018)

enum { CYCLES_PER_US = 25, BAUD = 115200 };
enum { TX_FULL = 1, RX_FULL = 2, TX_ENABLE = 1, RX_ENABLE = 2 };

void board_start(void)
{
    UART_DIVIDER = CYCLES_PER_US * 1000000 / BAUD;
    UART_CONTROL = TX_ENABLE | RX_ENABLE;
    TIMER_RELOAD = TIMER_VALUE = 0xffffffff;
    TIMER_CONTROL = 1;
    SYSTICK_RELOAD = CYCLES_PER_US * 1000 - 1;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7; /* the core's clock, interrupt, on */
}

/* The timer counts down and is read, so that an interrupt that comes late costs no time. */
uint32_t board_clock_us(void)
{
    static uint32_t us, cycles = 0xffffffff;
    const uint32_t passed = (cycles - TIMER_VALUE) / CYCLES_PER_US;
    cycles -= passed * CYCLES_PER_US;
    us += passed;
    return us;
}

void board_wait(void)
{
    __asm volatile("wfi");
}

void board_send(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while (UART_STATE & TX_FULL) {
        }
        UART_DATA = bytes[i];
    }
}

bool board_receive(uint8_t *byte)
{
    if (!(UART_STATE & RX_FULL))
        return false;
    *byte = (uint8_t)UART_DATA;
    return true;
}

void board_light(bool on)
{
    LEDS = on;
}

extern uint32_t data_in_flash[], data_begin[], data_end[], bss_begin[], bss_end[], stack_top[];
int main(void);

static void reset(void)
{
    const uint32_t *from = data_in_flash;
    for (uint32_t *to = data_begin; to < data_end; to++)
        *to = *from++;
    for (uint32_t *to = bss_begin; to < bss_end; to++)
        *to = 0;
    main();
}

static void wake(void)
{
}

static void halt(void)
{
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[15])(void);
} vectors = {
    stack_top,
    {reset, halt, halt, halt, halt, halt, 0, 0, 0, 0, halt, halt, 0, halt, wake},
};
