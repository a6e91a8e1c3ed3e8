# SPDX-License-Identifier: Apache-2.0
# Builds everything into build/<mode>; `make help` says what there is. Nothing generated is committed
# but gateway/openapi.json.

MODE ?= debug
ifeq ($(origin CC),default)
CC := gcc
endif
COMPILER := $(if $(findstring clang,$(CC)),clang,gcc)
BUILD ?= build/$(MODE)$(if $(filter clang,$(COMPILER)),-clang)
GEN := $(BUILD)/gen
OBJ := $(BUILD)/obj
BIN := $(BUILD)/bin
PYTHON ?= /usr/bin/python3

MODES := debug asan release
ifeq ($(filter $(MODE),$(MODES) fuzz),)
$(error MODE is one of: $(MODES))
endif
.DEFAULT_GOAL := all

# ── What there is to build ───────────────────────────────────────────────────────────────────────
# A program is a folder with a main.c; a service has a contract in proto/ as well.
PACKAGES := $(filter-out options,$(patsubst proto/%.proto,%,$(wildcard proto/*.proto)))
PROGRAMS := $(patsubst services/%/main.c,%,$(wildcard services/*/main.c)) \
            $(patsubst %/main.c,%,$(wildcard gateway/main.c))
SERVICES := $(filter $(PACKAGES),$(PROGRAMS))

folder = $(if $(filter gateway,$(1)),gateway,services/$(1))
sources = $(wildcard $(call folder,$(1))/*.c)
objects = $(patsubst %.c,$(OBJ)/%.o,$(1))

COMMON_OBJECTS := $(call objects,$(wildcard services/common/*.c)) \
                  $(PACKAGES:%=$(OBJ)/gen/%.pb-c.o) $(PACKAGES:%=$(OBJ)/gen/%.rules.o) \
                  $(OBJ)/gen/event_types.o $(OBJ)/gen/ops.rpc.o $(OBJ)/gen/version.o
# What a program links besides its own folder's objects.
extra_gateway := $(OBJ)/gen/routes.o $(OBJ)/gen/openapi_json.o $(OBJ)/gen/page_css.o \
                 $(OBJ)/gen/flows_html.o
$(foreach service,$(SERVICES),$(eval extra_$(service) := \
    $(OBJ)/gen/$(service).rpc.o $(OBJ)/gen/$(service)_migrations.o))

UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
UNIT_PROGRAMS := $(UNIT_SOURCES:tests/unit/%.c=$(BIN)/unit/%)
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
PROBE_SOURCES := $(wildcard tests/runtime/*.c)
PROBE_PROGRAMS := $(PROBE_SOURCES:tests/runtime/%.c=$(BIN)/runtime/%)
PRELOADS := $(patsubst tests/runtime/preload/%.c,$(BIN)/runtime/%.so,$(wildcard tests/runtime/preload/*.c))
BENCH_SOURCES := $(wildcard tests/bench/*.c)
BENCH_PROGRAMS := $(BENCH_SOURCES:tests/bench/%.c=$(BIN)/bench/%)
FUZZ_PROGRAMS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(BIN)/fuzz/%)

# ── Flags ────────────────────────────────────────────────────────────────────────────────────────
PKGS := libzmq libpq libcjson libcurl libprotobuf-c libmicrohttpd libsodium gmime-3.0
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS)))
LIBS := $(shell pkg-config --libs $(PKGS)) -lhpdf -lm

STRICT := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Werror
CPPFLAGS += -D_GNU_SOURCE -Iservices/common -I$(GEN) $(PKG_CFLAGS)
STANDARD := -std=gnu17 -pipe -fno-common -fno-strict-aliasing

CFLAGS_debug := -O1 -g -fno-omit-frame-pointer
# What protoc-c writes is tables and calls of its library: an optimizer takes long for it and gains nothing.
MESSAGES_debug := -O0
CFLAGS_asan := $(CFLAGS_debug) -DARENA_MALLOC_EACH -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_fuzz := $(CFLAGS_asan) -O2 -fsanitize=fuzzer-no-link
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
                  -fcf-protection -fPIE
# Many programs are linked for the tests; this linker takes a third of the time.
LDFLAGS_debug := $(if $(shell command -v ld.gold),-fuse-ld=gold)
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_fuzz := -fsanitize=address,undefined
LDFLAGS_release := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
LDFLAGS += $(LDFLAGS_$(MODE)) -Wl,--as-needed

# A working copy adds its commit; a source without git has only the number.
RELEASE := 0.1.0
VERSION := $(RELEASE)$(addprefix +,$(shell git rev-parse --short HEAD 2>/dev/null))

# One line a file is shown; V=1 shows the commands.
QUIET := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) $(2))

COMPILE = $(CC) $(CPPFLAGS) $(STANDARD) $(CFLAGS_$(MODE)) $(CFLAGS) -MMD -MP
# Compiler and flags are remembered: another CC or CFLAGS in the same folder builds anew.
FLAGS_NOW := $(CC) $(CPPFLAGS) $(STANDARD) $(STRICT) $(CFLAGS_$(MODE)) $(CFLAGS) $(LDFLAGS)

# ── Goals ────────────────────────────────────────────────────────────────────────────────────────
.PHONY: all unit probes bench fuzz fuzz-programs generate lint tidy cppcheck clang format format-check clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: generate $(PROGRAMS:%=$(BIN)/%) ## every program, into build/<mode>/bin

unit: $(UNIT_PROGRAMS) ## the unit tests, into build/<mode>/bin/unit

probes: $(PROBE_PROGRAMS) $(PRELOADS) $(BIN)/simulation/simulate ## the programs that tests of the runtime drive, into build/<mode>/bin/runtime

bench: $(BENCH_PROGRAMS) ## the measuring programs, into build/<mode>/bin/bench

fuzz: ## the fuzz programs (clang), into build/fuzz/bin/fuzz
	$(MAKE) MODE=fuzz CC=clang BUILD=build/fuzz fuzz-programs

fuzz-programs: $(FUZZ_PROGRAMS) ## the same as programs that play a corpus, into build/<mode>/bin/fuzz

generate: $(GEN)/.generated ## only the generated code, into build/<mode>/gen

lint: tidy cppcheck format-check clang ## clang-tidy, cppcheck, the layout, and clang's own warnings

help: ## this text
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'MODE=debug|asan|release  CC=gcc|clang  BUILD=<folder>  (now: MODE=$(MODE) CC=$(CC) BUILD=$(BUILD))'
	@echo 'programs: $(PROGRAMS)'

clean: ## removes this mode's folder
	rm -rf $(BUILD)

# ── Programs ─────────────────────────────────────────────────────────────────────────────────────
LIBRARY := $(BUILD)/libescarcelle.a

$(LIBRARY): $(COMMON_OBJECTS)
	@rm -f $@
	$(QUIET)$(AR) rcs $@ $^

# $(1) program. Objects are linked one by one, not from an archive: statements and projections are
# found through linker sections, which an archive would leave out.
define program_rules
$(BIN)/$(1): $(call objects,$(call sources,$(1))) $(extra_$(1)) $(LIBRARY) | $(BIN)/
	$$(call say,LINK,$$@)
	$$(QUIET)$$(CC) $$(CFLAGS_$(MODE)) $$(CFLAGS) -o $$@ $$(filter %.o,$$^) $$(LIBRARY) $$(LDFLAGS) $$(LIBS)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rules,$(program))))

# A test of services/<program>/<module>.c or gateway/<module>.c is called test_<module>.c (fuzz_…):
# it is linked with that folder's objects, of which the linker takes only what it needs. Who else
# needs a folder says so: uses_<name> := <folders>. Other files of tests/unit are shared by tests.
uses_render_samples := invoicing notifications
uses_render_rate := invoicing
uses_invoice_samples := invoicing
uses_mail_samples := notifications
uses_smtp_probe := notifications
uses_fuzz_money := gateway
uses_fuzz_json := gateway
uses_fuzz_protobuf := gateway

module = $(patsubst test_%,%,$(patsubst fuzz_%,%,$(1)))
owners = $(sort $(uses_$(1)) $(filter-out common,$(patsubst services/%/,%,$(dir \
    $(wildcard services/*/$(call module,$(1)).c)))) \
    $(if $(wildcard gateway/$(call module,$(1)).c),gateway))
