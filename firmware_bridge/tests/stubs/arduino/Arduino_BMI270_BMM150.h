/* The same names as those of the LSM9DS1's library. */
#include "Arduino_LSM9DS1.h"
