#pragma once

// librdkafka as the system installs it (2.0.2 or newer). Everything used here imports as it is:
// `rd_kafka_produceva` takes the place of the variadic `rd_kafka_producev`.
#include <librdkafka/rdkafka.h>

// What librdkafka's queues write to when they have something to read; not in Swift's Glibc.
#include <sys/eventfd.h>