TESTS := $(notdir $(basename $(UNIT_SOURCES) $(PROBE_SOURCES) $(FUZZ_SOURCES) $(BENCH_SOURCES)))
ALL_OWNERS := $(sort $(foreach test,$(TESTS),$(call owners,$(test))))

SAMPLES := $(BUILD)/libsamples.a
SAMPLE_SOURCES := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
$(foreach sample,$(notdir $(basename $(SAMPLE_SOURCES))),$(eval \
    $(OBJ)/tests/unit/$(sample).o: CPPFLAGS += $(uses_$(sample):%=-Iservices/%)))
$(SAMPLES): $(call objects,$(SAMPLE_SOURCES))
	@rm -f $@
	$(QUIET)$(AR) rcs $@ $^

define library_rules
$(BUILD)/lib$(1).a: $(filter-out %/main.o,$(call objects,$(call sources,$(1)))) $(extra_$(1))
	@rm -f $$@
	$$(QUIET)$$(AR) rcs $$@ $$^
endef
$(foreach owner,$(ALL_OWNERS),$(eval $(call library_rules,$(owner))))

# What fuzz targets share; without libFuzzer they are programs that play a corpus.
INPUTS := $(BUILD)/libinputs.a
$(INPUTS): $(call objects,tests/fuzz/input.c $(if $(filter-out fuzz,$(MODE)),tests/fuzz/replay.c))
	@rm -f $@
	$(QUIET)$(AR) rcs $@ $^

