// expat: XML as events. Every function that JSONReader calls imports as it is.
#pragma once

#include <expat.h>
