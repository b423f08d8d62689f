/* What plan says of a run's memory. That it is what a run takes: scripts/check_memory.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "host/command/memory.h"
#include "host/detect/order.h"
#include "host/io/snapshot.h"
#include "host/theory/theory.h"

enum { MB = 1000000 };

static config_t load(const char *path) {
    config_t config;
    if (config_load(path, NULL, 0, &config) != STATUS_OK)
        fail_msg("%s", status_message());
    return config;
}

/* The parts add up to the most that is there at once. */
static void parts(void **unused) {
    (void)unused;
    config_t config = load("configs/wave.yaml");
    network_plan_t plan;
    memory_plan_t m;
    assert_int_equal(network_plan_create(&config, &plan), STATUS_OK);
    assert_int_equal(memory_plan(&config, &plan, &backend_cpu, &m), STATUS_OK);
    assert_true(m.on_host && m.device == m.network + m.state);
    assert_true(m.program > 5 * MB && m.prediction > 0 && m.order > 0);
    assert_true(snapshot_memory(&config, true) < m.frames);
    uint64_t stepping = m.device + m.frames, after = snapshot_memory(&config, true) + m.order;
    assert_int_equal(m.process, m.program + (stepping > after ? stepping : after));
    config.output.detections = DETECTIONS_NONE;
    uint64_t with = m.order;
    assert_int_equal(memory_plan(&config, &plan, &backend_cpu, &m), STATUS_OK);
    assert_true(m.order < with && m.process == m.program + m.device + m.frames);
    network_plan_destroy(&plan);
    config_destroy(&config);
}

/* A queue takes no more than the frames of a short run; buffers of order parameters stay bounded
 * where frames are many, and grow with a single frame that is larger. */
static void bounds(void **unused) {
    (void)unused;
    config_t wave = load("configs/wave.yaml"), large = load("configs/large.yaml");
    assert_true(snapshot_memory(&wave, false) < 80u * MB);
    wave.simulation.duration_ms = 40.0;
    assert_in_range(snapshot_memory(&wave, true), 21 * 200000, 22 * 200000 + 200000);
    assert_true(snapshot_memory(&large, false) < 100u * MB);
    assert_true(order_memory(100000, 200, 200) < 250u * MB);
    assert_true(order_memory(8, 20000, 20000) > (uint64_t)400 * MB * 12);
    config_destroy(&wave);
    config_destroy(&large);
}

/* A billion synapses and more: planned in a moment, and without 32-bit overflow. */
static void large_networks(void **unused) {
    (void)unused;
    static const uint32_t sides[3] = {960, 1664, 3000};
    static const double synapses[3] = {1.02e9, 3.08e9, 1.00e10};
    for (int i = 0; i < 3; i++) {
        config_t config = load("configs/large.yaml");
        network_plan_t plan;
        memory_plan_t m;
        for (int axis = 0; axis < 2; axis++) {
            config.population[0].lattice[axis] = sides[i];
            config.population[1].lattice[axis] = sides[i] / 2;
        }
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++)
                config.connection[a][b].range =
                    config.connection[a][b].range_given / config.population[b].lattice[0];
        assert_int_equal(network_plan_create(&config, &plan), STATUS_OK);
        assert_true(plan.synapses_expected > 0.99 * synapses[i] &&
                    plan.synapses_expected < 1.01 * synapses[i]);
        assert_int_equal(memory_plan(&config, &plan, &backend_cpu, &m), STATUS_OK);
        /* 16-bit codes and masks, 8-byte units: between 2.5 and 3.1 bytes a synapse in all. */
        assert_true((double)m.device > 2.5 * synapses[i] && (double)m.device < 3.1 * synapses[i]);
        assert_true(m.process > m.device && m.process < m.device + m.device / 8);
        network_plan_destroy(&plan);
        config_destroy(&config);
    }
}

static void refusals(void **unused) {
    (void)unused;
    memory_plan_t m = {.program = 20 * MB,
                       .frames = 300 * MB,
                       .order = 700 * MB,
                       .device = 2000u * MB,
                       .process = 3020u * MB,
                       .device_free = 3001u * MB,
                       .free = 3001u * MB,
                       .on_host = true};
    assert_int_equal(memory_plan_check(&m, &backend_cpu), STATUS_OK);
    m.free = m.device_free = 2999u * MB;
    assert_int_equal(memory_plan_check(&m, &backend_cpu), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "the run needs 3 GB"));
    assert_non_null(strstr(status_message(), "patterns 0.7"));
    assert_non_null(strstr(status_message(), "2.999 GB are free"));
    m.device_free = 1999u * MB;
    assert_int_equal(memory_plan_check(&m, &backend_cpu), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "the network needs 2 GB on the cpu backend, 1.999"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),
        cmocka_unit_test(bounds),
        cmocka_unit_test(large_networks),
        cmocka_unit_test(refusals),
    };
    status_quiet(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