# $(1) name, $(2) its folder in tests/, $(3) further linker flags, $(4) what else it is linked with
define test_rules
$(OBJ)/tests/$(2)/$(1).o: CPPFLAGS += -Itests/unit $(foreach owner,$(call owners,$(1)),-I$(call folder,$(owner)))
$(BIN)/$(2)/$(1): $(OBJ)/tests/$(2)/$(1).o $(4) $(SAMPLES) \
                  $(foreach owner,$(call owners,$(1)),$(BUILD)/lib$(owner).a) $(LIBRARY) | $(BIN)/$(2)/
	$$(call say,LINK,$$@)
	$$(QUIET)$$(CC) $$(CFLAGS_$(MODE)) $$(CFLAGS) -o $$@ $$^ $(3) $$(LDFLAGS) $$(LIBS)
endef
test_programs = $(foreach test,$(notdir $(basename $(1))),$(eval $(call test_rules,$(test),$(2),$(3),$(4))))
$(call test_programs,$(UNIT_SOURCES),unit,-lcmocka)
$(call test_programs,$(FUZZ_SOURCES),fuzz,$(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer),$(INPUTS))
$(call test_programs,$(BENCH_SOURCES),bench)
$(call test_programs,$(PROBE_SOURCES),runtime)

# The couriers' own code between a store, a network and a clock of the simulation.
SIMULATED := clock_ms zmq_poll wake wake_clear uuid_new log_write instance_tell instance_end service_database
SIMULATION_OBJECTS := $(call objects,$(wildcard tests/simulation/*.c))
$(SIMULATION_OBJECTS): CPPFLAGS += -Itests/simulation
$(BIN)/simulation/simulate: $(SIMULATION_OBJECTS) $(LIBRARY) | $(BIN)/simulation/
	$(call say,LINK,$@)
	$(QUIET)$(CC) $(CFLAGS_$(MODE)) $(CFLAGS) -o $@ $(SIMULATION_OBJECTS) $(LIBRARY) -Wl,-z,muldefs $(SIMULATED:%=-Wl,--wrap=%) $(LDFLAGS) $(LIBS)

# Loaded before the programs' libraries, so no sanitizer and nothing of ours in it.
$(BIN)/runtime/%.so: tests/runtime/preload/%.c $(BUILD)/.flags | $(BIN)/runtime/
	$(call say,CC,$<)
	$(QUIET)$(CC) $(CPPFLAGS) $(STANDARD) $(STRICT) -O1 -g -fPIC -shared -o $@ $<

# ── Objects ──────────────────────────────────────────────────────────────────────────────────────
$(OBJ)/%.o: %.c $(BUILD)/.flags | $(GEN)/.generated
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(QUIET)$(COMPILE) $(STRICT) -c -o $@ $<

# protoc-c's own output is not held to our warnings.
$(OBJ)/gen/%.pb-c.o: $(GEN)/%.pb-c.c $(BUILD)/.flags | $(GEN)/.generated
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(QUIET)$(COMPILE) $(MESSAGES_$(MODE)) -w -c -o $@ $<

$(OBJ)/gen/%.o: $(GEN)/%.c $(BUILD)/.flags | $(GEN)/.generated
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(QUIET)$(COMPILE) $(STRICT) -c -o $@ $<

$(BUILD)/.flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@

$(BIN)/ $(BIN)/unit/ $(BIN)/fuzz/ $(BIN)/bench/ $(BIN)/runtime/ $(BIN)/simulation/:
	@mkdir -p $@

# ── Generated code ───────────────────────────────────────────────────────────────────────────────
# One stamp for all of it. It is written beside and only what changed is moved into place, so that
# a comment in a contract does not build everything anew.
NEW := $(BUILD)/gen.new
GENERATORS := scripts/protoc-gen-rpc scripts/strip-options scripts/embed scripts/flows \
              $(wildcard scripts/lib/*.py)

$(GEN)/.generated: $(wildcard proto/*.proto) $(GENERATORS) $(wildcard services/*/schema/*.sql) \
                   $(wildcard services/*/schema) $(SERVICES:%=services/%/main.c) \
                   $(wildcard gateway/openapi.json) gateway/page.css
	@echo 'generating $(GEN)'
	@rm -rf $(NEW) && mkdir -p $(NEW) $(GEN)
	@protoc -Iproto --include_imports --include_source_info \
	    --descriptor_set_out=$(NEW)/descriptors.pb proto/*.proto
	@$(PYTHON) scripts/strip-options $(NEW)/descriptors.pb $(NEW)/stripped.pb
	@protoc-c --descriptor_set_in=$(NEW)/stripped.pb --c_out=$(NEW) $(PACKAGES:%=%.proto)
	@protoc --plugin=protoc-gen-rpc=scripts/protoc-gen-rpc --rpc_out=$(NEW) -Iproto proto/*.proto
	@$(foreach service,$(SERVICES),$(PYTHON) scripts/embed migrations $(service) \
	    > $(NEW)/$(service)_migrations.c &&) true
	@$(PYTHON) scripts/embed text openapi_json gateway/openapi.json > $(NEW)/openapi_json.c
	@$(PYTHON) scripts/embed text page_css gateway/page.css > $(NEW)/page_css.c
	@$(PYTHON) scripts/flows $(NEW)/descriptors.pb > $(NEW)/flows.html
	@$(PYTHON) scripts/embed text flows_html $(NEW)/flows.html > $(NEW)/flows_html.c
	@cd $(NEW) && for file in *; do \
	    cmp -s "$$file" "$(abspath $(GEN))/$$file" || mv "$$file" "$(abspath $(GEN))/$$file"; done
	@rm -rf $(NEW)
	@touch $@

# The only file that knows the version, so that a commit compiles nothing else.
$(GEN)/version.c: FORCE
	@mkdir -p $(@D)
	@echo 'extern const char program_version[]; const char program_version[] = "$(VERSION)";' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# The recipe is not empty so that make looks at the file's time again.
$(GEN)/%.c: $(GEN)/.generated
	@true
$(GEN)/%.h: $(GEN)/.generated
	@true

# ── Checks ───────────────────────────────────────────────────────────────────────────────────────
LINTED := $(wildcard services/*/*.c gateway/*.c)
LAID_OUT := $(wildcard services/*/*.[ch] gateway/*.[ch] tests/*/*.[ch])

tidy: $(GEN)/.generated ## clang-tidy
	@printf '%s\n' $(LINTED) | xargs -P 2 -n 4 sh -c \
	    'clang-tidy --quiet "$$@" -- $(CPPFLAGS) -Igateway -std=gnu17 2>/dev/null' tidy

cppcheck: $(GEN)/.generated ## cppcheck
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --suppressions-list=.cppcheck --library=posix --error-exitcode=1 -j 2 \
	    -D_GNU_SOURCE -Iservices/common -Igateway $(LINTED)

clang: ## everything with clang, which warns of other things
	$(MAKE) MODE=debug CC=clang all unit probes bench fuzz-programs

format: ## lays all sources out
	clang-format -i $(LAID_OUT)

format-check: ## says which sources are not laid out
	clang-format --dry-run -Werror $(LAID_OUT)

# Dependency files are by-products: nothing is to be done for one that is missing.
$(OBJ)/%.d: ;
-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
