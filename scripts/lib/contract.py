# SPDX-License-Identifier: Apache-2.0
"""The contract as plain objects, read from file descriptors and proved consistent.

Options are re-parsed with message classes of the request's own pool, because Python's copy of
descriptor.proto doesn't know them.
"""
import functools
import os
import re
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

INTEGER_TYPES = {3, 4, 5, 13}
FIELD_OPTIONS = ("required", "format", "min", "max", "max_items", "personal", "ref", "only", "hidden",
                 "secret", "example", "computed")
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
MONEY_MAX = 10**15
VERBS = ("get", "post", "put", "patch", "delete")


PROTO = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "proto")


class ContractError(Exception):
    """What contradicts itself, in words for the person who wrote it."""


def camel_to_lower(name):
    out, was_upper = "", True
    for char in name:
        if char.isupper() and not was_upper:
            out += "_"
        was_upper = char.isupper()
        out += char.lower()
    return out


def c_lower(full_name):
    """protobuf-c's name of a descriptor: accounts.CreateClient → accounts__create_client."""
    return "__".join(camel_to_lower(part) for part in full_name.split("."))


def c_type(full_name):
    """protobuf-c's name of a type: accounts.Client → Accounts__Client."""
    return "__".join("".join(word[:1].upper() + word[1:] for word in part.split("_")) for part in full_name.split("."))


def field_kind(field):
    if field.proto.type == descriptor_pb2.FieldDescriptorProto.TYPE_ENUM:
        return "enum"
    if field.proto.type == descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE:
        return "message"
    if field.proto.type == descriptor_pb2.FieldDescriptorProto.TYPE_BOOL:
        return "boolean"
    if field.proto.type == descriptor_pb2.FieldDescriptorProto.TYPE_BYTES:
        return "bytes"
    return "integer" if field.proto.type in INTEGER_TYPES else "string"


def bounds(field):
    """min and max of a field: of the value for integers, of the characters for strings."""
    format_ = field.options["format"]
    low, high = field.options["min"], field.options["max"]
    if field_kind(field) == "integer":
        preset = {"MONEY": (-MONEY_MAX, MONEY_MAX), "RATE": (0, 10000)}.get(format_, (INT_MIN, INT_MAX))
    else:
        preset = {"TEXT": (1, 5000), "PASSWORD": (12, 200), "EMAIL": (3, 254), "URL": (1, 500),
                  "PAGE_TOKEN": (1, 200), "PATH": (1, 2000)}.get(format_, (1, 200))
    return (preset[0] if low is None else low, preset[1] if high is None else high)


def states_left(change):
    """The states that a move leaves, or that a need is about; none for a beginning."""
    return list(getattr(change, "in" if change.DESCRIPTOR.name == "Needs" else "from"))


def words(name):
    """A name as people read it: FundingCall → funding call, partially_paid → partially paid."""
    return camel_to_lower(name).replace("_", " ")


def must_be(state, allowed):
    return f"is {words(state)}; it must be {' or '.join(words(s) for s in allowed)}"


def state_refusal(name, state, allowed):
    """What a caller is told whose object is in the wrong state; states.c says the same."""
    return f"the {words(name)} {must_be(state, allowed)}"


def reference_refusal(field, ref, state):
    """The same for an object that a field names; references.c says the same."""
    return f"{field} names a {words(ref.object.split('.')[1])} that {must_be(state, ref.status)}"


class Field:
    def __init__(self, proto, options, comment):
        self.proto, self.name, self.options, self.comment = proto, proto.name, options, comment
        self.repeated = proto.label == descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
        self.type_name = proto.type_name.lstrip(".")
        self.message = None
        self.enum = None


class Message:
    def __init__(self, package, proto, options, comment):
        self.package, self.proto, self.name, self.comment = package, proto, proto.name, comment
        self.full_name = f"{package}.{proto.name}"
        self.event, self.exactly_one, self.plural = options["event"], options["exactly_one"], options["plural"]
        self.fields = []

    def field(self, name):
        return next((f for f in self.fields if f.name == name), None)


class Enum:
    def __init__(self, package, proto, comment, value_comments, unreached):
        self.name, self.full_name, self.comment = proto.name, f"{package}.{proto.name}", comment
        self.values = [v.name for v in proto.value]
        self.value_comments = value_comments
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", proto.name).upper() + "_"
        for value in self.values:
            if not value.startswith(prefix):
                raise ContractError(f"{self.full_name}: the value {value} must start with {prefix}")
        self.words = [v[len(prefix):].lower() for v in self.values]
        self.unreached = {word for word, on in zip(self.words, unreached) if on}


