# install.mk - where things go on a machine; included by the Makefile. docs/install.md is the manual.
#   make install DESTDIR=/tmp/root prefix=/usr            # everything; uninstall takes the same variables
#   make install PARTS="laptop"                           # of laptop, meter, office, docs
# The GNU variables hold. systemd and D-Bus look for what a machine's owner adds in /etc and /usr/local only, so /etc
# is the folder of settings for prefix=/usr and prefix=/usr/local.
DESTDIR     ?=
prefix      ?= /usr/local
exec_prefix ?= $(prefix)
bindir      ?= $(exec_prefix)/bin
libdir      ?= $(exec_prefix)/lib
datarootdir ?= $(prefix)/share
datadir     ?= $(datarootdir)
docdir      ?= $(datarootdir)/doc/gasfitter
mandir      ?= $(datarootdir)/man
man1dir     ?= $(mandir)/man1
man8dir     ?= $(mandir)/man8
sysconfdir  ?= $(if $(filter /usr /usr/local,$(prefix)),/etc,$(prefix)/etc)
systemdsystemunitdir ?= $(prefix)/lib/systemd/system
sysusersdir   ?= $(prefix)/lib/sysusers.d
tmpfilesdir   ?= $(prefix)/lib/tmpfiles.d
dbuspolicydir ?= $(if $(filter /usr,$(prefix)),$(datadir),$(sysconfdir))/dbus-1/system.d

INSTALL         ?= install
INSTALL_PROGRAM ?= $(INSTALL)
INSTALL_DATA    ?= $(INSTALL) -m 644
PARTS           ?= laptop meter office docs

# What is installed: the part, how, the source, the place. `program` and `data` as they are; `text` with the folders
# above in the place of their @names@; `config` is such a text that an owner may change: it is never written over.
SYS_TUI    := tui/system
SYS_METER  := meter-core/port/host/system
SYS_OFFICE := backend/system
INSTALLED  := \
  laptop:program:$(BUILD)/gasfitter:$(bindir)/gasfitter \
  laptop:text:docs/man/gasfitter.1:$(man1dir)/gasfitter.1 \
  laptop:data:$(SYS_TUI)/gasfitter.sysusers:$(sysusersdir)/gasfitter.conf \
  laptop:config:$(SYS_TUI)/gasfitter.bus.conf:$(dbuspolicydir)/gasfitter.conf \
  meter:program:$(BUILD)/gasmeter:$(bindir)/gasmeter \
  meter:program:$(BUILD)/virtual-bluez:$(bindir)/virtual-bluez \
  meter:text:docs/man/gasmeter.1:$(man1dir)/gasmeter.1 \
  meter:text:docs/man/virtual-bluez.1:$(man1dir)/virtual-bluez.1 \
  meter:text:$(SYS_METER)/gasmeter@.service.in:$(systemdsystemunitdir)/gasmeter@.service \
  meter:text:$(SYS_METER)/gasmeter-uart@.service.in:$(systemdsystemunitdir)/gasmeter-uart@.service \
  meter:data:$(SYS_METER)/gasmeter.sysusers:$(sysusersdir)/gasmeter.conf \
  meter:data:$(SYS_METER)/gasmeter.tmpfiles:$(tmpfilesdir)/gasmeter.conf \
  meter:config:$(SYS_METER)/gasmeter.bus.conf:$(dbuspolicydir)/gasmeter.conf \
  office:program:$(BUILD)/gasoffice:$(bindir)/gasoffice \
  office:text:docs/man/gasoffice.8:$(man8dir)/gasoffice.8 \
  office:text:$(SYS_OFFICE)/gasoffice.service.in:$(systemdsystemunitdir)/gasoffice.service \
  office:text:$(SYS_OFFICE)/gasoffice-backup.service.in:$(systemdsystemunitdir)/gasoffice-backup.service \
  office:data:$(SYS_OFFICE)/gasoffice-backup.timer:$(systemdsystemunitdir)/gasoffice-backup.timer \
  office:data:$(SYS_OFFICE)/gasoffice.sysusers:$(sysusersdir)/gasoffice.conf \
  office:data:$(SYS_OFFICE)/gasoffice.tmpfiles:$(tmpfilesdir)/gasoffice.conf \
  docs:data:README.md:$(docdir)/README.md \
  $(foreach f,$(wildcard docs/*.md docs/api.yaml docs/decisions/*.md),docs:data:$(f):$(docdir)/$(f))
INSTALLED_HERE = $(foreach p,$(PARTS),$(filter $(p):%,$(INSTALLED)))
VERSION := $(shell sed -n 's/.*GF_VERSION "\(.*\)"/\1/p' common/version.h)

.PHONY: install install-strip uninstall
install: all  ## put the parts in place: DESTDIR=, prefix=, PARTS="laptop meter office docs"
	@INSTALL_PROGRAM="$(INSTALL_PROGRAM)" INSTALL_DATA="$(INSTALL_DATA)" tests/tools/install "$(DESTDIR)" \
	    "bindir=$(bindir) docdir=$(docdir) sysconfdir=$(sysconfdir) dbuspolicydir=$(dbuspolicydir) version=$(VERSION)" \
	    $(INSTALLED_HERE)
install-strip:  ## the same without debugging information
	@$(MAKE) --no-print-directory INSTALL_PROGRAM="$(INSTALL_PROGRAM) -s" install
uninstall:  ## remove what install put in place
	@tests/tools/install --remove "$(DESTDIR)" \
	    "bindir=$(bindir) docdir=$(docdir) sysconfdir=$(sysconfdir) dbuspolicydir=$(dbuspolicydir) version=$(VERSION)" \
	    $(INSTALLED_HERE)
