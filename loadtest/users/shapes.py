"""How many users there are, and when. All obey `--users`, `--spawn-rate` and `--run-time`."""

from __future__ import annotations

from locust import LoadTestShape

DEFAULT_SECONDS = 60.0
SPIKE = (1 / 3, 2 / 3)  # of the time
QUIET_SHARE = 0.2


class _Shape(LoadTestShape):
    abstract = True
    use_common_options = True
    is_over = False
    has_steady_part = False

    def end(self) -> None:
        """With the next tick, whatever the time."""
        self.is_over = True

    @property
    def users(self) -> int:
        return int(self._asked("num_users", 1))

    @property
    def spawn_rate(self) -> float:
        return self._asked("spawn_rate", 1)

    @property
    def seconds(self) -> float:
        return self._asked("run_time", DEFAULT_SECONDS)

    def tick(self) -> tuple[int, float] | None:
        """The number of users now, and how many to start a second; None at the end."""
        share = self.get_run_time() / self.seconds  # type: ignore[no-untyped-call]  # Locust's
        return None if self.is_over or share >= 1 else (max(1, round(self.users * self.height(share))), self.spawn_rate)

    def height(self, share: float) -> float:
        """The share of the users that is there after a `share` of the time."""
        raise NotImplementedError

    def _asked(self, name: str, default: float) -> float:
        assert self.runner is not None  # noqa: S101  (Locust sets it before the first tick)
        return float(getattr(self.runner.environment.parsed_options, name, None) or default)


class Steady(_Shape):
    """All users, all the time."""

    has_steady_part = True

    def height(self, share: float) -> float:  # noqa: ARG002  (always the same)
        return 1.0


class Ramp(_Shape):
    """Ever more users, all of them at the end."""

    def height(self, share: float) -> float:
        return share


class Spike(_Shape):
    """A fifth of the users, all of them in the middle third, a fifth again."""

    def height(self, share: float) -> float:
        return 1.0 if SPIKE[0] <= share < SPIKE[1] else QUIET_SHARE


SHAPES: dict[str, type[_Shape]] = {"steady": Steady, "ramp": Ramp, "spike": Spike}
