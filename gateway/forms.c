/* SPDX-License-Identifier: Apache-2.0
 * Fills request messages by descriptor, from JSON, paths, queries and browsers' forms. Whether values follow the rules is the service's to say. */
#include "forms.h"

#include "amounts.h"
#include "call.h"
#include "fields.h"
#include "problems.h"
#include "visits.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

bool
form_has_body(const char *verb)
{
    return strcmp(verb, "POST") == 0 || strcmp(verb, "PUT") == 0 || strcmp(verb, "PATCH") == 0;
}

static const ProtobufCFieldDescriptor *
find_field(const struct message_rules *rules, const char *name,
           const struct field_rules **field_rules)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(rules->descriptor, name);
    if (field != NULL)
        *field_rules = &rules->fields[field - rules->descriptor->fields];
    return field;
}

static bool
is_repeated(const struct target *target, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(target->parameters[i].name, target->parameters[index].name) == 0)
            return true;
    return false;
}

/* "new_password_again" guards against a slip in "new_password". */
static bool
is_repetition(struct exchange *exchange, const struct target_parameter *typed)
{
    static const char suffix[] = "_again";
    size_t length = strlen(typed->name), its = sizeof suffix - 1;
    if (length <= its || strcmp(typed->name + length - its, suffix) != 0)
        return false;
    const char *first = arena_strndup(exchange->arena, typed->name, length - its);
    if (strcmp(visit_typed(exchange->visit, first), typed->value) != 0)
        visit_blame(exchange->visit, 422, typed->name, "mismatch");
    return true;
}

static void
set_typed(struct exchange *exchange, const struct form *form, const ProtobufCFieldDescriptor *field,
          enum rule_format format, const char *value)
{
    int64_t cents;
    const char *text = value;
    bool readable = format != FORMAT_MONEY || amount_read(text, &cents);
    if (format == FORMAT_MONEY && readable)
        text = arena_printf(exchange->arena, "%" PRId64, cents);
    if (!readable || !field_set_text(exchange->arena, form->message, field, text))
        visit_blame(exchange->visit, 422, field->name, "unreadable");
}

/* An empty field is an absent one. */
static bool
read_typed_field(struct exchange *exchange, const struct form *form, size_t index)
{
    const struct target_parameter *typed = &exchange->visit->typed.parameters[index];
    const struct field_rules *rules = NULL;
    const ProtobufCFieldDescriptor *field =
        find_field(exchange->route->request, typed->name, &rules);
    bool settable = field != NULL && field->type != PROTOBUF_C_TYPE_MESSAGE &&
                    field->label != PROTOBUF_C_LABEL_REPEATED &&
                    (rules->flags & (RULE_PATH | RULE_HIDDEN | RULE_COMPUTED)) == 0;
    if (is_repeated(&exchange->visit->typed, index) ||
        (!settable && !is_repetition(exchange, typed))) {
        problem_refuse(exchange, 400, rpc_status_code(RPC_MALFORMED),
                       "The form has no such field, or has it twice.");
        return false;
    }
    if (settable && typed->value[0] != '\0')
        set_typed(exchange, form, field, rules->format, typed->value);
    return true;
}

/* What a person typed: what can't be read is noted, and shown beside the field. */
static bool
read_typed(struct exchange *exchange, struct form *form)
{
    struct visit *visit = exchange->visit;
    const char *body = exchange->body.length == 0 ? "" : exchange->body.bytes;
    form->message = message_new(exchange->arena, exchange->route->request->descriptor);
    if (strlen(body) != exchange->body.length ||
        !target_read_query(exchange->arena, body, &visit->typed)) {
        problem_refuse(exchange, 400, rpc_status_code(RPC_MALFORMED),
                       "The form is not percent-encoded UTF-8, or has too many fields.");
        return false;
    }
    for (size_t i = 0; i < visit->typed.parameters_count; i++)
        if (!read_typed_field(exchange, form, i))
            return false;
    return true;
}

