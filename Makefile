# make repro and make test need Python >= 3.11, git and make; all else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export MPLBACKEND := Agg

.PHONY: repro detection test check fast lint bench study pairings ship tables docs dist format clean

repro: .venv/ready ## make the environment, run the pipeline of the task in params.yaml
	dvc repro
	@echo "results: metrics/; as a page: report.html"

detection: .venv/ready ## the same for detection, whatever params.yaml says
	dvc repro stages/dvc.yaml:compare@detection stages/dvc.yaml:report@detection
	@echo "results: metrics/detection; as a page: data/reports/detection/report.html"

# A worker a core, each of one thread; the longest files, which run the pipeline, start first.
PYTEST := OMP_NUM_THREADS=1 pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test: .venv/simulators ## make the environment, run all tests
	$(PYTEST) tests/pipeline tests

check: .venv/dev ## form, types and the fast tests, in a minute and a half
	$(MAKE) --no-print-directory --jobs 2 lint fast

fast: .venv/dev
	$(PYTEST) -m "not slow"

lint: .venv/dev
	ruff check .
	ruff format --check .
	mypy

format: .venv/dev
	ruff check --fix .
	ruff format .

bench: .venv/dev ## benchmarks/results/*.json
	python benchmarks/features.py
	python benchmarks/filter.py
	python benchmarks/cluster.py
	python benchmarks/download.py
	python benchmarks/neurons
	python benchmarks/counting.py

study: .venv/ready ## seeds, time steps, firing rates, training in noise
	dvc repro experiments/dvc.yaml:study

pairings: .venv/ready ## encodings by training methods
	dvc repro experiments/dvc.yaml:pairings

# A half-made environment has no `ready`, and is made again.
.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[pipeline,youtube,annotations,live,serve]'
	touch $@

# What tests, benchmarks and the documentation need besides: three times as many packages.
.venv/dev: .venv/ready
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

# Other readers of NIR files and other simulators, for the tests. The versions of nir that they declare
# exclude each other. The last two and spikingjelly are the extra `opinions`.
.venv/simulators: .venv/dev
	$(BIN)/python -m pip install --quiet --no-deps norse==1.1.0 sinabs==3.1.3 pbr==7.1.3 spikingjelly==2.0.0 loguru==0.7.3 sanafe==2.2.9 nest-simulator==3.10.0
	touch $@

ship: .venv/ready ## the models that are installed with the package, from the last runs of both tasks
	dvc repro stages/dvc.yaml:ship

tables: .venv/dev ## put the tables of the last runs into README.md and docs/
	python benchmarks/tables.py

docs: .venv/dev ## the documentation with the tutorial as a site: build/docs/index.html
	PYTHONPATH=src NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	@echo "build/docs/index.html"

dist: .venv/ready ## wheel and source distribution, checked, in dist/
	rm -rf dist
	$(BIN)/python -m pip install --quiet build twine
	python -m build --outdir dist
	twine check --strict dist/*

clean: ## remove what the stages made; the recordings stay
	rm -rf $(addprefix data/,clips audio features spikes models predictions evaluation disturbed robustness latency costs compared results reports experiments store checked result.md) report.html