class Method:
    def __init__(self, package, proto, rpc, comment):
        self.name, self.full_name, self.comment, self.rpc = proto.name, f"{package}.{proto.name}", comment, rpc
        self.input, self.output = proto.input_type.lstrip("."), proto.output_type.lstrip(".")
        routes = [(verb.upper(), getattr(rpc, verb)) for verb in VERBS if rpc is not None and rpc.HasField(verb)]
        if len(routes) > 1:
            raise ContractError(f"{self.full_name} has more than one route")
        self.verb, self.path = routes[0] if routes else (None, None)
        self.path_names = re.findall(r"\{(\w+)\}", self.path or "")


class Package:
    def __init__(self, file):
        self.file, self.name = file.name, file.package
        self.messages, self.enums, self.methods, self.events = [], [], [], []
        self.subscriptions, self.jobs = [], []
        self.imports = [name.rsplit("/", 1)[-1][:-len(".proto")] for name in file.dependency]
        self.is_service, self.every_service, self.comment = False, False, ""


class Contract:
    def __init__(self, files):
        self.pool = descriptor_pool.DescriptorPool()
        for file in files:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)
        self.packages, self.messages, self.enums, self.methods = {}, {}, {}, {}
        for file in files:
            if file.name in ("options.proto", "google/protobuf/descriptor.proto"):
                continue
            if not file.package:
                raise ContractError(f"{file.name} has no package: messages of the same name would clash")
            self.read_file(file)
        self.link()
        self.events = [m for p in self.packages.values() for m in p.events]
        self.prove()

    # -- reading

    def options(self, kind, options, names):
        """The custom options by name; None where not given (False for booleans)."""
        parsed = self.factory.GetPrototype(self.pool.FindMessageTypeByName("google.protobuf." + kind))()
        parsed.ParseFromString(options.SerializeToString())
        values = {}
        for name in names:
            extension = self.pool.FindExtensionByName(name)
            if extension.label == extension.LABEL_REPEATED:
                values[name] = list(parsed.Extensions[extension])
            elif parsed.HasExtension(extension):
                value = parsed.Extensions[extension]
                values[name] = extension.enum_type.values_by_number[value].name if extension.enum_type else value
            else:
                values[name] = False if extension.type == extension.TYPE_BOOL else None
        return values

    def read_file(self, file):
        package = self.packages[file.package] = Package(file)
        comments = {tuple(l.path): l.leading_comments.strip().replace("\n ", "\n") for l in file.source_code_info.location}
        for index, proto in enumerate(file.message_type):
            if proto.nested_type or proto.enum_type:
                raise ContractError(f"{file.package}.{proto.name}: nested types are not supported; put them beside it")
            message = Message(file.package, proto, self.options("MessageOptions", proto.options, ("event", "exactly_one", "plural")),
                              comments.get((4, index), ""))
            for number, field in sorted(enumerate(proto.field), key=lambda pair: pair[1].number):
                options = self.options("FieldOptions", field.options, FIELD_OPTIONS)
                options["format"] = options["format"] or "PLAIN"
                message.fields.append(Field(field, options, comments.get((4, index, 2, number), "")))
            package.messages.append(message)
            self.messages[message.full_name] = message
            if message.event is not None:
                package.events.append(message)
        for index, proto in enumerate(file.enum_type):
            enum = Enum(file.package, proto, comments.get((5, index), ""),
                        [comments.get((5, index, 2, i), "") for i in range(len(proto.value))],
                        [self.options("EnumValueOptions", value.options, ("unreached",))["unreached"] for value in proto.value])
            package.enums.append(enum)
            self.enums[enum.full_name] = enum
        for index, service in enumerate(file.service):
            package.is_service, package.comment = True, comments.get((6, index), "")
            options = self.options("ServiceOptions", service.options, ("consumes", "jobs", "every_service"))
            package.subscriptions, package.jobs = options["consumes"], options["jobs"]
            package.every_service = options["every_service"]
            for number, proto in enumerate(service.method):
                rpc = self.options("MethodOptions", proto.options, ("rpc",))["rpc"]
                method = Method(file.package, proto, rpc, comments.get((6, index, 2, number), ""))
                package.methods.append(method)
                self.methods[method.full_name] = method

    def link(self):
        """Resolves types, and what an rpc leaves to its verb: role, lane, success, whether it writes."""
        for message in self.messages.values():
            for field in message.fields:
                field.message = self.messages.get(field.type_name)
                field.enum = self.enums.get(field.type_name)
        self.path_fields = set()
        for method in self.methods.values():
            rpc = method.rpc
            if rpc is None or not rpc.HasField("role"):
                raise ContractError(f"{method.full_name} has no role: say who may call it with (rpc).role")
            method.role = rpc.DESCRIPTOR.fields_by_name["role"].enum_type.values_by_number[rpc.role].name
            method.lane = rpc.DESCRIPTOR.fields_by_name["lane"].enum_type.values_by_number[rpc.lane].name
            method.success = rpc.success or (204 if method.verb == "DELETE" else 200)
            method.writes = (method.verb or "GET") != "GET" or rpc.writes
            self.path_fields |= {(method.input, name) for name in method.path_names}

    def gone(self, name, field):
        """States that nobody sees an object in, because an operation deletes it into them."""
        package = self.packages[name.split(".")[0]]
        return {move.to for method in package.methods for move in method.rpc.moves
                if move.deletes and (f"{package.name}.{move.object}", move.field) == (name, field)}

    def states_refused(self, method):
        """(object, state, code, sentence) of each state that makes a method's answer a 409: of what it moves or needs,
        and of what its request refers to."""
        package = method.full_name.split(".")[0]
        for name, allowed, others in self.states_allowed(method):
            done = {move.to for move in method.rpc.moves if move.object == name and method.rpc.done_code}
            yield from ((f"{package}.{name}", state, method.rpc.done_code if state in done else "wrong_state",
                         state_refusal(name, state, allowed)) for state in others)
        for field in self.messages[method.input].fields:
            ref = field.options["ref"]
            if ref is not None and ref.status:
                every = self.messages[ref.object].field("status").enum.words
                hidden = self.gone(ref.object, "status")
                yield from ((ref.object, state, "wrong_state", reference_refusal(field.name, ref, state))
                            for state in every if state not in ref.status and state not in hidden)

    def states_allowed(self, method):
        """For each object whose state a method checks: the states it may be in, and the others that callers can see."""
        package, allowed = method.full_name.split(".")[0], {}
        for change in list(method.rpc.moves) + list(method.rpc.needs):
            states = allowed.setdefault((change.object, change.field), [])
            states += [state for state in states_left(change) if state not in states]
        for (name, field), states in allowed.items():
            every = self.messages[f"{package}.{name}"].field(field).enum.words
            hidden = self.gone(f"{package}.{name}", field)
            unseen = hidden | self.messages[f"{package}.{name}"].field(field).enum.unreached
            if states:
                yield name, states, [state for state in every if state not in states and state not in unseen]

    def packages_seen_by(self, package):
        """Packages whose types it uses: its imports, and the ones its options name."""
        named = {s.event.split(".")[0] for s in package.subscriptions}
        named |= {a.method.split(".")[0] for m in package.methods for a in m.rpc.asks}
        named |= {f.options["ref"].object.split(".")[0] for m in package.messages for f in m.fields if f.options["ref"]}
        named |= {name for name in package.imports if name in self.packages}
        return sorted(named - {package.name})

    def event_index(self, full_name):
        return next(i for i, event in enumerate(self.events) if event.full_name == full_name)

    # -- proving

    def prove(self):
        for message in self.messages.values():
            self.prove_not_recursive(message, [])
            for field in message.fields:
                self.prove_field(message, field)
            if message.event is not None:
                self.prove_splittable(message)
                for path in (message.event.subject, message.event.client, message.event.project):
                    self.prove_path(message, path)
        self.prove_routes()
        for method in self.methods.values():
            self.prove_method(method)
        for package in self.packages.values():
            for subscription in package.subscriptions:
                self.prove_subscription(package, subscription)
            self.prove_jobs(package)
            self.prove_states_reached(package)

    def prove_not_recursive(self, message, above):
        if message in above:
            raise ContractError(f"{message.full_name} contains itself: a decoder without depth limit would overflow its stack")
        for field in message.fields:
            if field.message is not None:
                self.prove_not_recursive(field.message, above + [message])

    def prove_field(self, message, field):
        where = f"{message.full_name}.{field.name}"
        if field.proto.label == descriptor_pb2.FieldDescriptorProto.LABEL_REQUIRED:
            raise ContractError(f"{where}: use optional and (required) = true")
        ref = field.options["ref"]
        if ref is not None and f"{ref.object.split('.')[0]}.LookUp{ref.object.split('.')[1]}" not in self.methods:
            raise ContractError(f"{where} refers to {ref.object}, which has no LookUp method")
        if ref is not None and ref.object.split(".")[0] == message.package:
            raise ContractError(f"{where} refers to an object of its own service: the handler's statement checks that")
        if message.package != "wire" and not field.comment:
            raise ContractError(f"{where} has no comment: it is the API's documentation")

    def prove_splittable(self, message):
        """The personal part of an event is merged back by field, which can't pair the items of a list."""
        for field in message.fields:
            if field.message is None or field.options["personal"]:
                continue
            if field.repeated and self.has_personal(field.message):
                raise ContractError(f"{message.full_name}.{field.name} goes into an event: a list with personal fields "
                                    "must be personal as a whole")
            self.prove_splittable(field.message)

    def has_personal(self, message):
        return any(f.options["personal"] or (f.message is not None and self.has_personal(f.message)) for f in message.fields)

    def prove_path(self, message, path):
        """A path in an event's option ends at a text: an id."""
        where, field = f"{message.full_name}, ({path})", None
        for part in filter(None, path.split(".")):
            field = message.field(part) if message is not None else None
            if field is None:
                raise ContractError(f"{where}: {message.full_name if message else '?'} has no field {part}")
            message = field.message
        if field is not None and field_kind(field) != "string":
            raise ContractError(f"{where} is no id")

    def prove_routes(self):
        seen = {}
        for method in self.methods.values():
            if method.verb is None:
                continue
            key = (method.verb, re.sub(r"\{\w+\}", "{}", method.path))
            if key in seen:
                raise ContractError(f"{method.full_name} and {seen[key]} are both {method.verb} {method.path}")
            seen[key] = method.full_name

    def prove_method(self, method):
        rpc, request = method.rpc, self.messages.get(method.input)
        if (method.verb is None) != (method.role == "INTERNAL"):
            raise ContractError(f"{method.full_name}: a route and the role INTERNAL exclude each other")
        everywhere = self.packages[method.full_name.split(".")[0]].every_service
        if everywhere:
            self.prove_addressed(method)
        if method.role == "INTERNAL" and not rpc.callers and not everywhere:
            raise ContractError(f"{method.full_name} has no route and names no callers")
        for name in method.path_names:
            if request is None or request.field(name) is None:
                raise ContractError(f"{method.full_name}: {method.input} has no field {name} of its path")
        for name in re.findall(r"\{(\w+)\}", rpc.location or ""):
            if self.messages[method.output].field(name) is None:
                raise ContractError(f"{method.full_name}: {method.output} has no field {name} of its location")
        for ask in rpc.asks:
            asked = self.methods.get(ask.method)
            if asked is None or asked.lane != "LEAF" or asked.input != "common.Id":
                raise ContractError(f"{method.full_name} asks {ask.method}, which is no leaf method that takes common.Id")
            field = ask.only_if.partition("=")[0] if ask.found_by or ask.only_if else ask.id
            if field and (request is None or request.field(field) is None):
                raise ContractError(f"{method.full_name} asks {ask.method} by {field}, which its request does not have")
            if method.full_name.split(".")[0] not in asked.rpc.callers:
                raise ContractError(f"{ask.method} does not name {method.full_name.split('.')[0]} among its callers")
        if method.lane == "LEAF" and (rpc.asks or any(f.options["ref"] for f in request.fields)):
            raise ContractError(f"{method.full_name} is a leaf and may ask no one, else services could wait for each other in a circle")
        package = method.full_name.split(".")[0]
        self.prove_emits(method.full_name, package, rpc.emits)
        if not method.comment:
            raise ContractError(f"{method.full_name} has no comment: it is the API's documentation")
        self.prove_moves(method.full_name, package, rpc.moves)
        self.prove_needs(method.full_name, package, rpc.needs)
        if (rpc.moves or rpc.needs) and not method.writes:
            raise ContractError(f"{method.full_name} moves states, but does not write")

    def prove_emits(self, where, package, emits):
        for event in emits:
            if self.messages.get(f"{package}.{event}") is None:
                raise ContractError(f"{where} emits {event}, which its package does not define")

    def state_enum(self, where, package, change):
        """The enum of the states that a move or need is about."""
        message = self.messages.get(f"{package}.{change.object}")
        field = message.field(change.field) if message is not None else None
        if field is None or field.enum is None:
            raise ContractError(f"{where}: {change.object}.{change.field} is no status field")
        return field.enum

    def prove_states(self, where, enum, states):
        for state in states:
            if state not in enum.words:
                raise ContractError(f"{where}: {enum.full_name} has no value {state}")

    def prove_addressed(self, method):
        """A method of every service says which one is meant; a read without that asks all and says who did not answer."""
        if method.verb is None:
            return
        if self.messages[method.input].field("service") is None:
            raise ContractError(f"{method.full_name}: {method.input} has no field service")
        if "service" not in method.path_names and (method.verb != "GET" or self.messages[method.output].field("unanswered") is None):
            raise ContractError(f"{method.full_name} goes to every service: it must be a GET, and {method.output} must have "
                                "a field unanswered")

    def prove_moves(self, where, package, all_moves):
        for moves in all_moves:
            enum = self.state_enum(where, package, moves)
            if not moves.to and not moves.deletes:
                raise ContractError(f"{where}: a move of {moves.object} leads to a state, or deletes")
            if moves.deletes and not states_left(moves):
                raise ContractError(f"{where}: a deletion of {moves.object} names the states it is possible from")
            self.prove_states(where, enum, states_left(moves) + [moves.to] * bool(moves.to))

    def prove_needs(self, where, package, all_needs):
        for needs in all_needs:
            if not states_left(needs):
                raise ContractError(f"{where} needs {needs.object} in no state")
            self.prove_states(where, self.state_enum(where, package, needs), states_left(needs))

    def states_shown(self):
        """The …Status enums of the objects that operations answer with."""
        seen, todo = set(), [self.messages[method.output] for method in self.methods.values() if method.verb]
        while todo:
            message = todo.pop()
            if message not in seen:
                seen.add(message)
                todo += [field.message for field in message.fields if field.message is not None]
        return {field.enum.full_name for message in seen for field in message.fields
                if field.enum is not None and field.enum.name.endswith("Status")}

    def prove_states_reached(self, package):
        """Every state that callers may see is where some operation, reaction or job leads."""
        changes = [*(m.rpc.moves for m in package.methods), *(s.moves for s in package.subscriptions),
                   *(j.moves for j in package.jobs)]
        reached = {(self.state_enum(package.name, package.name, move).full_name, move.to) for moves in changes for move in moves}
        for enum in package.enums:
            for state in enum.words if enum.full_name in self.states_shown() else ():
                if ((enum.full_name, state) in reached) == (state in enum.unreached):
                    if state in enum.unreached:
                        raise ContractError(f"{enum.full_name}: {state} is said to be unreached, and something leads to it")
                    raise ContractError(f"{enum.full_name}: nothing moves an object to {state}; say what does with (moves)")

    def prove_jobs(self, package):
        twice = {job.name for job in package.jobs if [other.name for other in package.jobs].count(job.name) > 1}
        if twice:
            raise ContractError(f"{package.name} names a job twice: {', '.join(sorted(twice))}")
        for job in package.jobs:
            where = f"{package.name}'s job {job.name}"
            if not job.does:
                raise ContractError(f"{where} does not say what it does")
            self.prove_moves(where, package.name, job.moves)
            self.prove_emits(where, package.name, job.emits)

    def prove_subscription(self, package, subscription):
        event = self.messages.get(subscription.event)
        if event is None or event.event is None:
            raise ContractError(f"{package.name} consumes {subscription.event}, which is no event")
        if bool(subscription.projection) == subscription.reaction:
            raise ContractError(f"{package.name}'s subscription to {subscription.event} must be either a projection or a reaction")
        if subscription.skips and not subscription.reaction:
            raise ContractError(f"{package.name}'s subscription to {subscription.event} has no reaction that could be skipped")
        where = f"{package.name} on {subscription.event}"
        if subscription.projection and (subscription.moves or subscription.emits):
            raise ContractError(f"{where}: a projection only follows; moves and emits go to a reaction")
        self.prove_moves(where, package.name, subscription.moves)
        self.prove_emits(where, package.name, subscription.emits)


@functools.cache
def read_contract():
    """The contract as it stands in proto/."""
    with tempfile.NamedTemporaryFile() as target:
        protos = sorted(name for name in os.listdir(PROTO) if name.endswith(".proto"))
        subprocess.run(["protoc", f"-I{PROTO}", "--include_imports", "--include_source_info",
                        f"--descriptor_set_out={target.name}"] + protos, check=True)
        return Contract(descriptor_pb2.FileDescriptorSet.FromString(target.read()).file)
