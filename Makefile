# Two commands are enough: `make run` and `make test`. CARGO_TARGET_DIR is honoured.

export CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
MILLRACE := $(CARGO_TARGET_DIR)/release/millrace

# A folder of media to serve, as in: make run LIBRARY=~/Videos. Without one, a demo is made.
LIBRARY ?=
FOLDER := $(or $(patsubst ~/%,$(HOME)/%,$(LIBRARY)),demo)

WEB_INPUTS := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -name '* *')

.NOTPARALLEL:
.PHONY: run test build bench verify lint packages test-packages

run: build
	$(if $(LIBRARY),,tools/demo-library demo)
	folder=$$(realpath -e "$(FOLDER)") && exec "$(MILLRACE)" serve --library "$$folder"

test: test-packages web/dist/index.html
	cargo test --locked
	cd web && npm test
	cd tests/players && npm ci --no-audit --no-fund && npm test

build: packages web/dist/index.html
	cargo build --release --locked

# Beside ffmpeg and gst-launch; `tools/bench/run --write` puts the table into docs/benchmarks.md.
bench: packages
	tools/bench/run

# Everything that takes long; docs/verify.md says what the long forms of the black-box tests are.
verify: lint test bench
	cd tests/players && MATRIX=all npm run matrix
	cd tests/players && LADDER=all node --test ladder.test.mjs
	cd tests/players && LIVE_SECONDS=300 node --test live.test.mjs
	FAULTS=long cargo test --release --locked --test faults
	WALK_SECONDS=600 SHARING_SECONDS=600 MUTATIONS=1000 SOAK_MINUTES=30 \
		cargo test --release --locked --test service -- --test-threads=1 --nocapture

lint: packages web/dist/index.html
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	cd web && npm run lint

packages:
	tools/install-packages run

test-packages:
	tools/install-packages run test

web/node_modules/.installed: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund && mkdir -p node_modules
	touch $@

web/dist/index.html: $(WEB_INPUTS) web/node_modules/.installed
	cd web && npm run build
	touch $@
