# Recipes of slicewise. `./just RECIPE` runs one and fetches `just` itself if there is none.

set shell := ["sh", "-eu", "-c"]

program := env("CARGO_TARGET_DIR", "target") / "release/slicewise"

# The modules that the registries' macros declare, which cargo fmt does not follow
declared := "crates/strategies/src/*.rs crates/model/src/*.rs crates/data/src/datasets/*.rs crates/report/src/section/*.rs"

# List the recipes
default:
    @"{{ just_executable() }}" --list --unsorted

# Reproduce Table 2 and Fig. 5 on phantoms: results/table2/report.html
reproduce-table2: build
    {{ program }} sweep experiments/table2.yaml

# The same on 16 real newborns (needs their volumes, see docs/data.md): results/table2-neonates/report.html
reproduce-table2-neonates: build
    {{ program }} sweep experiments/table2-neonates.yaml

# A task of our own, on 200 hippocampi (needs their volumes, see docs/data.md): results/hippocampus/report.html
reproduce-hippocampus: build
    scripts/hippocampus.sh "${SLICEWISE_DATA:-../shared/data}/msd-hippocampus" .cache/hippocampus
    {{ program }} sweep experiments/hippocampus.yaml

# Everything on phantoms: Tables 1-2, Figs. 3-6, the heads' ablation; results/reproduce.html
reproduce: build
    {{ program }} sweep experiments/table1.yaml
    {{ program }} sweep experiments/table2.yaml
    {{ program }} sweep experiments/attention-head.yaml
    {{ program }} page results/reproduce.html results/table1 results/table2 results/attention-head

# The same on 16 real newborns (needs their volumes, see docs/data.md): results/reproduce-neonates.html
reproduce-neonates: build
    {{ program }} sweep experiments/table2-neonates.yaml
    {{ program }} sweep experiments/table1-neonates.yaml
    {{ program }} sweep experiments/attention-head-neonates.yaml
    {{ program }} page results/reproduce-neonates.html \
        results/table1-neonates results/table2-neonates results/attention-head-neonates

# The smallest whole sweep, under a minute: results/smoke/report.html
smoke: build
    {{ program }} sweep experiments/smoke.yaml

# Write the schema of experiments and its page from the code: experiments/schema.json, docs/configuration.md
configuration: build
    {{ program }} schema >experiments/schema.json
    {{ program }} schema --markdown >docs/configuration.md

# Copy the tables of committed results into README.md and docs
readme:
    scripts/embed.sh

# Print what slicewise runs on; non-zero when a run could not start
doctor: build
    {{ program }} doctor

# Build the program in release mode
build: libtorch
    cargo build --release --locked --package slicewise

# Run all tests: the set-up scripts, then every crate and the program
test: libtorch test-packages
    scripts/test-setup.sh
    SLICEWISE_PYTHONPATH="{{ justfile_directory() }}/.tools/python" \
        cargo test --release --locked --workspace

# Give broken files to everything that reads one, so many in all, from this seed on (docs/fuzzing.md)
fuzz executions="1_000_000" seed="0": libtorch
    ulimit -v 16000000; CUDA_VISIBLE_DEVICES= \
    SLICEWISE_FUZZ_EXECUTIONS={{ executions }} SLICEWISE_FUZZ_SEED={{ seed }} \
        cargo test --release --locked --workspace --test fuzz --bin slicewise --no-fail-fast \
        -- --nocapture --test-threads=1 --skip found_ --skip tests::

# Licences, sources and advisories of the dependencies (deny.toml); unsafe code in one place
deny:
    @scripts/toolchain.sh
    scripts/deny.sh

# Format the code as `lint` expects it
format:
    cargo fmt --all
    rustfmt --edition 2024 {{ declared }}

# Formatting and clippy; warnings are errors
lint: libtorch
    cargo fmt --all --check
    rustfmt --edition 2024 --check {{ declared }}
    cargo clippy --release --locked --workspace --all-targets -- -D warnings

# Build the API documentation; warnings are errors
doc: libtorch
    RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps

# Fetch libtorch into .libtorch on first use, or check the one LIBTORCH names
libtorch:
    @scripts/toolchain.sh
    @scripts/libtorch.sh

# Fetch what the tests need from PyPI into .tools/python on first use; Chromium and Slurm as well, where they may be installed
test-packages:
    @scripts/python.sh
    @scripts/chromium.sh >/dev/null || true
    @scripts/slurm.sh >/dev/null || true

# Ours against PyTorch, MONAI and nibabel by turns, on each instruction set, about 20 minutes: results/bench-local/bench.md
bench *arguments: build bench-packages
    cargo build --release --locked --package slicewise --example bench_worker
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}" PYTHONPATH=.tools/bench python3 bench/bench.py {{ arguments }}

# Seconds of training to a given Dice, ours, ours before, PyTorch: results/bench-local/quality.md
bench-quality *arguments: libtorch bench-packages
    cargo build --release --locked --package slicewise --example bench_worker
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}" PYTHONPATH=.tools/bench python3 bench/quality.py {{ arguments }}

# How time and memory grow with size, cases, classes, strategies, seeds: results/bench-local/scale.md
bench-scale *arguments: build bench-packages
    cargo build --release --locked --package slicewise --example bench_worker
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}" PYTHONPATH=.tools/bench python3 bench/scale.py {{ arguments }}

# Dice by precision and instruction set, about 15 minutes: results/bench-local/numerics.md
numerics *arguments: build
    cargo build --release --locked --package slicewise --example bench_worker
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}" python3 bench/numerics.py {{ arguments }}

# What each query strategy costs beside the training that it steers, 2 minutes: results/bench/queries.md
bench-queries out="results/bench/queries.md": libtorch
    cargo run --release --locked --package slicewise --example query_cost {{ out }}

# How often our tests, and those before them, reject a true null, 2 minutes: results/statistics/null.md
simulate-tests out="results/statistics/null.md": libtorch
    cargo run --release --locked --package slicewise --example simulate_tests {{ out }}

# Fetch MONAI, nibabel and what the benchmarks need from PyPI into .tools/bench on first use
bench-packages:
    @scripts/bench.sh
