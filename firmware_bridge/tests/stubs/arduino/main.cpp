/* What Arduino's cores do with a sketch; -DSKETCH names it. */
#include <Arduino.h>

SerialPort Serial;
Esp ESP;
static Ficr ficr = {{0x44332211, 0x00006655}};
Ficr *const NRF_FICR = &ficr;

#include SKETCH

int main()
{
    setup();
    for (;;)
        loop();
}
