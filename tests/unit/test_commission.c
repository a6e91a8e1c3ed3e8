/* SPDX-License-Identifier: Apache-2.0
 * Which basis goes with which amount, triggers and milestones (INV-1). */
#include "commission.h"

#include "fixtures.h"

#include <string.h>

#define CLOSED COMMON__TRIGGER__TRIGGER_PROJECT_CLOSED
#define SESSION COMMON__TRIGGER__TRIGGER_SESSION_COMPLETED
#define MILESTONES COMMON__TRIGGER__TRIGGER_MILESTONES

/* A combination, and its violations one a line: "pointer code". */
struct combination {
    Common__Basis basis;
    bool rate, fee;
    Common__Trigger triggers[3];
    size_t n_triggers;
    bool milestones;
    const char *violations;
};

static const char *
violations_of(const char *field, const struct combination *combination)
{
    Common__Milestone milestone = COMMON__MILESTONE__INIT, *milestones[] = {&milestone};
    Common__Commission commission = COMMON__COMMISSION__INIT;
    struct call call = {.arena = arena};
    struct buffer text;

    commission.has_basis = 1;
    commission.basis = combination->basis;
    commission.has_rate_bp = combination->rate;
    commission.has_fixed_fee_cents = combination->fee;
    commission.triggers = (Common__Trigger *)combination->triggers;
    commission.n_triggers = combination->n_triggers;
    commission.milestones = milestones;
    commission.n_milestones = combination->milestones ? 1 : 0;
    commission_check(&call, field, &commission);
    buffer_init(&text, arena);
    buffer_text(&text, "");
    for (size_t i = 0; i < call.problem.n_errors; i++)
        buffer_printf(&text, "%s%s %s", i == 0 ? "" : "\n", call.problem.errors[i]->pointer,
                      call.problem.errors[i]->code);
    return text.bytes;
}

static const struct combination combinations[] = {
    {COMMON__BASIS__BASIS_CONSUMED_VALUE, true, false, {SESSION, MILESTONES, CLOSED}, 3, true, ""},
    {COMMON__BASIS__BASIS_CONSUMED_VALUE, true, false, {CLOSED}, 1, false, ""},
    {COMMON__BASIS__BASIS_CONSUMED_VALUE,
     false,
     true,
     {SESSION},
     1,
     false,
     "/rate_bp required\n/fixed_fee_cents not_applicable"},
    {COMMON__BASIS__BASIS_CONSUMED_VALUE,
     true,
     false,
     {MILESTONES},
     1,
     false,
     "/milestones required"},
    {COMMON__BASIS__BASIS_CONSUMED_VALUE,
     true,
     false,
     {SESSION},
     1,
     true,
     "/milestones not_applicable"},
    {COMMON__BASIS__BASIS_UNCONSUMED_FUNDS, true, false, {CLOSED}, 1, false, ""},
    {COMMON__BASIS__BASIS_UNCONSUMED_FUNDS, false, false, {CLOSED}, 1, false, "/rate_bp required"},
    {COMMON__BASIS__BASIS_UNCONSUMED_FUNDS,
     true,
     false,
     {SESSION, CLOSED},
     2,
     false,
     "/triggers not_applicable"},
    {COMMON__BASIS__BASIS_UNCONSUMED_FUNDS,
     true,
     false,
     {MILESTONES},
     1,
     true,
     "/triggers not_applicable"},
    {COMMON__BASIS__BASIS_FIXED_FEE, false, true, {SESSION, MILESTONES, CLOSED}, 3, true, ""},
    {COMMON__BASIS__BASIS_FIXED_FEE,
     true,
     false,
     {CLOSED},
     1,
     false,
     "/rate_bp not_applicable\n/fixed_fee_cents required"},
};

static void
inv_1_each_basis_goes_with_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++)
        assert_string_equal(violations_of("", &combinations[i]), combinations[i].violations);
}

static void
inv_1_a_violation_names_its_place_in_the_request(void **state)
{
    const struct combination combination = {
        .basis = COMMON__BASIS__BASIS_FIXED_FEE, .triggers = {CLOSED}, .n_triggers = 1};

    (void)state;
    assert_string_equal(violations_of("commission", &combination),
                        "/commission/fixed_fee_cents required");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inv_1_each_basis_goes_with_its_own),
        cmocka_unit_test(inv_1_a_violation_names_its_place_in_the_request),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
