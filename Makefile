# Short names for those who have make; none is needed.
.PHONY: install test slow ci lock

install test:
	python3 infra/dev.py $@

slow:
	python3 infra/dev.py test -m slow

ci:
	bash .ci/run

lock:
	python3 infra/lock.py