/* An absent body is an empty object where there may be nothing to say; in a PATCH there always is.
 */
static bool
read_body(struct exchange *exchange, struct form *form)
{
    const struct http_route *route = exchange->route;
    struct json_problem problem = {0};
    bool patch = strcmp(route->verb, "PATCH") == 0;
    if (exchange->body.length == 0 && patch) {
        problem_blame(exchange, 400, "malformed_json", "", "is empty; say what to change");
        return false;
    }
    if (exchange->body.length == 0) {
        form->message = message_new(exchange->arena, route->request->descriptor);
        return true;
    }
    form->message =
        json_parse(exchange->arena, route->request, exchange->body.bytes, exchange->body.length,
                   patch ? route->reply : NULL, &form->notes, &problem);
    if (form->message != NULL)
        return true;
    problem_blame(exchange, 400, problem.code, problem.pointer == NULL ? "" : problem.pointer,
                  problem.detail);
    return false;
}

/* What can't be an identifier of this kind names no object. */
static bool
read_path(struct exchange *exchange, const struct form *form)
{
    const struct message_rules *rules = exchange->route->request;
    for (size_t i = 0; i < exchange->match.parameters_count; i++) {
        const struct route_parameter *parameter = &exchange->match.parameters[i];
        const struct field_rules *field_rules;
        const ProtobufCFieldDescriptor *field = find_field(rules, parameter->name, &field_rules);
        assert(field != NULL);
        if (!field_set_text(exchange->arena, form->message, field, parameter->value)) {
            problem_refuse(exchange, 404, "not_found", "There is nothing at this path.");
            return false;
        }
    }
    return true;
}

static bool
set_parameter(struct exchange *exchange, const struct form *form,
              const ProtobufCFieldDescriptor *field, const char *pointer, const char *value)
{
    if (field_set_text(exchange->arena, form->message, field, value))
        return true;
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return field_add(exchange->arena, form->message, field,
                         (union field_value){.integer = ENUM_UNKNOWN});
    problem_blame(exchange, 400, "wrong_type", pointer, "has a value of another type");
    return false;
}

static bool
read_parameter(struct exchange *exchange, const struct form *form, size_t index)
{
    const struct target_parameter *parameter = &exchange->target.parameters[index];
    const struct field_rules *rules = NULL;
    const ProtobufCFieldDescriptor *field =
        find_field(exchange->route->request, parameter->name, &rules);
    const char *pointer = arena_printf(exchange->arena, "/%s", parameter->name);
    bool settable = field != NULL && field->type != PROTOBUF_C_TYPE_MESSAGE &&
                    (rules->flags & (RULE_PATH | RULE_HIDDEN | RULE_COMPUTED)) == 0 &&
                    !form_has_body(exchange->route->verb);
    if (!settable) {
        problem_blame(exchange, 400, "unknown_parameter", pointer,
                      "is not a query parameter of this path");
        return false;
    }
    if (is_repeated(&exchange->target, index) && field->label != PROTOBUF_C_LABEL_REPEATED) {
        problem_blame(exchange, 400, "repeated_parameter", pointer, "is given more than once");
        return false;
    }
    return set_parameter(exchange, form, field, pointer, parameter->value);
}

bool
form_read(struct exchange *exchange, struct form *form)
{
    memset(form, 0, sizeof *form);
    bool typed = exchange->visit != NULL && exchange->route->writes;
    if (!(typed ? read_typed(exchange, form) : read_body(exchange, form)) ||
        !read_path(exchange, form))
        return false;
    if (exchange->target_fault == TARGET_BAD_QUERY) {
        problem_refuse(exchange, 400, rpc_status_code(RPC_MALFORMED),
                       "The query is not percent-encoded UTF-8, or has too many parameters.");
        return false;
    }
    for (size_t i = 0; i < exchange->target.parameters_count; i++)
        if (!read_parameter(exchange, form, i))
            return false;
    return true;
}
