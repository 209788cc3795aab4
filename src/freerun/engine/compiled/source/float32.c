/* The rollout in single precision. */
#define DOUBLE 0
#include "rollout_core.h"
