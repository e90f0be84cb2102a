# sapipe: IPsec as a Unix pipeline.
PKGS = libcrypto libpcap libcbor libmnl libseccomp jansson
B = build
CC ?= cc
CFLAGS ?= -O2 -g
OURS = -std=c11 -D_GNU_SOURCE -Ilibcommon -MMD -MP -Wall -Wextra -Wconversion -Wshadow -Wvla
LIB = $(patsubst %.c,$(B)/%.o,$(wildcard libcommon/*/*.c libcommon/*/*/*.c))
TOOLS = $(patsubst cmd/%/main.c,%,$(wildcard cmd/*/main.c))
UNITS = $(patsubst tests/c/%.c,$(B)/tests/%,$(wildcard tests/c/test_*.c))
LDLIBS = $(shell pkg-config --libs $(PKGS)) -linih -lev

.SECONDEXPANSION:
all: $(TOOLS:%=$(B)/%)
$(B)/libsapipe.a: $(LIB)
	@rm -f $@; ar rcs $@ $^
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(OURS) $(CFLAGS) -c -o $@ $<
$(TOOLS:%=$(B)/%): $(B)/%: $$(patsubst %.c,$(B)/%.o,$$(wildcard cmd/%/*.c)) $(B)/libsapipe.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)
$(B)/tests/%: $(B)/tests/c/%.o $(B)/libsapipe.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
unit: $(UNITS)
	@for t in $(UNITS); do ./$$t || exit 1; done
clean:
	rm -rf $(B)
.PHONY: all unit clean
-include $(shell find $(B) -name '*.d' 2>/dev/null)
