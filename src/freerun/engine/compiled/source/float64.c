/* The rollout in double precision. */
#define DOUBLE 1
#include "rollout_core.h"
