"""How many cases: a few hundred in `make test`, `IM_TEST_CASES=10000` for the long form (`make properties`)."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "imcore",
    max_examples=int(os.environ.get("IM_TEST_CASES", "150")),
    deadline=None,
    derandomize="IM_TEST_CASES" not in os.environ,  # the short form is the same each time
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    print_blob=True,
)
settings.load_profile("imcore")
