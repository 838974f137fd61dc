"""Frames a second: bursts pass, a flood does not."""

from __future__ import annotations

from entrypoints.api.frame_rate import BURST_FRAMES, FRAMES_A_SECOND, FrameRate


def test_a_burst_passes_and_then_only_so_many_a_second() -> None:
    now = 0.0
    rate = FrameRate(lambda: now)
    assert all(rate.allows_one_more() for _ in range(BURST_FRAMES))
    assert not rate.allows_one_more()

    now = 1.0

    assert [rate.allows_one_more() for _ in range(FRAMES_A_SECOND + 1)] == [True] * FRAMES_A_SECOND + [False]
